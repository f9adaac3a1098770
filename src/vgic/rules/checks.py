"""The one table of checks: in which forms each rule is judged. What the forms are is told in `vgic.rules.judge`.

A rule of the catalogue that stands here with no form is judged nowhere yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from vgic.rules import active, delivery, list_registers, reads, timers, twins, waking
from vgic.rules.catalogue import RULES
from vgic.rules.judge import MomentCheck, RecordingCheck
from vgic.rules.kernel import KernelCheck
from vgic.rules.world import OfVcpus, StateCheck, World


class Forms(NamedTuple):
    """The forms of one rule.

    Attributes:
        state: judged in every state of a machine. at_rest: likewise; they find nothing while it is not at rest.
        moment: judged as it happens. recording: on the recording of a chip. kernel: on a host's kernel events.
    """

    state: tuple[StateCheck, ...] = ()
    at_rest: tuple[StateCheck, ...] = ()
    moment: tuple[type[MomentCheck], ...] = ()
    recording: type[RecordingCheck] | None = None
    kernel: type[KernelCheck] | None = None


CHECKS: dict[int, Forms] = {
    1: Forms(at_rest=(delivery.edge_is_lost,)),
    2: Forms(at_rest=(delivery.level_is_unseen,)),
    3: Forms(moment=(delivery.NotAfterTheDrop,)),
    4: Forms(moment=(delivery.OnceAnEdge,)),
    5: Forms((list_registers.two_list_registers, list_registers.two_vcpus),
             recording=list_registers.OneListRegisterEach),
    6: Forms((twins.twin_is_inactive,), recording=twins.TwinIsActive),
    7: Forms((list_registers.hw_pending_and_active,), recording=list_registers.NoHwPendingActive),
    8: Forms(at_rest=(twins.stuck_active,), recording=twins.NoneStaysActive),
    9: Forms(moment=(twins.TakenAgain,), kernel=twins.NoRetake),
    10: Forms((twins.wrong_twin,), recording=twins.OnlyTheNamed),
    11: Forms((active.completion_is_lost,)),
    12: Forms((active.active_is_lost,)),
    13: Forms(at_rest=(delivery.kept_out,)),
    14: Forms((active.priorities_differ,), recording=active.AcknowledgesMatchDrops),
    15: Forms((active.lpi_is_active,), recording=active.NoActiveLpi),
    16: Forms(moment=(reads.SpuriousLeavesAll, reads.NothingKeepsItBack), recording=reads.SpuriousChangesNothing),
    17: Forms((list_registers.no_step_allowed,), moment=(list_registers.WorkEndsSometime,),
              recording=list_registers.EntryAllowsAStep),
    18: Forms((list_registers.completion_not_seen,), (list_registers.no_exit_armed,),
              recording=list_registers.ExitIsArmed),
    19: Forms(at_rest=(waking.sleeps,), kernel=waking.BlockedIsWoken),
    20: Forms(at_rest=(waking.not_told,), kernel=waking.KickIsSeen),
    21: Forms(moment=(twins.SavedIsRestored,)),
    22: Forms(moment=(reads.ReadsAreTrue,)),
    23: Forms((timers.timer_is_not_the_guests,), kernel=timers.LineIsTimer),
    33: Forms((twins.host_is_left_with_it,)),
    34: Forms(at_rest=(delivery.forgotten_while_disabled,), moment=(delivery.NotWhileDisabled,)),
    35: Forms(moment=(delivery.PendingWhereItGoes,)),
    39: Forms(at_rest=(delivery.sgi_of_a_source_lost,), moment=(delivery.OnceASource,)),
    40: Forms((waking.signalled_for_nothing,)),
    41: Forms(moment=(twins.EndsWhatItTook,), recording=twins.HostEndsWhatItTook),
    42: Forms(moment=(waking.NothingToTake,)),
    43: Forms(at_rest=(waking.stays_off,), moment=(waking.OffUntilSwitchedOn,)),
}

MACHINE_RULES: tuple[int, ...] = tuple(n for n, f in CHECKS.items() if f.state or f.at_rest or f.moment)
"""The ids of the rules that are judged on machines: in runs, and by the explorer."""
MOMENT_CHECKS: tuple[type[MomentCheck], ...] = tuple(check for f in CHECKS.values() for check in f.moment)
RECORDING_CHECKS: tuple[type[RecordingCheck], ...] = tuple(
    f.recording for f in CHECKS.values() if f.recording is not None)
KERNEL_CHECKS: tuple[type[KernelCheck], ...] = tuple(f.kernel for f in CHECKS.values() if f.kernel is not None)


def judged(n: int) -> tuple[str, ...]:
    """Where a rule is judged, in words; of one that is judged nowhere, ()."""
    forms = CHECKS.get(n, Forms())
    where = (("in scenarios", n in MACHINE_RULES), ("on QEMU traces", forms.recording is not None),
             ("on ftrace", forms.kernel is not None))
    return tuple(words for words, so in where if so)


def awaits(n: int) -> str:
    """The mechanism that a rule awaits, "" where it can be judged."""
    return "" if n in CHECKS else RULES[n].needs


def broken(n: int, w: World) -> str | None:
    """What is broken of a rule in the present state of a machine, what was seen as it happened included."""
    forms = CHECKS[n]
    for check in (*forms.state, *forms.at_rest):
        found = check(w)
        if found is not None:
            return found
    return _seen(n, w) if forms.moment else None


def anytime(n: int, w: World) -> list[Callable[[], str | None]]:
    """A rule as calls that each judge a little, without what is judged at rest alone."""
    forms = CHECKS[n]
    calls: list[Callable[[], str | None]] = [partial(_seen, n, w)] if forms.moment else []
    for check in forms.state:
        if isinstance(check, OfVcpus):
            calls += [partial(check.one, w, run) for vm in w.vms for run in vm.vcpus]
        else:
            calls.append(partial(check, w))
    return calls


def at_rest(ids: Sequence[int], w: World) -> tuple[int, str] | None:
    """What is judged at rest alone, of these rules: the first that is broken, and how.

    Whether the machine is at rest is asked once, and not by each rule."""
    if w.quiescent():
        for n in ids:
            for check in CHECKS[n].at_rest:
                found = check(w)
                if found is not None:
                    return n, found
    return None


def _seen(rule: int, w: World) -> str | None:
    """The first breach that was seen as it happened."""
    for number, what in w.faults.told:
        if number == rule:
            return what
    return None
