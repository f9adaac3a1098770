"""What a design is: how a hypervisor hands interrupts to its guests.

A design stands between the kernel that owns the chip (`vgic.host.Kernel`) and guests that run. Whoever runs the machine
(a scenario, the explorer, a test) calls its methods in this order, for each vCPU:

    vcpu_load(vcpu, pe)                  its thread is scheduled on a PE
      flush(vcpu)                          entry: what is pending goes into list registers
      last_check(vcpu); in_guest = True    where other PEs may have done something since; else at once
        ... the guest runs: it acknowledges and ends interrupts at its virtual CPU interface, by registers;
            its accesses that trap come as mmio_read, mmio_write, sysreg_read, sysreg_write (after sync)
      in_guest = False; sync(vcpu)         exit: what the guest did is read back
      kernel.handle_irq(pe)                if a physical interrupt is pending, it is taken after the sync
    vcpu_put(vcpu)                       its thread leaves the PE

    vcpu_blocking(vcpu); vcpu_put(vcpu); blocked = not pending(vcpu)     WFI, after its exit; a kick ends `blocked`
    vcpu_load(vcpu, pe); vcpu_unblocking(vcpu)

    psci_cpu_off(vcpu); vcpu_put(vcpu)   CPU_OFF, after its exit: the vCPU runs no more
    psci_cpu_on(vcpu)                    CPU_ON, called by another vCPU's guest: it is loaded again, and starts anew

From flush to the guest interrupts are masked: no handler runs between them on this PE, and other PEs do nothing, unless
the entry is *divided* (`Vcpu.entering`): then what they do comes between, and `last_check` has to see it. An entry may
be given up after flush (a kick arrived): then abandon_entry follows, without the guest having run. Everything else
interleaves freely.

A vCPU in the guest that must be out of it (`halt_guest`) is taken out by the design itself: it clears `in_guest` and
calls sync, so `vcpu.in_guest` may change in any call that names another vCPU of its VM.

**Interrupts come in** by `inject` (an emulated device, a host handler), `assign_irq` (a physical interrupt is the
guest's from now on), `map_phys_irq` (its virtual interrupt has a physical twin). **Completions go out** to the
notifiers of `on_ack`.

**State.** All that changes lies in parts, which `parts()` lists; the design object itself never changes after its
constructor. **Costs and stories** are told, not stored: `event(name, ...)` calls the observer, if there is one.

A design of your own is a subclass in a file of yours, named on the command line as `--design mine.py:MyVgic`:

    from vgic.designs import Design, Kvm

Subclass `Kvm` (`Xen`, `Bao`) to change one rule of it, or `Design` to write one from nothing: then `flush`, `sync`,
`inject` and `pending`, without which there is no design, and whichever others your guests need. What is not written
refuses what needs it, by `Unsupported`. With the tools of `vgic.designs.vgic` a design with a whole distributor is some
hundred lines (`VirtualGic`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from vgic.arch.intid import TIMER_PPIS
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel, Work
from vgic.parts import step
from vgic.silicon import GicV3

InputLevel = Callable[[Vcpu], bool]
"""Tells the level of a mapped interrupt's line as the vCPU's device drives it now."""

AckNotifier = Callable[[Vm, int], None]
"""Called with the VM and the vINTID when the guest completed a level-sensitive SPI that was injected by software."""

Observer = Callable[[str, Vcpu | None, int], None]
"""Told an event: its name (see EVENTS), the vCPU concerned or None, an INTID or -1."""

EVENTS = {
    "inject": "an injection was accepted", "refused": "an injection was refused, or changed nothing",
    "kick": "a vCPU was told to look again", "wake": "a blocked vCPU was woken",
    "populate": "a list register was written", "fold": "a list register was read back",
    "overflow": "more interrupts than list registers at an entry",
    "replay": "an EOI outside list registers was replayed",
    "resample": "the line of a mapped level interrupt was read again",
    "set_active": "the physical active state was set", "clear_active": "the physical active state was cleared",
    "mask": "a physical interrupt was masked", "unmask": "a physical interrupt was unmasked",
    "ack": "a completion was told to its notifiers", "halt": "a vCPU was taken out of its guest by another",
    "mmio": "a trapped access to a frame", "sysreg": "a trapped system register access",
}
"""The events that designs tell, each with what it means."""


class TimerRegisters(Protocol):
    """The generic timers of all PEs, by register; `vgic.silicon.GenericTimers` is one."""

    def sysreg_read(self, register: str, pe: int = 0) -> int:
        """An MRS of a timer's register on a PE."""

    def sysreg_write(self, register: str, value: int, pe: int = 0) -> None:
        """An MSR of a timer's register on a PE."""


class Unsupported(Exception):
    """The design can't do what was asked of it; the message says what and why."""


class NoInterrupt(LookupError):
    """A hypervisor looks up an interrupt that its guest's GIC does not have: a mistake of the hypervisor's, for the
    laboratory and its guests name none such. The message says which."""


class Design(ABC):
    """A way to hand interrupts to guests.

    Args:
        kernel: the host kernel, booted; `kernel.gic` is the chip.
        vms: the machines whose guests it serves, with their vCPUs.
        timers: the PEs' generic timers, None where no guest uses one.
        observer: told events; None for none.

    Attributes:
        name: a word for tables. Class attribute.
        pinned: its vCPUs never move to another PE. Class attribute.
        host_disables: a driver of the host's may disable and enable an assigned interrupt. Class attribute.
        kicks_outside: a kick is an IPI even to a vCPU that is not in its guest yet, and takes it out as soon as it is;
            else it is a request alone, which that vCPU has to see for itself. Class attribute.
        trapped_timers: the guests' timers ("CNTV", "CNTP") whose registers trap, and come as sysreg_read and
            sysreg_write; the others' are those of the PE.
    """

    name = "design"
    pinned = False
    host_disables = True
    kicks_outside = False
    trapped_timers: frozenset[str] = frozenset()

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.kernel = kernel
        self.gic = kernel.gic
        self.vms = tuple(vms)
        self.timers = timers
        self.observer = observer
        self.vcpus = tuple(v for vm in self.vms for v in vm.vcpus)

    def of(self, vm: Vm) -> Design:
        """The design that serves a VM: this one, unless each VM has its own (`vgic.designs.mixed`)."""
        return self

    # -- where vCPUs are

    @step
    def running(self, pe: int) -> Vcpu | None:
        """The vCPU that is loaded on a PE."""
        return next((vcpu for vcpu in self.vcpus if vcpu.pe == pe), None)

    def here(self, vcpu: Vcpu) -> int:
        """The PE that a vCPU is loaded on, and that executes what is done for it. RuntimeError where it is not."""
        pe = vcpu.pe
        if pe is None:
            raise RuntimeError(f"{vcpu!r} is not loaded: nothing can be done on its PE")
        return pe

    # -- the life of a vCPU

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        """The vCPU's thread is scheduled on a PE. Overriders call this first; it sets `vcpu.pe`."""
        vcpu.pe = pe

    def vcpu_put(self, vcpu: Vcpu) -> None:
        """The vCPU's thread leaves its PE. Overriders call this last; it clears `vcpu.pe`."""
        vcpu.pe = None

    @abstractmethod
    def flush(self, vcpu: Vcpu) -> None:
        """The vCPU is about to enter its guest: make what is pending visible at the PE's virtual CPU interface, enable
        it, and arm an exit for whatever can't be shown. The vCPU is loaded; physical interrupts are masked."""

    @abstractmethod
    def sync(self, vcpu: Vcpu) -> None:
        """The vCPU has left its guest: read back what the guest did. The vCPU is loaded; physical interrupts are
        masked."""

    def last_check(self, vcpu: Vcpu) -> bool:
        """Whether the vCPU may enter its guest, of an entry that was divided: the last look, behind which whoever kicks
        it sends an IPI. A kick that came since `flush` may be for an interrupt that no list register shows."""
        return self.kicks_outside or not vcpu.kicked

    def abandon_entry(self, vcpu: Vcpu) -> None:
        """The vCPU has given up its entry after `flush`: undo that. As a rule, as after an exit."""
        self.sync(vcpu)

    def virq(self, vcpu: Vcpu) -> bool:
        """Whether an interrupt is signalled to the guest that it takes for an IRQ; not to a vCPU that is not loaded.

        It is the virtual IRQ of the PE's virtual CPU interface, and on a GICv3 for a GICv2 guest the virtual FIQ, too.
        A design that drives the PE's line itself (HCR_EL2.VI) tells that."""
        pe = vcpu.pe
        if pe is None:
            return False
        return self.gic.virq(pe) or (vcpu.vm.gic == 2 and isinstance(self.gic, GicV3) and self.gic.vfiq(pe))

    @abstractmethod
    def pending(self, vcpu: Vcpu) -> bool:
        """Whether the vCPU has an interrupt to take: it must not block in WFI then, and is woken for it.

        Asked of a vCPU that is not in the guest. Changes nothing."""

    def vcpu_blocking(self, vcpu: Vcpu) -> None:
        """The guest executed WFI and the vCPU will be put: prepare to be woken (arm a timer, a doorbell)."""

    def vcpu_unblocking(self, vcpu: Vcpu) -> None:
        """The wait has ended, and the vCPU is loaded again."""

    def psci_cpu_off(self, vcpu: Vcpu) -> None:
        """The guest called CPU_OFF: it has been left, and will be put. What comes for the vCPU now waits for it, unless
        a hypervisor says otherwise."""
        vcpu.off = True

    def psci_cpu_on(self, vcpu: Vcpu) -> bool:
        """The guest of another vCPU called CPU_ON for this one. Returns whether it was off (SUCCESS), so that its guest
        starts anew, or is on (ALREADY_ON). Its PE is reset; its GIC's registers stay, unless a hypervisor says
        otherwise."""
        was, vcpu.off = vcpu.off, False
        if was:
            self.vcpu_reset(vcpu)
        return was

    def vcpu_reset(self, vcpu: Vcpu) -> None:  # nothing, for a hypervisor that resets only the PE
        """What the hypervisor resets of its own besides, where a vCPU is switched on."""

    def kick(self, vcpu: Vcpu) -> None:
        """Makes the vCPU look at its interrupts again: it exits, or wakes, or notices before it enters."""
        self.wake(vcpu)
        if not vcpu.kicked:
            self.event("kick", vcpu)
            vcpu.kicked = True

    def wake(self, vcpu: Vcpu) -> None:
        """Ends the vCPU's wait, if it waits."""
        if vcpu.blocked:
            self.event("wake", vcpu)
            vcpu.blocked = False

    def halt_guest(self, vm: Vm, but: Vcpu | None = None) -> None:
        """Takes every vCPU of a VM but one out of its guest, as a kick and a wait would, and syncs it. They may enter
        again at once after the call that needed this."""
        for other in vm.vcpus:
            if other is not but:
                self.halt_vcpu(other)

    def halt_vcpu(self, vcpu: Vcpu) -> None:
        """Takes one vCPU out of its guest, if it is there. One that is about to enter is asked not to, and not waited
        for."""
        if vcpu.in_guest:
            self.event("halt", vcpu)
            vcpu.in_guest = False
            self.sync(vcpu)
        elif vcpu.entering:
            vcpu.kicked = True

    # -- interrupts in

    @abstractmethod
    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """A device drives the line of a virtual interrupt.

        Args:
            vm, vcpu: whose; the vCPU says which for private interrupts, and is ignored for SPIs and LPIs.
            vintid: 16 or more. level: the line; an edge-triggered interrupt takes only True, and latches it.
            owner: who injects, compared with who registered as the interrupt's owner.

        Returns whether the injection was accepted. It is not where nothing changes (a level that is as it was), where
        an edge falls, or where another owns the interrupt: the caller must not count on an effect then.
        Raises Unsupported where the guest has no such interrupt.
        """

    def map_phys_irq(
        self, vcpu: Vcpu, desc: IrqDesc, vintid: int, get_input_level: InputLevel | None = None,
    ) -> None:
        """From now on the virtual interrupt's deactivation by the guest also deactivates the physical one (HW bit).

        The physical interrupt must be forwarded and active whenever the guest can deactivate the virtual one.
        `get_input_level` tells the line where the physical pending state doesn't (a device shared by vCPUs).
        The vCPU is ignored for SPIs.
        """
        raise Unsupported(f"{self.name}: map_phys_irq: this design has no mapped interrupts")

    def unmap_phys_irq(self, vcpu: Vcpu, vintid: int) -> None:
        """Ends `map_phys_irq`. No physical state is touched."""
        raise Unsupported(f"{self.name}: unmap_phys_irq: this design has no mapped interrupts")

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """A host interrupt belongs to the guest from now on: the design requests it, and injects what arrives in its
        own manner (mapped, masked until the guest's EOI ...). Called while nothing runs."""
        raise Unsupported(f"{self.name}: assign_irq: this design can't assign interrupts")

    def assign_timer(self, vm: Vm, timer: str = "CNTV", vintid: int = TIMER_PPIS["CNTV"]) -> None:
        """The VM's vCPUs use a generic timer ("CNTV" or "CNTP") of the PE, with this PPI in the guest: its registers
        are switched with the vCPUs, its interrupt is the guest's. Called once for each, while nothing runs."""
        raise Unsupported(f"{self.name}: assign_timer: this design has no timers")

    def set_owner(self, vcpu: Vcpu, vintid: int, owner: object) -> None:
        """Only this owner may inject the interrupt from now on."""
        raise Unsupported(f"{self.name}: set_owner: this design knows no owners")

    def on_ack(self, vm: Vm, vintid: int, notifier: AckNotifier) -> None:
        """Calls the notifier whenever the guest completes this SPI (irqfd's resampling). Called while nothing runs."""
        raise Unsupported(f"{self.name}: on_ack: this design tells no completions")

    # -- the guest's trapped accesses; the vCPU is loaded and not in the guest

    def translate(self, vcpu: Vcpu, address: int) -> int | None:
        """Stage 2: the physical address that a guest's access reaches without an exit, on the vCPU's PE; None where it
        traps, and comes as mmio_read or mmio_write."""
        return None

    def mmio_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """A load from a frame of the guest's GIC (see `vcpu.vm.map`). Unknown addresses read as zero."""
        raise Unsupported(f"{self.name}: mmio_read: this design emulates no distributor")

    def mmio_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """A store to a frame of the guest's GIC. Unknown addresses are ignored."""
        raise Unsupported(f"{self.name}: mmio_write: this design emulates no distributor")

    def sysreg_read(self, vcpu: Vcpu, register: str) -> int:
        """A trapped MRS: ICC_* or CNTP_*."""
        raise Unsupported(f"{self.name}: sysreg_read: {register} is not emulated")

    def sysreg_write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """A trapped MSR: ICC_SGI1R_EL1, ICC_DIR_EL1, CNTP_CTL_EL0 ..."""
        raise Unsupported(f"{self.name}: sysreg_write: {register} is not emulated")

    # -- userspace: state saved and restored; virtual state only

    def uaccess_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """What a VMM reads of the guest's GIC for a save, by the guest's addresses, as that vCPU sees them."""
        raise Unsupported(f"{self.name}: uaccess_read: this design's guests can't be saved")

    def uaccess_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """What a VMM writes for a restore."""
        raise Unsupported(f"{self.name}: uaccess_write: this design's guests can't be restored")

    def uaccess_sysreg_read(self, vcpu: Vcpu, register: str) -> int:
        """A register of the guest's CPU interface for a save: ICC_PMR_EL1, ICC_AP1R0_EL1 ..."""
        raise Unsupported(f"{self.name}: uaccess_sysreg_read: this design's guests can't be saved")

    def uaccess_sysreg_write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """A restore's write of a register of the guest's CPU interface."""
        raise Unsupported(f"{self.name}: uaccess_sysreg_write: this design's guests can't be restored")

    # -- for whoever runs it

    def work(self) -> Sequence[Work]:
        """The timers that it may arm, and the work that it may put off, each piece run by whoever runs the machine."""
        return ()

    def event(self, name: str, vcpu: Vcpu | None = None, intid: int = -1) -> None:
        """Tells the observer an event."""
        if self.observer is not None:
            self.observer(name, vcpu, intid)

    def parts(self) -> tuple[object, ...]:
        """Every object of the design that changes, the vCPUs included, and the kernel's not."""
        return self.vcpus
