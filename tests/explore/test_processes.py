"""A process a core over a list of tasks: each is done once, what goes wrong is told, and no process stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import active_children

from vgic.explore.processes import each


def failed(task: object, why: str) -> str:
    return f"{task}: {why}"


def negated(task: int) -> object:
    return -task


def slowly(task: float) -> object:
    time.sleep(task)
    return task


def at_children(do: Callable[[int], None], count: int = 1) -> threading.Thread:
    """Does something to the first of the processes, as soon as there are so many."""
    def wait() -> None:
        while len(active_children()) < count:
            time.sleep(0.01)
        pid = active_children()[0].pid
        assert pid is not None
        do(pid)
    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_one_at_a_time_goes_in_order_and_starts_no_process() -> None:
    found = each(negated, [3, 1, 2], failed, 1)
    assert next(found) == -3
    assert active_children() == []
    assert list(found) == [-1, -2]
    assert list(each(negated, [], failed, 4)) == []


def test_in_parallel_each_is_done_once_and_no_process_stays() -> None:
    assert set(each(negated, [3, 1, 2], failed, 2)) == {-3, -2, -1}
    assert active_children() == []


def test_what_raises_is_told_with_its_task() -> None:
    for processes in (1, 2):
        found = list(each(negated, [1, None], failed, processes))  # type: ignore[arg-type]  # so that it raises
        assert sorted(map(str, found)) == ["-1", "None: TypeError: bad operand type for unary -: 'NoneType'"]


def test_leaving_early_ends_the_processes() -> None:
    found = each(slowly, [0.0, 60.0, 60.0], failed, 2)
    assert next(found) == 0.0
    under_way = active_children()
    assert len(under_way) == 2
    found.close()
    assert active_children() == []
    assert [child.exitcode for child in under_way] == [-signal.SIGKILL] * 2, "ended, not waited for"


def test_a_process_that_is_killed_is_told_and_replaced() -> None:
    killer = at_children(lambda pid: os.kill(pid, signal.SIGKILL), 2)
    found = list(each(slowly, [0.5, 0.5, 0.25, 0.25], failed, 2))
    killer.join()
    assert sorted(str(f) for f in found if isinstance(f, float)) in (["0.25", "0.25", "0.5"], ["0.25", "0.5", "0.5"])
    (told,) = [f for f in found if isinstance(f, str)]
    assert "its process ended" in told


def test_an_interrupt_is_not_for_the_processes() -> None:
    def interrupt(pid: int) -> None:
        time.sleep(0.7)                     # it has begun, and ignores it
        os.kill(pid, signal.SIGINT)
    interrupter = at_children(interrupt, 2)
    assert list(each(slowly, [1.5, 1.5], failed, 2)) == [1.5, 1.5]
    interrupter.join()


def test_its_processes_end_with_the_one_that_started_them() -> None:
    code = ("import time\nfrom multiprocessing import active_children\nfrom vgic.explore.processes import each\n"
            "found = each(time.sleep, [0.0, 60.0, 60.0], print, 2)\nnext(found)\n"
            "print(*[c.pid for c in active_children()], flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert len(pids) == 2
    until = time.monotonic() + 30
    while any(map(_runs, pids)):
        assert time.monotonic() < until, "a process outlives the one that started it"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
