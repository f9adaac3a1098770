"""Episodes on GICv3's list registers and virtual CPU interface, with the physical twins of HW list registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vgic.oracle.episode import Operation, Reference
from vgic.oracle.generate.base import LINES, PPI_LINES, Grip, Hands
from vgic.oracle.generate.v3 import PhysicalV3
from vgic.oracle.machine import MachineOptions
from vgic.oracle.mailbox import Level
from vgic.oracle.qemu import Outcome

EL1, EL2 = Level(1), Level(2)
VINTIDS = (0, 5, 15, 16, 27, 30, 31, 33, 34, 39, 40, 99, 500, 1019)
TWINS = (*LINES, *PPI_LINES, 40, 77, 25)
LPIS = (8192, 8193, 13000)
_LR_NMI = 1 << 59
"""Newer than the GICs compared: QEMU 7.2 keeps it, 10.0 doesn't."""
_ACKNOWLEDGES = ("ICV_IAR0_EL1", "ICV_IAR1_EL1")
TALL0, TALL1, TC, TDIR = 1 << 11, 1 << 12, 1 << 10, 1 << 14


class VirtualV3(PhysicalV3):
    """Virtual interrupts of a GICv3; the physical side runs along with a small share."""

    def table(self) -> Sequence[tuple[float, Callable[[], Operation]]]:
        return (
            (20, self.list_register),
            (17, self.guest_acknowledge),
            (15, self.guest_end),
            (7, self.guest_deactivate),
            (4, self.guest_mask),
            (4, self.guest_binary_point),
            (3, self.guest_control),
            (3, self.guest_group_enable),
            (5, self.hypervisor_control),
            (3, self.virtual_machine_control),
            (1.5, self.virtual_active_priorities),
            (1, self.guest_active_priorities),
            (2, self.guest_look),
            (1, self.guest_sgi),
            (3, self.virtual_illegal),
            (1, self.disturb),
            (4, self.line),
            (3, self.acknowledge),
            (2, self.end),
            (1, self.deactivate),
            (2, self.activate),
            (1, self.pend),
            (0.5, self.enable),
        )

    def __init__(self, seed: int, options: MachineOptions) -> None:
        super().__init__(seed, options)
        self.guest = Hands(self.random, options.pes)

    def preamble(self) -> list[Operation]:
        ops = super().preamble()
        for pe in range(self.options.pes):
            ops.append(self.write("ICH_HCR_EL2", 1, pe=pe, level=EL2))
            ops.append(self.write("ICH_VMCR_EL2", 0xF800_0000 | self.pick((3, 3, 0x203, 0x213, 2)), pe=pe, level=EL2))
        return ops

    def observe(self, operation: Operation, outcome: Outcome) -> None:
        super().observe(operation, outcome)
        if operation.register in _ACKNOWLEDGES and self.acknowledged(operation, outcome, outcome.value):
            self.guest.take(operation.pe, self.grip(outcome.value, int("IAR1" in operation.register)))

    def _virtual(self, name: str, value: int | Reference | None = None, pe: int | None = None) -> Operation:
        if value is None:
            return self.read(f"ICV_{name}_EL1", pe=pe, level=EL1)
        return self.write(f"ICV_{name}_EL1", value, pe=pe, level=EL1)

    # The hypervisor

    def list_register(self) -> Operation:
        n, pe = self.bits(2), self.pe()
        value = self.list_register_value(n)
        write = self.write(f"ICH_LR{n}_EL2", value, pe=pe, level=EL2)
        state, group, priority = value >> 62, value >> 60 & 1, value >> 48 & 0xFF
        if state & 2 and self.chance(0.7):
            # As a hypervisor does that loads a vCPU: what is active has its priority active too, and the guest ends it.
            self.guest.take(pe, Grip(value & 0xFFFF_FFFF, value & 0xFFFF_FFFF, group))
            self.queue.append(self.write(f"ICH_AP{group}R0_EL2", 1 << (priority >> 3), pe=pe, level=EL2))
        if state and value >> 61 & 1 and self.chance(0.6):
            self.queue.append(write)
            return self.activate_twin(value >> 32 & 0x3FF, pe)
        return write

    def activate_twin(self, intid: int, pe: int) -> Operation:
        """The physical interrupt of a list register is active, as it would be after its acknowledge."""
        register = f"GICR_ISACTIVER0@{pe}" if intid < 32 else f"GICD_ISACTIVER{intid // 32}"
        return self.write(register, 1 << intid % 32, pe=pe)

    def list_register_value(self, n: int) -> int:
        if self.chance(0.1):
            return 0
        state = self.pick((1, 1, 1, 1, 1, 2, 3, 0))
        hw = self.chance(0.35)
        if hw and state == 3 and self.chance(0.7):
            state = 1
        # Two list registers of one vINTID are UNPREDICTABLE: each register has its own, mostly.
        vintid = self.pick(VINTIDS[n::4])
        if self.chance(0.04):
            vintid = self.pick((*LPIS, 1020, 1021, 1022, 1023, self.bits(10)))
        value = state << 62 | hw << 61 | self.chance(0.65) << 60 | self.virtual_priority() << 48 | vintid
        return value | (self.pick(TWINS) << 32 if hw else self.chance(0.5) << 41)

    def virtual_priority(self) -> int:
        return self.pick((0x00, 0x08, 0x20, 0x40, 0x48, 0x80, 0x88, 0xA0, 0xC0, 0xE0, 0xF0, 0xF8))

    def hypervisor_control(self) -> Operation:
        value = int(self.chance(0.93))
        if self.chance(0.7):
            value |= self.bits(7) << 1
        if self.chance(0.15):
            value |= self.pick((TALL0, TALL1, TC, TDIR))
        if self.chance(0.3):
            value |= self.bits(5) << 27
        return self.write("ICH_HCR_EL2", value, level=EL2)

    def virtual_machine_control(self) -> Operation:
        value = (
            self.bits(3) << 21 | self.bits(3) << 18 | self.pick((0, 0x200, 0x10, 0x210)) | self.pick((3, 3, 2, 1, 0))
        )
        value |= self.pick((0xF8, 0xF8, 0xF0, 0x80, self.virtual_priority())) << 24
        # QEMU keeps VPMR's low bits, and then corrupts ICH_AP<m>R0_EL2 (deviation v3-vpmr-low-bits, v3-ap-bit-31).
        value = value if self.chance(0.95) else self.bits(32) & ~(7 << 24)
        return self.write("ICH_VMCR_EL2", value, level=EL2)

    def virtual_active_priorities(self) -> Operation:
        value = self.pick((0, 0, 0, 1 << self.bits(5), self.bits(32)))
        return self.write(self.pick(("ICH_AP0R0_EL2", "ICH_AP1R0_EL2")), value, level=EL2)

    # The guest

    def guest_acknowledge(self) -> Operation:
        found = self.signalled(virtual=True)
        if found is None and self.chance(0.5):
            return self.list_register()
        if found is None:
            return self._virtual(self.pick(("IAR0", "IAR1", "IAR1")))
        pe, group = found
        return self._virtual(f"IAR{group if self.chance(0.9) else 1 - group}", pe=pe)

    def guest_end(self) -> Operation:
        holder = self.guest.holder()
        grip = self.guest.end(holder) if holder is not None else None
        if grip is None:
            return self.guest_acknowledge()
        return self._virtual(f"EOIR{grip.group if self.chance(0.9) else 1 - grip.group}", grip.operand, holder)

    def guest_deactivate(self) -> Operation:
        pe = self.pe()
        grip = self.guest.deactivate(pe)
        return self._virtual("DIR", self.pick(VINTIDS) if grip is None else grip.operand, pe)

    def guest_mask(self) -> Operation:
        return self._virtual("PMR", self.pick((0xFF, 0xF8, 0xF0, 0x80, self.virtual_priority(), self.bits(8))))

    def guest_binary_point(self) -> Operation:
        return self._virtual(self.pick(("BPR0", "BPR1")), self.bits(3))

    def guest_control(self) -> Operation:
        return self._virtual("CTLR", self.pick((0, 2, 0, 2, 1, 3, self.bits(20))))

    def guest_group_enable(self) -> Operation:
        return self._virtual(self.pick(("IGRPEN0", "IGRPEN1")), int(self.chance(0.8)))

    def guest_active_priorities(self) -> Operation:
        value = self.pick((0, 0, 1 << self.bits(5), self.bits(32)))
        return self._virtual(self.pick(("AP0R0", "AP1R0")), value)

    def guest_look(self) -> Operation:
        return self._virtual(
            self.pick(("RPR", "HPPIR0", "HPPIR1", "PMR", "BPR0", "BPR1", "CTLR", "IGRPEN0", "IGRPEN1"))
        )

    def guest_sgi(self) -> Operation:
        """Traps to EL2 under IMO or FMO."""
        register = self.pick(("ICC_SGI1R_EL1", "ICC_SGI0R_EL1", "ICC_ASGI1R_EL1"))
        return self.write(register, self.bits(4) << 24 | 1, level=EL1)

    def disturb(self) -> Operation:
        """A configuration of the physical side changes below a list register."""
        return self.pick((self.prioritise, self.configure, self.regroup, self.route, self.control, self.sgi))()

    def virtual_illegal(self) -> Operation:
        x = self.bits(3)
        if x < 3:
            value = self.pick((self.bits(10), 1020, 1023, *LPIS, *VINTIDS))
            return self._virtual(self.pick(("EOIR0", "EOIR1", "DIR")), value)
        if x == 3:
            return self.read(self.pick(("ICH_LR4_EL2", "ICH_LR15_EL2", "ICH_AP0R1_EL2", "ICH_AP1R3_EL2")), level=EL2)
        if x == 4:
            return self.write(self.pick(("ICH_MISR_EL2", "ICH_EISR_EL2", "ICH_ELRSR_EL2", "ICH_VTR_EL2")), 1, level=EL2)
        if x == 5:
            return self.read(self.pick(("ICH_HCR_EL2", "ICH_LR0_EL2", "ICH_VMCR_EL2", "ICC_SRE_EL2")), level=EL1)
        if x == 6:
            return self._virtual(self.pick(("AP0R1", "AP1R2", "EOIR1", "DIR")))
        return self.write("ICH_LR2_EL2", self.bits(64) & ~(0xFFFF_FFFF | _LR_NMI) | self.bits(10), level=EL2)
