"""A mutant, judged: by the scripts and the searches of the scenarios that reach its line.

Whatever is judged is judged in a process of its own (`python -m bench.check.judging`), which is told on its standard
input what to do, and answers a line of JSON for each script and each search.
"""
from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from bench.check.mutation import DESIGNS, POPULATIONS, ROOT, Mutant, plant

SCRIPT, SEARCH = "script", "search"
JUDGES = ("parts.py", "engine", "arch", "silicon", "host", "designs", "rules", "lab", "explore")
"""Below src/vgic: what a verdict depends on."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vgic" / "mutants.json"
COVERED = 5000
"""States of a search in which the lines that it runs are noted, at most."""
LONGEST = 60
"""Seconds of CPU time that no search takes: a mutant that is not done after them never comes back."""
Answer = dict[str, Any]
"""What a process says of one script or search, and what is kept of a mutant, as JSON has it."""


# -- in a process of its own

def _main() -> None:
    """Does each task with the mutant, if there is one, until one tells it."""
    job = json.load(sys.stdin)
    if job["mutant"] is not None:
        plant(Mutant(*job["mutant"]))
        resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"] + 5))
    for task in job["tasks"]:
        began = time.process_time()
        cover: dict[str, set[int]] = {}
        if job["cover"]:
            sys.settrace(_lines(cover))
        try:
            said = _script(task) if task["by"] == SCRIPT else _search(task)
        finally:
            sys.settrace(None)
        print(json.dumps({**task, **said, "cpu": time.process_time() - began,
                          "lines": {file: sorted(lines) for file, lines in cover.items()}}), flush=True)
        if said["told"] and job["mutant"] is not None:
            return


def _lines(cover: dict[str, set[int]]) -> Any:
    """A tracer that notes which lines of the designs are run."""
    below = f"{DESIGNS}{os.sep}"

    def line(frame: FrameType, event: str, arg: object) -> Any:
        cover[frame.f_code.co_filename.removeprefix(below)].add(frame.f_lineno)
        return line

    def call(frame: FrameType, event: str, arg: object) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(below):
            return None
        cover.setdefault(file.removeprefix(below), set())
        return line
    return call


def _script(task: Answer) -> Answer:
    from vgic.lab.loader import find_design, find_scenario
    from vgic.lab.schedule import Schedule

    scenario = find_scenario(task["scenario"])
    try:
        run = Schedule(scenario, find_design(scenario.design), lenient=True).run()
    except Exception as e:
        return {"told": f"crash ({type(e).__name__}: {e})", "steps": 0}
    new = [b for b in run.breaches if b.rule.id not in task["known"]]
    return {"told": f"rule {new[0].rule.id}" if new else "", "steps": new[0].place if new else 0, "broken": run.broken}


def _search(task: Answer) -> Answer:
    from vgic.explore.check import Bounds, DesignCrashed, check
    from vgic.lab.errors import ScenarioError
    from vgic.lab.loader import find_design, find_scenario
    from vgic.rules.checks import MACHINE_RULES

    scenario = find_scenario(task["scenario"])
    try:
        verdict = check(scenario, find_design(scenario.design), rules=set(MACHINE_RULES) - set(task["known"]),
                        bounds=Bounds(states=task["states"]), liveness=task["liveness"])
    except DesignCrashed as e:
        return {"told": f"crash ({e.verdict.what})", "steps": len(e.verdict.schedule)}
    except ScenarioError as e:
        return {"told": f"crash ({e})".partition("\n")[0], "steps": 0}
    return {"told": f"rule {verdict.rule.id}" if verdict.rule is not None else "", "steps": len(verdict.schedule)}


def _process(
    tasks: list[Answer], mutant: Mutant | None, seconds: int = 0, cover: bool = False,
) -> tuple[list[Answer], bool]:
    """The answers of a process, and whether it ended by itself."""
    job = {"mutant": mutant and list(mutant), "tasks": tasks, "seconds": seconds, "cover": cover}
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-m", "bench.check.judging"], input=json.dumps(job), text=True, cwd=ROOT,
                          capture_output=True, env=environment, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"scenario"')]
    if done.returncode > 0:                     # not even its modules can be imported
        last = done.stderr.strip().splitlines()[-1:] or ["no words"]
        answers.append({**tasks[len(answers)], "told": f"crash ({last[0]})", "steps": 0, "cpu": 0.0, "lines": {}})
    return answers, done.returncode >= 0


# -- the design as it is

class Base(NamedTuple):
    """A scenario with the design as it is.

    Attributes:
        name: its. key: of it and of the design. known: the rules that some schedule of it is announced to break.
            scripted: those that its script breaks. liveness: whether what is lost for ever is judged. script, search:
            the lines that they run, by file. cpu: seconds of its search.
    """

    name: str
    key: str
    known: list[int]
    scripted: list[int]
    liveness: bool
    script: dict[str, list[int]]
    search: dict[str, list[int]]
    cpu: float

    def task(self, by: str, states: int) -> Answer:
        """Its script or its search."""
        known = self.scripted if by == SCRIPT else self.known
        return {"scenario": self.name, "by": by, "known": known, "liveness": self.liveness, "states": states}


class Bases:
    """Every scenario of `kvm`; what the cache does not know of it is found out.

    Args:
        states: of each search, at most. jobs: how many processes at a time.
    """

    def __init__(self, states: int, jobs: int) -> None:
        from vgic.lab.loader import all_scenarios, scenario_dir

        self.states = states
        self.held: dict[str, Any] = json.loads(CACHE.read_text(encoding="utf-8")) if CACHE.is_file() else {}
        self.sources = _hash(file for name in JUDGES for file in (
            (ROOT / "src/vgic" / name).rglob("*.py") if not name.endswith(".py") else [ROOT / "src/vgic" / name]))
        design = _hash((DESIGNS / file for file in POPULATIONS["all"]), str(COVERED))
        self.by_name: dict[str, Base] = {}
        todo = []
        for scenario in all_scenarios():
            key = _hash([scenario_dir() / f"{scenario.name}.toml"], design)
            if key in self.held:
                self.by_name[scenario.name] = Base(*self.held[key])
            elif scenario.design == "kvm":
                todo.append((scenario.name, key))
        with ThreadPoolExecutor(jobs) as pool:
            for n, base in enumerate(pool.map(self._found_out, todo), 1):
                print(f"{n}/{len(todo)} {base.name}: {base.cpu:.1f} s", file=sys.stderr, flush=True)
                self._keep(base.key, list(base))
                self.by_name[base.name] = base

    def _found_out(self, task: tuple[str, str]) -> Base:
        from vgic.explore.all import announced
        from vgic.lab.loader import find_scenario

        name, key = task
        scenario = find_scenario(name)
        known = sorted(announced(scenario, "kvm", scenario.machine.list_registers))
        base = Base(name, key, known, [], True, {}, {}, 0.0)
        (script, search), _ = _process([base.task(by, COVERED) for by in (SCRIPT, SEARCH)], None, cover=True)
        lost = search["told"] in {f"rule {n}" for n in known}
        return base._replace(scripted=script["broken"], liveness=not lost, script=script["lines"],
                             search=search["lines"], cpu=search["cpu"])

    def _keep(self, key: str, value: Any) -> None:
        self.held[key] = value
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        CACHE.write_text(json.dumps(self.held), encoding="utf-8")

    def sound(self, base: Base, by: str) -> bool:
        """Whether the script or the search of a scenario tells nothing of the design as it is, with today's rules. One
        that does judges no mutant any more."""
        key = f"{base.key} {self.sources} {by}"
        if key not in self.held:
            (answer,), _ = _process([base.task(by, self.states)], None)
            self._keep(key, not answer["told"])
            if answer["told"]:
                print(f"{base.name}: {by}: {answer['told']}, and is not announced", file=sys.stderr, flush=True)
        return bool(self.held[key])


def _hash(paths: Iterable[Path], text: str = "") -> str:
    digest = hashlib.sha256(text.encode())
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# -- a mutant

def judge(mutant: Mutant, bases: Bases, before: Answer, seconds: int) -> Answer:
    """Who tells it: the record of it, which goes on from what is known `before`."""
    tried = set(before.get("tried", ()))
    todo = []
    for by in (SCRIPT, SEARCH):
        reach = [b for b in bases.by_name.values()
                 if mutant.line in getattr(b, by).get(mutant.file, ()) and f"{b.key} {by}" not in tried]
        todo += [(base, by) for base in sorted(reach, key=lambda b: b.cpu)]
    record: Answer = {"key": mutant.key, "told": "", "by": "", "scenario": "", "steps": 0, "cpu": 0.0}
    while todo and not record["told"]:
        answers, ended = _process([base.task(by, bases.states) for base, by in todo], mutant, seconds)
        spent = sum(a["cpu"] for a in answers)
        record["cpu"] = round(record["cpu"] + spent, 1)
        tried |= {f"{base.key} {by}" for (base, by), _ in zip(todo, answers, strict=False)}
        last = answers[-1] if answers else None
        if last is not None and last["told"]:
            if bases.sound(*todo[len(answers) - 1]):
                record |= {k: last[k] for k in ("told", "by", "scenario", "steps")}
        elif not ended and seconds - spent > LONGEST:
            record |= {"told": "hangs", "by": todo[len(answers)][1], "scenario": todo[len(answers)][0].name}
        elif not ended:
            break
        todo = todo[len(answers):]
    return {**record, "tried": sorted(tried)}


if __name__ == "__main__":
    _main()
