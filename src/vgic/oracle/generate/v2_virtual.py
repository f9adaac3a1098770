"""Episodes on GICv2's list registers and virtual CPU interface (GICH and GICV), with the physical twins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vgic.oracle.episode import Operation
from vgic.oracle.generate.base import LINES, PPI_LINES, Grip, Hands
from vgic.oracle.generate.v2 import ROAMING, PhysicalV2
from vgic.oracle.machine import MachineOptions
from vgic.oracle.qemu import Outcome

VINTIDS = (0, 5, 15, 16, 27, 30, 31, 33, 34, 39, 40, 99, 500, 1019)
TWINS = (*LINES, *PPI_LINES, 40, 77, 25)


class VirtualV2(PhysicalV2):
    """Virtual interrupts of a GICv2; the physical side runs along with a small share."""

    def table(self) -> Sequence[tuple[float, Callable[[], Operation]]]:
        return (
            (20, self.list_register),
            (18, self.guest_acknowledge),
            (15, self.guest_end),
            (7, self.guest_deactivate),
            (4, self.guest_mask),
            (4, self.guest_binary_point),
            (5, self.guest_control),
            (5, self.hypervisor_control),
            (3, self.virtual_machine_control),
            (1.5, self.virtual_active_priorities),
            (2, self.guest_look),
            (2.5, self.virtual_illegal),
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
            ops.append(self.write("GICH_HCR", 1, pe=pe))
            value = 0xF800_0000 | self.pick((3, 7, 0x203, 0x207, 2, 0xF))
            ops.append(self.write("GICH_VMCR", value, pe=pe))
        return ops

    def observe(self, operation: Operation, outcome: Outcome) -> None:
        super().observe(operation, outcome)
        intid = outcome.value & 0x3FF
        if operation.register == "GICV_IAR" and self.acknowledged(operation, outcome, intid):
            self.guest.take(operation.pe, self.grip(outcome.value, 0))

    # The hypervisor

    def list_register(self) -> Operation:
        n, pe = self.bits(2), self.pe()
        value = self.list_register_value(n, pe)
        write = self.write(f"GICH_LR{n}", value, pe=pe)
        state, twin = value >> 28 & 3, value >> 10 & 0x3FF
        if state & 2 and self.chance(0.7):
            # As a hypervisor does that loads a vCPU: what is active has its priority active too, and the guest ends it.
            end = value & 0x3FF | (value & 7 << 10 if not value >> 31 and value & 0x3FF < 16 else 0)
            self.guest.take(pe, Grip(end, end, 0))
            self.queue.append(self.write("GICH_APR", 1 << (value >> 23 & 31), pe=pe))
        if state and value >> 31 and twin < 32 and self.chance(0.6):
            self.queue.append(write)
            return self.write("GICD_ISACTIVER0", 1 << twin, pe=pe)
        return write

    def twin(self, pe: int) -> int:
        """A physical interrupt that this CPU may deactivate (deviation v2-spi-active-by-cpu)."""
        intid = self.pick(TWINS)
        own = self.options.pes == 1 or (intid % 2 == pe and intid not in ROAMING)
        return intid if intid < 32 or own else self.pick(PPI_LINES)

    def activate(self) -> Operation:
        return self.by_bit(("ISACTIVER", "ICACTIVER"), self.pick((*PPI_LINES, 0, 3)))

    def list_register_value(self, n: int, pe: int) -> int:
        if self.chance(0.12):
            return 0
        state = self.pick((1, 1, 1, 1, 1, 2, 3, 0))
        hw = self.chance(0.35)
        if hw and state == 3 and self.chance(0.7):
            state = 1
        vintid = self.legal_vintid(n)
        vintid = vintid + 16 if hw and vintid < 16 else vintid
        value = hw << 31 | self.chance(0.5) << 30 | state << 28 | self.bits(5) << 23 | vintid
        if hw:
            return value | self.twin(pe) << 10
        return value | self.chance(0.5) << 19 | (self.bits(3) << 10 if vintid < 16 else 0)

    def legal_vintid(self, n: int) -> int:
        """An INTID for list register n.

        Two list registers with one VirtualID, and the INTIDs 1020 to 1023, are UNPREDICTABLE (IHI 0048B 5.3.10); QEMU
        does otherwise than the model with both. Here register n has the INTIDs that are n modulo 4.
        """
        vintid = self.pick(VINTIDS) if self.chance(0.95) else self.bits(10)
        return min(vintid, 1016) & ~3 | n

    def hypervisor_control(self) -> Operation:
        value = int(self.chance(0.93))
        if self.chance(0.7):
            value |= self.bits(7) << 1
        if self.chance(0.3):
            value |= self.bits(5) << 27
        return self.write("GICH_HCR", value)

    def virtual_machine_control(self) -> Operation:
        value = self.bits(3) << 21 | self.bits(3) << 18 | self.pick((0, 0x200, 0x10, 0x210, 8, 4))
        value |= self.pick((3, 3, 7, 2, 1, 0)) | self.pick((0x1F, 0x1F, 0x1E, 0x10, self.bits(5))) << 27
        return self.write("GICH_VMCR", value if self.chance(0.95) else self.bits(32))

    def virtual_active_priorities(self) -> Operation:
        return self.write("GICH_APR", self.pick((0, 0, 0, 1 << self.bits(5), self.bits(32))))

    # The guest

    def guest_acknowledge(self) -> Operation:
        found = self.signalled(virtual=True)
        if found is None and self.chance(0.5):
            return self.list_register()
        return self.read("GICV_IAR", pe=None if found is None else found[0])

    def guest_end(self) -> Operation:
        holder = self.guest.holder()
        grip = self.guest.end(holder) if holder is not None else None
        return self.guest_acknowledge() if grip is None else self.write("GICV_EOIR", grip.operand, pe=holder)

    def guest_deactivate(self) -> Operation:
        pe = self.pe()
        grip = self.guest.deactivate(pe)
        return self.write("GICV_DIR", self.pick(VINTIDS) if grip is None else grip.operand, pe=pe)

    def guest_mask(self) -> Operation:
        return self.write("GICV_PMR", self.pick((0xFF, 0xF8, 0xF0, 0x80, self.bits(8))))

    def guest_binary_point(self) -> Operation:
        return self.write(self.pick(("GICV_BPR", "GICV_ABPR")), self.bits(3))

    def guest_control(self) -> Operation:
        value = self.pick((3, 3, 3, 1, 2, 0)) | self.pick((0, 4, 4)) | self.pick((0, 8)) | self.pick((0, 0, 16))
        value |= self.pick((0, 0x200))
        return self.write("GICV_CTLR", value if self.chance(0.95) else self.bits(32))

    def guest_look(self) -> Operation:
        return self.read(
            self.pick(
                ("GICV_RPR", "GICV_HPPIR", "GICV_PMR", "GICV_BPR", "GICV_ABPR", "GICV_CTLR", "GICV_IIDR", "GICH_VTR")
            )
        )

    def disturb(self) -> Operation:
        """A configuration of the physical side changes below a list register."""
        return self.pick((self.prioritise, self.configure, self.regroup, self.retarget, self.control, self.sgi))()

    def virtual_illegal(self) -> Operation:
        x = self.bits(2)
        if x < 2:
            value = self.pick((self.bits(10), 1020, 1023, *VINTIDS))
            return self.write(self.pick(("GICV_EOIR", "GICV_EOIR", "GICV_DIR")), value)
        if x == 2:
            return self.write(
                self.pick(("GICH_MISR", "GICH_EISR0", "GICH_ELRSR0", "GICH_VTR", "GICV_RPR", "GICV_HPPIR")), 1
            )
        # HW 0: a random twin might be another CPU's.
        n = self.bits(2)
        return self.write(f"GICH_LR{n}", self.bits(31) & ~0x3FF | self.legal_vintid(n))
