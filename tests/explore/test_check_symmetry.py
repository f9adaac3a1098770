"""`vgic check` with interchangeable vCPUs and VMs: the same verdict on fewer states; what is unlike is left alone."""
from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from vgic.cli import main
from vgic.designs.bugs import bugs
from vgic.explore.alike import exchanges
from vgic.explore.check import Bounds, Verdict, check, reduced_saves, self_check
from vgic.lab.loader import find_design, find_scenario
from vgic.lab.machine import Machine
from vgic.lab.scenario import Scenario, parse_scenario
from vgic.lab.schedule import Schedule
from vgic.view.check import CheckReport

CALM = '"* loaded on *", "* put", "* gives up *", "* exits"'
TIMER = '[[device]]\nname = "timer"\nkind = "timer"\n'


def device(name: str, kind: str, n: int, routed: int, wiring: str = "irqfd") -> str:
    """A device of a vCPU; with a physical interrupt, if that is its wiring."""
    intid = f"intid = {n + 20}\n" if wiring == "physical" else ""
    return (f'[[device]]\nname = "{name}"\nkind = "{kind}"\nvintid = {n}\nrouted = {routed}\ntimes = 1\n'
            f'wiring = "{wiring}"\n{intid}')


def machine_of(programs: list[list[str]], devices: str, *, lrs: int = 2, never: str = CALM, vm: str = "",
               pes: list[int] | None = None, gic: int = 3) -> Scenario:
    """A VM with a vCPU for each program, on PEs of their own."""
    places = pes or list(range(len(programs)))
    vcpus = "".join(f"[[vm.vcpu]]\npe = {pe}\nprogram = {json.dumps(ops)}\n"
                    for pe, ops in zip(places, programs, strict=True))
    return parse_scenario(
        f'name = "alike"\ntitle = "vCPUs on PEs of their own."\nteaches = "What symmetry does."\n'
        f'[machine]\ngic = {gic}\npes = {len(programs)}\nlist_registers = {lrs}\n[[vm]]\n{vm}{vcpus}{devices}'
        f'[check]\nnever = [{never}]\nticks = 1\n')


EDGES = machine_of([[], []], device("a", "edge", 40, 0) + device("b", "edge", 41, 1))
LEVELS = device("a", "level", 40, 0, "physical") + device("b", "level", 41, 1, "physical")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def both(scenario: Scenario, design: str = "kvm", **how: object) -> tuple[Verdict, Verdict]:
    """With symmetry and without, both by the compiled engine."""
    cls = find_design(design)
    return (check(scenario, cls, symmetry="on", **how),  # type: ignore[arg-type]  # passed on
            check(scenario, cls, symmetry="off", engine="compiled", **how))  # type: ignore[arg-type]  # passed on


def agree(small: Verdict, full: Verdict) -> None:
    """All that the two claim is the same."""
    assert small.unreduced == ""
    assert small.result.verdict == full.result.verdict == "HOLDS"
    assert small.result.stands_for == (full.result.states, full.result.transitions)
    assert small.result.depth == full.result.depth
    assert full.exchanged == ()


@pytest.mark.parametrize(("scenario", "design"), [
    (machine_of([["CNTV_CVAL +1"], ["CNTV_CVAL +1"]], TIMER), "kvm"),
    (machine_of([[], []], LEVELS, gic=2), "kvm"),
    (machine_of([["SGI 1 to 1"], ["SGI 1 to 0"]], ""), "kvm"),
    (machine_of([["ROUTE 40 1"], ["ROUTE 41 0"]], device("a", "edge", 40, 0) + device("b", "edge", 41, 1)), "kvm"),
    (machine_of([[], []], device("a", "edge", 40, 0) + device("b", "edge", 41, 1),
                never='"* put", "* exits", "* gives up *"'), "kvm"),
    (machine_of([["CNTV_CVAL +1"], ["CNTV_CVAL +1"]], TIMER), "bao"),
], ids=["timers", "levels-v2", "sgis", "routes", "migration", "bao"])
def test_two_vcpus_that_are_alike(scenario: Scenario, design: str) -> None:
    small, full = both(scenario, design)
    agree(small, full)
    assert small.exchanged == ("vcpu0 and vcpu1",)
    assert small.result.group == 2
    assert full.result.states / small.result.states > 1.8


def test_three_vcpus_that_are_alike() -> None:
    small, full = both(machine_of([["CNTV_CVAL +1"]] * 3, TIMER))
    agree(small, full)
    assert small.result.group == 6
    assert full.result.states / small.result.states > 4.5


def test_the_two_of_three_that_are_alike() -> None:
    small, full = both(machine_of([["MASK"], ["CNTV_CVAL +1"], ["CNTV_CVAL +1"]], TIMER))
    agree(small, full)
    assert small.exchanged == ("vcpu1 and vcpu2",)
    assert small.result.group == 2


def test_two_vms_that_are_alike() -> None:
    scenario = find_scenario("vms-two-devices")
    never = [*scenario.check.never, "* loaded on *", "* exits", "* put"]
    scenario = scenario.model_copy(update={"check": scenario.check.model_copy(update={"never": never})})
    small, full = both(scenario)
    agree(small, full)
    assert small.exchanged == ("one and two",)


@pytest.mark.parametrize(("wiring", "design"), [("injected", "kvm"), ("irqfd", "xen")])
def test_emulated_devices_of_one_vcpu(wiring: str, design: str) -> None:
    """Software takes first what came first, whatever its number."""
    kind = {"injected": "level", "irqfd": "edge"}[wiring]
    small, full = both(machine_of([[]], device("a", kind, 40, 0, wiring) + device("b", kind, 41, 0, wiring),
                                  never='"* put", "* exits", "* gives up *"'), design)
    agree(small, full)
    assert small.exchanged == ("a and b",)
    assert full.result.states / small.result.states > 1.9


def test_devices_and_vcpus_together() -> None:
    devices = "".join(device(name, "edge", 40 + i, i // 2) for i, name in enumerate("abcd"))
    small, full = both(machine_of([[], []], devices, lrs=4))
    agree(small, full)
    assert small.exchanged == ("vcpu0 and vcpu1", "a and b", "c and d")
    assert small.result.group == 8
    assert full.result.states / small.result.states > 6


def test_physical_interrupts_of_one_vcpu_are_not_exchanged() -> None:
    two = "".join(device(name, "level", 40 + i, 0, "physical") for i, name in enumerate("ab"))
    assert exchanges(Machine(machine_of([[]], two, never='"* put"'), find_design("kvm"))) == []


def test_what_can_be_exchanged_is_where_another_can_not(tmp_path: Path) -> None:
    """A design that has a favourite device is symmetric in its vCPUs no more, but in the devices of the other one."""
    devices = "".join(device(name, "edge", 40 + i, i // 2) for i, name in enumerate("abcd"))
    small, full = both(machine_of([[], []], devices, lrs=4), mine(tmp_path, "Favourite"))
    assert small.exchanged == ("c and d",)
    assert "is not shown to be a symmetry" in small.unreduced
    assert small.result.stands_for == (full.result.states, full.result.transitions)
    assert "But exchange" in " ".join(CheckReport(small).text().split())


def random_scenario(seed: int) -> Scenario:
    """Two vCPUs that are alike, with a program, and a device or a timer each."""
    pick = random.Random(seed)
    ops = [["CNTV_CVAL +1"], ["MASK", "UNMASK"], ["PMR 0x80", "PMR 0xf0"], ["WFI"], []]
    shared = pick.choice(ops)
    programs = [list(shared), list(shared)]
    if pick.random() < 0.4:
        programs = [[*ops, f"SGI 2 to {1 - i}"] for i, ops in enumerate(programs)]
    if shared[:1] == ["CNTV_CVAL +1"]:
        return machine_of(programs, TIMER, lrs=pick.choice([1, 2]))
    if pick.random() < 0.4:
        word = pick.choice(["ICENABLER", "ISPENDR", "ICPENDR"])
        programs = [[*ops, f"{word} {40 + i}"] for i, ops in enumerate(programs)]
    kind, wiring = pick.choice([("edge", "irqfd"), ("level", "irqfd"), ("level", "injected"), ("level", "physical"),
                                ("edge", "physical")])
    devices = "".join(device(f"d{i}", kind, 40 + i, i, wiring) for i in range(2))
    return machine_of(programs, devices, lrs=pick.choice([1, 2]))


@pytest.mark.parametrize("seed", range(4))
def test_random_scenarios(seed: int) -> None:
    """The reduced search stands for the full one, or both find as short a counterexample."""
    small, full = both(random_scenario(seed), bounds=Bounds(states=100_000), liveness=False)
    assert small.exchanged == ("vcpu0 and vcpu1",)
    assert small.result.verdict == full.result.verdict != "BOUNDED"
    assert len(small.schedule) == len(full.schedule)
    if full.result.complete:
        agree(small, full)


def test_plain_python_judges_the_reduced_search() -> None:
    verdict = self_check(machine_of([["SGI 1 to 1"], ["SGI 1 to 0"]], ""), find_design("kvm"))
    assert verdict.exchanged == ("vcpu0 and vcpu1",)
    assert verdict.result.verdict == "HOLDS"


UNLIKE = {
    "programs": machine_of([["MASK"], []], device("a", "edge", 40, 0) + device("b", "edge", 41, 1)),
    "kinds": machine_of([[], []], device("a", "edge", 40, 0) + device("b", "level", 41, 1)),
    "wiring": machine_of([[], []], device("a", "level", 40, 0, "injected") + device("b", "level", 41, 1)),
    "counts": machine_of([[], []], device("a", "edge", 40, 0)),
    "one PE": machine_of([[], []], device("a", "edge", 40, 0) + device("b", "edge", 41, 1), pes=[0, 0]),
    "priorities": machine_of([[], []], device("a", "edge", 40, 0) + device("b", "edge", 41, 1),
                             vm='priorities = {"40" = 80}\n'),
    "disabled": machine_of([[], []], device("a", "edge", 40, 0) + device("b", "edge", 41, 1), vm="disabled = [41]\n"),
    "a third names one": machine_of([[], [], ["SGI 1 to 0"]], device("a", "edge", 40, 0) + device("b", "edge", 41, 1)),
    "one device routes to both": machine_of([["ROUTE 40 1"], ["ROUTE 40 1"]], device("a", "edge", 40, 0)),
}


@pytest.mark.parametrize("why", UNLIKE)
def test_what_is_not_alike_is_not_exchanged(why: str) -> None:
    assert exchanges(Machine(UNLIKE[why], find_design("kvm"))) == []


def test_an_alphabet_that_tells_them_apart_is_no_symmetry() -> None:
    small, full = both(machine_of([[], []], device("a", "edge", 40, 0) + device("b", "edge", 41, 1),
                                  never=f'{CALM}, "a pulses"'))
    assert small.exchanged == ()
    assert "counterpart among the actions" in small.unreduced
    assert (small.result.states, small.result.verdict) == (full.result.states, full.result.verdict)


PARTIAL = '''
from vgic.designs.kvm.vgic import Kvm

class First(Kvm):
    """Kicks its first vCPU alone when it has looked at it again."""
    def sync(self, vcpu):
        super().sync(vcpu)
        if vcpu.index == 0 and self.cpus[vcpu].ap_list:
            self.kick(vcpu)

class Favourite(Kvm):
    """Kicks twice for one of its interrupts."""
    def queue_irq(self, vm, irq):
        queued = super().queue_irq(vm, irq)
        if irq.intid == 41 and irq.vcpu is not None:
            irq.vcpu.blocked = irq.vcpu.kicked = False
        return queued

class Hasty(Kvm):
    """Looks for any vCPU that is blocked, and at no other once it has found one: symmetric, but not seen to be."""
    def flush(self, vcpu):
        any(v.blocked for v in self.vcpus)
        super().flush(vcpu)

class Lossy(Kvm):
    """Drops every edge, and never lets a vCPU block."""
    def inject(self, vm, vcpu, vintid, level, owner=None):
        return level

    def pending(self, vcpu):
        return True

class Noted(Kvm):
    """Keeps parts of its own, by vCPU and by interrupt."""
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.notes = {vcpu: Note() for vcpu in self.vcpus}
        self.taken = {(vm, i): Note() for vm in self.vms for i in self.shared[vm]}

    def flush(self, vcpu):
        super().flush(vcpu)
        self.notes[vcpu].last = next(iter(self.cpus[vcpu].ap_list), None)

    def queue_irq(self, vm, irq):
        self.taken[vm, irq.intid].last = irq.target_vcpu
        return super().queue_irq(vm, irq)

    def parts(self):
        return (*super().parts(), *self.notes.values(), *self.taken.values())

class Hidden(Noted):
    """The same, but its parts are in a list by the vCPU's number, which nobody can know."""
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.notes = [self.notes[vcpu] for vcpu in self.vcpus]

    def flush(self, vcpu):
        super(Noted, self).flush(vcpu)
        self.notes[vcpu.index].last = next(iter(self.cpus[vcpu].ap_list), None)

    def parts(self):
        return (*super(Noted, self).parts(), *self.notes, *self.taken.values())

class Note:
    __slots__ = ("last",)

    def __init__(self):
        self.last = None
'''


def mine(tmp_path: Path, cls: str) -> str:
    """A design of a user's."""
    file = tmp_path / "mine.py"
    file.write_text(PARTIAL)
    return f"{file}:{cls}"


@pytest.mark.parametrize("cls", ["First", "Hasty", "Hidden"])
def test_a_design_that_is_not_shown_to_be_symmetric_is_searched_in_full(tmp_path: Path, cls: str) -> None:
    small, full = both(EDGES, mine(tmp_path, cls))
    assert small.exchanged == ()
    assert "is not shown to be a symmetry" in small.unreduced
    assert (small.result.states, small.result.transitions) == (full.result.states, full.result.transitions)
    assert "Not reduced by symmetry" in CheckReport(small).text()


def test_nobody_is_told_what_he_did_not_ask_for(tmp_path: Path) -> None:
    verdict = check(EDGES, find_design(mine(tmp_path, "First")), bounds=Bounds(depth=8), liveness=False)
    assert (verdict.exchanged, verdict.unreduced) == ((), "")


def test_a_design_of_a_users_with_parts_of_its_own(tmp_path: Path) -> None:
    small, full = both(EDGES, mine(tmp_path, "Noted"))
    agree(small, full)
    assert small.exchanged == ("vcpu0 and vcpu1",)


@pytest.mark.parametrize("identity", ["B002", "B010"])
def test_a_planted_bug_is_found_with_and_without(identity: str) -> None:
    bug = bugs()[identity]
    kind = {"B002": "edge", "B010": "level"}[identity]
    never = '"* loaded on *", "* put", "* exits"'
    scenario = machine_of([[], []], device("a", kind, 40, 0) + device("b", kind, 41, 1), never=never)
    small, full = (check(scenario, bug, rules=bug.entry.rules, symmetry=s, engine="compiled") for s in ("on", "off"))
    assert small.exchanged == ("vcpu0 and vcpu1",)
    assert small.rule is not None
    assert full.rule is not None
    assert len(small.schedule) == len(full.schedule)
    assert small.result.states < full.result.states
    ended = scenario.model_copy(update={"run": scenario.run.model_copy(update={"finish": False})})
    assert Schedule(ended, bug).run(list(small.schedule)).breaches[-1].step == len(small.schedule)


def test_what_is_lost_is_judged_for_each_interrupt_in_the_full_search(tmp_path: Path) -> None:
    small, full = both(EDGES, mine(tmp_path, "Lossy"))
    assert small.rule is not None
    assert small.rule == full.rule
    assert (small.schedule, small.then, small.loop) == (full.schedule, full.then, full.loop)
    assert small.exchanged == ()
    assert "each interrupt by itself" in small.unreduced


def test_small_scenarios_are_left_alone_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, kvm = machine_of([["SGI 1 to 1"], ["SGI 1 to 0"]], ""), find_design("kvm")
    where = str(tmp_path / "saved")
    whole = check(small, kvm)
    assert whole.exchanged == ()
    assert check(small, kvm, engine="plain", symmetry="on").exchanged == ()
    monkeypatch.setattr("vgic.explore.check.PAYS", 40)
    large = check(small, kvm, checkpoint=where)
    assert large.exchanged == ("vcpu0 and vcpu1",)
    assert large.result.stands_for == (whole.result.states, whole.result.transitions)
    assert not Path(where).exists()
    bounded = check(small, kvm, bounds=Bounds(states=30))
    assert (bounded.exchanged, bounded.result.why_cut) == ((), "states")
    cut = check(small, kvm, checkpoint=where, bounds=Bounds(depth=9))
    assert (cut.exchanged, len(reduced_saves(where))) == (("vcpu0 and vcpu1",), 1)
    assert check(small, kvm, checkpoint=where).result.stands_for == large.result.stands_for


def test_a_cut_search_goes_on_and_one_without_symmetry_is_another(tmp_path: Path) -> None:
    kvm, where = find_design("kvm"), str(tmp_path / "saved")
    whole, _ = both(EDGES)
    cut = check(EDGES, kvm, symmetry="on", checkpoint=where, bounds=Bounds(depth=6))
    assert cut.result.why_cut == "depth"
    assert len(reduced_saves(where)) == 1
    assert not Path(where).exists()
    full = check(EDGES, kvm, symmetry="off", engine="compiled", checkpoint=where)
    assert full.result.group == 1
    rest = check(EDGES, kvm, symmetry="on", checkpoint=where)
    assert rest.resumed
    assert rest.exchanged == whole.exchanged
    for figure in ("verdict", "states", "transitions", "depth", "stands_for"):
        assert getattr(rest.result, figure) == getattr(whole.result, figure)
    assert reduced_saves(where) == []


def test_a_save_keeps_what_was_learned_to_compare_it_again(tmp_path: Path) -> None:
    cls, where = find_design(mine(tmp_path, "Noted")), str(tmp_path / "saved")
    check(EDGES, cls, symmetry="on", checkpoint=where, bounds=Bounds(depth=6))
    saved = json.loads((reduced_saves(where)[0] / "search.json").read_text())
    assert len(saved["learned"]) > 100
    assert {action for action, _, _ in saved["learned"]} == {True, False}


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "alike.toml"
    file.write_text(ALIKE)
    assert main(["check", str(file), "--symmetry", "on"]) == 0
    text = capsys.readouterr().out
    assert "Reduced by symmetry: vcpu0 and vcpu1 are interchangeable" in text
    assert "a factor of 1.9" in text
    assert max(map(len, text.splitlines())) <= 100
    assert main(["check", str(file), "--symmetry", "on", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["symmetry"]["exchanged"] == ["vcpu0 and vcpu1"]
    assert told["symmetry"]["factor"] == round(told["stands_for"][0] / told["states"], 4) > 1.8
    assert main(["check", str(file), "--symmetry", "off", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert [whole["states"], whole["transitions"]] == told["stands_for"]
    assert whole["symmetry"] == {"exchanged": [], "factor": 1.0, "unreduced": ""}
    assert main(["check", "sgi", "--symmetry", "on"]) == 0
    assert "Not reduced by symmetry: no two vCPUs" in capsys.readouterr().out


ALIKE = """
name = "alike"
title = "vCPUs on PEs of their own."
teaches = "What symmetry does."
[machine]
pes = 2
[[vm]]
[[vm.vcpu]]
[[vm.vcpu]]
pe = 1
[[device]]
name = "a"
kind = "edge"
vintid = 40
wiring = "irqfd"
times = 1
[[device]]
name = "b"
kind = "edge"
vintid = 41
wiring = "irqfd"
times = 1
routed = 1
[check]
never = ["* loaded on *", "* put", "* exits", "* gives up *"]
"""
