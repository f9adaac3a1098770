"""Rules of list registers: what may be in them, and which exits they arm (5, 7, 17, 18)."""

from __future__ import annotations

from vgic.arch.ich import EN, LRENPIE, MISR_NAMES, TC, TDIR
from vgic.arch.intid import LPI_START
from vgic.arch.state import ACTIVE, INVALID, PENDING_ACTIVE
from vgic.rules.delivery import full, undelivered
from vgic.rules.ghost import TWICE
from vgic.rules.judge import MomentCheck, RecordingCheck
from vgic.rules.world import OfVcpus, VcpuView, World, lrs_of, named, valid
from vgic.silicon import GicV2
from vgic.silicon.virtual_interface import ListRegister

# -- 5: no vINTID and no pINTID in two list registers

@OfVcpus
def two_list_registers(w: World, run: VcpuView) -> str | None:
    """Rule 5, of one vCPU."""
    seen: set[int] = set()
    twins: set[int] = set()
    for lr in valid(lrs_of(w, run)):
        vintid = named(run, lr)
        if vintid in seen:
            return f"{run.name}: vINTID {vintid} is in two list registers"
        if lr.hw and lr.pintid in twins:
            return f"{run.name}: pINTID {lr.pintid} is in two list registers"
        seen.add(vintid)
        if lr.hw:
            twins.add(lr.pintid)
    return None


def two_vcpus(w: World) -> str | None:
    """Rule 5, of shared interrupts."""
    shared: dict[tuple[str, int], str] = {}
    for vm in w.vms:
        for run in vm.vcpus if len(vm.vcpus) > 1 else ():
            for lr in valid(lrs_of(w, run)):
                vintid = named(run, lr)
                if vintid >= 32 and shared.setdefault((vm.name, vintid), run.name) != run.name:
                    return f"{vintid} is in list registers of {shared[vm.name, vintid]} and {run.name}"
    return None


class OneListRegisterEach(RecordingCheck):
    """Rule 5, at each access of a guest: its own list registers; and an SPI's pINTID in none of an interface that
    another guest is using. One that its hypervisor has looked at since is between guests, and may hold leftovers."""

    rule_id = 5

    def prepare(self) -> None:
        self.running: set[int] = set()

    def hypervisor_acts(self, pe: int) -> None:
        """The guest is out."""
        self.running.discard(pe)

    def guest_acts(self, pe: int) -> None:
        """Two valid list registers of the interface that the guest is using."""
        self.running.add(pe)
        self.judged += 1
        held = [lr for lr in self.chip.virtual[pe].lrs if lr.state != INVALID]
        if len(held) < 2 and not (held and held[0].hw):
            return
        seen: dict[tuple[str, int], ListRegister] = {}
        for lr in held:
            keys = [("vINTID", lr.vintid)]
            if lr.hw:
                keys.append(("pINTID", lr.pintid))
            for key in keys:
                if key in seen:
                    self.broken(f"{key[0]} {key[1]} in {seen[key]} and {lr} of pe{pe}")
                seen[key] = lr
        for other in self.running:
            interface = self.chip.virtual[other]
            if other != pe and interface.state.hcr & EN:
                for lr in interface.lrs:
                    mine = seen.get(("pINTID", lr.pintid)) if lr.hw and lr.pintid >= 32 else None
                    if mine is not None and lr.state != INVALID:
                        self.broken(f"pINTID {lr.pintid} in {mine} of pe{pe} and {lr} of pe{other}")


# -- 7: a list register with the HW bit is never Pending and Active

def hw_pending_and_active(w: World) -> str | None:
    """Rule 7."""
    for pe, interface in enumerate(w.gic.virtual):
        for lr in interface.lrs:
            if lr.hw and lr.state == PENDING_ACTIVE:
                return f"LR{lr.index}@pe{pe} is pending and active with the HW bit: {lr.vintid}"
    return None


class NoHwPendingActive(RecordingCheck):
    """Rule 7, at each write of a list register with the HW bit."""

    rule_id = 7

    def list_register_written(self, pe: int, lr: ListRegister) -> None:
        """Pending and Active with HW is UNPREDICTABLE."""
        if lr.hw:
            self.judged += 1
            if lr.state == PENDING_ACTIVE:
                self.broken(f"{lr} of pe{pe}")


# -- 17: each entry allows a step

@OfVcpus
def no_step_allowed(w: World, run: VcpuView) -> str | None:
    """Rule 17."""
    if run.ghost.barren >= TWICE:
        return f"{run.name} was left twice for a maintenance condition that held at its entry; it made no step"
    return None


class WorkEndsSometime(MomentCheck):
    """Rule 17, of the kernel's deferred work: what is due again as soon as it has run lets no guest make a step."""

    rule_id = 17

    def work_done(self, work: str, due_again: bool) -> None:
        if due_again:
            self.broken(f"{work} and is due again at once: no guest gets to make a step")


def never_at_rest(steps: int) -> str:
    """Rule 17, of a machine that goes on for ever without a guest's step: what is broken, in words."""
    return f"the machine is not at rest after {steps} more steps in which nothing new came"


class EntryAllowsAStep(RecordingCheck):
    """Rule 17, at each guest entry: a maintenance condition that is asserted must not be there again, unchanged, at the
    next entry, with no access of the guest between."""

    rule_id = 17

    def prepare(self) -> None:
        self.last: dict[int, tuple[object, ...]] = {}

    def entered(self, pe: int) -> None:
        """The interface is enabled."""
        interface = self.chip.virtual[pe]
        self.judged += 1
        misr = interface.misr()
        if not misr:
            self.last.pop(pe, None)
            return
        now = (misr, interface.state.hcr, interface.state.eoicount,
               *((lr.state, lr.vintid, lr.hw, lr.eoi) for lr in interface.lrs))
        if self.last.get(pe) == now:
            causes = ", ".join(name for i, name in enumerate(MISR_NAMES) if misr >> i & 1)
            self.broken(f"pe{pe} enters with {causes} asserted, as at the entry before; the guest made no step")
        self.last[pe] = now

    def guest_acts(self, pe: int) -> None:
        """The guest made a step."""
        self.last.pop(pe, None)


# -- 18: an exit is armed for what lies outside list registers

@OfVcpus
def completion_not_seen(w: World, run: VcpuView) -> str | None:
    """Rule 18, completions. Nothing where the guest runs without the virtual CPU interface."""
    lrs = lrs_of(w, run)
    if not lrs:
        return None
    for lr in valid(lrs):
        if lr.vintid not in run.vm.completions or lr.hw:
            continue
        if not lr.eoi:
            return f"{run.name}: LR{lr.index} holds the level interrupt {lr.vintid} without the EOI bit"
        if lr.state == PENDING_ACTIVE:
            return f"{run.name}: {lr.vintid} is pending and active in LR{lr.index}: its end will not be seen"
    hcr = w.gic.virtual[run.vcpu.pe or 0].state.hcr
    if not hcr & EN:
        return None
    armed = hcr & (LRENPIE | TC | TDIR) if run.guest.state.split else hcr & LRENPIE
    if armed or (isinstance(w.gic, GicV2) and run.guest.state.split):
        return None
    for vintid, ghost in run.irqs.items():
        if vintid >= LPI_START or ghost.active != run.vcpu.index:
            continue
        if not any(named(run, lr) == vintid and lr.state & ACTIVE for lr in lrs):
            return f"{run.name}: {vintid} is active in no list register, and no exit is armed for its end"
    return None


def no_exit_armed(w: World) -> str | None:
    """Rule 18, pending interrupts."""
    for u in undelivered(w):
        if full(w, u.run):
            return f"{u}; it has no list register, and no exit is armed for it"
    return None


class ExitIsArmed(RecordingCheck):
    """Rule 18, as far as list registers show it: an EOI that finds no list register must be told to the hypervisor, by
    LRENPIE, or because another maintenance condition is there already."""

    rule_id = 18

    def prepare(self) -> None:
        self.count: dict[int, int] = {}

    def guest_ends(self, pe: int, register: str, vintid: int) -> None:
        """Remembers EOIcount."""
        self.count[pe] = self.chip.virtual[pe].state.eoicount

    def guest_ended(self, pe: int, register: str, vintid: int, lr: ListRegister | None) -> None:
        """EOIcount rose: the completion of an interrupt outside the list registers."""
        virtual = self.chip.virtual[pe]
        if virtual.state.eoicount != self.count.get(pe, 0):
            self.judged += 1
            if not virtual.state.hcr & LRENPIE and not virtual.maintenance():
                self.broken(f"{register} of {vintid} on pe{pe} found no list register; LRENPIE is not set, and no "
                            "maintenance interrupt is due")
