"""A model as it is handed to the explorer: what `vgic.engine` says of it, in code.

The words that whoever hands over a model needs, and what is raised where it can't be explored.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

Call = Callable[[], Any]
"""A call without arguments: a bound method, a partial, a function that holds what it works on."""
Named = tuple[str, Call]
"""A call, and what it is called in counterexamples and messages."""

NO_PART: Final = ("it is no part, so it would be taken for a constant."
                  " Keep what changes in the __slots__ of a part")


class ModelError(Exception):
    """The model does something that can't be explored exactly; the message says what and where."""


class CheckpointError(Exception):
    """A checkpoint can't be used; the message says which and why."""


@dataclass(frozen=True)
class Goal:
    """Something that must stay possible: AG EF in the words of temporal logic.

    From every reachable state where `when` holds (None: from every one), fair steps alone can still lead to a state
    where `reached` holds. `fair` tells by an action's name whether it must happen in the end if it stays possible (a
    program goes on, a message arrives), unlike what somebody may never do. Both calls only judge.
    """
    name: str
    reached: Call
    fair: Callable[[str], bool]
    when: Call | None = None


@dataclass(frozen=True)
class Model:
    """A machine, what can happen to it, and what must hold.

    Attributes:
        machine: the object from which everything is reached; what its parts hold now is the first state.
        actions: what can happen, each by a name of its own. A call is a step that nothing divides; it returns False
            where it is not possible, and what it had written until then is dropped.
        rules: what must not be. A call returns something true in a state that breaks it: that is told as the reason.
        goals: what must stay possible.
        parts: only these objects are parts; None: all that can be reached and look like one.
        outside: packages, by dotted names, that calls come from and that hold nothing of the model: what drives it.

    Raises ModelError where there is no action, or where two have one name.
    """
    machine: object
    actions: Iterable[Named]
    rules: Iterable[Named] = ()
    goals: Iterable[Goal] = ()
    parts: Iterable[object] | None = None
    outside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("actions", "rules", "goals", "parts"):
            given = getattr(self, field)
            object.__setattr__(self, field, given if given is None else tuple(given))
        names = [name for name, _ in self.actions]
        if not names:
            raise ModelError("there are no actions: nothing can happen")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ModelError(f"two actions are called {twice!r}: a counterexample could not name them")

    @property
    def must_hold(self) -> int:
        """How many rules and goals there are."""
        return len([*self.rules, *self.goals])

    def calls(self) -> list[Named]:
        """All that is called: actions, rules, and what judges the goals."""
        of_goals = [(f"{goal.name}: {what} {n}", call) for n, goal in enumerate(self.goals)
                    for what, call in (("reached", goal.reached), ("when", goal.when)) if call is not None]
        return [*self.actions, *self.rules, *of_goals]
