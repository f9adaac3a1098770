"""Replaying a recording into the chip: writes, acknowledges and lines drive it, every read is predicted.

The recording tells what software did and what came from outside; the chip says what each read must return. Where the
two agree the read is predicted. Where they differ that is a `Difference`, and the chip is brought to what the recording
says (a register is given the value read, an acknowledge takes the interrupt that was really taken), so that one wrong
line does not make all that follow differ.

Beside reads these are compared: a line change must change the line; an SGI that the recording sees pending must have
been sent; the maintenance interrupt's line must be what the virtual interface says.

What the chip does not model is counted and never compared: the ITS's frames, acknowledges of LPIs. An acknowledged
LPI's priority becomes active all the same: at what the recording tells by its property byte or by a later read of the
active priorities (`vgic.trace.lpis`).

While it drives the chip the replay tells moments (`vgic.rules.moments`), of PEs by their number, to whoever listens:
the checks of the rules, the lives of the interrupts, the lanes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from vgic.arch import gicc, icc
from vgic.arch.ich import EN
from vgic.arch.intid import LPI_START, MAINTENANCE, PRIVATE, special
from vgic.arch.state import ACTIVE, INVALID
from vgic.rules import Judge, Moments, Teller
from vgic.silicon import Gic, GicV2, GicV3, Trap, Undefined
from vgic.silicon.candidate import Candidate, Unmodelled
from vgic.silicon.interrupt import G0, G1NS
from vgic.silicon.virtual_interface import ListRegister
from vgic.trace.comparison import Comparison
from vgic.trace.entries import Entries
from vgic.trace.events import (
    Access,
    BadLine,
    Event,
    ExceptionLevel,
    FrameAccess,
    LineChange,
    PropertyByte,
    Sgi,
    SgiPending,
    SysReg,
)
from vgic.trace.knowledge import Knowledge, WaryTeller
from vgic.trace.learn import Learner
from vgic.trace.lpis import Lpis
from vgic.trace.places import GUEST, HYPERVISOR, Places, Reached, banked
from vgic.trace.sgis import Sgis

_INTIDS = {2: gicc.INTID, 3: icc.INTID}
ADOPTED = frozenset({"lr", "hcr", "vmcr", "vapr", "apr", "control"})
"""The roles of registers that only software writes: where one differs it is given the value read, so that the
difference stays one."""

KINDS = frozenset({
    Access, FrameAccess, SysReg, LineChange, Sgi, SgiPending, PropertyByte, ExceptionLevel, BadLine})
"""The kinds of event that matter to a replay; others may be left out."""


class Replay(Comparison):
    """One recording's way through one chip.

    Args:
        chip: a new one. judge: whose checks hear the moments, None for none. listeners: who hears them, too. A place is
            a line of the recording.
        most: how many differences, and bad lines, are kept; all are counted. known: what is known of the chip's state:
            by default all, as after a reset.
    """

    def __init__(
        self, chip: Gic, judge: Judge | None = None, listeners: Iterable[Moments[int]] = (), most: int = 100,
        known: Knowledge | None = None,
    ) -> None:
        super().__init__(chip, Knowledge() if known is None else known, most)
        self.learner = Learner(chip, self.known)
        self.judge: Judge | None
        self.tell: Teller[int]
        self.listen(judge, listeners)
        self.not_modelled: Counter[str] = Counter()
        self.writes = 0
        self.bad: list[BadLine] = []
        self.bad_lines = 0
        self.events = 0
        self.lpis, self.sgis = Lpis(), Sgis()
        self.untold: set[str] = set()
        self.register = ""
        self.entries = Entries(self.pes)
        self.intid_mask = _INTIDS[chip.version]
        self.places = Places(chip)
        self.unmodelled = chip.unmodelled()
        self._feeders: dict[type, Callable[[Any], None]] = {
            Access: self._access, FrameAccess: self._frame_access, SysReg: self._sysreg, LineChange: self._line,
            Sgi: self._sgi, SgiPending: self._sgi_pending, PropertyByte: self.lpis.told,
            ExceptionLevel: self._exception, BadLine: self._bad,
        }
        assert self._feeders.keys() == KINDS

    def listen(self, judge: Judge | None, listeners: Iterable[Moments[int]] = ()) -> None:
        """From now on these hear the moments, and nobody else."""
        self.judge = judge
        hearing = (*(judge.checks if judge is not None else ()), *listeners)
        self.tell = WaryTeller(hearing, self.known) if self.known.partial else Teller(hearing)

    def feed(self, event: Event) -> None:
        """The next event."""
        self.events += 1
        self.line = self.tell.place = event.line
        feeder = self._feeders.get(type(event))
        if feeder is not None:
            feeder(event)

    def finish(self) -> None:
        """Nothing more comes."""
        self.tell.finished()

    # -- accesses to frames

    def _access(self, e: Access) -> None:
        pe = e.pe
        if e.region:
            frame = self.places.region(e.region)
            if frame in ("GITS", "GITS_TRANSLATER", "V2M"):
                self.not_modelled[frame] += 1
                return
        place = self.places.at(e.address)
        if not e.region:
            frame = place.frame
        if not frame:
            return
        if pe is None:
            self.not_compared[f"{frame}: by a device"] += 1
        elif pe >= self.pes:
            self.unknown_pe(pe, e.region)
        else:
            self._frame(place, e.address, e.size, e.value, e.write, pe, False)

    def _frame_access(self, e: FrameAccess) -> None:
        if e.frame == "GITS":
            self.not_modelled["GITS"] += 1
            return
        pe = e.pe
        if pe is None:
            if self.chip.version == 2 and self.pes > 1 and banked(e):
                self.not_compared[f"{e.frame}: banked, and the recording does not tell the CPU"] += 1
                if e.write:
                    self.untold.add(e.frame)
                return
            pe = 0
        if pe >= self.pes:
            self.unknown_pe(pe, e.frame)
        elif e.value is None:
            self.not_compared[f"{e.frame}: refused by QEMU"] += 1
        elif (base := self.places.base(e.frame, pe)) is None:
            self.differ(pe, e.frame, f"a GICv{self.chip.version}, which has no such frame", "an access")
        else:
            address = base + e.offset
            self._frame(self.places.at(address), address, e.size, e.value, e.write, pe, bool(e.secure))

    def _frame(self, place: Reached, address: int, size: int, value: int, write: bool, pe: int, secure: bool) -> None:
        chip, role, frame, known = self.chip, place.role, place.frame, self.known
        self.register = place.full
        if self.sgis.sending:
            self._all_sent(pe)
        if self.untold and self._depends(place, value, pe, write):
            return
        if frame in HYPERVISOR:
            self._hypervisor(place, value, write, pe)
        elif frame == "GICV" and pe not in self.entries.inside:
            self._guest_is_in(pe)
        if write:
            self.writes += 1
            self._write(place, value, pe, chip.write, (address, size, value, pe), secure=secure)
        elif role in ("iar", "viar") and size == 4:
            if isinstance(chip, GicV2):
                self._acknowledge_v2(place, value, pe, secure)
        elif place.name in self.unmodelled:
            self.not_modelled[place.name] += 1
        else:
            known.clear()
            expected = chip.read(address, size, pe, secure=secure)
            if known.doubt or (expected != value and not known.looked):
                self.unknown[place.full] += 1
                self.learner.frame(place, address, size, value, pe, secure)
                expected = value
            else:
                self.compare(place.full, pe, expected, value)
            if frame == "GICV":
                self.tell.guest_acts(pe)
            if expected == value:
                if role == "hcr":
                    self.tell.left(pe, "")
            elif role in ADOPTED:
                chip.write(address, size, value, pe, secure=secure)

    def _depends(self, place: Reached, value: int, pe: int, write: bool) -> bool:
        """Whether an access depends on GICv2 registers whose writes the recording tells without their CPU: then it is
        not compared, and what the host acknowledges is taken from the recording."""
        if place.frame == "GICV" and "GICH" in self.untold:
            self.not_compared["GICV: depends on GICH, whose CPU the recording does not tell"] += 1
            return True
        if place.frame != "GICC" or write:
            return False
        intid = value & self.intid_mask
        if place.role == "iar":
            irq, taken = self.chip.distributor.find(intid, pe), self.chip.cpus[pe].named(value)
            if irq is None or taken is None or (intid >= PRIVATE and not irq.active):
                return False
            self.chip.cpus[pe].acknowledge(taken)
            self.tell.host_acknowledged(pe, intid, irq)
        elif place.role != "apr" and place.name not in ("GICC_RPR", "GICC_HPPIR"):
            return False
        self.not_compared[f"{place.name}: depends on registers whose CPU the recording does not tell"] += 1
        return True

    # -- system registers

    def _sysreg(self, e: SysReg) -> None:
        chip, pe, value, known = self.chip, e.pe, e.value, self.known
        place = self.places.register(e.register)
        if not place.known or not isinstance(chip, GicV3):
            self.not_modelled[place.frame] += 1
            return
        if pe >= self.pes:
            self.unknown_pe(pe, e.register)
            return
        self.register = e.register
        if self.sgis.sending:
            self._all_sent(pe)
        role = place.role
        if place.frame == "ICH":
            self._hypervisor(place, value, e.write, pe)
        elif place.frame == "ICV" and pe not in self.entries.inside:
            self._guest_is_in(pe)
        el = 3 if e.register.endswith("EL3") else 2
        try:
            if e.write:
                self.writes += 1
                self._write(place, value, pe, chip.sysreg_write, (e.register, value, pe), el=el)
            elif role in ("iar", "viar"):
                self._acknowledge_v3(place, value, pe)
            else:
                known.clear()
                expected = chip.sysreg_read(e.register, pe, el=el)
                if known.doubt or (expected != value and not known.looked):
                    self.unknown[e.register] += 1
                    self.learner.register(place, value, pe, el)
                    expected = value
                else:
                    if expected != value and role in ("apr", "vapr") and self.lpis.learn(chip, e, role, expected):
                        self.not_compared["active priorities of an LPI, whose priority is learned"] += 1
                        return
                    self.compare(e.register, pe, expected, value)
                if place.frame == "ICV":
                    self.tell.guest_acts(pe)
                if expected == value:
                    if role == "hcr":
                        self.tell.left(pe, "")
                elif role in ADOPTED:
                    chip.sysreg_write(e.register, value, pe, el=el)
        except (Trap, Undefined) as problem:
            self.differ(pe, e.register, str(problem), f"{'write of ' if e.write else ''}{value:#x}")

    def _write(
        self, place: Reached, value: int, pe: int, put: Callable[..., Any], arguments: tuple[Any, ...], **more: Any,
    ) -> None:
        """A write, with the moments around it."""
        tell, role, name, known = self.tell, place.role, place.full, self.known
        if known.partial:
            put = partial(known.do, put)
        if role == "lr" and place.n < len(self.chip.virtual[pe].lrs):
            put(*arguments, **more)
            lr = self.chip.virtual[pe].lrs[place.n]
            if lr.state != INVALID:
                self.entries.list_register_shown(pe)
            tell.list_register_written(pe, lr)
        elif role == "vend":
            vintid = value & self.intid_mask
            held = self.chip.virtual[pe].find_active(vintid)
            known.doubt = False
            tell.guest_acts(pe)
            tell.guest_ends(pe, name, vintid)
            put(*arguments, **more)
            tell.guest_ended(pe, name, vintid, held if held is not None and not held.state & ACTIVE else None)
        elif role == "end":
            intid = value & self.intid_mask
            tell.host_ends(pe, name, intid)
            known.doubt = bool(put(*arguments, **more))
            tell.host_ended(pe, name, intid)
            known.doubt = False
        else:
            put(*arguments, **more)
            if role == "hcr":
                if not value & EN:
                    tell.left(pe, "")
            elif role in ("apr", "vapr"):
                tell.active_priorities_written(pe, role == "vapr")
            elif place.frame in GUEST:
                tell.guest_acts(pe)

    # -- entries

    def _hypervisor(self, place: Reached, value: int, write: bool, pe: int) -> None:
        """The hypervisor is about to access the virtual interface, or (reads) has done so."""
        if self.entries.hypervisor(place, value, write, pe) and self._enabled(pe):
            self.tell.entered(pe)
        self.tell.hypervisor_acts(pe)

    def _guest_is_in(self, pe: int) -> None:
        """The guest's first access since its hypervisor's last."""
        self.entries.guest(pe)
        if self._enabled(pe):
            self.tell.entered(pe)

    def _exception(self, e: ExceptionLevel) -> None:
        pe = self.entries.exception(e)
        if pe is not None and self._enabled(pe):
            self.tell.entered(pe)

    def _enabled(self, pe: int) -> bool:
        """Whether the virtual interface is known to be enabled."""
        self.known.doubt = False
        return bool(self.chip.virtual[pe].state.hcr & EN) and not self.known.doubt

    # -- acknowledges

    def _acknowledge_v3(self, place: Reached, got: int, pe: int) -> None:
        chip = self.chip
        assert isinstance(chip, GicV3)
        self.known.doubt = False
        group = int(place.name[7])
        if place.role == "viar":
            self._acknowledge_virtual(place, got, got, pe, *chip.virtual[pe].would_acknowledge(group))
            return
        cpu = chip.cpus[pe]
        if got >= LPI_START:
            self.not_modelled["ICC: LPI acknowledged"] += 1
            lpi = Unmodelled(got, G1NS if group else G0, self.lpis.priority_of(chip, got, pe))
            before = cpu.groups[lpi.group].active
            self.known.do(cpu.acknowledge, lpi)
            if self.known.partial:
                self.known.forget(cpu.groups[lpi.group], "active")      # its priority is in a table that nobody knows
            self.lpis.ghosts[pe, "apr"] = cpu.groups[lpi.group].active & ~before
            self.tell.host_acknowledged(pe, got, None)
            return
        self._acknowledge_physical(place, got, pe, *cpu.would_acknowledge(group, 2, False))

    def _acknowledge_v2(self, place: Reached, got: int, pe: int, secure: bool) -> None:
        chip = self.chip
        assert isinstance(chip, GicV2)
        self.known.doubt = False
        alias = place.name.endswith("AIAR")
        if place.role == "viar":
            self._acknowledge_virtual(
                place, got, got & self.intid_mask, pe, *chip.virtual[pe].would_acknowledge(alias))
            return
        self._acknowledge_physical(
            place, got, pe, *chip.cpus[pe].would_acknowledge(alias, chip.distributor.ns(secure)))

    def _acknowledge_physical(
        self, place: Reached, got: int, pe: int, expected: int, taken: Candidate | None,
    ) -> None:
        """The host's: `expected` and `taken` as the chip has it, `got` as the recording has it, which is done."""
        doubt = self.answer(place.full, pe, expected, got)
        cpu, intid = self.chip.cpus[pe], got & self.intid_mask
        if expected != got or doubt:
            taken = cpu.named(got)
        if taken is not None:
            self.known.do(cpu.acknowledge, taken)
            if doubt:
                self.learner.taken(self.chip.distributor.find(intid, pe))
        self.known.doubt = doubt
        self.tell.host_read_iar(pe, expected & self.intid_mask, intid)
        self.known.doubt = False
        if not special(intid):
            self.tell.host_acknowledged(pe, intid, self.chip.distributor.find(intid, pe))

    def _acknowledge_virtual(
        self, place: Reached, got: int, vintid: int, pe: int, expected: int, taken: Candidate | None,
    ) -> None:
        """The guest's, likewise."""
        virtual, known = self.chip.virtual[pe], self.known
        self.tell.guest_acts(pe)
        doubt, known.doubt = known.doubt, False
        if vintid >= LPI_START and expected != got and not any(r.vintid == vintid and r.state for r in virtual.lrs):
            self.not_modelled["ICV: VLPI acknowledged"] += 1
            vlpi = Unmodelled(vintid, int(place.name[7]), self.lpis.priority["vapr"] & virtual.priority_mask)
            before = virtual.groups[vlpi.group].active
            known.do(virtual.acknowledge, vlpi)
            if doubt:
                known.forget(virtual.groups[vlpi.group], "active")
            self.lpis.ghosts[pe, "vapr"] = virtual.groups[vlpi.group].active & ~before
            return
        known.doubt = doubt
        self.answer(place.full, pe, expected, got)
        if expected != got or doubt:
            taken = virtual.named(vintid)
        if taken is not None:
            known.do(virtual.acknowledge, taken)
        elif doubt and not special(vintid):
            for group in virtual.groups:      # of which priority it was is not known
                known.forget(group, "active")
        known.doubt = doubt
        self.tell.guest_read_iar(pe, expected & self.intid_mask, vintid, taken is not None)
        known.doubt = False
        if not special(vintid):
            self.tell.guest_acknowledged(pe, vintid, taken if isinstance(taken, ListRegister) else None, 0)

    # -- lines, SGIs, and the rest

    def _line(self, e: LineChange) -> None:
        pe = e.pe
        if pe is not None and pe >= self.pes:
            self.unknown_pe(pe, f"line {e.intid}")
            return
        irq = self.chip.distributor.find(e.intid, pe or 0)
        if irq is None:
            self.differ(pe, f"line {e.intid}", "no such input on this machine", f"level {e.level}")
            return
        level = bool(e.level)
        if self.learner.moves(irq, level):
            self.unknown["line"] += 1
        else:
            self.compared["line"] += 1
            if irq.line == level:
                self.differ(pe, f"line {e.intid}", f"a change (it is {'high' if irq.line else 'low'} already)",
                             f"level {e.level} again: a line is missing or doubled")
            else:
                self.predicted["line"] += 1
        if e.intid == MAINTENANCE and pe is not None and "GICH" not in self.untold:
            self.known.doubt = False
            self.answer("maintenance", pe, int(self.chip.virtual[pe].maintenance()), e.level)
        self.known.do(self.chip.set_line, e.intid, level, pe)
        self.known.know(irq, "line")
        self.tell.line_moved(pe, e.intid, level)

    def _sgi(self, e: Sgi) -> None:
        chip, pe = self.chip, e.pe
        if not isinstance(chip, GicV3):
            self.differ(None, "SGI", "a GICv2", f"a system register of a GICv3 sends SGI {e.intid}")
            return
        if pe >= self.pes:
            self.unknown_pe(pe, "SGI")
            return
        self._all_sent(pe)
        self.writes += 1
        self.sgis.send(chip, e, self.known)

    def _sgi_pending(self, e: SgiPending) -> None:
        if e.pe >= self.pes:
            self.unknown_pe(e.pe, "SGI")
            return
        irq = self.chip.distributor.find(e.intid, e.pe)
        if self.known.partial and irq is not None:
            self.learner.sgi_pending(irq)
        first = self.known.partial and not self.sgis.told and not self.sgis.sent
        if self.sgis.arrives(e.pe, e.intid):
            self.compared["SGI"] += 1
            self.predicted["SGI"] += 1
            return
        if first:
            self.unknown["SGI"] += 1      # it may have been sent before the recording began
            return
        self.compared["SGI"] += 1
        self.differ(e.pe, f"SGI {e.intid}", "none was sent to this PE", "pending")
        if irq is not None:
            irq.set_pending(True)

    def _all_sent(self, pe: int) -> None:
        for target, intid in self.sgis.overdue(pe):
            self.differ(target, f"SGI {intid}", f"pending, as pe{pe} sent it before this line", "nothing")

    def _bad(self, e: BadLine) -> None:
        self.bad_lines += 1
        if len(self.bad) < self.most:
            self.bad.append(e)
