"""`vgic bugs`: the museum as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import shorten
from typing import Any

from vgic.designs.bugs import AWAITED, SECTIONS, Section, section
from vgic.explore.differ import Distinction
from vgic.explore.museum import Exhibit, Visit
from vgic.view.report import Report, Status
from vgic.view.words import WIDTH, many, table, wrap


def _by_section(identities: Sequence[str]) -> Iterator[tuple[Section, list[str]]]:
    for part in SECTIONS:
        own = [i for i in identities if section(i) is part]
        if own:
            yield part, own


def _entries(identities: Sequence[str]) -> set[str]:
    """The entries that designs show: a variant (B029-blind) is none of its own."""
    return {i[:4] for i in identities}


def _awaiting(identities: Sequence[str]) -> list[str]:
    """What is awaited, and which entries await it."""
    groups: dict[str, list[str]] = {}
    for i in identities:
        groups.setdefault(AWAITED[i].awaits, []).append(i)
    return [line for what, ids in groups.items() for line in wrap("  ", f"{', '.join(ids)}: {what}")]


class ExhibitsReport(Report):
    """What `vgic bugs` says: the entries, unsearched."""

    def __init__(self, exhibits: Sequence[Exhibit]) -> None:
        self.exhibits = {e.id: e for e in exhibits}

    def text(self) -> str:
        """A single one in full; else a table of each section, and what is awaited."""
        if len(self.exhibits) == 1:
            return "\n".join(line for e in self.exhibits.values() for line in _in_full(e))
        lines: list[str] = []
        designed = [e.id for e in self.exhibits.values() if e.bug is not None]
        for part, own in _by_section(list(self.exhibits)):
            lines += [f"{part.letter}  {part.what}", ""]
            shown, awaited = [i for i in own if i in designed], [i for i in own if i not in designed]
            if shown:
                lines += [*self._table(shown), ""]
            if awaited:
                lines += ["Not yet; awaiting", *_awaiting(awaited), ""]
        lines.append(f"{len(_entries(list(self.exhibits)))} entries, {len(_entries(designed))} of them as designs. "
                     "vgic bugs ID tells one; vgic bugs --all finds each by search.")
        return "\n".join(lines)

    def _table(self, identities: Sequence[str]) -> list[str]:
        entries = [(i, bug) for i in identities if (bug := self.exhibits[i].bug) is not None]
        rows = [(i, str(e.year), e.where, ",".join(map(str, e.rules))) for i, e in entries]
        room = WIDTH - len(max(table(("id", "year", "where", "rules"), rows, set()), key=len)) - 2
        told = [shorten(e.symptom, room, placeholder=" ...") for _, e in entries]
        return table(("id", "year", "where", "rules", "what one sees"),
                     [(*row, words) for row, words in zip(rows, told, strict=True)], set())

    def json(self) -> list[dict[str, Any]]:
        """A single entry is a list of one, too."""
        return [_data(e) for e in self.exhibits.values()]


def _in_full(exhibit: Exhibit) -> list[str]:
    e, a = exhibit.bug, exhibit.awaited
    if a is not None:
        return [f"{exhibit.id}  {a.year}  {a.where}  ({a.source})", *wrap("what one sees    ", a.symptom),
                *wrap("no design yet    ", f"awaits {a.awaits}")]
    assert e is not None
    lines = [f"{exhibit.id}  {e.year}  {e.where}  ({e.source})"]
    for label, words in (("what was wrong   ", e.wrong), ("what one sees    ", e.symptom),
                         ("rules it breaks  ", ", ".join(map(str, e.rules))),
                         ("the right design ", exhibit.clean),
                         ("see it           ", f"vgic run {e.scenario} --design {exhibit.id}"),
                         ("find it          ", f"vgic check {e.scenario} --design {exhibit.id}")):
        lines += wrap(label, words)
    return lines


def _data(exhibit: Exhibit) -> dict[str, Any]:
    known = {"id": exhibit.id, "section": section(exhibit.id).letter}
    if exhibit.awaited is not None:
        return {**known, **exhibit.awaited._asdict()}
    assert exhibit.bug is not None
    return {**known, "base": exhibit.base, **exhibit.bug._asdict(), "clean": exhibit.clean}


class VisitsReport(Report):
    """What `vgic bugs --all` says: the entries, searched.

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
        """HOLDS where every bug was found and every design without it is clean, BROKEN otherwise."""
        if self.interrupted:
            return Status.INTERRUPTED
        return Status.HOLDS if all(v.good for v in self.visits) else Status.BROKEN

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


class DistinctionsReport(Report):
    """What `vgic bugs FILE.py:CLASS` says: which scenarios show a bug of a user's own.

    Args:
        name: of the design, as it was named. base: the design that it was made of. found: for each scenario. asked: how
            many there are. interrupted: whether the search was ended early.
    """

    def __init__(self, name: str, base: str, found: Sequence[Distinction], asked: int, interrupted: bool) -> None:
        self.name, self.base, self.found, self.asked, self.interrupted = name, base, found, asked, interrupted
        self.shown = sorted((d for d in found if d.shows), key=lambda d: (d.steps, d.scenario))

    @property
    def exit_status(self) -> int:
        """HOLDS where a scenario shows it, BROKEN where none does."""
        if self.interrupted:
            return Status.INTERRUPTED
        return Status.HOLDS if self.shown else Status.BROKEN

    def text(self) -> str:
        """A line a scenario that shows it, the shortest first, and how many don't."""
        lines: list[str] = []
        if self.shown:
            rows = [(d.scenario, str(d.rule or "crash"), str(d.steps), shorten(d.what, 60, placeholder=" ..."))
                    for d in self.shown]
            lines += [*table(("scenario", "rule", "steps", "what"), rows, {1, 2}), ""]
        first = self.shown[0].scenario if self.shown else "SCENARIO"
        cut, refused = (sum(d.verdict == v and d.rule is None for d in self.found) for v in ("BOUNDED", "-"))
        lines += wrap("", f"{len(self.shown)} of {self.asked} scenarios tell {self.name} from {self.base}; {cut} more "
                          f"were cut by --seconds, {refused} can't be explored with it."
                          + (" Interrupted." if self.interrupted else ""))
        errors: dict[str, str] = {}
        for d in self.found:
            if d.verdict == "-" and d.rule is None and d.error:
                errors.setdefault(d.error.partition(": ")[2], d.error)
        for error in [*errors.values()][:ERRORS]:
            lines += ["", *wrap("", error)]
        if self.shown:
            lines += ["", f"vgic check {first} --design {self.name} shows how."]
        return "\n".join(lines)

    def json(self) -> list[dict[str, Any]]:
        """An object for each scenario, in the order in which they were explored."""
        return [d._asdict() for d in self.found]


ERRORS = 3
"""Reasons why a scenario can't be explored that are told, each once."""


def distinction_line(d: Distinction) -> str:
    """What came of one scenario, in a line."""
    what = f"{f'rule {d.rule}' if d.rule is not None else d.what} in {many(d.steps, 'step')}" if d.shows else d.error
    return f"{d.scenario}  {d.verdict}{f'  {what}' if what else ''}  {d.seconds:.1f} s"


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
