"""Rules as functions of a machine's state: what a run judges after each step, and the explorer in each state.

Each check returns what is wrong, in words, or None. Moments that no state shows (an acknowledge of what had gone) are
noted in the machine's `Faults`, which is a part like others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from vgic.rules import delivery, holding
from vgic.rules.catalogue import RULES, Rule
from vgic.rules.world import OfVcpus, World

Check = Callable[[World], str | None]


class StateRule(NamedTuple):
    """A rule of the catalogue with a check on states."""

    rule: Rule
    check: Check


def _told(rule: int, w: World) -> str | None:
    for number, what in w.faults.told:
        if number == rule:
            return what
    return None


def _first(checks: tuple[Check, ...], w: World) -> str | None:
    for check in checks:
        found = check(w)
        if found is not None:
            return found
    return None


_CHECKS: dict[int, tuple[Check, ...]] = {
    1: (delivery.edge_is_lost,), 2: (delivery.level_is_unseen,), 3: (), 4: (),
    5: (holding.two_list_registers, holding.two_vcpus),
    6: (holding.twin_is_inactive,), 7: (holding.hw_pending_and_active,), 8: (holding.stuck_active,),
    9: (holding.host_takes_again,), 10: (holding.wrong_twin,), 11: (holding.completion_is_lost,),
    12: (holding.active_is_lost,), 13: (delivery.kept_out,), 14: (holding.priorities_differ,),
    15: (holding.lpi_is_active,), 16: (), 17: (holding.no_step_allowed,),
    18: (holding.completion_not_seen, delivery.no_exit_armed), 19: (delivery.sleeps,), 20: (delivery.not_told,),
    21: (), 22: (), 23: (holding.timer_is_not_the_guests,), 33: (holding.host_is_left_with_it,),
    34: (delivery.forgotten_while_disabled,), 35: (), 39: (delivery.sgi_of_a_source_lost,),
}
AT_REST: tuple[Check, ...] = (
    delivery.edge_is_lost, delivery.level_is_unseen, delivery.kept_out, delivery.no_exit_armed, delivery.sleeps,
    delivery.not_told, delivery.forgotten_while_disabled, delivery.sgi_of_a_source_lost, holding.stuck_active)
"""Those that find nothing as long as the machine is not at rest."""
MOMENTS = (3, 4, 12, 16, 17, 21, 22, 34, 35, 39)
"""Rules that are also, or only, broken in a moment."""

STATE_RULES: tuple[StateRule, ...] = tuple(
    StateRule(RULES[n], partial(_first, (*checks, *((partial(_told, n),) if n in MOMENTS else ()))))
    for n, checks in _CHECKS.items())



def anytime(n: int, w: World) -> list[Callable[[], str | None]]:
    """A rule by its id as calls that each judge a little, without what is judged at rest alone."""
    calls: list[Callable[[], str | None]] = [partial(_told, n, w)] if n in MOMENTS else []
    for check in _CHECKS[n]:
        if isinstance(check, OfVcpus):
            calls += [partial(check.one, w, vm, run) for vm in w.vms for run in vm.vcpus]
        elif check not in AT_REST:
            calls.append(partial(check, w))
    return calls


def at_rest(ids: Sequence[int], w: World) -> tuple[int, str] | None:
    """What is judged at rest alone, of these rules: the first that is broken, and how.

    Whether the machine is at rest is asked once, and not by each rule."""
    if w.quiescent():
        for n in ids:
            found = _first(tuple(c for c in _CHECKS[n] if c in AT_REST), w)
            if found is not None:
                return n, found
    return None


AWAITED = {n: rule.evidence for n, rule in RULES.items() if n not in _CHECKS}
"""The rules that these mechanisms can't break: what each waits for."""
