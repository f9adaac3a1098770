"""Checks of the rules that the chip's own events and state can judge (rules 5 to 8, 10, 14 to 18)."""

from __future__ import annotations

from collections import Counter

from vgic.arch.ich import EN, LRENPIE, MISR_NAMES
from vgic.arch.intid import LPI_START, special
from vgic.arch.state import ACTIVE, INVALID, PENDING_ACTIVE, STATE_NAMES
from vgic.rules.judge import Check
from vgic.silicon.interrupt import G0, Interrupt
from vgic.silicon.priority import IDLE, bit
from vgic.silicon.virtual_interface import ListRegister


class OneListRegisterEach(Check):
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
        valid = [lr for lr in self.chip.virtual[pe].lrs if lr.state != INVALID]
        if len(valid) < 2 and not (valid and valid[0].hw):
            return
        seen: dict[tuple[str, int, int], ListRegister] = {}
        for lr in valid:
            keys = [("vINTID", lr.vintid, lr.cpuid if lr.vintid < 16 else 0)]
            if lr.hw:
                keys.append(("pINTID", lr.pintid, 0))
            for key in keys:
                if key in seen:
                    self.broken(f"{key[0]} {key[1]} in {seen[key]} and {lr} of pe{pe}")
                seen[key] = lr
        for other in self.running:
            interface = self.chip.virtual[other]
            if other != pe and interface.state.hcr & EN:
                for lr in interface.lrs:
                    mine = seen.get(("pINTID", lr.pintid, 0)) if lr.hw and lr.pintid >= 32 else None
                    if mine is not None and lr.state != INVALID:
                        self.broken(f"pINTID {lr.pintid} in {mine} of pe{pe} and {lr} of pe{other}")


class TwinIsActive(Check):
    """Rule 6, at each access of a guest, for every valid list register with the HW bit."""

    rule_id = 6

    def guest_acts(self, pe: int) -> None:
        """The physical interrupts of the HW list registers must be active while the guest runs."""
        for lr in self.chip.virtual[pe].lrs:
            if lr.hw and lr.state != INVALID:
                self.judged += 1
                irq = self.chip.distributor.find(lr.pintid, pe)
                if irq is not None and not irq.active:
                    self.broken(f"{lr} of pe{pe} while pINTID {lr.pintid} is {_state(irq)}")


class NoHwPendingActive(Check):
    """Rule 7, at each write of a list register with the HW bit."""

    rule_id = 7

    def list_register_written(self, pe: int, lr: ListRegister) -> None:
        """Pending and Active with HW is UNPREDICTABLE."""
        if lr.hw:
            self.judged += 1
            if lr.state == PENDING_ACTIVE:
                self.broken(f"{lr} of pe{pe}")


class NoneStaysActive(Check):
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
                found.free(self.judge.place)
            elif irq is not None:
                self.forwarded[owner, lr.pintid] = _Forwarded(irq)

    def host_acknowledged(self, pe: int, intid: int, irq: Interrupt | None) -> None:
        """It becomes active."""
        found = self.forwarded.get((pe if intid < 32 else -1, intid))
        if found is not None:
            self.judged += 1
            found.free(self.judge.place)

    def entry(self, pe: int) -> None:
        """A guest is entered: what is active, not asserted, and in no list register?"""
        for (owner, intid), found in self.forwarded.items():
            if not found.irq.active or found.irq.line or owner not in (pe, -1):
                continue
            interfaces = self.chip.virtual[pe:pe + 1] if owner == pe else self.chip.virtual
            if any(lr.hw and lr.pintid == intid and lr.state for v in interfaces for lr in v.lrs):
                continue
            found.entries += 1
            if found.entries >= self.ENTRIES and self.judge.place - found.since > self.GRACE and not found.told:
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


class OnlyTheNamed(Check):
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
        named = vintid & 0x3FF if vintid < LPI_START else vintid
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


class AcknowledgesMatchDrops(Check):
    """Rule 14, at each EOIR, of hosts and guests: a priority is active; it is of the group that the register drops; and
    it is that of the interrupt named, the last one acknowledged. What a guest has acknowledged is known only of
    interrupts in list registers, as vCPUs come and go."""

    rule_id = 14
    KEPT = 256

    def prepare(self) -> None:
        self.acknowledged: dict[int, list[int]] = {}

    def _drop(self, running: int, group: int | None, who: str, pe: int, register: str, intid: int) -> bool:
        """Judges what an EOIR drops: `group` 0 or 1."""
        self.judged += 1
        if running == IDLE:
            self.broken(f"{register} of {intid} by the {who} on pe{pe}: no priority is active")
        elif register[8:9] in ("0", "1") and group != int(register[8]):
            self.broken(f"{register} of {intid} by the {who} on pe{pe}: the active priority is of group {group}")
        else:
            return True
        return False

    def guest_ends(self, pe: int, register: str, vintid: int) -> None:
        """A drop needs an active priority, that of the list register named."""
        if "EOIR" not in register or special(vintid):
            return
        virtual = self.chip.virtual[pe]
        running = virtual.running_priority()
        mine = 0 if running == IDLE else bit(running, virtual.preemption_bits)
        group = 0 if virtual.groups[0].active & mine else 1
        if self._drop(running, group, "guest", pe, register, vintid):
            lr = virtual.find_active(vintid)
            if lr is not None and lr.priority & virtual.mask(lr.group) != running:
                self.broken(f"{register} of {vintid} by the guest on pe{pe}: drops {running:#x}, and {lr} is not that")

    def host_acknowledged(self, pe: int, intid: int, irq: Interrupt | None) -> None:
        """One more to be dropped."""
        stack = self.acknowledged.setdefault(pe, [])
        stack.append(intid)
        del stack[:-self.KEPT]

    def active_priorities_written(self, pe: int, virtual: bool) -> None:
        """Software ended all of them."""
        if not virtual and self.chip.cpus[pe].running_priority() == IDLE:
            self.acknowledged.pop(pe, None)

    def host_ends(self, pe: int, register: str, intid: int) -> None:
        """A drop needs an active priority, that of the last acknowledged."""
        if "EOIR" not in register or special(intid):
            return
        cpu = self.chip.cpus[pe]
        group = cpu.active_group()
        stack = self.acknowledged.get(pe)
        last = stack.pop() if stack else None
        if self._drop(cpu.running_priority(), None if group is None else int(group != G0), "host", pe, register,
                      intid) and last is not None and last != intid:
            self.broken(f"{register} of {intid} by the host on pe{pe}: the last acknowledged is {last}")


class NoActiveLpi(Check):
    """Rule 15, at each list register written with an active LPI, and after each EOIR of one.

    Between its IAR and its EOIR an LPI in a list register is Active, and a hypervisor may save and restore it so; what
    must not be is one that is active without an acknowledge that still waits for its EOIR.
    """

    rule_id = 15

    def prepare(self) -> None:
        self.acknowledged: Counter[int] = Counter()

    def guest_acknowledged(self, pe: int, vintid: int, lr: ListRegister | None) -> None:
        """Active from now on."""
        if vintid >= LPI_START:
            self.acknowledged[vintid] += 1

    def list_register_written(self, pe: int, lr: ListRegister) -> None:
        """Software may only restore it."""
        if lr.vintid >= LPI_START and lr.state & ACTIVE:
            self.judged += 1
            if not self.acknowledged[lr.vintid]:
                self.broken(f"{lr} of pe{pe} is written active, and no guest has it acknowledged")

    def guest_ended(self, pe: int, register: str, vintid: int, lr: ListRegister | None) -> None:
        """After EOIR no list register holds it active."""
        if vintid >= LPI_START and "EOIR" in register:
            self.judged += 1
            self.acknowledged[vintid] -= 1
            if self.acknowledged[vintid] <= 0:
                del self.acknowledged[vintid]
            held = self.chip.virtual[pe].find_active(vintid)
            if held is not None:
                self.broken(f"{held} of pe{pe} is active after {register}")


class SpuriousChangesNothing(Check):
    """Rule 16, at each acknowledge where the chip has nothing to deliver: it returns a special INTID, and a guest's
    leaves the list registers as they are (one that holds a special INTID would be taken)."""

    rule_id = 16

    def guest_read_iar(self, pe: int, expected: int, got: int, changed: bool) -> None:
        """The guest's IAR."""
        if special(expected):
            self.judged += 1
            if not special(got):
                self.broken(f"the guest's IAR on pe{pe} returned {got}, and nothing was deliverable")
            elif changed:
                self.broken(f"the guest's IAR on pe{pe} returned {got} and changed a list register")

    def host_read_iar(self, pe: int, expected: int, got: int) -> None:
        """The host's IAR."""
        if special(expected):
            self.judged += 1
            if not special(got):
                self.broken(f"the host's IAR on pe{pe} returned {got}, and nothing was deliverable")


class EntryAllowsAStep(Check):
    """Rule 17, at each guest entry: a maintenance condition that is asserted must not be there again, unchanged, at the
    next entry, with no access of the guest between."""

    rule_id = 17

    def prepare(self) -> None:
        self.last: dict[int, tuple[object, ...]] = {}

    def entry(self, pe: int) -> None:
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


class ExitIsArmed(Check):
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


def _state(irq: Interrupt) -> str:
    return STATE_NAMES[irq.state()]


HARDWARE_CHECKS: tuple[type[Check], ...] = (
    OneListRegisterEach, TwinIsActive, NoHwPendingActive, NoneStaysActive, OnlyTheNamed, AcknowledgesMatchDrops,
    NoActiveLpi, SpuriousChangesNothing, EntryAllowsAStep, ExitIsArmed,
)
