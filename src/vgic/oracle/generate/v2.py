"""Episodes on GICv2's distributor and physical CPU interfaces, one Security state.

QEMU keeps the active state of an SPI for each CPU (deviation v2-spi-active-by-cpu) and its latch for the CPUs that it
went to when it was set (v2-pending-by-target). So with several CPUs an SPI goes to one CPU for all of an episode, but
`ROAMING` ones, which only their line pends, and which move while they are not active. An SPI that ISACTIVER made
active is not ended by EOIR or DIR, but by ICACTIVER.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vgic.oracle.episode import Operation, Reference
from vgic.oracle.generate.base import LINES, QUIET_SPIS, Generator
from vgic.oracle.machine import MachineOptions
from vgic.oracle.qemu import Outcome

_READ_ONLY = ("GICD_TYPER", "GICD_IIDR", "GICD_PIDR2", "GICC_IIDR", "GICC_RPR", "GICC_HPPIR", "GICC_IAR")
ROAMING = (39,)
"""SPIs whose target changes, with several CPUs."""
_TARGETED = {*LINES, *QUIET_SPIS} - set(ROAMING)
"""SPIs that the preamble gives a target, for good."""


class PhysicalV2(Generator):
    """Physical interrupts of a GICv2."""

    GIC = 2

    def __init__(self, seed: int, options: MachineOptions) -> None:
        super().__init__(seed, options)
        self.tainted: set[int] = set()
        self.busy: set[int] = set()

    def table(self) -> Sequence[tuple[float, Callable[[], Operation]]]:
        return (
            (17, self.line),
            (10, self.pend),
            (4, self.activate),
            (6, self.enable),
            (6, self.prioritise),
            (3, self.configure),
            (4, self.regroup),
            (4, self.retarget),
            (1.5, self.distributor_control),
            (17, self.acknowledge),
            (13, self.end),
            (5, self.deactivate),
            (4, self.mask),
            (3, self.binary_point),
            (3, self.control),
            (1, self.active_priorities),
            (8, self.sgi),
            (2, self.sgi_pending),
            (1, self.look),
            (3, self.illegal),
        )

    def preamble(self) -> list[Operation]:
        ops = [self.write("GICD_CTLR", 3 if self.chance(0.9) else self.bits(2), pe=0)]
        for word in (1, 2, 8):
            ops.append(self.write(f"GICD_IGROUPR{word}", self.groups(), pe=0))
            ops.append(self.write(f"GICD_ISENABLER{word}", self.pick((0xFFFF_FFFF, self.bits(32))), pe=0))
        for pe in range(self.options.pes):
            ops.append(self.write("GICD_IGROUPR0", self.groups(), pe=pe))
            ops.append(self.write("GICD_ISENABLER0", self.pick((0xFFFF_FFFF, self.bits(32))), pe=pe))
            ops.append(self.write("GICC_PMR", self.pick((0xF8, 0xFF, 0xF0)), pe=pe))
            ops.append(self.write("GICC_CTLR", self.pick((3, 7, 0x203, 0x20F, 0x1B, 1)), pe=pe))
        if self.options.pes > 1:
            ops += [self.by_byte("ITARGETSR", i, 1 << i % 2) for i in dict.fromkeys((*LINES, *QUIET_SPIS))]
        ops += [self.retarget() for _ in range(4)]
        ops += [self.prioritise() for _ in range(12)]
        return ops

    def groups(self) -> int:
        return self.pick((0, 0, self.bits(32), 0xFFFF_FFFF))

    def observe(self, operation: Operation, outcome: Outcome) -> None:
        super().observe(operation, outcome)
        if operation.kind == "read" and operation.register == "GICC_IAR":
            if self.acknowledged(operation, outcome, outcome.value & 0x3FF):
                self.hands.take(operation.pe, self.grip(outcome.value, 0))
            if outcome.value in ROAMING:
                self.busy.add(outcome.value)

    # Distributor

    def by_bit(self, names: Sequence[str], intid: int | None = None) -> Operation:
        """A write of one bit, now and then of many, of a register with a bit for each interrupt."""
        intid = self.intid() if intid is None else intid
        value = 1 << intid % 32 if self.chance(0.93) else self.bits(32)
        name, word = self.pick(names), intid // 32
        if word == 0 and self.options.pes > 1 and name in ("ISPENDR", "ICPENDR"):
            # QEMU pends and clears a PPI on the wrong CPUs (deviation v2-ppi-pending-smp).
            word = 1
        if word and name in ("ISPENDR", "ISACTIVER", "ICACTIVER"):
            value = self._spi_bits(name, word, value)
        return self.write(f"GICD_{name}{word}", value)

    def _spi_bits(self, name: str, word: int, value: int) -> int:
        """What may be written of these bits, and what it leaves behind."""
        intids = {32 * word + i for i in range(32) if value >> i & 1}
        if name == "ICACTIVER":
            self.tainted -= intids
            self.busy -= intids
            return value
        if self.options.pes > 1:
            intids &= _TARGETED
        if name == "ISACTIVER":
            self.tainted |= intids
        return sum(1 << i % 32 for i in intids)

    def pend(self) -> Operation:
        return self.by_bit(("ISPENDR", "ISPENDR", "ICPENDR"))

    def activate(self) -> Operation:
        return self.by_bit(("ISACTIVER", "ICACTIVER", "ICACTIVER"))

    def enable(self) -> Operation:
        return self.by_bit(("ISENABLER", "ISENABLER", "ICENABLER"))

    def by_byte(self, name: str, intid: int, value: int) -> Operation:
        byte = f"+{intid % 4}" if intid % 4 else ""
        return self.write(f"GICD_{name}{intid // 4}{byte}", value, size=1)

    def prioritise(self) -> Operation:
        intid = self.intid()
        if self.chance(0.8):
            return self.by_byte("IPRIORITYR", intid, self.priority())
        return self.write(f"GICD_IPRIORITYR{intid // 4}", sum(self.priority() << 8 * i for i in range(4)))

    def configure(self) -> Operation:
        n = self.intid() // 16
        # With several CPUs QEMU has one GICD_ICFGR1 for all of them (deviation v2-icfgr1-shared).
        n = 2 if n == 1 and self.options.pes > 1 else n
        value = self.bits(32) & 0xAAAA_AAAA if self.chance(0.7) else self.bits(32)
        if self.options.pes > 1:
            for intid in ROAMING:
                value &= ~(3 << 2 * (intid % 16)) if intid // 16 == n else -1
        return self.write(f"GICD_ICFGR{n}", value)

    def regroup(self) -> Operation:
        intid = self.intid()
        value = self.pick((0, self.bits(32), 0xFFFF_FFFF, 1 << intid % 32))
        return self.write(f"GICD_IGROUPR{intid // 32}", value)

    def retarget(self) -> Operation:
        intid = self.spi()
        if self.options.pes == 1:
            if self.chance(0.8):
                return self.by_byte("ITARGETSR", intid, self.bits(8))
            return self.write(f"GICD_ITARGETSR{intid // 4}", self.bits(32))
        if self.chance(0.5):
            intid = self.pick(ROAMING)
        if intid in ROAMING and intid not in self.busy:
            return self.by_byte("ITARGETSR", intid, self.pick((1, 2, 1, 2, 0)) | self.pick((0, 0, self.bits(8) & 0xFC)))
        if intid in ROAMING:
            return self.by_bit(("ICACTIVER",), intid)
        return self.by_byte("ITARGETSR", intid, 1 << intid % 2)

    def distributor_control(self) -> Operation:
        return self.write("GICD_CTLR", self.pick((3, 3, 3, 1, 2, 0, self.bits(32))))

    # CPU interface

    def acknowledge(self) -> Operation:
        found = self.signalled()
        if found is None and self.chance(0.5):
            return self.pend()
        return self.read("GICC_IAR", pe=None if found is None else found[0])

    def end(self) -> Operation:
        holder = self.hands.holder()
        grip = self.hands.end(holder) if holder is not None else None
        if holder is None or grip is None:
            return self.acknowledge()
        return self._unless_tainted("GICC_EOIR", grip.operand, grip.value, holder)

    def deactivate(self) -> Operation:
        pe = self.pe()
        grip = self.hands.deactivate(pe)
        if grip is not None:
            return self._unless_tainted("GICC_DIR", grip.operand, grip.value, pe)
        intid = self.own_intid()
        return self._unless_tainted("GICC_DIR", intid, intid, pe)

    def own_intid(self) -> int:
        """An INTID whose end on any CPU is its end."""
        intid = self.intid()
        return intid if self.options.pes == 1 or intid < 32 else self.pick((1, 16, 27, 30))

    def _unless_tainted(self, register: str, operand: int | Reference, value: int, pe: int) -> Operation:
        """End an interrupt as it can be ended in QEMU."""
        if value & 0x3FF in self.tainted:
            return self.by_bit(("ICACTIVER",), value & 0x3FF)
        return self.write(register, operand, pe=pe)

    def mask(self) -> Operation:
        return self.write("GICC_PMR", self.pick((0xFF, 0xF8, 0xF0, 0xF0, self.priority())))

    def binary_point(self) -> Operation:
        return self.write(self.pick(("GICC_BPR", "GICC_ABPR")), self.bits(3))

    def control(self) -> Operation:
        """Enables, AckCtl, FIQEn, CBPR, EOImode."""
        value = self.pick((3, 3, 3, 1, 2, 0)) | self.pick((0, 4, 4)) | self.pick((0, 8)) | self.pick((0, 0, 16))
        value |= self.pick((0, 0x200))
        return self.write("GICC_CTLR", value if self.chance(0.95) else self.bits(32))

    def active_priorities(self) -> Operation:
        register = f"{self.pick(('GICC_APR', 'GICC_NSAPR'))}{self.bits(2)}"
        return self.write(register, self.pick((0, 0, 0, 1 << self.bits(5))))

    def sgi(self) -> Operation:
        value = self.pick((0, 0, 0, 1, 2)) << 24 | self.pick((1, 2, 3, 3, self.bits(8))) << 16 | self.bits(4)
        return self.write("GICD_SGIR", value)

    def sgi_pending(self) -> Operation:
        """One source of one SGI. QEMU takes a byte, not a word (deviation v2-spendsgir-word)."""
        intid = self.bits(4)
        return self.by_byte(self.pick(("SPENDSGIR", "CPENDSGIR")), intid, self.pick((1, 2)[: self.options.pes]))

    def look(self) -> Operation:
        return self.read(self.pick((*_READ_ONLY[:4], "GICC_CTLR", "GICD_ITARGETSR0", "GICC_ABPR")))

    # Anything

    def illegal(self) -> Operation:
        return self.pick(
            (self._odd_end, self._odd_end, self._odd_size, self._read_only, self._hole, self._beyond, self._other_cpuid)
        )()

    def _odd_end(self) -> Operation:
        value = self.pick((self.own_intid(), 1020, 1021, 1022, 1023, self.bits(5), 288 + self.bits(9)))
        return self._unless_tainted(self.pick(("GICC_EOIR", "GICC_DIR")), value, value, self.pe())

    def _other_cpuid(self) -> Operation:
        """An SGI's end with whatever source."""
        return self.write(self.pick(("GICC_EOIR", "GICC_DIR")), self.bits(4) | self.bits(3) << 10)

    def _odd_size(self) -> Operation:
        register, size = self.pick(
            (
                ("GICD_ISENABLER1", 1),
                ("GICD_IPRIORITYR8", 2),
                ("GICD_ISENABLER8", 2),
                ("GICD_ICENABLER2", 1),
                ("GICD_ICFGR2", 1),
                ("GICD_IGROUPR1", 1),
                ("GICD_CTLR", 1),
            )
        )
        return (
            self.read(register, size=size) if self.chance(0.5) else self.write(register, self.bits(8 * size), size=size)
        )

    def _read_only(self) -> Operation:
        return self.write(self.pick(_READ_ONLY), self.bits(32))

    def _hole(self) -> Operation:
        register = f"{self.pick(('GICD+0x30', 'GICD+0xc4', 'GICD+0xf30', 'GICC+0x40', 'GICC+0x200', 'GICC+0xf0'))}"
        return self.read(register) if self.chance(0.5) else self.write(register, self.bits(32))

    def _beyond(self) -> Operation:
        """A register of INTIDs that are not implemented, or one that is read-only for this PE."""
        register = self.pick(
            (
                "GICD_ISENABLER9",
                "GICD_ISPENDR20",
                "GICD_IPRIORITYR72",
                "GICD_ICFGR18",
                "GICD_ITARGETSR0",
                "GICD_ITARGETSR7",
                "GICD_ITARGETSR72",
                "GICD_ICFGR0",
            )
        )
        return self.read(register) if self.chance(0.4) else self.write(register, self.bits(32))
