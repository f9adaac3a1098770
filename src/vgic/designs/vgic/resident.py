"""List registers that stay with a vCPU as long as it is loaded.

KVM empties the list registers at every exit. A hypervisor that does not keeps what they hold, and saves them only when
the vCPU leaves its PE: `ResidentLists` knows which interrupt is in which. A hypervisor may then fill a list register
whenever it runs on the vCPU's own PE, outside the guest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from vgic.designs.base import Unsupported
from vgic.designs.vgic.hw import VirtualHw
from vgic.designs.vgic.irq import Lr, VirtualCpu, VirtualIrq
from vgic.designs.vm import Vcpu

NO_LR = -1


class ResidentIrq(VirtualIrq):
    """A virtual interrupt that knows its list register.

    Attributes:
        lr: which list register it is in (`on_lr`), NO_LR for none.
    """

    __slots__ = ("lr",)

    def __init__(self, intid: int, group: int, target: Vcpu | None, targets: int = 0) -> None:
        super().__init__(intid, group, target, targets)
        self.lr = NO_LR


R = TypeVar("R", bound=ResidentIrq)


class ResidentCpu(VirtualCpu, Generic[R]):
    """A vCPU's side. `hcr` is HCR while the vCPU is not loaded.

    Attributes:
        held: for each list register the interrupt in it, or None; empty before the first load.
        saved: the list registers' values while the vCPU is not loaded.
    """

    __slots__ = ("held", "saved")

    def __init__(self, words: int) -> None:
        super().__init__(words)
        self.held: list[R | None] = []
        self.saved: tuple[int, ...] = ()


class ResidentLists(Generic[R]):
    """The list registers of all vCPUs.

    Args:
        hw: the registers. cpus: each vCPU's side. hcr: HCR of a vCPU that was never loaded.
        event: told "populate", with the vCPU and the vINTID.
    """

    def __init__(
        self, hw: VirtualHw, cpus: Mapping[Vcpu, ResidentCpu[R]], hcr: int, event: Callable[[str, Vcpu, int], None],
    ) -> None:
        self.hw, self.cpus, self.hcr, self.event = hw, cpus, hcr, event

    def load(self, vcpu: Vcpu, pe: int) -> None:
        """The vCPU's list registers and its HCR, onto the PE."""
        cpu = self.cpus[vcpu]
        for n, value in enumerate(cpu.saved):
            self.hw.write_lr(n, value, pe)
        if not cpu.held:
            cpu.held = [None] * self.hw.nr_lr
        cpu.saved = ()
        self.hw.write_hcr(cpu.hcr or self.hcr, pe)

    def save(self, vcpu: Vcpu, pe: int) -> None:
        """The same into memory, and VMCR; the PE's interface is off."""
        cpu = self.cpus[vcpu]
        cpu.hcr = self.hw.read_hcr(pe)
        self.hw.write_hcr(0, pe)
        cpu.saved = tuple(self.hw.read_lr(n, pe) for n in range(self.hw.nr_lr))
        for n in range(self.hw.nr_lr):
            self.hw.write_lr(n, 0, pe)
        cpu.vmcr = self.hw.read_vmcr(pe)

    def current(self, vcpu: Vcpu) -> bool:
        """Whether the hypervisor runs on the vCPU's PE now, so that its list registers can be written."""
        return vcpu.pe is not None and not vcpu.in_guest and not vcpu.entering

    def set_hcr(self, pe: int, bits: int, on: bool) -> None:
        """Sets or clears bits of HCR."""
        old = self.hw.read_hcr(pe)
        self.hw.write_hcr(old | bits if on else old & ~bits, pe)

    def free(self, vcpu: Vcpu) -> int:
        """The first list register that holds nothing, NO_LR where all do."""
        held = self.cpus[vcpu].held
        return next((n for n, irq in enumerate(held) if irq is None), NO_LR)

    def write(self, vcpu: Vcpu, irq: R, n: int, lr: Lr, pe: int) -> None:
        """Writes list register n, and remembers who is in it."""
        self.event("populate", vcpu, irq.intid)
        self.hw.write_lr(n, self.hw.encode(lr), pe)
        held = self.cpus[vcpu].held
        held[n] = irq
        irq.on_lr = True
        irq.lr = n

    def clear(self, vcpu: Vcpu, irq: R, pe: int) -> None:
        """Empties the list register of an interrupt."""
        self.hw.write_lr(irq.lr, 0, pe)
        held = self.cpus[vcpu].held
        held[irq.lr] = None
        irq.on_lr = False
        irq.lr = NO_LR

    def read(self, vcpu: Vcpu, n: int) -> Lr:
        """What list register n says now; while the vCPU is not loaded, as it was saved."""
        pe = vcpu.pe
        value = self.cpus[vcpu].saved[n] if pe is None else self.hw.read_lr(n, pe)
        return self.hw.decode(value, vcpu.vm.gic == 2)


def need_deactivation(name: str, there: bool) -> None:
    """Unsupported on a chip whose guests can't deactivate physical interrupts (M29), for a hypervisor of this name."""
    if not there:
        raise Unsupported(f"{name}: hw_deactivation = false: it relies on LR.HW, and knows no other way")
