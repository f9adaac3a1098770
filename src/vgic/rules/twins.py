"""Rules of physical twins: the interrupts behind mapped ones, and what else of the host's a guest may not leave behind
(6, 8, 9, 10, 21, 33, 41)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vgic.arch.gicc import INTID
from vgic.arch.intid import LPI_START, special
from vgic.arch.state import ACTIVE, INVALID, STATE_NAMES
from vgic.rules.delivery import full, waits, would_take
from vgic.rules.judge import MomentCheck, RecordingCheck
from vgic.rules.kernel import ALLOWED, BROKEN, UNKNOWN, KernelCheck, KernelLine, KernelVcpu
from vgic.rules.world import OfVcpus, VcpuView, VmView, World, forwarded, lrs_of, valid
from vgic.silicon.ends import is_physical
from vgic.silicon.interrupt import Interrupt
from vgic.silicon.report import Notice
from vgic.silicon.virtual_interface import ListRegister

# -- 6: the twin is active whenever the guest can deactivate it

@OfVcpus
def twin_is_inactive(w: World, run: VcpuView) -> str | None:
    """Rule 6."""
    for lr in valid(lrs_of(w, run)):
        irq = w.gic.distributor.find(lr.pintid, run.vcpu.pe or 0) if lr.hw else None
        if irq is not None and not irq.active:
            return f"{run.name} can deactivate {lr.vintid} with its twin {lr.pintid}, which is not active"
    return None


class TwinIsActive(RecordingCheck):
    """Rule 6, at each access of a guest, for every valid list register with the HW bit."""

    rule_id = 6

    def guest_acts(self, pe: int) -> None:
        """The physical interrupts of the HW list registers must be active while the guest runs."""
        for lr in self.chip.virtual[pe].lrs:
            if lr.hw and lr.state != INVALID:
                self.judged += 1
                irq = self.chip.distributor.find(lr.pintid, pe)
                if irq is not None and not irq.active:
                    self.broken(f"{lr} of pe{pe} while pINTID {lr.pintid} is {STATE_NAMES[irq.state()]}")


# -- 8: no twin stays active without an owner

class Stuck(NamedTuple):
    """A physical interrupt that is active, and its guest has it neither pending nor active."""

    run: VcpuView
    vm: VmView
    vintid: int
    pintid: int

    def __str__(self) -> str:
        return f"pINTID {self.pintid} stays active; {self.run.name} has {self.vintid} neither pending nor active"


def ownerless(w: World) -> Iterator[Stuck]:
    """Every physical interrupt that is active without its guest now; not one that its guest would not take, and that
    may be pending with the hypervisor: all list registers are full, or the vCPU sleeps, or is off."""
    for vm in w.vms:
        for run in vm.vcpus:
            for vintid, ghost in run.irqs.items():
                pintid = w.twins.get((vm.name, vintid))
                if pintid is None or ghost.target != run.vcpu.index or not ghost.enabled or ghost.active is not None:
                    continue
                pe = run.vcpu.pe
                if pintid < 32 and (pe is None or run.guest.state.masked):
                    continue
                irq = w.gic.distributor.find(pintid, pe or 0)
                if irq is None or not irq.active or _shown(w, run, vintid):
                    continue
                if would_take(run, ghost) or not (full(w, run) or run.vcpu.blocked or run.vcpu.off):
                    yield Stuck(run, vm, vintid, pintid)


def stuck_active(w: World) -> str | None:
    """Rule 8. One that its guest masks, or that waits for a scheduler, may be pending with the hypervisor."""
    if w.quiescent():
        for stuck in ownerless(w):
            ghost = stuck.run.irqs[stuck.vintid]
            if not waits(stuck.vm, stuck.run, ghost) and would_take(stuck.run, ghost):
                return str(stuck)
    return None


def _shown(w: World, run: VcpuView, vintid: int) -> bool:
    return any(lr.vintid == vintid for lr in valid(lrs_of(w, run)))


class NoneStaysActive(RecordingCheck):
    """Rule 8: no activation of a forwarded interrupt is left without an owner, while its PE goes on running guests.

    Forwarded is an interrupt that some list register has named as its pINTID. Its owner is a list register, or a
    hypervisor's memory, which nobody sees: a virtual interrupt may wait there for its turn, or for its vCPU, and one
    that is asserted may be masked by its guest for as long as that likes. So an interrupt counts as stuck only when no
    list register was given it for `GRACE` places, and guests were entered `ENTRIES` times meanwhile while its line was
    low (a private one's: on its PE).
    """

    rule_id = 8
    GRACE = 5000
    ENTRIES = 256

    def prepare(self) -> None:
        self.forwarded: dict[tuple[int, int], _Forwarded] = {}

    def list_register_written(self, pe: int, lr: ListRegister) -> None:
        """A list register names it: from now on it is forwarded."""
        if lr.hw and lr.state != INVALID:
            owner = pe if lr.pintid < 32 else -1
            found = self.forwarded.get((owner, lr.pintid))
            irq = self.chip.distributor.find(lr.pintid, pe)
            if found is not None:
                found.free(self.place)
            elif irq is not None:
                self.forwarded[owner, lr.pintid] = _Forwarded(irq)

    def host_acknowledged(self, pe: int, intid: int, irq: Interrupt | None) -> None:
        """It becomes active."""
        found = self.forwarded.get((pe if intid < 32 else -1, intid))
        if found is not None:
            self.judged += 1
            found.free(self.place)

    def entered(self, pe: int) -> None:
        """A guest is entered: what is active, not asserted, and in no list register?"""
        for (owner, intid), found in self.forwarded.items():
            if not found.irq.active or found.irq.line or owner not in (pe, -1):
                continue
            interfaces = self.chip.virtual[pe:pe + 1] if owner == pe else self.chip.virtual
            if any(lr.hw and lr.pintid == intid and lr.state for v in interfaces for lr in v.lrs):
                continue
            found.entries += 1
            if found.entries >= self.ENTRIES and self.place - found.since > self.GRACE and not found.told:
                found.told = True
                self.broken(f"pINTID {intid}, taken on pe{pe}: active since line {found.since:,} or before, and in no "
                            f"list register through {found.entries} entries of guests", found.since)


class _Forwarded:
    """A forwarded interrupt: when it was last taken or seen in a list register, and the entries of guests since."""

    __slots__ = ("entries", "irq", "since", "told")

    def __init__(self, irq: Interrupt) -> None:
        self.irq = irq
        self.free(0)

    def free(self, place: int) -> None:
        """It has an owner, or just got active."""
        self.since, self.entries, self.told = place, 0, False


# -- 9: the host does not take again what its guest has

class TakenAgain(MomentCheck):
    """Rule 9, wherever the host takes a physical interrupt: what it took before is still with its guest. That is so
    until the guest ends it or writes its pending or active state, its line drops, or the host disables it."""

    rule_id = 9

    def host_took(self, pe: int, pintid: int) -> None:
        if any(ghost.taken for ghost in forwarded(self.w, pintid, pe)):
            self.broken(f"the host on pe{pe} took {pintid} again: its guest has not ended it, and its line stayed high")


class NoRetake(KernelCheck):
    """Rule 9, wherever the host takes a guest timer's interrupt.

    The host's handler raises the virtual line and leaves the physical interrupt active; only the guest's deactivation,
    a lowered line at a load or a trapped write makes it signal again. So if the line was told high, no guest has run
    since, and nothing was written, the interrupt must be pending still: taking it again is a breach. Once the guest has
    run, it may have ended the interrupt: the events allow it.
    """

    rule_id = 9
    needs = frozenset({"irq_handler_entry", "irq_handler_exit", "kvm_entry", "kvm_timer_update_irq"})

    def timer_taken(self, vcpu: KernelVcpu | None, intid: int | None, before: KernelLine | None) -> None:
        """A handler ran."""
        if vcpu is None or before is None:
            self.judge(self.event, UNKNOWN, "whose interrupt it is isn't told")
        elif before.level is None:
            self.judge(self.event, UNKNOWN, "its line was not told before")
        elif before.level and before.entries == vcpu.entries and before.touches == self.teller.touches:
            self.judge(self.event, BROKEN, f"{self.teller.label(vcpu)}: {self.event.word!r} taken again, with vINTID "
                       f"{intid}'s line high since the last time and no guest run between")
        else:
            self.judge(self.event, ALLOWED)


# -- 10: a deactivation reaches the interrupt named, and its own twin

@OfVcpus
def wrong_twin(w: World, run: VcpuView) -> str | None:
    """Rule 10."""
    for lr in valid(lrs_of(w, run)):
        twin = w.twins.get((run.vm.name, lr.vintid))
        if lr.hw and lr.pintid != twin:
            return f"{run.name}: the list register of {lr.vintid} names pINTID {lr.pintid}, not {twin}"
    return None


class OnlyTheNamed(RecordingCheck):
    """Rule 10, at each EOIR and DIR of a guest: what becomes inactive is the interrupt named, and its twin."""

    rule_id = 10

    def prepare(self) -> None:
        self.before: list[Interrupt] = []
        self.lrs: list[tuple[int, int, bool, int]] = []
        self.twins: dict[tuple[int, int], int] = {}

    def list_register_written(self, pe: int, lr: ListRegister) -> None:
        """A vINTID that is active and forwarded keeps its twin."""
        if lr.hw and lr.state != INVALID:
            self.twins[pe, lr.vintid] = lr.pintid

    def guest_ends(self, pe: int, register: str, vintid: int) -> None:
        """Remembers what is active."""
        self.before = [irq for irq in (*self.chip.distributor.banked[pe], *self.chip.distributor.spis) if irq.active]
        self.lrs = [(lr.state, lr.vintid, lr.hw, lr.pintid) for lr in self.chip.virtual[pe].lrs]

    def guest_ended(self, pe: int, register: str, vintid: int, lr: ListRegister | None) -> None:
        """Compares."""
        if special(vintid):
            return
        self.judged += 1
        named = vintid & INTID if vintid < LPI_START else vintid
        ended = [irq.intid for irq in self.before if not irq.active]
        twin = None
        for (state, v, hw, pintid), now in zip(self.lrs, self.chip.virtual[pe].lrs, strict=True):
            if state & ACTIVE and not now.state & ACTIVE:
                if v != named:
                    self.broken(f"{register} of {vintid} on pe{pe} deactivated vINTID {v}")
                twin = pintid if hw else None
                if hw and self.twins.get((pe, v), pintid) != pintid:
                    self.broken(f"{register} of {vintid} on pe{pe}: its twin is {self.twins[pe, v]}, not {pintid}")
        if [i for i in ended if i != twin]:
            self.broken(f"{register} of {vintid} on pe{pe} deactivated pINTIDs {ended}, its twin is {twin}")


# -- 41: the host ends what it has acknowledged

class EndsWhatItTook(MomentCheck):
    """Rule 41, at each EOIR and DIR of the host at the physical CPU interface: the chip knows what it acknowledged."""

    rule_id = 41

    def host_ended_nothing(self, notice: Notice) -> None:
        self.broken(f"the host's {notice.register}, {notice.detail}")


class HostEndsWhatItTook(RecordingCheck):
    """Rule 41, at each EOIR and DIR of the host, whatever is not special: the chip tells what matches nothing."""

    rule_id = 41

    def prepare(self) -> None:
        self.before = 0

    def host_ends(self, pe: int, register: str, pintid: int) -> None:
        """Remembers how many notices there were."""
        self.before = self.chip.notices.total

    def host_ended(self, pe: int, register: str, pintid: int) -> None:
        """Whether one more is of it."""
        notice = self.chip.notices.last
        self.judged += not special(pintid)
        if self.chip.notices.total > self.before and notice is not None and is_physical(notice):
            self.broken(f"the host's {notice.register} on pe{pe}, {notice.detail}")


# -- 21, 33: userspace changes nothing physical, and no VM leaves anything on what is the host's

class SavedIsRestored(MomentCheck):
    """Rule 21, wherever userspace saves a VM's GIC and restores it."""

    rule_id = 21

    def saved_and_restored(self, vm: str, physical: bool, same: bool) -> None:
        if physical:
            self.broken(f"userspace saves and restores {vm}, and physical state changes")
        if not same:
            self.broken(f"userspace saves and restores {vm}, and then reads another state")


def host_is_left_with_it(w: World) -> str | None:
    """Rule 33."""
    for intid in w.host_lines:
        irq = w.gic.distributor.find(intid, 0)
        if irq is None or w.host_disabled(intid):
            continue
        if not irq.enabled:
            return f"the host's interrupt {intid} is masked, and the host did not mask it"
        if w.quiescent() and (irq.active or w.host_line_high(intid)):
            state = "active" if irq.active else "asserted"
            return f"the host's interrupt {intid} is {state}, and nothing happens any more"
    return None
