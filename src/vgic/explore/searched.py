"""One design on all schedules of a scenario: the verdict, and the fewest list registers that it is right with."""
from __future__ import annotations

from typing import NamedTuple

from vgic.explore.check import Bounds, DesignCrashed, uninterrupted
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import find_design
from vgic.lab.scenario import Scenario


class Searched(NamedTuple):
    """What all schedules say of a design.

    Attributes:
        verdict: HOLDS, BROKEN or BOUNDED, "-" where it can't be explored. rule: that is broken, None for none.
        needs: the fewest list registers with which it HOLDS, None where it does with none, up to the scenario's own.
        sure: whether no search with fewer was cut. why: it can't be explored, or crashes; "" otherwise.
    """

    verdict: str
    rule: int | None = None
    needs: int | None = None
    sure: bool = True
    why: str = ""


def searched(scenario: Scenario, design: str, seconds: float) -> Searched:
    """Explores it, for at most so many seconds each time. Raises KeyboardInterrupt where Ctrl-C cut a search."""
    most = scenario.machine.list_registers
    build, bounds = find_design(design), Bounds(seconds=seconds)
    try:
        own = uninterrupted(scenario, build, bounds=bounds)
        needs, sure = most if own.result.verdict == "HOLDS" else None, True
        for n in range(1, most) if needs is not None else ():
            fewer = uninterrupted(scenario, build, list_registers=n, bounds=bounds).result
            if fewer.verdict == "HOLDS":
                needs = n
                break
            sure &= fewer.verdict != "BOUNDED"
    except DesignCrashed as e:
        return Searched("BROKEN", why=f"crashes: {e.verdict.what}")
    except ScenarioError as e:
        return Searched("-", why=str(e).partition("\n")[0])
    return Searched(own.result.verdict, own.rule.id if own.rule is not None else None, needs, sure)
