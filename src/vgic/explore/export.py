"""A counterexample as files: a scenario that `vgic run` replays, a pytest that does, and a C case to be completed.

    paths = export(verdict, "mine.py:MyVgic", Path("."))

The scenario is the one that was checked, with the counterexample as its script. The test holds it as text, so that it
stands alone, and fails as long as the design breaks the rule. The C case is a skeleton in the manner of a
kvm-unit-tests case: what the guest does is code, what its host and devices do is a comment where it must be provoked.
"""
from __future__ import annotations

import os
import re
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vgic.explore.case import c_case
from vgic.explore.check import Verdict
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import find_design, guarded
from vgic.lab.scenario import Scenario, parse_scenario, with_designs
from vgic.lab.schedule import Schedule

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def export(verdict: Verdict, design: str, directory: Path) -> list[Path]:
    """Writes counterexample-RULE.toml, counterexample_RULE_test.py and counterexample-RULE.c.

    Args:
        design: as it was named: kvm, FILE.py:CLASS. directory: made if it isn't there; such files are replaced.

    A design of a file is named relative to the files written, so that they can be moved and committed with it.
    Returns the paths written. ScenarioError where they can't be.
    """
    rule = verdict.rule
    if rule is None:
        raise ScenarioError(f"{verdict.scenario.name}: there is no counterexample: {verdict.result.verdict}")
    text = scenario_text(with_designs(counterexample(verdict, design), lambda named: _relative(named, directory)))
    told = {f"counterexample-{rule.id}.toml": text, f"counterexample_{rule.id}_test.py": _test(verdict, text),
            f"counterexample-{rule.id}.c": c_case(verdict, design)}
    paths = [directory / name for name in told]
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, told.values(), strict=True):
            new = path.with_name(path.name + ".new")
            new.write_text(content, encoding="utf-8")
            os.replace(new, path)
    return paths


def probe(directory: Path) -> None:
    """Whether counterexamples can be written there, tried before there is one. Nothing stays of it. ScenarioError where
    they can't be."""
    there = directory
    while not there.exists() and there.parent != there:
        there = there.parent
    with _writing(directory), tempfile.TemporaryDirectory(dir=there) as made:
        (Path(made) / "probe").write_text("", encoding="utf-8")


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    """Says in words that files can't be written there."""
    try:
        yield
    except OSError as e:
        raise ScenarioError(f"{directory}: can't write a counterexample: {e.strerror}") from None


def _relative(design: str, directory: Path) -> str:
    """A design as a file in this directory names it."""
    file, colon, cls = design.rpartition(":")
    return f"{os.path.relpath(Path(file).resolve(), directory.resolve())}:{cls}" if colon else design


def counterexample(verdict: Verdict, design: str) -> Scenario:
    """The scenario whose script is the counterexample. Its verdict is what its run gives: where what is lost shows only
    after the machine went round for ever, the run goes on until it is told from a rest."""
    s = verdict.scenario
    endless = bool(verdict.then) and verdict.loop is not None
    run = s.run.model_copy(update={"script": [*verdict.schedule, *verdict.then], "finish": endless})
    made = s.model_copy(update={
        "name": f"{s.name[:20].rstrip('-')}-breaks-rule-{verdict.rule.id if verdict.rule else 0}", "design": design,
        "machine": s.machine.model_copy(update={"list_registers": verdict.list_registers}), "run": run,
        "expect": "holds", "rules": []})
    cls = find_design(design)
    broken = guarded(None, s.name, lambda: Schedule(made, cls).run()).broken
    wanted = [verdict.rule.id] if verdict.rule is not None and verdict.rule.id in broken else list(broken)
    return made.model_copy(update={"expect": "breaks", "rules": wanted} if wanted else {})


# -- TOML

def scenario_text(scenario: Scenario) -> str:
    """A scenario as the TOML that `vgic.lab.scenario` reads."""
    data = scenario.model_dump(exclude_defaults=True, mode="json")
    text = "\n".join(_tables((), data)).strip() + "\n"
    if parse_scenario(text).model_dump() != scenario.model_dump():
        raise AssertionError(f"{scenario.name}: its TOML says something else")
    return text


def _tables(path: tuple[str, ...], table: dict[str, Any]) -> Iterator[str]:
    inner = {k: v for k, v in table.items() if _is_table(v)}
    for key, value in table.items():
        if key not in inner:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        name = ".".join(map(_key, (*path, key)))
        for one in value if isinstance(value, list) else [value]:
            yield ""
            yield f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
            yield from _tables((*path, key), one)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
    items = [_value(item) for item in value]
    line = f"[{', '.join(items)}]"
    if len(line) <= 90:
        return line
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) > 90:
            lines.append("")
        lines[-1] += f"{item}, " if lines[-1] else f"    {item}, "
    return "[\n" + "".join(f"{line.rstrip()}\n" for line in lines) + "]"


# -- the test

def _test(verdict: Verdict, text: str) -> str:
    rule = verdict.rule
    assert rule is not None
    quoted = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'''"""{verdict.scenario.name} with design {verdict.design}: rule {rule.id} must hold.

{textwrap.fill(rule.sentence, 100)}

Run it by pytest, with vgic importable. It fails as long as the design breaks the rule on this schedule; a step that a
mended design makes impossible is left out.
"""

from pathlib import Path

from vgic.lab.loader import find_design
from vgic.lab.scenario import design_beside, parse_scenario, with_designs
from vgic.lab.schedule import Schedule

SCENARIO = """
{quoted}"""


def test_rule_{rule.id}_holds_on_this_schedule() -> None:
    here = Path(__file__).parent
    scenario = with_designs(parse_scenario(SCENARIO), lambda design: design_beside(design, here))
    run = Schedule(scenario, find_design(scenario.design), lenient=True).run()
    broken = [f"step {{b.place}}: rule {{b.rule.id}}: {{b.what}}" for b in run.breaches
              if b.rule.id in {_watched(verdict)}]
    assert not broken, "\\n".join(broken)
'''


def _watched(verdict: Verdict) -> str:
    ids = {verdict.rule.id} if verdict.rule is not None else set()
    if verdict.replay is not None:
        ids |= set(verdict.replay.broken)
    return "{" + ", ".join(map(str, sorted(ids))) + "}"
