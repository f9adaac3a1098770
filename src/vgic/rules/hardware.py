"""Checks of the rules that the chip's own events and state can judge (rules 5 to 8, 10, 14 to 18)."""

from __future__ import annotations

from collections import Counter

from vgic.rules.judge import Check
from vgic.silicon.interrupt import Interrupt
from vgic.silicon.priority import IDLE
from vgic.silicon.virtual_interface import (
    ACTIVE,
    EN,
    INVALID,
    LPI_START,
    LRENPIE,
    MISR_NAMES,
    PENDING_ACTIVE,
    ListRegister,
    special,
)


class OneListRegisterEach(Check):
    """Rule 5, at each access of a guest: its own list registers; and an SPI's pINTID on no other running interface."""

    rule_id = 5

    def guest_acts(self, pe: int) -> None:
        """Two valid list registers of the interface that the guest is using."""
        valid = [lr for lr in self.chip.virtual[pe].lrs if lr.state != INVALID]
        self.judged += 1
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
        for other, interface in enumerate(self.chip.virtual):
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
    """Rule 8: every activation of a forwarded interrupt ends, or is in a list register when the recording ends.

    Forwarded is an interrupt that some list register has named as its pINTID. What is active in the last events may
    still be on its way and isn't judged.
    """

    rule_id = 8
    GRACE = 5000

    def prepare(self) -> None:
        self.forwarded: set[int] = set()
        self.since: dict[int, tuple[int, int, Interrupt]] = {}
        self.owned: dict[int, int] = {}

    def list_register_written(self, pe: int, lr: ListRegister) -> None:
        """A list register takes a forwarded interrupt over."""
        if lr.hw and lr.state != INVALID:
            irq = self.chip.distributor.find(lr.pintid, pe)
            if irq is not None:
                self.forwarded.add(id(irq))
                self.owned[id(irq)] = self.judge.place

    def host_acknowledged(self, pe: int, intid: int, irq: Interrupt | None) -> None:
        """It becomes active."""
        if irq is not None and id(irq) in self.forwarded:
            self.judged += 1
            self.since[id(irq)] = (self.judge.place, pe, irq)

    def finished(self) -> None:
        """Whatever is still active now, long since, and in no list register, is stuck."""
        held = {
            id(self.chip.distributor.find(lr.pintid, pe)) for pe, interface in enumerate(self.chip.virtual)
            for lr in interface.lrs if lr.hw and lr.state != INVALID
        }
        for key, (place, pe, irq) in self.since.items():
            last = max(place, self.owned.get(key, 0))
            if irq.active and key not in held and last < self.judge.place - self.GRACE:
                self.broken(f"pINTID {irq.intid} of pe{pe}: active since then, in no list register after {last}", place)


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
    """Rule 14, at each acknowledge and each EOIR, of hosts and guests."""

    rule_id = 14

    def _drop(self, running: int, who: str, pe: int, register: str, intid: int) -> None:
        self.judged += 1
        if running == IDLE:
            self.broken(f"{register} of {intid} by the {who} on pe{pe}: no priority is active")

    def guest_ends(self, pe: int, register: str, vintid: int) -> None:
        """A drop needs an active priority."""
        if "EOIR" in register and not special(vintid & 0xFFFFFF):
            self._drop(self.chip.virtual[pe].running_priority(), "guest", pe, register, vintid)

    def host_ends(self, pe: int, register: str, intid: int) -> None:
        """A drop needs an active priority."""
        if "EOIR" in register and not special(intid & 0xFFFFFF):
            self._drop(self.chip.cpus[pe].running_priority(), "host", pe, register, intid)


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
            self.acknowledged[vintid] = max(0, self.acknowledged[vintid] - 1)
            held = self.chip.virtual[pe].find_active(vintid)
            if held is not None:
                self.broken(f"{held} of pe{pe} is active after {register}")


class SpuriousChangesNothing(Check):
    """Rule 16, at each acknowledge that returns a special INTID."""

    rule_id = 16

    def guest_found_nothing(self, pe: int, value: int, changed: bool) -> None:
        """The guest's IAR."""
        self.judged += 1
        if changed:
            self.broken(f"the guest's IAR on pe{pe} returned {value} and changed state")

    def host_found_nothing(self, pe: int, value: int, changed: bool) -> None:
        """The host's IAR."""
        self.judged += 1
        if changed:
            self.broken(f"the host's IAR on pe{pe} returned {value} and changed state")


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
    """Rule 18, as far as list registers show it: an EOI that finds no list register must be told to the hypervisor."""

    rule_id = 18

    def prepare(self) -> None:
        self.count: dict[int, int] = {}

    def guest_ends(self, pe: int, register: str, vintid: int) -> None:
        """Remembers EOIcount."""
        self.count[pe] = self.chip.virtual[pe].state.eoicount

    def guest_ended(self, pe: int, register: str, vintid: int, lr: ListRegister | None) -> None:
        """EOIcount rose: the completion of an interrupt outside the list registers; LRENPIE must tell of it."""
        state = self.chip.virtual[pe].state
        if state.eoicount != self.count.get(pe, 0):
            self.judged += 1
            if not state.hcr & LRENPIE:
                self.broken(f"{register} of {vintid} on pe{pe} found no list register, and LRENPIE is not set")


def _state(irq: Interrupt) -> str:
    return ("I", "P", "A", "PA")[irq.state()]


HARDWARE_CHECKS: tuple[type[Check], ...] = (
    OneListRegisterEach, TwinIsActive, NoHwPendingActive, NoneStaysActive, OnlyTheNamed, AcknowledgesMatchDrops,
    NoActiveLpi, SpuriousChangesNothing, EntryAllowsAStep, ExitIsArmed,
)
