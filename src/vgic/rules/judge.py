"""Judging rules: moments come in, places are counted, what breaks is told with the rule, the values and the place.

Whoever drives a chip (a replay, a scenario, the explorer) tells a `Judge` of moments by calling its methods; the judge
passes each on to the checks that implement it. A check declares by the methods that it defines what it needs, so that a
source that can't tell a moment leaves the rule unjudged, and the report says so. Checks read the chip's state, never a
design's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from vgic.rules.catalogue import RULES, Rule

if TYPE_CHECKING:
    from vgic.silicon import Gic
    from vgic.silicon.interrupt import Interrupt
    from vgic.silicon.virtual_interface import ListRegister


class Broken(NamedTuple):
    """One breach of a rule.

    Attributes:
        rule: which. place: where, as the driver names it (a line of a recording, a step). what: the offending values.
    """

    rule: Rule
    place: int
    what: str


class Check:
    """One rule's check. Subclasses set `rule_id` and define the moments that they need.

    A moment's method looks at the chip as it is then: `self.chip`.
    """

    rule_id = 0

    def __init__(self, chip: Gic, judge: Judge) -> None:
        self.chip, self.judge = chip, judge
        self.rule = RULES[self.rule_id]
        self.judged = 0
        self.breaches = 0
        self.prepare()

    def prepare(self) -> None:
        """Sets up what the check remembers between moments."""

    def broken(self, what: str, place: int | None = None) -> None:
        """The rule is broken here, or at an earlier place."""
        self.breaches += 1
        self.judge.record(Broken(self.rule, self.judge.place if place is None else place, what))


MOMENTS = (
    "hypervisor_acts", "list_register_written", "entry", "guest_acts", "guest_read_iar", "guest_acknowledged",
    "guest_ends", "guest_ended", "guest_saved", "host_read_iar", "host_acknowledged", "host_ends", "host_ended",
    "software_changed", "active_priorities_written", "finished",
)
"""What a driver may tell:

    hypervisor_acts(pe)                         the hypervisor is about to access the virtual interface (ICH, GICH)
    list_register_written(pe, lr)               it wrote a list register
    entry(pe)                                   the hypervisor enabled the virtual interface (HCR.En written as 1)
    guest_acts(pe)                              the guest is about to access its virtual interface
    guest_read_iar(pe, expected, got, changed)  its IAR returned `got` where the chip returns `expected`, both without
                                                CPUID; whether the read changed a list register
    guest_acknowledged(pe, vintid, lr)          its IAR returned an interrupt (lr None: not from a list register)
    guest_ends(pe, register, vintid)            it is about to write EOIR or DIR
    guest_ended(pe, register, vintid, lr)       it wrote EOIR or DIR; the list register that this deactivated
    guest_saved(pe)                             the hypervisor read or disabled the interface after the guest ran
    host_read_iar(pe, expected, got)            likewise the host's
    host_acknowledged(pe, intid, irq)           the host's IAR returned an interrupt (irq None: it is not modelled)
    host_ends(pe, register, intid), host_ended(pe, register, intid)
    software_changed(pe, register)              the host wrote a distributor or redistributor register
    active_priorities_written(pe, virtual)      software wrote an APR
    finished()                                  nothing more comes
"""


class Judge:
    """Passes moments to checks.

    Args:
        chip: the chip judged. checks: the classes of the checks. most: how many breaches are kept; all are counted.
    """

    def __init__(self, chip: Gic, checks: Iterable[type[Check]], most: int = 1000) -> None:
        self.place = 0
        self.most = most
        self.breaches: list[Broken] = []
        self.checks = [check(chip, self) for check in checks]
        for moment in MOMENTS:
            methods = [getattr(c, moment) for c in self.checks if hasattr(c, moment)]
            setattr(self, moment, _all_of(methods))

    def record(self, broken: Broken) -> None:
        """Keeps a breach."""
        if len(self.breaches) < self.most:
            self.breaches.append(broken)

    if TYPE_CHECKING:
        def hypervisor_acts(self, pe: int) -> None: ...
        def list_register_written(self, pe: int, lr: ListRegister) -> None: ...
        def entry(self, pe: int) -> None: ...
        def guest_acts(self, pe: int) -> None: ...
        def guest_acknowledged(self, pe: int, vintid: int, lr: ListRegister | None) -> None: ...
        def guest_read_iar(self, pe: int, expected: int, got: int, changed: bool) -> None: ...
        def guest_ends(self, pe: int, register: str, vintid: int) -> None: ...
        def guest_ended(self, pe: int, register: str, vintid: int, lr: ListRegister | None) -> None: ...
        def guest_saved(self, pe: int) -> None: ...
        def host_acknowledged(self, pe: int, intid: int, irq: Interrupt | None) -> None: ...
        def host_read_iar(self, pe: int, expected: int, got: int) -> None: ...
        def host_ends(self, pe: int, register: str, intid: int) -> None: ...
        def host_ended(self, pe: int, register: str, intid: int) -> None: ...
        def software_changed(self, pe: int, register: str) -> None: ...
        def active_priorities_written(self, pe: int, virtual: bool) -> None: ...
        def finished(self) -> None: ...


def _all_of(methods: list[Any]) -> Any:
    if len(methods) == 1:
        return methods[0]

    def tell(*args: object) -> None:
        for method in methods:
            method(*args)
    return tell
