"""Episodes with two Security states: Secure and Non-secure accesses to a GICv2 or GICv3, from every exception level.

Group 0, Secure Group 1 (GICv3) and Non-secure Group 1; GICD_NSACR; the Non-secure view of priorities; both values of
SCR_EL3.FIQ while Non-secure runs (GICv3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vgic.oracle.episode import Operation, Reference
from vgic.oracle.generate.v2 import PhysicalV2
from vgic.oracle.generate.v3 import PhysicalV3
from vgic.oracle.machine import MachineOptions
from vgic.oracle.mailbox import Level

EL3, S_EL1, NS_EL1, NS_EL2 = Level(3), Level(1, True), Level(1), Level(2)
PLACES = (EL3, EL3, S_EL1, S_EL1, NS_EL1, NS_EL1, NS_EL2)


class SecureV3(PhysicalV3):
    """Both Security states of a GICv3."""

    SECURITY = True

    def __init__(self, seed: int, options: MachineOptions) -> None:
        super().__init__(seed, options)
        self._fiq_to_el3 = self.chance(0.5)

    @property
    def fiq_to_el3(self) -> bool:
        return self._fiq_to_el3

    def table(self) -> Sequence[tuple[float, Callable[[], Operation]]]:
        return (*super().table(), (3, self.modify_group), (3, self.nsacr), (3, self.el3_control))

    def level(self) -> Level:
        return self.pick(PLACES)

    def preamble(self) -> list[Operation]:
        ops = [self.write("GICD_CTLR", self.pick((0x37, 0x37, 0x37, 0x33)), pe=0, level=EL3)]
        for word in (1, 2, 8):
            ops.append(self.write(f"GICD_IGROUPR{word}", self.bits(32), pe=0, level=EL3))
            ops.append(self.write(f"GICD_IGRPMODR{word}", self.bits(32), pe=0, level=EL3))
            ops.append(self.write(f"GICD_ISENABLER{word}", self.pick((0xFFFF_FFFF, self.bits(32))), pe=0, level=EL3))
        for pe in range(self.options.pes):
            ops.append(self.write(f"GICR_IGROUPR0@{pe}", self.bits(32), pe=pe, level=EL3))
            ops.append(self.write(f"GICR_IGRPMODR0@{pe}", self.bits(32), pe=pe, level=EL3))
            ops.append(self.write(f"GICR_ISENABLER0@{pe}", 0xFFFF_FFFF, pe=pe, level=EL3))
            ops.append(self.write("ICC_PMR_EL1", self.pick((0xF8, 0xFF, 0xF0)), pe=pe, level=EL3))
            ops.append(self.write("ICC_IGRPEN0_EL1", int(self.chance(0.9)), pe=pe, level=EL3))
            ops.append(self.write("ICC_IGRPEN1_EL3", self.pick((3, 3, 3, 1, 2)), pe=pe, level=EL3))
            ops.append(self.write("ICC_CTLR_EL3", self.pick((0, 0, 0x1C, self.bits(5))), pe=pe, level=EL3))
        ops += [self.prioritise() for _ in range(12)]
        return ops

    def distributor_control(self) -> Operation:
        # Once GICD_CTLR.DS is 1 there is one Security state until reset: rarely.
        value = self.pick((0x37, 0x37, 0x33, 0x35, 0x36, 0x30, self.bits(3)))
        return self.write("GICD_CTLR", value | (0x40 if self.chance(0.01) else 0))

    def acknowledge(self) -> Operation:
        """At EL3 everything is a FIQ, and which register takes it depends on the level."""
        found = self.signalled()
        return self.read(f"ICC_IAR{self.bits(1)}_EL1", pe=None if found is None else found[0])

    def active_priorities(self) -> Operation:
        """Secure alone: QEMU ignores Non-secure writes (deviation v3-ap1-nonsecure)."""
        return replace(super().active_priorities(), level=self.pick((EL3, S_EL1)))

    def modify_group(self) -> Operation:
        intid = self.intid()
        return self.write(f"GICR_IGRPMODR0@{self.pe()}" if intid < 32 else f"GICD_IGRPMODR{intid // 32}", self.bits(32))

    def nsacr(self) -> Operation:
        intid = self.intid()
        return self.write(f"GICR_NSACR@{self.pe()}" if intid < 32 else f"GICD_NSACR{intid // 16}", self.bits(32))

    def el3_control(self) -> Operation:
        register, value = self.pick(
            (("ICC_CTLR_EL3", self.bits(6)), ("ICC_IGRPEN1_EL3", self.bits(2)), ("ICC_SRE_EL3", 0xF))
        )
        return self.write(register, value, level=EL3 if self.chance(0.97) else self.level())


class SecureV2(PhysicalV2):
    """Both Security states of a GICv2."""

    SECURITY = True
    FIQ_TO_EL3 = False

    def table(self) -> Sequence[tuple[float, Callable[[], Operation]]]:
        return (*super().table(), (3, self.nsacr))

    def level(self) -> Level:
        return self.pick(PLACES)

    def preamble(self) -> list[Operation]:
        """What firmware sets up, by Secure accesses."""
        ops = super().preamble()
        return [self.write(op.register, op.value, pe=op.pe, level=EL3, size=op.size) for op in ops]

    def nsacr(self) -> Operation:
        return self.write(f"GICD_NSACR{self.intid() // 16}", self.bits(32))

    def _spi_bits(self, name: str, word: int, value: int) -> int:
        """A Non-secure ICACTIVER may have no effect, so what may be active stays so for this generator."""
        busy = set(self.busy)
        value = super()._spi_bits(name, word, value)
        self.busy |= busy
        return value

    def retarget(self) -> Operation:
        """Secure alone: QEMU lets Non-secure accesses move Group 0 too (deviation v2-itargetsr-nonsecure)."""
        operation = super().retarget()
        return replace(operation, level=EL3) if operation.kind == "write" else operation

    def activate(self) -> Operation:
        """Not of SPIs: an ICACTIVER that should end them may be a Non-secure one without effect."""
        return self.by_bit(("ISACTIVER", "ICACTIVER"), self.pick((16, 23, 26, 27, 30, 31)))

    def sgi(self) -> Operation:
        """With NSATT, which chooses the group that the SGI must have."""
        operation = super().sgi()
        assert not isinstance(operation.value, Reference)
        return self.write("GICD_SGIR", operation.value | self.bits(1) << 15, pe=operation.pe, level=operation.level)
