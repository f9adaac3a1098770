"""One recording held against a design: what `vgic trace --design NAME` does. `vgic.view.design` tells it to people.

The recording is read twice: once to learn who is who (PEs, vCPUs, which kernel), once to drive the design.

`kvm` stands for the rules of the recorded kernel, as far as its registers tell them: Linux arms an exit for changes of
the guest's group enables at every entry since 6.19, and did not before. `kvm-today` and the names of the other designs
of KVM's family are taken as they are.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator

from vgic.designs.base import NoInterrupt, Unsupported
from vgic.designs.build import Build
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.history import Kvm612
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import design_file, find_design, guarded
from vgic.trace.analysis import HEAD
from vgic.trace.configure import configure
from vgic.trace.design import DesignReplay
from vgic.trace.events import BadLine, Event
from vgic.trace.kvm_probes import POPULATE, Survey
from vgic.trace.own_decisions import Own, base_of, counting
from vgic.trace.qemu import QemuReader
from vgic.trace.source import Source, TraceError

RECORDED, TODAY = "kvm", "kvm-today"


def chosen(name: str, survey: Survey) -> tuple[Build, str]:
    """The design, and why it was taken. ScenarioError where there is none, or it is not one of KVM's."""
    if name == RECORDED:
        if survey.arms_group_enables:
            return Build(Kvm), "the recorded kernel arms exits for group enables, as Linux since 6.19"
        return Build(Kvm612), "the recorded kernel arms no exits for group enables: Linux before 6.19"
    found = Build(Kvm) if name == TODAY else find_design(name)
    if not issubclass(found.design, Kvm):
        raise ScenarioError(f"design {name!r} can't be held against a recording of KVM: it is no subclass of "
                            "vgic.designs.kvm.Kvm")
    return found, "as asked for"


class DesignAnalysis:
    """One recording, held against one design.

    Args:
        path: the file. name: of the design. machine, overrides: see `configure`. most: differences kept.
        progress: called with bytes done and in all, now and then.

    Raises TraceError where the recording can't be used, ScenarioError where the design can't.
    """

    def __init__(
        self, path: str, name: str, *, machine: str | None = None, overrides: dict[str, str] | None = None,
        most: int = 20, progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        if path == "-":
            raise TraceError("<stdin>", None, "--design reads a recording twice: give a file")
        self.file, self.name = path, name
        began = time.perf_counter()
        self._broke_off: list[TraceError] = []
        with Source(path) as source:
            head = list(itertools.islice(self._events(QemuReader(source)), HEAD))
        if self._broke_off and not head:
            raise self._broke_off[0]
        self.configuration = configure(path, head, machine, overrides)
        self._broke_off.clear()
        self.survey = Survey(self._events(QemuReader(path)), self.configuration.version)
        if not any(self.survey.names[n] for n in POPULATE):
            raise TraceError(path, None, "no kvm_fn probe of vgic_v2_populate_lr or vgic_v3_populate_lr is in it: "
                                         "nothing tells what reached the kernel's virtual GIC (docs/design-replay.md)")
        self.build, self.why = chosen(name, self.survey)
        self.calls: Counter[str] = Counter()
        base = base_of(self.build)
        counted = self.build if base is None else counting(self.build, base, self.calls)
        chip = self.configuration.chip(self.build.gicv2, self.build.gicv3)
        try:
            self.replay = DesignReplay(chip, self.survey, counted, most)
        except ValueError as why:
            raise TraceError(path, None, f"its virtual machines can't be built: {why}") from None
        except Unsupported as why:
            raise ScenarioError(f"design {name} can't follow {path}: {why}") from None
        self.outcome = self.replay.outcome
        self._broke_off.clear()
        self.reader = QemuReader(path)
        events = self._events(self.reader, progress)
        try:
            self._run(events)
        finally:
            self.reader.source.close()
        self.trouble = self._broke_off[0] if self._broke_off else None
        if self.trouble is None and self.reader.unterminated:
            self.trouble = TraceError(path, self.reader.lines, "the last line has no end: it may be cut")
        self.own = None if base is None else Own(base, self.calls, self._unlike(base))
        self.seconds = time.perf_counter() - began

    def _unlike(self, base: Build) -> int:
        """Entries whose list registers are not those of the design that this one is made of."""
        replay = DesignReplay(self.configuration.chip(), self.survey, base, 0)
        reader = QemuReader(self.file)
        try:
            replay.run(self._events(reader))
        finally:
            reader.source.close()
        mine, theirs = dict(self.outcome.shown), dict(replay.outcome.shown)
        return sum(mine.get(line) != theirs.get(line) for line in mine.keys() | theirs.keys())

    def _run(self, events: Iterator[Event]) -> None:
        """Drives the design; what it can't follow is told."""
        own = design_file(self.build)
        try:
            if own is not None:
                guarded(own, f"design {self.name} on {self.file}", lambda: self.replay.run(events))
            else:
                self.replay.run(events)
        except (RuntimeError, Unsupported, NoInterrupt) as why:
            raise ScenarioError(f"design {self.name} can't follow {self.file} beyond line {self.replay.line:,}: {why}"
                                ) from None

    def _events(
        self, reader: QemuReader, progress: Callable[[int, int | None], None] | None = None,
    ) -> Iterator[Event]:
        """The events until the recording breaks off."""
        try:
            for n, event in enumerate(reader):
                yield event
                if progress is not None and not n & 0x3FFF:
                    progress(reader.position, reader.total)
        except TraceError as e:
            self._broke_off.append(e)

    # -- what came out

    @property
    def exit_status(self) -> int:
        """0 every determined entry is equal, 1 one differs, 2 the recording can't be read through, or determines no
        entry, or exercises nothing that is the design's own."""
        o = self.outcome
        if self.trouble is not None or self.replay.bad or not o.determined or self.idle:
            return 2
        return 1 if o.different or o.acknowledged["different"] else 0

    @property
    def idle(self) -> bool:
        """Nothing that is the design's own showed in a list register, or in what its guests acknowledged."""
        return self.own is not None and not self.own.entries and not self.outcome.acknowledged["different"]

    def errors(self) -> list[str]:
        """What is wrong with the recording itself."""
        bad: list[BadLine] = self.replay.bad
        lines = [f"{self.file}:{b.line}: {b.why}: {b.text}" for b in bad[:5]]
        if len(bad) > 5:
            lines.append(f"{self.file}: {len(bad) - 5:,} more lines can't be read")
        if self.trouble is not None:
            lines.append(str(self.trouble))
        if not self.outcome.determined:
            lines.append(f"{self.file}: the inputs of none of its entries are determined: nothing was compared")
        elif self.idle and self.own is not None:
            lines.append(f"{self.file}: nothing that is {self.build.name}'s own shows in it: at every entry its list "
                         f"registers are those of {self.own.base.name}. It says nothing of {self.build.name}")
        return lines
