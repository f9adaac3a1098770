"""Mutants of a design (`bench.check.mutants`): what is changed, and that a process of its own judges it."""
from __future__ import annotations

import ast

import pytest
from bench.check.judging import SCRIPT, SEARCH, Base, _process
from bench.check.mutants import words
from bench.check.mutation import DESIGNS, POPULATIONS, Mutant, equivalents, mutants, mutated, of_source

SOURCE = '''
class A:
    def f(self, a: int, b: int) -> bool:
        n = 0
        if a and not b:
            n = 1
            self.event("told", n)
        assert a or b
        self.g(x=a > b)
        n += 2
        return a == n or self.h or [c for c in b if c]
'''


def test_what_is_changed() -> None:
    found = [(m.line, m.kind, m.change) for m in of_source("a.py", SOURCE)]
    assert found == [
        (5, "negated", "a and (not b) -> not (a and (not b))"),
        (5, "operand", "a and (not b) -> not b"),
        (5, "operand", "a and (not b) -> a"),
        (6, "assignment", "n = 1 -> pass"),
        (9, "call", "self.g(x=a > b) -> pass"),
        (9, "negated", "a > b -> not a > b"),
        (10, "assignment", "n += 2 -> pass"),
        (11, "negated", "a == n or self.h or [c for c in b if c] -> not (a == n or self.h or [c for c in b if c])"),
        (11, "operand", "a == n or self.h or [c for c in b if c] -> self.h or [c for c in b if c]"),
        (11, "operand", "a == n or self.h or [c for c in b if c] -> a == n or [c for c in b if c]"),
        (11, "operand", "a == n or self.h or [c for c in b if c] -> a == n or self.h"),
        (11, "negated", "c -> not c"),
    ]


def test_one_thing_is_changed() -> None:
    """In the whole tree, and each by its own number."""
    whole = ast.unparse(ast.parse(SOURCE)).splitlines()
    found = of_source("a.py", SOURCE)
    texts = [ast.unparse(mutated(SOURCE, m.number)).splitlines() for m in found]
    assert len({tuple(text) for text in texts}) == len(found)
    assert all(len([1 for a, b in zip(whole, text, strict=True) if a != b]) == 1 for text in texts)


def test_a_key_names_one_mutant_wherever_it_stands() -> None:
    found = mutants(POPULATIONS["all"])
    assert len({m.key for m in found}) == len(found)
    moved = of_source("a.py", "\n\n" + SOURCE)
    assert [m.key for m in moved] == [m.key for m in of_source("a.py", SOURCE)]


def test_all_of_the_population_are_programs() -> None:
    for file in POPULATIONS["kvm"]:
        source = (DESIGNS / file).read_text(encoding="utf-8")
        for mutant in of_source(file, source)[::10]:
            compile(mutated(source, mutant.number), file, "exec")


def test_what_is_called_equivalent_is_there() -> None:
    known = {m.key for m in mutants(POPULATIONS["all"])}
    assert not [key for key in equivalents() if key not in known]


def _find(text: str) -> Mutant:
    return next(m for m in mutants(POPULATIONS["kvm"]) if text in str(m))


def _task(scenario: str, by: str) -> dict[str, object]:
    return Base(scenario, "", [], [], True, {}, {}, 0.0).task(by, 500)


@pytest.mark.parametrize(("change", "by", "told"), [
    ("Queueing.inject: irq.line_level = level -> pass", SCRIPT, "rule 2"),
    ("ListRegisters.populate_lr: self.hw.write_lr(n, self.hw.encode(lr), pe) -> pass", SEARCH, "rule "),
    ("Queueing.notify_acked: notifier(vm, irq.intid) -> pass", SEARCH, ""),
])
def test_a_mutant_is_told_in_a_process_of_its_own(change: str, by: str, told: str) -> None:
    mutant = _find(change)
    answers, ended = _process([_task("timer-no-hw-deactivation", by)], mutant, 100)
    assert ended
    assert [a["told"][:len(told) or None] for a in answers] == [told]
    again, _ = _process([_task("timer-no-hw-deactivation", by)], None)
    assert [a["told"] for a in again] == [""]           # the design itself is as it was


def test_a_mutant_that_cannot_be_built_is_told() -> None:
    answers, _ = _process([_task("timer-no-hw-deactivation", SCRIPT)], _find("VgicCpu.__init__: super().__init__"), 100)
    assert answers[0]["told"].startswith("crash")


def test_words() -> None:
    record = {"key": "k", "told": "", "by": "", "scenario": "", "steps": 0, "tried": ["s"]}
    assert words(record, {}) == "SURVIVED"
    assert words({**record, "tried": []}, {}) == "SURVIVED: no scenario reaches it"
    assert words(record, {"k": "it says so twice"}) == "EQUIVALENT: it says so twice"
    assert words({**record, "told": "rule 9", "by": SEARCH, "scenario": "x", "steps": 4}, {"k": ""}) == (
        "rule 9 by x, search, 4 steps")
