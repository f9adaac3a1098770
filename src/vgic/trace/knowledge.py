"""What is known of a recorded chip's state: all of it from the boot on, of a recording from the middle what it tells.

A recording that begins with the machine's start begins at the reset state. Of one that begins later nothing is known
but what its lines tell: a write says what is there from now on, a read what was there, an acknowledge that an interrupt
is active. So each outcome has a third answer beside "predicted" and "differs": **untold**, where something that it
depends on is not known.

What an outcome depends on is not listed anywhere. The chip is a program, and its state lies in the slots of its parts
(`vgic.parts`): whatever it reads on the way to an outcome, the outcome depends on. So the parts of such a chip get
classes of the same shape whose slots are watched:

- a slot that is read while it is not known raises a doubt (`Knowledge.doubt`);
- a slot that is written without a doubt is known from then on, one that is written in doubt is not.

Whoever asks the chip clears the doubt before and looks for it behind: a read predicted in doubt is untold, a rule
judged in doubt is untold (`WaryTeller`). What is not known holds its reset value meanwhile, so that the chip goes on.

What is done to the chip in doubt (`Knowledge.do`) may go another way than it does here: an EOIR deactivates or not by
an EOImode that nobody knows. So it is done again from the same state with other values of what it asked for, one or two
of them at a time, and undone; what any of these ways writes is not known afterwards.

Slots that no write, line or SGI ever moves (an SGI is edge-triggered, an interrupt has its number) are known always:
which they are is found out once, by doing everything that PE 0 can do to a chip of the same kind; PEs are alike.

A chip of a recording from the boot keeps its own classes, and costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from vgic.arch.intid import PRIVATE, SGIS
from vgic.rules import Judge, Moments, RecordingCheck, Teller
from vgic.silicon import Gic, GicV3, Trap, Undefined
from vgic.silicon.gicv3 import REGISTERS

Name = tuple[type, str, int | None]
"""A part, alike on every PE: its class; "cpu" or "virtual" and its place in that interface, else "" and an INTID."""
Slot = tuple[Name, str]


class Knowledge:
    """What is known of one chip: all.

    Attributes:
        partial: not all. doubt: something that is not known was read since this was cleared. looked: any state was;
            of a chip of which all is known nobody asks.
    """

    partial = False

    def __init__(self) -> None:
        self.doubt = False
        self.looked = True

    def clear(self) -> None:
        """No doubt, from now on."""
        self.doubt = False

    def know(self, part: Any, *slots: str) -> None:
        """What these slots hold is so, whatever else is in doubt."""

    def forget(self, part: Any, *slots: str) -> None:
        """What these slots hold is not known."""

    def knows(self, part: Any, slot: str) -> bool:
        """Whether what the slot holds is known."""
        return True

    def do(self, action: Callable[..., Any], *arguments: Any, **more: Any) -> bool:
        """Does something to the chip; no doubt is left of it but in what it wrote. Whether it depended on what is not
        known."""
        action(*arguments, **more)
        return False

    def learn(self, read: Callable[[], int], value: int, *writes: Callable[[], None]) -> None:
        """A read that was in doubt has returned a value: these writes would make it so, and are done. Where the chip
        then returns something else all the same, nothing is learned by them."""


_Key = tuple[Any, str]
"""A part, and one of its slots."""

WAYS = 64
"""How many other ways of one action are tried at most."""
NUMBERS = (0, 1, 2, 3)
"""Values that are tried of a number: states, groups, one active priority or none."""


class _Written(NamedTuple):
    """A slot of a part was written: who misses this slot, whether the part did, and what it held."""

    part: Any
    missing: set[Any]
    missed: bool
    write: Callable[[Any, Any], None]
    held: Any

    def undo(self) -> None:
        """As it was."""
        self.write(self.part, self.held)
        (self.missing.add if self.missed else self.missing.discard)(self.part)


class Learned(Knowledge):
    """What is known of a chip that is watched from some moment on: at first only what never changes.

    Args:
        chip: it stands at its reset state, and is watched from now on. moving: the slots that may change, None to watch
            all, and know them.
    """

    partial = True

    def __init__(self, chip: Gic, moving: set[Slot] | None) -> None:
        super().__init__()
        self.notices = chip.notices
        self.missing: dict[type, dict[str, set[Any]]] = {}
        parts = chip.parts()
        self.watched = {(name[0], slot) for name, slot in moving} if moving is not None else None
        self.written: list[_Written] | None = None
        self.asked: dict[_Key, Any] | None = None
        self.way: dict[_Key, Any] = {}
        for name, part in zip(_names(chip), parts, strict=True):
            for slot, missing in self._watch(part).items():
                if moving is not None and (name, slot) in moving:
                    missing.add(part)

    def _watch(self, part: Any) -> dict[str, set[Any]]:
        """Gives a part a class that is watched; the parts that miss each slot of it."""
        cls = type(part)
        watched = next((w for w in self.missing if w.__base__ is cls), None)
        if watched is None:
            slots: dict[str, set[Any]] = {slot: set() for slot in slots_of(cls)}
            watched = type(cls.__name__, (cls,), {"__slots__": (), **{
                slot: self._property(getattr(cls, slot), missing) for slot, missing in slots.items()
                if self.watched is None or (cls, slot) in self.watched}})
            self.missing[watched] = slots
        part.__class__ = watched
        return self.missing[watched]

    def _property(self, member: Any, missing: set[Any]) -> property:
        read, write, slot = member.__get__, member.__set__, member.__name__

        def get(part: Any) -> Any:
            value = read(part)
            self.looked = True
            if part in missing:
                self.doubt = True
                if self.asked is not None:
                    key = part, slot
                    value = self.way.get(key, value)
                    self.asked.setdefault(key, value)
            return value

        def put(part: Any, value: Any) -> None:
            if self.written is not None:
                self.written.append(_Written(part, missing, part in missing, write, read(part)))
                self.way.pop((part, slot), None)
            if self.doubt:
                missing.add(part)
            else:
                missing.discard(part)
            write(part, value)
        return property(get, put)

    def clear(self) -> None:
        self.doubt = self.looked = False

    def know(self, part: Any, *slots: str) -> None:
        for slot in slots:
            self.missing[type(part)][slot].discard(part)

    def forget(self, part: Any, *slots: str) -> None:
        for slot in slots:
            self.missing[type(part)][slot].add(part)

    def knows(self, part: Any, slot: str) -> bool:
        return part not in self.missing[type(part)][slot]

    def learn(self, read: Callable[[], int], value: int, *writes: Callable[[], None]) -> None:
        self.doubt, self.written = False, []
        for write in writes:
            write()
            self.doubt = False
        written, self.written = self.written, None
        again = read()
        if not self.doubt and again != value:
            for each in written:
                each.missing.add(each.part)
        self.doubt = False

    def do(self, action: Callable[..., Any], *arguments: Any, **more: Any) -> bool:
        act = partial(action, *arguments, **more)
        notices = self.notices.state()
        written: list[_Written] = []
        asked = self._done(act, {}, written)
        if asked:
            for each in reversed(written):
                each.undo()
            elsewhere = self._other_ways(act, asked)
            self.doubt = False
            act()
            self.notices.restore(notices)    # what was done in doubt gives no notice
            for each in elsewhere:
                each.missing.add(each.part)
        self.doubt = False
        return bool(asked)

    def _done(self, act: Callable[[], Any], way: dict[_Key, Any], written: list[_Written]) -> dict[_Key, Any]:
        """An action done with these values of what is not known: what it asked for, with its values. What it wrote is
        noted."""
        asked: dict[_Key, Any] = {}
        self.doubt, self.written, self.asked, self.way = False, written, asked, dict(way)
        try:
            act()
        finally:
            self.written = self.asked = None
        return asked

    def _other_ways(self, act: Callable[[], Any], asked: dict[_Key, Any]) -> list[_Written]:
        """What the action writes with other values of what it asked for, of one or two of them; it is undone."""
        found: list[_Written] = []
        ways: deque[tuple[dict[_Key, Any], dict[_Key, Any]]] = deque([({}, asked)])
        tried = 0
        while ways:
            way, asked = ways.popleft()
            for key, value in asked.items():
                for other in _others(value):
                    if key in way or tried >= WAYS:
                        continue
                    tried += 1
                    written: list[_Written] = []
                    with suppress(Trap, Undefined, IndexError):      # the last: no such value can be
                        more = self._done(act, {**way, key: other}, written)
                        if not way:
                            ways.append(({key: other}, more))
                    for each in reversed(written):
                        each.undo()
                    found += written
        return found


def _others(value: Any) -> list[Any]:
    """Other values that a slot may hold instead of this one."""
    if isinstance(value, int):
        return [not value] if isinstance(value, bool) else [n for n in NUMBERS if n != value]
    return [()] if value else []


def slots_of(cls: type) -> Iterator[str]:
    """The names of a part's slots, those of its bases among them."""
    return (slot for base in cls.__mro__ for slot in base.__dict__.get("__slots__", ()))


def _names(chip: Gic) -> list[Name]:
    """The names of a chip's parts, in the order of `parts()`."""
    places = {part: (kind, n) for kind, interfaces in (("cpu", chip.cpus), ("virtual", chip.virtual))
              for interface in interfaces for n, part in enumerate(interface.parts())}
    return [(type(part), *places.get(part, ("", getattr(part, "intid", None)))) for part in chip.parts()]


# -- which slots move


def moving(chip: Gic) -> set[Slot]:
    """Which slots anything moves that software or a device may do. `chip` is used up."""
    parts = chip.parts()
    names = _names(chip)
    watch = Learned(chip, None)
    watch.doubt = True      # so that whatever is written is missing from then on
    for step in _everything(chip):
        with suppress(Trap, Undefined, LookupError):
            step()
    return {(name, slot) for name, part in zip(names, parts, strict=True) for slot in slots_of(name[0])
            if not watch.knows(part, slot)}


def _everything(chip: Gic) -> Iterator[Callable[[], Any]]:
    """All that can be done by PE 0 and its devices: lines, and writes of every register, with no bit set, with all, and
    of those that may name an interrupt with each."""
    intids = range(32 * chip.distributor.lines)
    for intid in intids[PRIVATE:]:
        yield partial(chip.set_line, intid, True)
    for intid in range(SGIS, PRIVATE):
        yield partial(chip.set_line, intid, True, 0)
    yield chip.virtual[0].count_eoi
    for block in chip.blocks():
        base = chip.base(block.name, 0)
        for r in block.frame if base is not None else ():
            values = [(1 << r.width) - 1, 0]
            if r.access == "WO" and r.count == 1:
                values += [*intids, *((0xFF << 16) + n for n in range(SGIS))]
            first = (base or 0) + (r.offset or 0)
            for place in range(first, first + r.count * r.stride, r.stride):
                for value in values:
                    for secure in (False, True):
                        yield partial(chip.write, place, r.width // 8, value, 0, secure=secure)
    if isinstance(chip, GicV3):
        for name, register in REGISTERS.items():
            for value in ((1 << 64) - 1, 0) if register.write is not None else ():
                yield partial(chip.sysreg_write, name, value, 0, el=3, secure=True)
                yield partial(chip.sysreg_write, name, value, 0, el=2)


# -- moments, where not all is known


class WaryTeller(Teller[int]):
    """Tells moments so that no listener's doubts are another's, and asks each check for its own: what it judged in
    doubt, or by what it remembered in doubt, is untold."""

    def __init__(self, listeners: tuple[Moments[int], ...], known: Knowledge) -> None:
        self.known = known
        super().__init__(listeners)

    def heard(self, listener: Moments[int], moment: str) -> Callable[..., None]:
        method, known = super().heard(listener, moment), self.known
        if isinstance(listener, RecordingCheck):
            return _judged(listener, method, known)

        def told(*args: Any) -> None:
            before = known.doubt
            method(*args)
            known.doubt = before
        return told


def _judged(check: RecordingCheck, method: Callable[..., None], known: Knowledge) -> Callable[..., None]:
    judge: Judge = check.judge

    def told(*args: Any) -> None:
        before, judged, breaches, kept = known.doubt, check.judged, check.breaches, len(judge.breaches)
        method(*args)
        new = check.judged - judged
        if known.doubt or check.doubt:
            check.untold += new
            check.judged, check.breaches = judged, breaches
            del judge.breaches[kept:]
        check.doubt = known.doubt or (check.doubt and not new)
        known.doubt = before
    return told
