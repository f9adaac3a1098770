"""What came of holding a design against a recorded kernel: entries equal, different, not determined."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from vgic.arch.intid import LPI_START, PRIVATE, SGIS
from vgic.designs.vgic.irq import Lr
from vgic.designs.vm import Vcpu


class Entry:
    """One entry into a guest.

    Attributes:
        line: of its first populate, or of the guest's first access. vcpu, pe: whose, where. ours: the design's list
        registers. theirs: what the kernel wrote, by number.
        seen_by_access: it wrote none, and the guest's access told of it. over: the guest has left.
        undetermined: why its inputs aren't known, '' where they are.
    """

    __slots__ = ("line", "ours", "over", "pe", "seen_by_access", "theirs", "undetermined", "vcpu")

    def __init__(self, line: int, vcpu: Vcpu, pe: int, ours: list[Lr], access: bool) -> None:
        self.line, self.vcpu, self.pe, self.ours = line, vcpu, pe, ours
        self.theirs: dict[int, Lr] = {}
        self.seen_by_access = access
        self.over = False
        self.undetermined = ""


class Differs(NamedTuple):
    """An entry whose list registers are others: where, in what, those of the kernel, those of the design."""

    line: int
    vcpu: str
    classes: tuple[str, ...]
    kernel: tuple[str, ...]
    design: tuple[str, ...]


def shown(lr: Lr) -> str:
    """A list register for people."""
    state = ("P" if lr.pending else "") + ("A" if lr.active else "") or "I"
    extra = f" HW {lr.pintid}" if lr.hw else " EOI" if lr.eoi else ""
    return f"{lr.vintid} {state}{extra}" + (f" from {lr.cpuid}" if lr.cpuid else "")


class Outcome:
    """What came of the entries.

    Attributes:
        equal: list registers the same; of these `empty` had none. exact: same in order, priority and group too.
        classes: of the different ones, by kind of difference. undetermined: by reason. given_up: the kernel populated
        and then did not enter. registers: list registers of the equal entries.
        adopted: inputs taken from memory, by kind. acknowledged: the guest's, from the design's list registers and in
        the recording: "equal", "different" or "VLPI" (from no list register).
        stimuli, other: probes that drove the design, and what it could not use.
        shown: the design's list registers at each entry, by its line.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.equal = self.empty = self.exact = self.different = self.given_up = 0
        self.registers = 0
        self.classes: Counter[str] = Counter()
        self.undetermined: Counter[str] = Counter()
        self.adopted: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.other: Counter[str] = Counter()
        self.stimuli: Counter[str] = Counter()
        self.differences: list[Differs] = []
        self.shown: list[tuple[int, tuple[Lr, ...]]] = []

    @property
    def determined(self) -> int:
        """Entries whose inputs the recording determines."""
        return self.equal + self.different

    def compare(self, entry: Entry) -> None:
        """One entry that is over."""
        self.shown.append((entry.line, tuple(entry.ours)))
        theirs = [entry.theirs[n] for n in sorted(entry.theirs) if entry.theirs[n].pending or entry.theirs[n].active]
        if not theirs and not entry.seen_by_access:
            self.given_up += 1
            return
        if entry.undetermined:
            self.undetermined[entry.undetermined] += 1
            return
        classes = tuple(sorted(_classes(theirs, entry.ours)))
        if not classes:
            self.equal += 1
            self.empty += not theirs
            self.exact += theirs == entry.ours
            self.registers += len(theirs)
            return
        self.different += 1
        self.classes.update(classes)
        if len(self.differences) < self.most:
            self.differences.append(Differs(
                entry.line, repr(entry.vcpu)[1:-1], classes, tuple(map(shown, theirs)), tuple(map(shown, entry.ours))))


def _kind(vintid: int) -> str:
    return "SGI" if vintid < SGIS else "PPI" if vintid < PRIVATE else "SPI" if vintid < LPI_START else "LPI"


def _classes(theirs: list[Lr], ours: list[Lr]) -> set[str]:
    """In what two sets of list registers differ: by sort of interrupt, and in which part."""
    found: set[str] = set()
    mine = {(lr.vintid, lr.cpuid): lr for lr in ours}
    for lr in theirs:
        own = mine.pop((lr.vintid, lr.cpuid), None)
        if own is None:
            found.add(f"{_kind(lr.vintid)} only in the kernel's")
            continue
        for part in ("pending", "active", "hw", "pintid", "eoi"):
            if getattr(lr, part) != getattr(own, part):
                found.add(f"{_kind(lr.vintid)}: {part}")
    return found | {f"{_kind(vintid)} only in the design's" for vintid, _ in mine}
