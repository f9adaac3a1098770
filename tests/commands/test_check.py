"""`vgic check` of one scenario, and `vgic run`: users' designs, odd options, caches that can't be used."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from tests.commands.runner import ROOT, Runner, refused

from vgic.engine.search.run import _Watch
from vgic.lab import watch

HEAD = "from vgic.designs.kvm.vgic import Kvm\n"
LOUD = HEAD + """
print("imported")
class Mine(Kvm):
    def flush(self, vcpu):
        print("flushed")
        super().flush(vcpu)
"""
LOOPS = HEAD + """
class Mine(Kvm):
    def fold_lr(self, vcpu, irq, n, empty, pe):
        while True:
            pass
"""
GROWS = LOOPS.replace("while", "held = []\n        while").replace("pass", "held.append(bytearray(1 << 20))")
CACHES = HEAD + """
import functools
@functools.lru_cache
def known(x):
    return x
class Mine(Kvm):
    def flush(self, vcpu):
        known(vcpu)
        if known.cache_info().hits < 9:
            super().flush(vcpu)
"""
COUNTS = HEAD + """
import helper_of_mine
class Mine(Kvm):
    def flush(self, vcpu):
        helper_of_mine.N += 1
        super().flush(vcpu)
"""


@pytest.mark.parametrize("command", ["check", "run"])
def test_what_a_design_prints_is_not_in_the_report(vgic: Runner, command: str) -> None:
    ran = vgic(command, "msi-once", "--design", vgic.design(LOUD), "--json")
    assert json.loads(ran.out)["design"] == "mine.py:Mine"
    assert "imported" in ran.err
    assert "flushed" in ran.err


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_call_that_does_not_come_back(vgic: Runner, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE", 1.0)
    ran = vgic(command, "edge-again", "--design", vgic.design(LOOPS))
    assert ran.status == 2
    assert "failed: one call has run for 1 s: does it loop for ever?" in ran.err
    assert "in fold_lr" in ran.err
    assert "watch.py" not in ran.err


def test_a_file_that_loops_when_it_is_imported(vgic: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE", 1.0)
    ran = vgic("check", "edge-again", "--design", vgic.design("while True:\n    pass\n"))
    assert (ran.status, "can't be imported: one call has run for 1 s" in ran.err) == (2, True)


def test_a_call_that_takes_all_memory(vgic: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST_MEMORY", 1 << 27)
    ran = vgic("check", "edge-again", "--design", vgic.design(GROWS))
    assert (ran.status, "of memory: does it grow for ever?" in ran.err) == (2, True)


def test_a_counterexample_that_can_not_be_played_again(vgic: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vgic.engine.explorer._PLAIN_SECONDS", 3600.0)     # what a cache remembers hangs on the order
    ran = vgic("check", "edge-again", "--design", vgic.design(CACHES))
    assert ran.status == 2
    assert "it does one thing now and another then" in ran.err
    assert "The schedule: 1. " in ran.err
    assert "edge-again.toml" not in ran.err


def test_a_helper_beside_the_file_is_found_and_held_to_the_same(vgic: Runner) -> None:
    (vgic.here / "helper_of_mine.py").write_text("N = 0\n")
    ran = vgic("check", "edge-again", "--design", vgic.design(COUNTS))
    assert (ran.status, "changes module helper_of_mine.N" in ran.err) == (2, True)


def test_a_global_is_told_by_the_files_name(vgic: Runner) -> None:
    text = COUNTS.replace("import helper_of_mine", "N = [0]").replace("helper_of_mine.N", "N[0]")
    ran = vgic("check", "edge-again", "--design", vgic.design(text))
    assert "vcpu0 enters changes mine.N[0] (it held" in ran.err


@pytest.mark.parametrize(("method", "says"), [
    ("def flush(self): pass", "mine.py:4: Mine.flush(self): too many positional arguments: expected (self, vcpu)"),
    ("def flush(self, vcpu, more): pass", "missing a required argument: 'more'"),
    ("def __init__(self, kernel): pass", "expected (self, kernel, vms, timers, observer), as Design.__init__ has it"),
])
def test_methods_of_another_signature(vgic: Runner, method: str, says: str) -> None:
    ran = vgic("check", "edge-again", "--design", vgic.design(f"{HEAD}\nclass Mine(Kvm):\n    {method}\n"))
    assert (ran.status, "Traceback" in ran.err) == (2, False)
    assert says in ran.err


@pytest.mark.parametrize("method", [
    "def flush(self, *a, **k): super().flush(*a, **k)", "def flush(self, v, flag=True): super().flush(v)",
    "def __init__(self, *a, **k): super().__init__(*a, **k)", "extra = staticmethod(lambda: 1)",
])
def test_methods_that_can_be_called_alike(vgic: Runner, method: str) -> None:
    ran = vgic("run", "edge-again", "--design", vgic.design(f"{HEAD}\nclass Mine(Kvm):\n    {method}\n"))
    assert (ran.status, ran.err) == (0, "")


def test_two_files_of_one_name(vgic: Runner) -> None:
    (vgic.here / "other").mkdir()
    (vgic.here / "other" / "mine.py").write_text(HEAD + 'class Mine(Kvm):\n    name = "second"\n')
    first = vgic.design(HEAD + 'class Mine(Kvm):\n    name = "first"\n')
    ran = vgic("compare", "edge-again", "--designs", f"{first},{vgic.here / 'other' / 'mine.py'}:Mine")
    assert ran.status == 0
    assert {"first", "second"} <= set(ran.out.split())


@pytest.mark.parametrize(("options", "says"), [
    (("--lrs", "1.."), "--lrs 1..: expected N, or A..B with A at most B, 1 to 16"),
    (("--lrs", "..4"), "--lrs ..4: expected N"), (("--lrs", "1..2..3"), "--lrs 1..2..3: expected N"),
    (("--seconds", "0.5"), "--seconds 0.5: expected a whole number, 1 to"),
    (("--depth", "-1"), "--depth -1: expected a whole number, 0 to"),
    (("--memory", "0"), "--memory 0: expected a number, more than 0"),
    (("--memory", "nan"), "--memory nan: expected a number, more than 0"),
    (("--rules", "-6,7"), "--rules -6,7: expected 1,2,9 or -6,-17"), (("--design", ""), "design '': there is none"),
])
def test_odd_options(vgic: Runner, options: tuple[str, str], says: str) -> None:
    ran = vgic("check", "edge-again", *options)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"vgic: {says}")


def test_rules_left_out_as_the_help_writes_it(vgic: Runner) -> None:
    ran = vgic("check", "edge-again", "--rules", "-6,-17", "--depth", "0", "--json")
    told = json.loads(ran.out)
    assert (told["states"], told["depth"], told["cut_by"]) == (1, 0, "depth")
    assert {6, 17}.isdisjoint(told["judged"])


def test_one_of_each(vgic: Runner) -> None:
    ran = vgic("check", "edge-again", "--rules", "1", "--depth", "0")
    assert "BOUNDED  1 rule holds in 1 state up to depth 0" in ran.out
    assert "\n1 state, 0 transitions, depth 0" in ran.out


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the compiled search take over at once: only that one saves itself."""
    monkeypatch.setattr("vgic.engine.explorer._PLAIN_SECONDS", -1.0)


@pytest.mark.usefixtures("compiled")
def test_a_cache_that_can_not_be_written(vgic: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert vgic("check", "level-trap").status == 0
    ran = vgic("check", "level-trap", "--states", "20")
    assert (ran.status, "BOUNDED" in ran.out) == (3, True)
    assert "can't save: Not a directory; the search can't be resumed" in ran.err


@pytest.mark.usefixtures("compiled")
def test_a_save_that_can_not_be_used(vgic: Runner) -> None:
    design = vgic.design(HEAD + "class Mine(Kvm):\n    pass\n")
    cut = ("check", "msi-once", "--design", design, "--states", "20")
    assert vgic(*cut).status == 3
    vgic.design(HEAD + "class Mine(Kvm):\n    pass  # edited\n")
    ran = vgic(*cut, "--resume")
    assert (ran.status, ran.out) == (2, "")
    assert "is of another model, or of this one before it was changed" in ran.err
    assert "Traceback" not in ran.err
    for saved in (vgic.here / "cache").rglob("search.json"):
        saved.write_text("{")
    ran = vgic(*cut, "--resume")
    assert (ran.status, "Traceback" in ran.err) == (2, False)
    assert "to begin anew" in ran.err


def test_nothing_to_resume(vgic: Runner) -> None:
    ran = vgic("check", "level-trap", "--resume")
    assert (ran.status, ran.err) == (0, "vgic: nothing was saved of this search: it began anew\n")
    assert not list((vgic.here / "cache").rglob("*"))


NEVER_ENDS = HEAD + """
from vgic.parts import Part
class Counter(Part):
    __slots__ = ("n",)
class Mine(Kvm):
    def __init__(self, *a, **k):
        super().__init__(*a, **k)
        self.counter = Counter()
        self.counter.n = 0
    def flush(self, vcpu):
        self.counter.n += 1
        super().flush(vcpu)
    def parts(self):
        return (*super().parts(), self.counter)
"""
GOES_ROUND = """
name = "goes-round"
title = "A vCPU that enters its guest and leaves it."
teaches = "What a counter does to a search."
[[vm]]
[[vm.vcpu]]
[check]
actions = ["vcpu0 enters", "vcpu0 exits"]
"""


@pytest.mark.parametrize("plain", [3600.0, -1.0])
def test_a_counter_without_end_is_named(vgic: Runner, plain: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """By plain Python, and by the compiled search."""
    monkeypatch.setattr("vgic.engine.explorer._PLAIN_SECONDS", plain)
    (vgic.here / "round.toml").write_text(GOES_ROUND)
    check = ("check", str(vgic.here / "round.toml"), "--design", vgic.design(NEVER_ENDS), "--states")
    for states, named in (("40", False), ("200", True)):
        said = " ".join(vgic(*check, states).out.split())
        assert "--states reached" in said
        assert ("machine.design.counter.n took" in said) == named
    told = json.loads(vgic(*check, "200", "--json").out)
    assert told["widest"]["slot"] == "machine.design.counter.n"
    assert told["engine"] == ("plain" if plain > 0 else "compiled")


def test_json_has_these_keys(vgic: Runner) -> None:
    ran = vgic("check", "level-irqfd-v3", "--json", "--export", str(vgic.here / "out"))
    told = json.loads(ran.out)
    said = (ROOT / "docs" / "check.md").read_text().partition("`--json` prints one object")[2].partition("\n## ")[0]
    for key in (*told, *told["broken"]):
        assert f"`{key}`" in said
    assert [Path(name).name for name in told["written"]] == [
        "counterexample-3.toml", "counterexample_3_test.py", "counterexample-3.c"]
    refused(vgic("check", "nothing-such", "--json"), "nothing-such")


def test_a_verdict_is_not_lost_where_nothing_can_be_written(
        vgic: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    (vgic.here / "file").write_text("")
    ran = vgic("check", "level-irqfd-v3", "--export", str(vgic.here / "file"))
    assert (ran.status, "BROKEN  rule 3" in ran.out, "Replay:" in ran.out) == (1, True, False)
    assert ran.err.count("file: can't write a counterexample: ") == 2, "before the search, and after it"
    ran = vgic("check", "level-trap", "--export", str(vgic.here / "file"))
    assert (ran.status, "HOLDS" in ran.out, ran.err.count("can't write a counterexample")) == (0, True, 1)
    monkeypatch.setattr("vgic.explore.export.probe", lambda directory: None)     # it is lost meanwhile
    ran = vgic("check", "level-irqfd-v3", "--export", str(vgic.here / "file"), "--json")
    assert (ran.status, json.loads(ran.out)["broken"]["rule"], json.loads(ran.out)["written"]) == (1, 3, [])
    assert "the verdict is told" in ran.err


@pytest.mark.parametrize(("old", "new", "says"), [
    ("title = ", "design_options = { kernel = 1 }\ntitle = ", "mine.toml:3: design_options: "),
    ("title = ", "design_options = { self = 1 }\ntitle = ", "mine.toml:3: design_options: "),
    ("[run]", "[check]\nnever = ['*']\n[run]", "mine.toml:15: check: actions and never leave nothing that can happen"),
])
def test_scenarios_that_no_machine_comes_of(vgic: Runner, old: str, new: str, says: str) -> None:
    text = (ROOT / "scenarios" / "edge-again.toml").read_text()
    (vgic.here / "mine.toml").write_text(text.replace(old, new, 1))
    ran = vgic("check", str(vgic.here / "mine.toml"))
    assert (ran.status, "Traceback" in ran.err) == (2, False)
    assert says in ran.err


def test_a_byte_order_mark(vgic: Runner) -> None:
    text = (ROOT / "scenarios" / "edge-again.toml").read_bytes()
    (vgic.here / "mine.toml").write_bytes(b"\xef\xbb\xbf" + text)
    assert vgic("check", str(vgic.here / "mine.toml"), "--depth", "1", "--allow-bounded").status == 0


@pytest.mark.parametrize("command", [
    ("check", "edge-again"), ("check", "edge-again", "--lrs", "3..4"), ("check", "--all", "edge-again", "--jobs", "1")])
def test_a_search_that_a_limit_cut_has_a_status_of_its_own(vgic: Runner, command: tuple[str, ...]) -> None:
    ran = vgic(*command, "--depth", "2")
    assert (ran.status, "BOUNDED" in ran.out) == (3, True)
    assert vgic(*command, "--depth", "2", "--allow-bounded").status == 0
    assert vgic(*command).status == 0
    assert vgic("check", "level-irqfd-v3", "--lrs", "3..4", "--depth", "9").status == 1, "broken counts for more"


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_search_is_saved_and_says_so(
        vgic: Runner, number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    report = _Watch.report
    def interrupted(watch: _Watch, compiling: bool = False) -> None:
        report(watch, compiling)
        os.kill(os.getpid(), number)
    monkeypatch.setattr(_Watch, "report", interrupted)
    ran = vgic("check", "level-trap")
    assert (ran.status, "not exhaustive: interrupted" in ran.out) == (130, True)
    assert "--resume goes on from here" in ran.err
    monkeypatch.setattr(_Watch, "report", report)
    ran = vgic("check", "level-trap", "--resume")
    assert (ran.status, ran.err) == (0, "")
    assert signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, signal.default_int_handler)


@pytest.mark.usefixtures("compiled")
def test_an_old_save_goes_only_once_a_new_one_stands(vgic: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert vgic("check", "edge-again", "--states", "90").status == 3
    (saved,) = (vgic.here / "cache").rglob("search.json")
    before = saved.read_bytes()

    def killed(self: object, *what: object) -> None:
        raise SystemExit(9)
    with monkeypatch.context() as patch:
        patch.setattr("vgic.engine.search.forward.Search.begin", killed)
        assert vgic("check", "edge-again").status == 2
    assert saved.read_bytes() == before
    went_on = vgic("check", "edge-again", "--states", "91", "--resume", "--json")
    assert went_on.status == 3
    assert json.loads(went_on.out)["states"] >= 90
    anew = vgic("check", "edge-again", "--states", "20", "--json")
    assert json.loads(anew.out)["states"] < 90
    assert saved.read_bytes() != before
    assert len(list(saved.parent.glob("states-*.bin"))) == 1
    assert vgic("check", "edge-again").status == 0
    assert not saved.parent.exists(), "a verdict needs no save"


# -- users' designs that go wrong

KEPT = HEAD + """
class Mine(Kvm):
    def __init__(self, *a, **k):
        super().__init__(*a, **k)
        self.waiting = []
        self.seen = {}
        self.n = 0
"""
FLUSHED = KEPT + """
    def flush(self, vcpu):
        STATEMENT
        super().flush(vcpu)
"""
EMPTIED = KEPT + """
    def fold_lr(self, vcpu, irq, n, empty, pe):
        super().fold_lr(vcpu, irq, n, empty, pe)
        if irq.intid == 40 and not self.waiting:
            self.waiting.append(irq)
    def flush(self, vcpu):
        if self.waiting:
            self.waiting.pop()
        else:
            super().flush(vcpu)
"""


@pytest.mark.parametrize("statement", [
    "self.waiting.append(vcpu.index)", "self.waiting += [1]", "self.waiting.insert(0, self.where(vcpu))",
    "self.seen[vcpu.index, len(self.seen)] = 1", "self.n += 1"])
@pytest.mark.parametrize("plain", [3600.0, -1.0])
def test_what_a_design_keeps_on_itself_is_told_by_attribute_and_line(
        vgic: Runner, statement: str, plain: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vgic.engine.explorer._PLAIN_SECONDS", plain)
    text = FLUSHED.replace("STATEMENT", statement) + "    def where(self, vcpu):\n        return vcpu.index\n"
    ran = vgic("check", "edge-again", "--design", vgic.design(text))
    line = text.splitlines().index(f"        {statement}") + 1
    assert (ran.status, "not deterministic" in ran.err) == (2, False)
    attribute = statement.partition("self.")[2].split("[")[0].split(".")[0].split()[0]
    assert f"machine.design.{attribute}" in ran.err
    assert f"mine.py:{line}, in flush: {statement}: it is no part" in ran.err


def test_a_list_that_is_emptied_again_is_told_by_who_fills_it(vgic: Runner) -> None:
    """When it is noticed, it looks as it did at first."""
    ran = vgic("check", "edge-again", "--design", vgic.design(EMPTIED))
    assert (ran.status, "not deterministic" in ran.err) == (2, False)
    assert "changes machine.design.waiting[0] (it held nothing, now <virtual 40>)" in ran.err
    assert "mine.py:13, in fold_lr: self.waiting.append(irq)" in ran.err


def test_work_made_of_a_partial_is_refused_with_words_that_are_true(vgic: Runner) -> None:
    text = """
from functools import partial
from vgic.designs import Kvm
from vgic.host.work import WorkItem
class Mine(Kvm):
    def __init__(self, *a, **k):
        super().__init__(*a, **k)
        self.late = WorkItem("late goes on", partial(self.finish, 3))
    def finish(self, n):
        pass
    def work(self):
        return (*super().work(), self.late)
    def parts(self):
        return (*super().parts(), self.late)
"""
    ran = vgic("check", "edge-again", "--design", vgic.design(text))
    assert (ran.status, "made while the machine ran" in ran.err) == (2, False)
    assert "machine.design.late.function can't hold functools.partial(" in ran.err
    assert "bound methods" in ran.err
    bound = text.replace("partial(self.finish, 3)", "self.finish").replace("(self, n)", "(self)")
    assert vgic("check", "edge-again", "--design", vgic.design(bound)).status == 0


CRASHES = HEAD + """
class Mine(Kvm):
    def fold_lr(self, vcpu, irq, n, empty, pe):
        return {}["nothing"]
"""


@pytest.mark.parametrize("plain", [3600.0, -1.0])
def test_an_exception_of_a_design_is_a_crash_with_its_schedule(
        vgic: Runner, plain: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vgic.engine.explorer._PLAIN_SECONDS", plain)
    check = ("check", "edge-again", "--design", vgic.design(CRASHES))
    ran = vgic(*check)
    assert (ran.status, ran.err) == (1, "")
    assert "BROKEN  the hypervisor crashes: KeyError: 'nothing'" in ran.out
    assert "Shortest way there, 3 steps" in ran.out
    assert 'return {}["nothing"]' in ran.out
    assert "Schedule: 1. nic pulses  2. pe0 takes IRQ  3. vcpu0 " in ran.out
    broken = json.loads(vgic(*check, "--json").out)["broken"]
    assert (broken["rule"], broken["what"], len(broken["schedule"])) == (None, "KeyError: 'nothing'", 3)
    assert broken["crash"].endswith("KeyError: 'nothing'\n")


def test_a_crash_in_a_table(vgic: Runner) -> None:
    design = vgic.design(CRASHES)
    ran = vgic("check", "edge-again", "--design", design, "--lrs", "3..4", "--export", str(vgic.here / "out"))
    assert (ran.status, "crash, in 3 steps" in ran.out, "Not right with 4 list registers" in ran.out) == (1, True, True)
    assert "nothing is exported of a crash" in ran.err
    ran = vgic("check", "--all", "edge-again", "--design", design, "--jobs", "1")
    assert (ran.status, "mine.py:Mine crashes in 3 steps: KeyError: 'nothing'" in ran.out) == (1, True)


@pytest.mark.parametrize("command", ["check", "run", "compare"])
@pytest.mark.parametrize("leave", ["import os\n        os._exit(0)", "from os import _exit\n        _exit(0)"])
def test_a_design_that_ends_the_process(vgic: Runner, command: str, leave: str) -> None:
    before = os._exit
    option = "--designs" if command == "compare" else "--design"
    text = f"{HEAD}\nclass Mine(Kvm):\n    def flush(self, vcpu):\n        {leave}\n"
    ran = vgic(command, "edge-again", option, vgic.design(text))
    if command == "compare":            # the others' rows are worth having
        assert ran.status == 1
    else:
        assert (ran.status, ran.out) == (2, "")
    assert "it calls os._exit(0), which would end vgic without a verdict" in " ".join((ran.out + ran.err).split())
    assert os._exit is before
