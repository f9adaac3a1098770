"""Episodes on GICv3's distributor, redistributors and physical CPU interfaces, one Security state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vgic.oracle.episode import Operation
from vgic.oracle.generate.base import Generator
from vgic.oracle.qemu import Outcome

_ACKNOWLEDGES = ("ICC_IAR0_EL1", "ICC_IAR1_EL1")
_READ_ONLY = ("GICD_TYPER", "GICD_IIDR", "GICR_TYPER", "GICD_PIDR2", "GICR_PIDR2", "GICR_IIDR")
_SYSTEM_READ_ONLY = ("ICC_IAR0_EL1", "ICC_IAR1_EL1", "ICC_HPPIR0_EL1", "ICC_HPPIR1_EL1", "ICC_RPR_EL1")
_SYSTEM_WRITE_ONLY = ("ICC_EOIR0_EL1", "ICC_EOIR1_EL1", "ICC_DIR_EL1", "ICC_SGI1R_EL1", "ICC_SGI0R_EL1")
_ABSENT = ("ICC_AP0R1_EL1", "ICC_AP1R1_EL1", "ICC_AP0R3_EL1")


class PhysicalV3(Generator):
    """Physical interrupts of a GICv3."""

    def table(self) -> Sequence[tuple[float, Callable[[], Operation]]]:
        return (
            (17, self.line),
            (10, self.pend),
            (4, self.activate),
            (6, self.enable),
            (6, self.prioritise),
            (3, self.configure),
            (4, self.regroup),
            (4, self.route),
            (2, self.distributor_control),
            (15, self.acknowledge),
            (13, self.end),
            (5, self.deactivate),
            (4, self.mask),
            (3, self.binary_point),
            (2.5, self.control),
            (3, self.group_enable),
            (1, self.active_priorities),
            (6, self.sgi),
            (1, self.look),
            (3, self.illegal),
        )

    def preamble(self) -> list[Operation]:
        ops = [self.write("GICD_CTLR", 0x13 if self.chance(0.9) else self.bits(2) | 0x10, pe=0)]
        for word in (1, 2, 8):
            ops.append(self.write(f"GICD_IGROUPR{word}", self.groups(), pe=0))
            ops.append(self.write(f"GICD_ISENABLER{word}", self.pick((0xFFFF_FFFF, self.bits(32))), pe=0))
        for pe in range(self.options.pes):
            ops.append(self.write(f"GICR_WAKER@{pe}", 0, pe=pe))
            ops.append(self.write(f"GICR_IGROUPR0@{pe}", self.groups(), pe=pe))
            ops.append(self.write(f"GICR_ISENABLER0@{pe}", self.pick((0xFFFF_FFFF, self.bits(32))), pe=pe))
            ops.append(self.write("ICC_PMR_EL1", self.pick((0xF8, 0xFF, 0xF0)), pe=pe))
            ops.append(self.write("ICC_IGRPEN0_EL1", int(self.chance(0.9)), pe=pe))
            ops.append(self.write("ICC_IGRPEN1_EL1", int(self.chance(0.95)), pe=pe))
            ops.append(self.write("ICC_CTLR_EL1", self.pick((0, 0, 2, 2, 1, 3)), pe=pe))
        ops += [self.prioritise() for _ in range(12)]
        return ops

    def groups(self) -> int:
        return self.pick((0xFFFF_FFFF, 0xFFFF_FFFF, self.bits(32), 0))

    def observe(self, operation: Operation, outcome: Outcome) -> None:
        super().observe(operation, outcome)
        if operation.register in _ACKNOWLEDGES and self.acknowledged(operation, outcome, outcome.value):
            self.hands.take(operation.pe, self.grip(outcome.value, int("IAR1" in operation.register)))

    # Distributor and redistributors

    def by_bit(self, names: Sequence[str], intid: int | None = None) -> Operation:
        """A write of one bit, now and then of many, of a register with a bit for each interrupt."""
        intid = self.intid() if intid is None else intid
        value = 1 << intid % 32 if self.chance(0.93) else self.bits(32)
        name = self.pick(names)
        if intid < 32:
            return self.write(f"GICR_{name}0@{self.pe()}", value)
        return self.write(f"GICD_{name}{intid // 32}", value)

    def pend(self) -> Operation:
        return self.by_bit(("ISPENDR", "ISPENDR", "ICPENDR"))

    def activate(self) -> Operation:
        return self.by_bit(("ISACTIVER", "ICACTIVER", "ICACTIVER"))

    def enable(self) -> Operation:
        return self.by_bit(("ISENABLER", "ISENABLER", "ICENABLER"))

    def prioritise(self) -> Operation:
        intid = self.intid()
        frame, at = ("GICR", f"@{self.pe()}") if intid < 32 else ("GICD", "")
        register = f"{frame}_IPRIORITYR{intid // 4}"
        if self.chance(0.8):
            byte = f"+{intid % 4}" if intid % 4 else ""
            return self.write(f"{register}{byte}{at}", self.priority(), size=1)
        return self.write(register + at, sum(self.priority() << 8 * i for i in range(4)))

    def configure(self) -> Operation:
        intid = self.intid()
        value = self.bits(32) & 0xAAAA_AAAA if self.chance(0.7) else self.bits(32)
        if intid < 32:
            return self.write(f"GICR_ICFGR{intid // 16}@{self.pe()}", value)
        return self.write(f"GICD_ICFGR{intid // 16}", value)

    def regroup(self) -> Operation:
        """Some bits of a group register change (a write sets all 32)."""
        intid = self.intid()
        value = self.pick((0xFFFF_FFFF, self.bits(32), 0xFFFF_FFFF ^ 1 << intid % 32, 1 << intid % 32))
        return self.write(f"GICR_IGROUPR0@{self.pe()}" if intid < 32 else f"GICD_IGROUPR{intid // 32}", value)

    def route(self) -> Operation:
        value = self.pick((0, 1, 0, 1, 2, 0x100, 1 << 31, 1 << 31 | 1, 1 << 32, self.bits(40)))
        register = f"GICD_IROUTER{self.spi()}"
        return self.write(register, value) if self.chance(0.8) else self.write(register, value, size=4)

    def distributor_control(self) -> Operation:
        return self.write("GICD_CTLR", self.pick((0x13, 0x13, 0x13, 0x12, 0x11, 0x10, self.bits(8))))

    # CPU interface

    def acknowledge(self) -> Operation:
        found = self.signalled()
        if found is None and self.chance(0.5):
            return self.pend()
        if found is None:
            return self.read(self.pick(("ICC_IAR0_EL1", "ICC_IAR1_EL1", "ICC_IAR1_EL1")))
        pe, group = found
        return self.read(f"ICC_IAR{group if self.chance(0.9) else 1 - group}_EL1", pe=pe)

    def end(self) -> Operation:
        holder = self.hands.holder()
        grip = self.hands.end(holder) if holder is not None else None
        if grip is None:
            return self.acknowledge()
        group = grip.group if self.chance(0.93) else 1 - grip.group
        return self.write(f"ICC_EOIR{group}_EL1", grip.operand, pe=holder)

    def deactivate(self) -> Operation:
        pe = self.pe()
        grip = self.hands.deactivate(pe)
        return self.write("ICC_DIR_EL1", self.intid() if grip is None else grip.operand, pe=pe)

    def mask(self) -> Operation:
        return self.write("ICC_PMR_EL1", self.pick((0xFF, 0xF8, 0xF0, 0xF0, self.priority())))

    def binary_point(self) -> Operation:
        return self.write(self.pick(("ICC_BPR0_EL1", "ICC_BPR1_EL1")), self.bits(3))

    def control(self) -> Operation:
        return self.write("ICC_CTLR_EL1", self.pick((0, 2, 0, 2, 1, 3, self.bits(20))))

    def group_enable(self) -> Operation:
        return self.write(self.pick(("ICC_IGRPEN0_EL1", "ICC_IGRPEN1_EL1")), int(self.chance(0.8)))

    def active_priorities(self) -> Operation:
        value = self.pick((0, 0, 0, 1 << self.bits(5), self.bits(32)))
        return self.write(self.pick(("ICC_AP0R0_EL1", "ICC_AP1R0_EL1")), value)

    def sgi(self) -> Operation:
        targets = self.pick((1, 2, 3, 3, self.bits(16)))
        value = self.bits(4) << 24 | targets
        if self.chance(0.15):
            value |= 1 << 40
        if self.chance(0.05):
            value |= self.pick((1 << 16, 1 << 32, 1 << 48, 1 << 44))
        registers = ("ICC_SGI1R_EL1", "ICC_SGI1R_EL1", "ICC_SGI0R_EL1", "ICC_ASGI1R_EL1")
        return self.write(self.pick(registers), value)

    def look(self) -> Operation:
        return self.read(self.pick((*_READ_ONLY[:3], "ICC_RPR_EL1", "ICC_HPPIR1_EL1", "ICC_SRE_EL1", "GICD_CTLR")))

    # Anything

    def illegal(self) -> Operation:
        return self.pick(
            (
                self._odd_eoi,
                self._odd_eoi,
                self._odd_dir,
                self._odd_size,
                self._read_only,
                self._absent,
                self._write_only,
                self._hole,
                self._word_zero,
                self._banked_beyond,
            )
        )()

    def _odd_eoi(self) -> Operation:
        value = self.pick((self.intid(), 1020, 1021, 1022, 1023, 288, self.bits(10)))
        return self.write(self.pick(("ICC_EOIR0_EL1", "ICC_EOIR1_EL1")), value)

    def _odd_dir(self) -> Operation:
        return self.write("ICC_DIR_EL1", self.pick((self.intid(), 1020, 1023, 288, self.bits(10))))

    def _odd_size(self) -> Operation:
        """Bytes and halfwords of words. Not doublewords, which abort in QEMU 10 and not before: UNPREDICTABLE."""
        register, size = self.pick(
            (
                ("GICD_ISENABLER1", 1),
                ("GICD_ISPENDR1", 2),
                ("GICD_CTLR", 1),
                ("GICR_ISENABLER0", 1),
                ("GICD_IPRIORITYR8", 2),
                ("GICR_IPRIORITYR1", 2),
                ("GICD_ICFGR2", 1),
                ("GICD_IROUTER33", 2),
            )
        )
        if self.chance(0.5):
            return self.read(register, size=size)
        return self.write(register, self.bits(8 * size), size=size)

    def _read_only(self) -> Operation:
        if self.chance(0.5):
            return self.write(self.pick(_READ_ONLY), self.bits(32), size=4)
        return self.write(self.pick(_SYSTEM_READ_ONLY), self.bits(32))

    def _write_only(self) -> Operation:
        return self.read(self.pick(_SYSTEM_WRITE_ONLY))

    def _absent(self) -> Operation:
        register = self.pick(_ABSENT)
        return self.read(register) if self.chance(0.5) else self.write(register, self.bits(32))

    def _hole(self) -> Operation:
        register = f"GICD+{self.pick((0x30, 0xC0, 0xF30, 0x1000, 0x5000, 0xC004)):#x}"
        return self.read(register) if self.chance(0.5) else self.write(register, self.bits(32))

    def _word_zero(self) -> Operation:
        """A GICD register of SGIs and PPIs: RAZ/WI under affinity routing."""
        register = self.pick(("GICD_ISENABLER0", "GICD_ISPENDR0", "GICD_ICFGR1", "GICD_IPRIORITYR2", "GICD_ISACTIVER0"))
        return self.read(register) if self.chance(0.3) else self.write(register, self.bits(32))

    def _banked_beyond(self) -> Operation:
        """A register of INTIDs that are not implemented."""
        register = self.pick(
            ("GICD_ISENABLER9", "GICD_ISPENDR20", "GICD_IPRIORITYR72", "GICD_ICFGR18", "GICD_IROUTER300")
        )
        return self.read(register) if self.chance(0.3) else self.write(register, self.bits(32), size=4)
