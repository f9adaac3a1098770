"""The same scenario under several designs: a verdict and costs of each, and the fewest list registers that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vgic.cost.meter import COUNTED, Meter
from vgic.cost.profile import Profile
from vgic.designs.base import Unsupported
from vgic.designs.build import Build
from vgic.lab.errors import DesignFailed
from vgic.lab.loader import design_file, find_design, guarded
from vgic.lab.scenario import Scenario
from vgic.lab.schedule import Run, Schedule

MOST_LIST_REGISTERS = 16


class DesignCost(NamedTuple):
    """What one design does on a scenario, and what that costs.

    Attributes:
        design: its name. refused: why it can't run this, or how it fails; "" if it runs. broken: the rules that it
        breaks.
        counts: of the whole run. per_interrupt: of each interrupt acknowledged, "cycles" too.
        to_ack, again: median latencies in cycles, None where nothing was measured.
        needs: the fewest list registers at which the schedule breaks no rule, None where it breaks one with the most.
        unpriced: the events that came and have no price: with any, cycles and latencies are lower bounds.
        same_as: an earlier design that did the very same on this schedule, "" for none: there is nothing here that
            either has of its own.
    """

    design: str
    refused: str = ""
    broken: tuple[int, ...] = ()
    counts: dict[str, int] = {}  # noqa: RUF012  # a NamedTuple's default, never written
    per_interrupt: dict[str, float] = {}  # noqa: RUF012  # likewise
    to_ack: float | None = None
    again: float | None = None
    needs: int | None = None
    unpriced: tuple[str, ...] = ()
    same_as: str = ""


class Comparison(NamedTuple):
    """Several designs on one scenario, priced by one profile."""

    scenario: Scenario
    profile: Profile
    rows: tuple[DesignCost, ...]


def _measured(scenario: Scenario, build: Build, meter: Meter, list_registers: int | None) -> Run:
    def whole() -> Run:
        schedule = Schedule(scenario, build, list_registers, (meter,), lenient=True)
        meter.start()
        return schedule.run()
    return guarded(design_file(build), f"{scenario.name}: design {build.name} failed", whole)


def _cost(
    scenario: Scenario, name: str, profile: Profile, seen: dict[tuple[object, object], str],
) -> DesignCost:
    build = find_design(name)
    meter = Meter(profile)
    try:
        run = _measured(scenario, build, meter, None)
    except Unsupported as e:
        return DesignCost(build.name, refused=str(e))
    except DesignFailed as e:       # the others' rows are worth having
        return DesignCost(build.name, refused=str(e).partition("\n")[0])
    per = {what: meter.per_interrupt(what) for what in (*COUNTED, "cycles")}
    same_as = seen.setdefault((tuple(meter.did), tuple(run.broken)), build.name)
    return DesignCost(build.name, "", run.broken, dict(meter.counts), per, meter.latency(meter.to_ack),
                      meter.latency(meter.again), _fewest(scenario, build, profile), tuple(sorted(meter.unpriced)),
                      same_as if same_as != build.name else "")


def _fewest(scenario: Scenario, build: Build, profile: Profile) -> int | None:
    for n in range(1, MOST_LIST_REGISTERS + 1):
        if _measured(scenario, build, Meter(profile), n).holds:
            return n
        if n > scenario.machine.list_registers + 4:
            break
    return None


def compare_designs(scenario: Scenario, designs: Sequence[str], profile: Profile) -> Comparison:
    """One row a design. ScenarioError where one can't be found."""
    seen: dict[tuple[object, object], str] = {}
    return Comparison(scenario, profile, tuple(_cost(scenario, name, profile, seen) for name in designs))
