"""A process a core over a list of tasks: what is done is told as it is done, and none outlives who asked for it.

Each process takes one task after the other, so that what it has compiled and imported serves them all. One that ends
(out of memory, killed) is told with the task that it had, and another takes its place. Ctrl-C is for the process that
started them: its own interrupt ends the iteration, and with it all that is under way.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Generic, TypeVar

Task = TypeVar("Task")
Done = TypeVar("Done")

ENDED: Final = "its process ended: out of memory?"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(
    work: Callable[[Task], Done], tasks: Sequence[Task], failed: Callable[[Task, str], Done], processes: int,
) -> Generator[Done, None, None]:
    """What `work` makes of each task, in the order in which they are done; they are begun in the order given.

    Args:
        work: a function of a module, or a partial of one; it, the tasks and what comes of them go by pickle.
        failed: what stands for a task that `work` raised an exception for, or whose process ended, and why.
        processes: how many at a time; a single task, or one at a time, is done in this process.

    What is under way ends with the iterator.
    """
    if processes == 1 or len(tasks) <= 1:
        for task in tasks:
            yield _done(work, task, failed)
        return
    todo = deque(tasks)
    workers: list[_Worker[Task, Done]] = []
    try:
        while todo or any(w.busy for w in workers):
            while todo and len(workers) < min(processes, len(tasks)):
                with _interrupts_wait():
                    workers.append(_Worker(work, failed))
            for idle in workers:
                if todo and not idle.busy:
                    idle.take(todo.popleft())
            busy = [w for w in workers if w.busy]
            answered = wait([w.ours for w in busy])
            for worker in [w for w in busy if w.ours in answered]:
                done = worker.done()
                if worker.ended:
                    workers.remove(worker)
                yield done
    finally:
        for worker in workers:
            worker.end()


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Ctrl-C is heard after the body. A process that is started meanwhile is deaf to it from its first moment on: until
    it says so itself it would tell of the interrupt with a traceback of its own."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _done(work: Callable[[Task], Done], task: Task, failed: Callable[[Task, str], Done]) -> Done:
    try:
        return work(task)
    except Exception as e:
        return failed(task, f"{type(e).__name__}: {e}")


class _Worker(Generic[Task, Done]):
    """A process that does one task after the other.

    Attributes:
        ours: our end of the line to it. process: the process. task: what it does, in a list of one; empty while it is
            idle. ended: whether it is gone.
    """

    def __init__(self, work: Callable[[Task], Done], failed: Callable[[Task, str], Done]) -> None:
        context = get_context("spawn")
        self.ours, theirs = context.Pipe()
        self.process = context.Process(target=_working, args=(theirs, work, failed), daemon=True)
        self.process.start()
        theirs.close()
        self.failed = failed
        self.task: list[Task] = []
        self.ended = False

    @property
    def busy(self) -> bool:
        """Whether it has a task."""
        return bool(self.task)

    def take(self, task: Task) -> None:
        """Has it do a task."""
        self.task.append(task)
        with suppress(OSError):             # it has ended: `done` says so
            self.ours.send(task)

    def done(self) -> Done:
        """What came of its task, once it answers or has ended. It is idle then."""
        task = self.task.pop()
        try:
            answer: Done = self.ours.recv()
        except (OSError, EOFError):
            self.end()
            return self.failed(task, ENDED)
        return answer

    def end(self) -> None:
        """Ends it, whatever it does."""
        self.ended = True
        self.process.kill()
        self.process.join()
        self.ours.close()


def _working(theirs: Connection, work: Callable[[Any], Any], failed: Callable[[Any, str], Any]) -> None:
    """What a process of `each` does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError, EOFError):
        while True:
            theirs.send(_done(work, theirs.recv(), failed))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
