"""The machine that runs: booted, with its actions. A script is a list of their names; see `vgic.lab.actions`."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from vgic.designs.build import Buildable
from vgic.lab.actions import Action, Moved, all_actions
from vgic.lab.errors import ScenarioError
from vgic.lab.mainboard import Mainboard
from vgic.lab.posted import Posting
from vgic.lab.scenario import Scenario
from vgic.parts import step
from vgic.rules.moments import Moments
from vgic.rules.world import VcpuView


class Machine(Mainboard):
    """A machine as a scenario describes it, booted, with every first vCPU of a PE loaded and its guest running.

    Args:
        scenario: what there is in it. design: what it is built of, or the class of the design. listeners: hear
            everything, from the boot on. list_registers: instead of the scenario's.

    Attributes:
        actions: everything that can happen, by name; what a script may say. fair: what it does by itself, the most
            urgent first.
    """

    def __init__(self, scenario: Scenario, design: Buildable, listeners: Iterable[Moments[VcpuView]] = (),
                 list_registers: int | None = None) -> None:
        super().__init__(scenario, design, listeners, list_registers)
        every = tuple(all_actions(self))
        self.actions: dict[str, Action] = {str(action): action for action in every}
        self.fair = tuple(action for action in every if action.fair)
        self._boot()

    def _boot(self) -> None:
        """Every guest sets up its GIC, one after the other, and is switched off again if it begins so; then the first
        other vCPU of each PE is loaded and entered."""
        for run in self.vcpus:
            self.load(run, run.home)
            self.guests.boot(run)
            if run.off:
                self.guests.switch_off(run)
            else:
                self.put(run)
        for run in self.vcpus:
            if not run.off and self.on_pe(run.home) is None:
                self.load(run, run.home)
                if self.can_enter(run):
                    self.enter(run)
        if isinstance(self.gic, Posting):
            self.gic.arrive_all()
        self.witness.booted(self.vcpus)

    def alphabet(self) -> list[Action]:
        """What the scenario lets happen, for the explorer and random schedules; no moves where a design has none."""
        check = self.scenario.check
        for key, patterns in (("actions", check.actions), ("never", check.never)):
            for n, pattern in enumerate(patterns):
                if not any(fnmatchcase(name, pattern) for name in self.actions):
                    raise ScenarioError(
                        f"{self.scenario.where('check', key, n)}: check: {key} {n}: {pattern!r} names no action:"
                        f" expected names or patterns (*) of {', '.join(self.actions)}")
        return [
            action for name, action in self.actions.items() if not (isinstance(action, Moved) and self._stays(action))
            if any(fnmatchcase(name, p) for p in check.actions) and not any(fnmatchcase(name, p) for p in check.never)]

    def _stays(self, move: Moved) -> bool:
        """Whether a vCPU moves nowhere, or not to that PE: one that is pinned, or one's that is."""
        return self.design.of(move.run.vcpu.vm).pinned or move.pe in self.taken_pes

    @step
    def quiescent(self) -> bool:
        """Whether nothing happens any more unless a device, time or a scheduler does something: it is at rest."""
        return not any(action.possible() for action in self.fair)
