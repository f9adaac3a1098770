"""`vgic bugs`: the museum as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import shorten
from typing import Any

from vgic.designs.bugs import AWAITED, SECTIONS, Section, bugs, section
from vgic.explore.differ import Difference
from vgic.explore.museum import Visit, clean_of
from vgic.view.table import WIDTH, table, wrap

INTERRUPTED = 130


def _by_section(identities: Sequence[str]) -> Iterator[tuple[Section, list[str]]]:
    for part in SECTIONS:
        own = [i for i in identities if section(i) is part]
        if own:
            yield part, own


def _entries(identities: Sequence[str]) -> set[str]:
    """The entries that designs show: a variant (B029-blind) is none of its own."""
    return {i[:4] for i in identities}


def _awaiting(identities: Sequence[str]) -> list[str]:
    """What is awaited, and by which."""
    groups: dict[str, list[str]] = {}
    for i in identities:
        groups.setdefault(AWAITED[i].awaits, []).append(i)
    return [line for what, ids in groups.items() for line in wrap("  ", f"{', '.join(ids)}: {what}")]


class Museum:
    """The entries, unsearched."""

    exit_status = 0

    def __init__(self, identities: Sequence[str]) -> None:
        self.identities = list(identities)
        self.bugs = bugs()

    def text(self) -> str:
        """A single one in full; else a table of each section, and what is awaited."""
        if len(self.identities) == 1:
            return "\n".join(self._in_full(self.identities[0]))
        lines: list[str] = []
        for part, own in _by_section(self.identities):
            lines += [f"{part.letter}  {part.what}", ""]
            designs, awaited = [i for i in own if i in self.bugs], [i for i in own if i in AWAITED]
            if designs:
                lines += [*self._table(designs), ""]
            if awaited:
                lines += ["Not yet; awaiting", *_awaiting(awaited), ""]
        shown = _entries([i for i in self.identities if i in self.bugs])
        lines.append(f"{len(_entries(self.identities))} entries, {len(shown)} of them as designs. vgic bugs ID tells "
                     "one; vgic bugs --all finds each by search.")
        return "\n".join(lines)

    def _table(self, identities: Sequence[str]) -> list[str]:
        entries = [(i, self.bugs[i].entry) for i in identities]
        rows = [(i, str(e.year), e.where, ",".join(map(str, e.rules))) for i, e in entries]
        room = WIDTH - len(max(table(("id", "year", "where", "rules"), rows, set()), key=len)) - 2
        told = [shorten(e.symptom, room, placeholder=" ...") for _, e in entries]
        return table(("id", "year", "where", "rules", "what one sees"),
                     [(*row, words) for row, words in zip(rows, told, strict=True)], set())

    def _in_full(self, identity: str) -> list[str]:
        if identity in AWAITED:
            a = AWAITED[identity]
            return [f"{identity}  {a.year}  {a.where}  ({a.source})", *wrap("what one sees    ", a.symptom),
                    *wrap("no design yet    ", f"awaits {a.awaits}")]
        design = self.bugs[identity]
        e = design.entry
        lines = [f"{identity}  {e.year}  {e.where}  ({e.source})"]
        for label, words in (("what was wrong   ", e.wrong), ("what one sees    ", e.symptom),
                             ("rules it breaks  ", ", ".join(map(str, e.rules))),
                             ("the right design ", clean_of(design).name),
                             ("see it           ", f"vgic run {e.scenario} --design {identity}"),
                             ("find it          ", f"vgic check {e.scenario} --design {identity}")):
            lines += wrap(label, words)
        return lines

    def json(self) -> list[dict[str, Any]]:
        """The same as data."""
        return [self._data(i) for i in self.identities]

    def _data(self, identity: str) -> dict[str, Any]:
        known = {"id": identity, "section": section(identity).letter}
        if identity in AWAITED:
            return {**known, **AWAITED[identity]._asdict()}
        design = self.bugs[identity]
        return {**known, "base": design.base.name, **design.entry._asdict(), "clean": clean_of(design).name}


class Found:
    """The entries, searched.

    Args:
        visits: what was searched. awaited: the ids that can't be yet. asked: how many were to be searched.
        interrupted: whether that ended early.
    """

    def __init__(
        self, visits: Sequence[Visit], awaited: Sequence[str] = (), asked: int | None = None,
        interrupted: bool = False,
    ) -> None:
        self.visits = sorted(visits, key=lambda v: v.id)
        self.awaited = sorted(awaited)
        self.asked = len(visits) if asked is None else asked
        self.interrupted = interrupted

    @property
    def exit_status(self) -> int:
        """0 where every bug was found and every design without it is clean, 1 otherwise."""
        if self.interrupted:
            return INTERRUPTED
        return 0 if all(v.good for v in self.visits) else 1

    def text(self) -> str:
        """One row a bug, the sums, then what is to be told of single ones."""
        rows = [(v.id, v.bug.scenario, "yes" if v.found else "no", "-" if v.rule is None else str(v.rule),
                 f"{v.depth:,}", f"{v.states:,}", f"{v.seconds:.1f}",
                 f"{v.clean} {v.clean_verdict.lower()}" + (f" {v.clean_rule}" if v.clean_rule else ""))
                for v in self.visits]
        lines = table(("id", "scenario", "found", "rule", "depth", "states", "s", "without it"), rows, {3, 4, 5, 6})
        lines += ["", *(line for v in self.visits for line in _remarks(v))]
        lines += self._sections()
        clean = sum(v.clean_rule is None and not v.error for v in self.visits)
        held = sum(v.clean_verdict == "HOLDS" for v in self.visits)
        lines.append(f"{sum(v.found for v in self.visits)} of {len(self.visits)} found; without them {clean} of "
                     f"{len(self.visits)} break no rule, {held} of these in all their states.")
        if self.interrupted:
            lines.append(f"Interrupted: {len(self.visits)} of {self.asked} searched.")
        return "\n".join(lines)

    def _sections(self) -> list[str]:
        """Where entries are awaited, that is said of each section."""
        if not self.awaited:
            return []
        lines = []
        visits = {v.id: v for v in self.visits}
        for part, own in _by_section([*visits, *self.awaited]):
            found = _entries([i for i in own if i in visits and visits[i].found])
            awaited = [i for i in own if i in AWAITED]
            lines.append(f"{part.letter}  {part.what}: {len(found)} of {len(_entries(own))} entries found"
                         + (f", {len(awaited)} awaiting" if awaited else ""))
            lines += _awaiting(awaited)
        return [*lines, ""]

    def json(self) -> list[dict[str, Any]]:
        """The same as data; what is awaited is neither found nor not."""
        return [
            *({"section": section(v.id).letter, **v._asdict(), "bug": v.bug._asdict()} for v in self.visits),
            *({"id": i, "section": section(i).letter, "found": None, "awaits": AWAITED[i].awaits}
              for i in self.awaited)]


class Differences:
    """Which scenarios show a bug of a user's own.

    Args:
        name: of the design, as it was named. base: the design that it was made of. found: for each scenario. asked: how
            many there are. interrupted: whether the search was ended early.
    """

    def __init__(self, name: str, base: str, found: Sequence[Difference], asked: int, interrupted: bool) -> None:
        self.name, self.base, self.found, self.asked, self.interrupted = name, base, found, asked, interrupted
        self.shown = sorted((d for d in found if d.rule is not None), key=lambda d: (d.steps, d.scenario))

    @property
    def exit_status(self) -> int:
        """0 where a scenario shows it, 1 where none does, 130 where the search was interrupted."""
        return INTERRUPTED if self.interrupted else 0 if self.shown else 1

    def text(self) -> str:
        """A line a scenario that shows it, the shortest first, and how many don't."""
        lines: list[str] = []
        if self.shown:
            rows = [(d.scenario, str(d.rule), str(d.steps), shorten(d.what, 60, placeholder=" ..."))
                    for d in self.shown]
            lines += [*table(("scenario", "rule", "steps", "what"), rows, {1, 2}), ""]
        first = self.shown[0].scenario if self.shown else "SCENARIO"
        cut, refused = (sum(d.verdict == v and d.rule is None for d in self.found) for v in ("BOUNDED", "-"))
        lines += wrap("", f"{len(self.shown)} of {self.asked} scenarios tell {self.name} from {self.base}; {cut} more "
                          f"were cut by --seconds, {refused} can't be explored with it."
                          + (" Interrupted." if self.interrupted else ""))
        if self.shown:
            lines += ["", f"vgic check {first} --design {self.name} shows how."]
        return "\n".join(lines)

    def json(self) -> list[dict[str, Any]]:
        """Every scenario."""
        return [d._asdict() for d in self.found]


def _remarks(v: Visit) -> list[str]:
    lines: list[str] = []
    if v.error:
        lines += wrap(f"{v.id}: ", v.error)
    elif not v.found and v.rule is not None:
        lines += wrap(f"{v.id}: ", f"breaks rule {v.rule}, and not one of {', '.join(map(str, v.bug.rules))}")
    elif not v.found:
        lines += wrap(f"{v.id}: ", f"{v.verdict.lower()} after {v.states:,} states")
    if v.clean_rule is not None:
        lines += wrap(f"{v.id}: ", f"the design without it ({v.clean}) breaks rule {v.clean_rule} there too")
    return lines
