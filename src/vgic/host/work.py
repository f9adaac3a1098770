"""Deferred work: host code that runs later than what queued it, and the locks that order it.

A call of the kernel or of a hypervisor runs as one step: nothing comes between its lines. Real code is cut in two at
three places, and bugs live in the cuts:

- **A timer is armed.** The function that it calls runs once the system counter has reached the deadline, and whatever
  happened since has happened: `KernelTimer`.
- **A handler leaves its late half for later** (a thread, a workqueue), or an interrupt that a PE has acknowledged is
  handled after another PE did something: `WorkItem`.
- **A call drops a lock and takes it again.** What it does then is a step of its own, before which any other may come:
  its second half is a `WorkItem`, which the first queues as its last act.

A call in two halves is written so:

    class Unmap:
        def __init__(self, vm, lock):
            self.second = WorkItem(f"{vm.name}'s unmapping goes on", self.finish, needs=(lock,))

        def begin(self):                    # the call, up to where it drops the lock
            ...
            self.second.queue()

        def finish(self):                   # what it does once it has the lock again
            ...

What the second half has to know of the first lies in a part, as all state does. A lock that is dropped and taken within
one step need not be modelled: nothing can see it. One that is kept over a cut is a `Lock`: the half that keeps it takes
it, the half that ends it releases it, and work that needs it can't run in between, as a thread would wait for it.

Whoever owns work lists it (`Kernel.work`, `Design.work`); whoever runs the machine lets each piece run where it is
`due`, at any moment or never, as a scheduler would. Its action is called by what it does, not by a number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from vgic.parts import Part


class Lock(Part):
    """A lock that may be held from one step to another.

    Attributes:
        name: for people. holder: what holds it, in words; None while it is free.
    """

    __slots__ = ("holder", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.holder: str | None = None

    def take(self, holder: str) -> None:
        """From now on it is held. RuntimeError where it is: a step that needs a lock says so beforehand (`needs`)."""
        if self.holder is not None:
            raise RuntimeError(f"{holder} takes {self.name}, which {self.holder} holds")
        self.holder = holder

    def release(self) -> None:
        """It is free again. RuntimeError where it was."""
        if self.holder is None:
            raise RuntimeError(f"{self.name} is released, and nobody holds it")
        self.holder = None


class Work(Part, ABC):
    """A piece of host code that may run later than what queued it.

    Attributes:
        action: what happens when it runs, in words: the name of the action.
        function: what runs, a function or a bound method. needs: the locks that must be free for it.
    """

    __slots__ = ("action", "function", "needs")

    def __init__(self, action: str, function: Callable[[], None], needs: Sequence[Lock] = ()) -> None:
        self.action = action
        self.function = function
        self.needs = tuple(needs)

    @abstractmethod
    def wanted(self, count: int) -> bool:
        """Whether it was queued, and has not run; where a time was named, whether the system counter has reached it."""

    @abstractmethod
    def cancel(self) -> None:
        """It does not run, unless it is queued again."""

    def due(self, count: int) -> bool:
        """Whether it can run at this count of the system counter (CNTPCT_EL0): wanted, and no lock in its way."""
        return self.wanted(count) and all(lock.holder is None for lock in self.needs)

    def run(self) -> None:
        """Runs it once; it may queue itself again."""
        self.cancel()
        self.function()


class KernelTimer(Work):
    """A timer of the kernel's own (an hrtimer). `name` says whose and what for: "vcpu0's wake-up timer".

    Attributes:
        deadline: the count of the system counter at which it fires, None while it is not armed.
    """

    __slots__ = ("deadline",)

    def __init__(self, name: str, function: Callable[[], None], needs: Sequence[Lock] = ()) -> None:
        super().__init__(f"{name} fires", function, needs)
        self.deadline: int | None = None

    def arm(self, deadline: int) -> None:
        """It fires when the system counter reaches the deadline; an earlier arming is forgotten."""
        self.deadline = deadline

    def cancel(self) -> None:
        """It does not fire."""
        self.deadline = None

    def wanted(self, count: int) -> bool:
        """Whether it is armed, and the counter has reached its deadline."""
        return self.deadline is not None and count >= self.deadline


class WorkItem(Work):
    """Host code that was put off: it runs once, some time after it was queued.

    Attributes:
        queued: it has been queued, and has not run.
    """

    __slots__ = ("queued",)

    def __init__(self, action: str, function: Callable[[], None], needs: Sequence[Lock] = ()) -> None:
        super().__init__(action, function, needs)
        self.queued = False

    def queue(self) -> None:
        """It runs some time from now; where it is queued already, once all the same."""
        self.queued = True

    def cancel(self) -> None:
        """It does not run."""
        self.queued = False

    def wanted(self, count: int) -> bool:
        """Whether it is queued."""
        return self.queued
