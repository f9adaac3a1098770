"""All schedules of a scenario: the laboratory's machine, explored.

    verdict = check(find_scenario("timer-shared"), find_design("kvm"))
    verdict.result.verdict                  # "HOLDS", "BROKEN" or "BOUNDED"

The machine, its actions and its rules are those of `vgic run`; nothing is modelled twice. What the explorer finds is
played again on a fresh machine, step by step, by `vgic.lab.schedule`: so a counterexample is a run like any other.

**What the rules judge.** The rules of states are judged in every state, moments included. Besides, *nothing is lost*:
from every state, what the machine does by itself (hosts and guests, not devices, time or a user) can still bring every
interrupt to its guest, and free every physical interrupt that no guest has. A state from which that fails may be far
from rest: the machine may go round for ever. It is told with the round that it goes.
"""
from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from vgic.designs.base import Unsupported
from vgic.designs.build import Buildable
from vgic.engine import Broken, CheckpointError, Explorer, Goal, Model, ModelError, Progress, Result
from vgic.engine.model.values import shown
from vgic.lab.actions import Moved, Put
from vgic.lab.errors import DesignFailed, NotOffered, ScenarioError
from vgic.lab.loader import as_named, design_file, find_design, find_scenario, guarded, said_of, traceback_of
from vgic.lab.machine import Machine
from vgic.lab.operations.operands import Vcpu
from vgic.lab.program import parse
from vgic.lab.scenario import Scenario, VmSpec
from vgic.lab.schedule import Run, Schedule
from vgic.rules.catalogue import RULES, Rule
from vgic.rules.checks import MACHINE_RULES, anytime, at_rest
from vgic.rules.delivery import Undelivered, outstanding, waits
from vgic.rules.twins import Stuck, ownerless

LOST: Final = frozenset({1, 2, 8, 19})
"""The rules that are broken where an interrupt is lost for ever, by where it is."""
STUCK: Final = 8
"""Of them, that of a physical one."""

SAVED_EVERY: Final = 10.0
"""Seconds between two saves of a search, at least."""
_REST: Final = "at rest"


class Bounds(NamedTuple):
    """How far to search.

    Attributes:
        depth: in actions. states: in number. memory: in bytes. seconds: of CPU time of this call, in each thread,
            without those in which the search itself is compiled. None: no bound of ours.
    """

    depth: int | None = None
    states: int | None = None
    memory: int | None = None
    seconds: float | None = None


NO_BOUNDS: Final = Bounds()


@dataclass(frozen=True)
class Verdict:
    """What came of all schedules.

    Attributes:
        scenario, design, list_registers: what was explored. result: the search's figures and verdict.
        judged: the ids of the rules judged. rule: the one that is broken. what: how. replay: a shortest schedule that
            breaks it, played again. ran: what of a user's file ran last on the way, and in which step. then: what
            follows of itself, for ever from its `loop`-th action on, where nothing brings an interrupt to its guest any
            more. crash: where the last action of the schedule raised an exception, the traceback, and no rule is
            broken; `what` is the exception then, and `replay` ends before that action. resumed: whether it went on from
            a save, so that its seconds are not those of the whole search.
    """

    scenario: Scenario
    design: str
    list_registers: int
    result: Result
    judged: tuple[int, ...]
    rule: Rule | None = None
    what: str = ""
    replay: Run | None = None
    ran: tuple[int, tuple[str, ...]] | None = None
    then: tuple[str, ...] = ()
    loop: int | None = None
    crash: str = ""
    resumed: bool = False

    @property
    def holds(self) -> bool:
        """Whether nothing is broken in what was explored."""
        return self.rule is None and not self.crash

    @property
    def schedule(self) -> tuple[str, ...]:
        """The actions that lead to the broken rule."""
        return tuple(self.result.broken.actions) if self.result.broken else ()


class DesignCrashed(DesignFailed):
    """A design raised an exception in some schedule: its hypervisor crashes there.

    Attributes:
        verdict: the schedule, and the exception as `crash`.
    """

    def __init__(self, verdict: Verdict) -> None:
        steps = len(verdict.schedule)
        super().__init__(f"{verdict.scenario.name}: design {verdict.design} crashes in {steps} step"
                         f"{'' if steps == 1 else 's'}: {verdict.what}", verdict.crash)
        self.verdict = verdict


def check(
    scenario: Scenario, design: Buildable, *, list_registers: int | None = None, rules: Iterable[int] | None = None,
    bounds: Bounds = NO_BOUNDS, threads: int = 1, engine: str = "auto", liveness: bool = True,
    progress: Callable[[Progress], None] | None = None, checkpoint: str | None = None, anew: bool = False,
) -> Verdict:
    """Explores a scenario with a design.

    Args:
        list_registers: of each PE, instead of the scenario's. rules: only these (ids). liveness: whether nothing must
            be lost for ever, too, by what breaks one of these rules then (`LOST`). threads, engine, progress,
            checkpoint, anew: as `Explorer.search` has them.

    Raises DesignCrashed, with the schedule, where an action raises; ScenarioError where it can't be explored: a design
    that can't be built, that keeps state outside its parts, or whose actions are not deterministic.
    """
    only = None if rules is None else frozenset(rules)
    file = design_file(design)
    what = f"{scenario.name}: design {design.name} failed"
    resumed = checkpoint is not None and not anew and Path(checkpoint).is_dir()
    began = time.process_time()

    def search(goals: Callable[[Machine], list[Goal]]) -> Result:
        machine = Machine(scenario, design, (), list_registers)
        if not machine.alphabet():
            raise ScenarioError(f"{scenario.where('check')}: check: actions and never leave nothing that can happen")
        seconds = bounds.seconds
        if seconds is not None:             # a second search for what the first one found gets at least a second
            seconds = max(min(1.0, seconds), seconds - (time.process_time() - began) / threads)
        try:
            return Explorer(model_of(machine, only, goals(machine))).search(
                depth=bounds.depth, states=bounds.states, memory=bounds.memory, seconds=seconds, threads=threads,
                engine=engine, progress=progress, checkpoint=checkpoint, every=SAVED_EVERY, anew=anew)
        except CheckpointError as e:
            raise ScenarioError(str(e)) from None
        except ModelError as e:
            raise ScenarioError(
                as_named(f"{scenario.name}: design {design.name} can't be explored: {e}")) from e

    try:
        lost = LOST if only is None else LOST & only
        result = guarded(file, what, lambda: search(partial(all_at_once, only=lost) if liveness and lost else _nothing))
        if result.broken is not None and result.broken.kind == "lost":
            result = replace(guarded(file, what, lambda: search(partial(each_alone, only=lost))), rules=result.rules)
        verdict = Verdict(scenario, design.name, list_registers or scenario.machine.list_registers, result,
                          tuple(n for n in MACHINE_RULES if only is None or n in only), resumed=resumed)
        broken = result.broken
        if broken is None:
            return verdict
        return guarded(file, what, lambda: _shown(verdict, broken, design, list_registers, lost))
    except Unsupported as e:
        raise NotOffered(f"{scenario.name}: {e}") from e


def uninterrupted(scenario: Scenario, design: Buildable, **how: Any) -> Verdict:
    """As `check`; KeyboardInterrupt where Ctrl-C cut the search."""
    verdict = check(scenario, design, **how)
    if verdict.result.why_cut == "interrupted":
        raise KeyboardInterrupt
    return verdict


def warm() -> None:
    """Has the search compiled, and the code put on disk, before several processes want it: each would do it by itself.
    The code is for states of so many machine words: these two scenarios have one and two, and hardly any has more."""
    for name in ("timer-no-hw-deactivation", "timer-migrated"):
        uninterrupted(find_scenario(name), find_design("kvm"), engine="compiled")


def self_check(scenario: Scenario, design: Buildable, **how: Any) -> Verdict:
    """The verdict of the compiled search, after it was found to be that of plain Python, count by count.

    Takes what `check` takes; a `seconds` bound is not: it can't cut both at the same state.
    Raises AssertionError where the two differ.
    """
    plain, compiled = (check(scenario, design, **{**how, "engine": engine}) for engine in ("plain", "compiled"))
    told = [(v.result.verdict, v.result.states, v.result.transitions, v.result.depth, len(v.schedule), v.rule)
            for v in (plain, compiled)]
    cut = plain.result.broken or plain.result.why_cut is not None
    same = [(t[0], t[5]) if cut else t for t in told]       # of several that are as short, either may be found first
    if same[0] != same[1]:
        raise AssertionError(f"{scenario.name}: plain Python finds {told[0]}, the compiled search {told[1]}")
    return compiled


def model_of(machine: Machine, only: frozenset[int] | None = None, goals: Iterable[Goal] = ()) -> Model:
    """A machine for the explorer, with its alphabet and its rules, or only those of these ids."""
    actions = [(str(action), action.do) for action in machine.alphabet()]
    return Model(machine, actions, judged_rules(machine, only), goals, machine.parts(), outside=("vgic.explore",))


def judged_rules(machine: Machine, only: frozenset[int] | None = None) -> list[tuple[str, Callable[[], object]]]:
    """The rules of a machine, or only those of these ids, as calls for the explorer: one each, and one for all that is
    judged at rest."""
    ids = [n for n in MACHINE_RULES if only is None or n in only]
    found: list[tuple[str, Callable[[], object]]] = []
    for n in ids:
        calls = anytime(n, machine)
        found += [(f"rule {n}" + (f" {i}" if i else ""), call) for i, call in enumerate(calls)]
    return [*found, (_REST, partial(at_rest, tuple(ids), machine))]


# -- nothing is lost

def _nothing(machine: Machine) -> list[Goal]:
    return []


def fair_names(machine: Machine) -> frozenset[str]:
    """What happens in the end if it stays possible: what the machine does by itself, and a scheduler that takes a vCPU
    off its PE for another."""
    several = len(machine.vcpus) > 1
    return frozenset(
        name for name, action in machine.actions.items() if action.fair or (several and isinstance(action, Put)))


def all_at_once(machine: Machine, only: frozenset[int] = LOST) -> list[Goal]:
    """Fair steps can always bring the machine to where every interrupt is with its guest at once."""
    fair = fair_names(machine).__contains__
    return [Goal("all", partial(_all_brought, machine, crowded_out(machine), only), fair)]


def each_alone(machine: Machine, only: frozenset[int] = LOST) -> list[Goal]:
    """Fair steps can always bring every single interrupt to its guest, and free its twin."""
    fair, crowded = fair_names(machine).__contains__, crowded_out(machine)
    out = []
    for vm in machine.vms:
        for run in vm.vcpus:
            for vintid in run.irqs:
                if vintid < 32 or run.vcpu.index == 0:
                    which = (vm.name, run.name if vintid < 32 else "", vintid)
                    out.append(Goal(_name(which), partial(_brought, machine, crowded, only, which), fair))
    return out


Which = tuple[str, str, int]


def _name(which: Which) -> str:
    vm, run, vintid = which
    return f"{vintid} of {run or vm}"


def crowded_out(machine: Machine) -> frozenset[str]:
    """The vCPUs that may wait for a PE for ever, because the scenario leaves out what would take another one off it."""
    alphabet = machine.alphabet()
    leaving = [action.who for action in alphabet if isinstance(action, Put)]
    moves = {(action.run, action.pe) for action in alphabet if isinstance(action, Moved)}
    return frozenset(
        run.name for run in machine.vcpus for other in machine.vcpus
        if other is not run and other not in leaving and (other.home == run.home or (other, run.home) in moves))


def _open(
    machine: Machine, crowded: frozenset[str], only: frozenset[int],
) -> Iterator[tuple[int, Undelivered | Stuck]]:
    """What is not with its guest, and the rule, of these, that is broken if that is for ever; not what waits, where
    that may be for ever."""
    for found in outstanding(machine):
        rule = 19 if found.run.vcpu.blocked else 2 if found.level else 1
        if rule in only and (found.run.name not in crowded or not waits(found.vm, found.run, found.ghost)):
            yield rule, found
    for stuck in ownerless(machine) if STUCK in only else ():
        if stuck.run.name not in crowded or not waits(stuck.vm, stuck.run, stuck.run.irqs[stuck.vintid]):
            yield STUCK, stuck


def _all_brought(machine: Machine, crowded: frozenset[str], only: frozenset[int]) -> bool:
    return next(_open(machine, crowded, only), None) is None


def _brought(machine: Machine, crowded: frozenset[str], only: frozenset[int], which: Which) -> bool:
    vm, run, vintid = which
    return not any(u.vintid == vintid and u.vm.name == vm and run in ("", u.run.name)
                   for _, u in _open(machine, crowded, only))


# -- the counterexample

def _shown(
    verdict: Verdict, broken: Broken, design: Buildable, list_registers: int | None, lost: frozenset[int],
) -> Verdict:
    """The verdict with its counterexample played again."""
    ended = verdict.scenario.run.model_copy(update={"finish": False})
    scenario = verdict.scenario.model_copy(update={"run": ended})
    schedule = Schedule(scenario, design, list_registers)
    script = [*broken.actions, *broken.then]
    file = design_file(design)
    try:
        replay, ran = _watched(file, schedule, script)
    except ScenarioError:
        if file is None:
            raise
        raise ScenarioError(_not_replayed(verdict, broken, "its schedule is not possible")) from None
    except Unsupported:
        raise
    except Exception as e:
        if broken.kind != "raised" or broken.rule not in schedule.machine.actions:
            raise
        raise DesignCrashed(replace(
            verdict, what=said_of(e).partition("\n")[0], replay=schedule.so_far(),
            crash=traceback_of(file, e))) from e
    if broken.kind == "raised":
        raise ScenarioError(_not_replayed(verdict, broken, f"{broken.rule} does not raise {shown(broken.said)}"))
    if broken.kind == "lost":
        rule = RULES[_lost_rule(schedule.machine, broken.rule, lost)]
        what = f"{broken.rule} never gets to its guest: {broken.said}"
    else:
        n, what = broken.said if broken.rule == _REST else (int(broken.rule.split()[1]), broken.said)
        rule = RULES[n]
    last = max((step for step in ran if 0 < step <= len(broken.actions)), default=None)
    return replace(verdict, rule=rule, what=what, replay=replay, ran=None if last is None else (last, ran[last]),
                   then=tuple(broken.then), loop=broken.loop)


def _not_replayed(verdict: Verdict, broken: Broken, what: str) -> str:
    """What is said of a counterexample that can't be played again."""
    schedule = "  ".join(f"{n}. {name}" for n, name in enumerate(broken.actions, 1))
    return (f"{verdict.scenario.name}: design {verdict.design} can't be explored: the search came to a counterexample"
            f" ({broken.rule}), and when it is played again {what}: it does one thing now and another then. Does it"
            f" keep what changes where the explorer can't see it (a cache, a file, a clock)? The schedule: {schedule}")


def _watched(file: Path | None, schedule: Schedule, script: list[str]) -> tuple[Run, dict[int, tuple[str, ...]]]:
    """A run, and for each of its steps what was called of a user's file."""
    ran: dict[int, tuple[str, ...]] = {}
    if file is None:
        return schedule.run(script), ran
    own, name = str(file.resolve()), file.name

    def note(frame: FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        if event == "call" and os.path.realpath(code.co_filename) == own:
            step, said = len(schedule.steps) + 1, f"{name}:{code.co_firstlineno} {code.co_qualname}"
            ran[step] = tuple(dict.fromkeys((*ran.get(step, ()), said)))
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        return schedule.run(script), ran
    finally:
        sys.setprofile(before)


def _lost_rule(machine: Machine, name: str, only: frozenset[int]) -> int:
    """The rule that a lost interrupt breaks: by where it is when nothing can bring it any more."""
    return next(rule for rule, u in _open(machine, crowded_out(machine), only)
                if name in (_name((u.vm.name, u.run.name, u.vintid)), _name((u.vm.name, "", u.vintid))))


# -- more or fewer vCPUs

def with_vcpus(scenario: Scenario, count: int) -> Scenario:
    """The scenario with so many vCPUs in every VM: the first of its own, and copies of the last.

    ScenarioError where something names a vCPU that there is none of then.
    """
    def sized(vm: VmSpec) -> VmSpec:
        vcpus = [vm.vcpu[min(i, len(vm.vcpu) - 1)] for i in range(count)]
        return vm.model_copy(update={"vcpu": vcpus})
    changed = scenario.model_copy(update={"vm": [sized(vm) for vm in scenario.vm]})
    for device in scenario.device:
        if device.routed >= count:
            raise ScenarioError(f"{scenario.name}: {count} vCPUs: {device.name} is routed to vCPU {device.routed}")
    for vm in changed.vm:
        for vcpu in vm.vcpu:
            for text in (*vcpu.program, *(op for ops in vcpu.handlers.values() for op in ops)):
                if max(parse(text, handler=True).named(Vcpu), default=0) >= count:
                    raise ScenarioError(f"{scenario.name}: {count} vCPUs: a program says {text!r}")
    return changed

