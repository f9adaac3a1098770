"""Malformed scenarios: a clear error each, with file, line, key and what was expected; never anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.lab.errors import ScenarioError
from vgic.lab.loader import find_design, find_scenario, scenario_dir
from vgic.lab.scenario import load, parse_scenario
from vgic.lab.schedule import Schedule

GOOD = """\
name = "good"
title = "something happens here"
teaches = "something is learned here"
mechanisms = ["M2"]

[machine]
gic = 3
pes = 2
list_registers = 4

[[vm]]
eoimode = 0
sgis = [1]
[[vm.vcpu]]
pe = 0
program = ["CNTV_CVAL +1", "SGI 1 to 1",
    "WFI"]
idle = "wfi"
[vm.vcpu.handlers]
40 = ["HANDLE", "EOI"]
[[vm.vcpu]]
pe = 1

[[device]]
name = "timer"
kind = "timer"

[[device]]
name = "nic"
kind = "level"
intid = 40

[run]
script = [
    "nic raises",
    "rest",
]
most = 50

[check]
never = ["vcpu0 put"]
ticks = 2
"""

# old text, new text, line of the error, what the message must say
WRONG = [
    ('name = "good"\n', "", 1, 'name: missing: expected a name'),
    ('name = "good"', 'name = "Good One"', 1, 'expected a name: small letters'),
    ('name = "good"', "name = 3", 1, "name: 3: expected a string"),
    ('title = "something happens here"', 'title = ""', 2, "at least 10 characters"),
    ('title = "something happens here"', 'title = "\\u001b[31m something happens"', 2, "expected printable characters"),
    ('kind = "timer"', 'kind = "\\u001b[31m"', 26, 'kind: "\\x1b[31m": expected "timer"'),
    ('title = "something happens here"\n', "", 1, "title: missing: expected a sentence"),
    ('mechanisms = ["M2"]', 'titel = "something happens here"', 4, "titel: no such key: did you mean title?"),
    ('mechanisms = ["M2"]', 'mechanisms = ["M77"]', 4, '"M77": expected M1 to M30'),
    ('mechanisms = ["M2"]', 'mechanisms = "M2"', 4, 'mechanisms: "M2": expected an array'),
    ('mechanisms = ["M2"]', 'expect = "perhaps"', 4, 'expect: "perhaps": expected "holds" or "breaks"'),
    ('mechanisms = ["M2"]', 'expect = "breaks"', 4, "expected rules = [...] too"),
    ('mechanisms = ["M2"]', "rules = [1]", 4, 'expected expect = "breaks"'),
    ('mechanisms = ["M2"]', 'expect = "breaks"\nrules = [99]', 5, "99: expected 1 to 43"),
    ('mechanisms = ["M2"]', "design_options = 3", 4, "design_options: 3: expected a table"),
    ("gic = 3", "gic = 5", 7, "machine: gic: 5: expected 2 or 3"),
    ("gic = 3", 'gic = "3"', 7, 'machine: gic: "3": expected 2 or 3'),
    ("pes = 2", "pes = 0", 8, "machine: pes: 0: expected at least 1"),
    ("pes = 2", "pes = 9", 8, "machine: pes: 9: expected at most 8"),
    ("pes = 2", "pes = 2.5", 8, "machine: pes: 2.5: expected an integer"),
    ("pes = 2", "pes = true", 8, "machine: pes: true: expected an integer"),
    ("pes = 2", "pes = 1", 22, "vcpu 1: pe: 1: expected a PE of the machine, 0 to 0"),
    ("list_registers = 4", "list_registers = 0", 9, "expected at least 1"),
    ("list_registers = 4", "list_register = 4", 9, "list_register: no such key: did you mean list_registers?"),
    ("list_registers = 4", "posted = 1", 9, "machine: posted: 1: expected true or false"),
    ("[machine]", 'entry = "halved"\n[machine]', 6, 'entry: "halved": expected "whole" or "divided"'),
    ("[machine]", "[maschine]", 6, "maschine: no such key: did you mean machine?"),
    ("[[vm]]\neoimode = 0\nsgis = [1]\n", "[[vm]]\nname = \"host\"\n", 12, '"host": expected another name'),
    ("eoimode = 0", "design = 3", 12, "vm 0: design: 3: expected a string"),
    ("eoimode = 0", "eoimode = 2", 12, "vm 0: eoimode: 2: expected 0 or 1"),
    ("sgis = [1]", "sgis = [16]", 13, "vm 0: sgis 0: 16: expected at most 15"),
    ("sgis = [1]", "sgis = [-1]", 13, "vm 0: sgis 0: -1: expected at least 0"),
    ("sgis = [1]", "priorities = {abc = 3}", 13, '"abc": expected an INTID'),
    ("sgis = [1]", "priorities = {40 = 255}", 13, "255: expected at most 254"),
    ("pe = 0", "pe = -1", 15, "vm 0: vcpu 0: pe: -1: expected at least 0"),
    ("pe = 0", 'pe = "zero"', 15, 'pe: "zero": expected an integer'),
    ('"WFI"]', '"WIF"]', 17, "program 2: \"WIF\": no operation 'WIF'"),
    ('"WFI"]', '"HANDLE"]', 17, '"HANDLE": only a handler can do this'),
    ('"WFI"]', '"ISENABLER"]', 17, 'expected "ISENABLER INTID"'),
    ('"WFI"]', '"ISENABLER nic"]', 17, "'nic': expected an INTID, 0 to 1019"),
    ('"WFI"]', '"DIR"]', 17, 'expected "DIR INTID"'),
    ('"WFI"]', '"READ PMR 3"]', 17, 'expected "READ ISPENDR INTID"'),
    ('"WFI"]', '"PMR 256"]', 17, "256: expected a value, 0 to 255"),
    ('"WFI"]', "3]", 17, "program 2: 3: expected a string"),
    ('"SGI 1 to 1"', '"SGI 1 to 5"', 16, "expected a vCPU 0 to 1"),
    ('"CNTV_CVAL +1"', '"CNTV_CVAL 1"', 16, "expected never, or ticks from now"),
    ('idle = "wfi"', 'idle = "sleep"', 18, 'idle: "sleep": expected "wfi" or "spin"'),
    ('40 = ["HANDLE", "EOI"]', '40 = ["HANDEL"]', 20, "no operation 'HANDEL'"),
    ('40 = ["HANDLE", "EOI"]', 'nic = ["EOI"]', 20, '"nic": expected an INTID'),
    ('40 = ["HANDLE", "EOI"]', "40 = 3", 20, "40: 3: expected an array"),
    ('kind = "level"', 'kind = "levle"', 30, 'device "nic": kind: "levle": expected "timer", "level" or "edge"'),
    ('kind = "level"\n', "", 28, 'device "nic": kind: missing'),
    ("intid = 40", "intid = 27", 28, "intid = 27: expected an SPI, 32 to 1019"),
    ("intid = 40", "intid = 2000", 31, "intid: 2000: expected at most 1019"),
    ("intid = 40\n", "", 28, "intid: missing: expected its physical interrupt"),
    ("intid = 40", 'wiring = "irqfd"', 28, "vintid: missing"),
    ("intid = 40", 'intid = 40\nwiring = "irqfd"', 28, "an emulated device has no physical interrupt"),
    ("intid = 40", 'intid = 40\nvm = "other"', 32, 'vm: "other": no such VM: expected vm0, host'),
    ("intid = 40", "intid = 40\nrouted = 7", 32, "routed: 7: expected a vCPU, 0 to 1"),
    ("intid = 40", "intid = 40\ntimes = 3", 32, "times: 3: expected at most 2"),
    ("intid = 40", "intid = 40\ncolour = 3", 32, 'device "nic": colour: no such key'),
    ('name = "nic"', 'name = "timer"', 29, 'device "timer": name: "timer": another device has that name'),
    ('"WFI"]', '"CNTP_CTL 1"]', 17, 'program 2: "CNTP_CTL 1": expected a device of vm0 with kind = "timer", timer ='),
    ('"WFI"]', '"ICENABLER 1 of 2"]', 17, '"ICENABLER 1 of 2": expected a vCPU 0 to 1'),
    ('"WFI"]', '"ROUTE 27 1"]', 17, '"ROUTE 27 1": a private interrupt has no target: expected an SPI, 32 to 1019'),
    ('["HANDLE", "EOI"]', '["HANDLE", "SGI 1 to 2"]', 20, 'handlers: 40 1: "SGI 1 to 2": expected a vCPU 0 to 1'),
    ('kind = "timer"', 'kind = "timer"\nintid = 40', 24, "expected a PPI, 16 to 31, for a timer"),
    ('kind = "timer"', 'kind = "timer"\ntimer = "CNTX"', 27, 'timer: "CNTX": expected "CNTV" or "CNTP"'),
    ("[run]", "[run]\nfinish = 1", 34, "run: finish: 1: expected true or false"),
    ("most = 50", "most = 0", 38, "run: most: 0: expected at least 1"),
    ("most = 50", "script = []", 38, "not TOML: cannot overwrite a value"),
    ("[check]", "[check", 40, "not TOML: expected ']'"),
    ("ticks = 2", "ticks = 99", 42, "check: ticks: 99: expected at most 8"),
    ("ticks = 2", "ticks = ", 42, "not TOML: invalid value"),
    ("ticks = 2", 'ticks = "', 42, "not TOML: "),
    ("ticks = 2\n", "ticks = 2\n\x00", 43, "not TOML: "),
]


def test_the_unmutated_one_is_right() -> None:
    assert parse_scenario(GOOD, "good.toml").device[1].intid == 40


@pytest.mark.parametrize(("old", "new", "line", "says"), WRONG)
def test_a_mutation_is_told(old: str, new: str, line: int, says: str) -> None:
    assert GOOD.count(old) >= 1
    with pytest.raises(ScenarioError) as told:
        parse_scenario(GOOD.replace(old, new, 1), "bad.toml")
    first = str(told.value).splitlines()[0]
    assert says in first
    assert first.startswith(f"bad.toml:{line}: ")


def test_there_are_fifty() -> None:
    assert len(WRONG) >= 50


@pytest.mark.parametrize(("old", "new", "line", "says"), [
    ('"nic raises"', '"nic rises"', 35, "no action 'nic rises': did you mean 'nic raises'?"),
    ('"nic raises"', '"vcpu0 acks"', 35, "'vcpu0 acks' is not possible at step 1 (design kvm); what can happen"),
])
def test_a_script_that_cannot_be_run(old: str, new: str, line: int, says: str) -> None:
    scenario = parse_scenario(GOOD.replace(old, new, 1), "bad.toml")
    with pytest.raises(ScenarioError) as told:
        Schedule(scenario, find_design("kvm")).run()
    assert says in str(told.value)
    assert str(told.value).startswith(f"bad.toml:{line}: run: script 0: ")


def test_an_alphabet_of_nothing() -> None:
    scenario = parse_scenario(GOOD.replace('"vcpu0 put"', '"vcpu9 put"'), "bad.toml")
    with pytest.raises(ScenarioError, match=r"bad\.toml:41: check: never 0: 'vcpu9 put' names no action"):
        Schedule(scenario, find_design("kvm")).random(1, 5)


@pytest.mark.parametrize(("options", "says"), [
    ("list_registers = 17", "list_registers = 17: expected 1 to 16"), ("colour = 3", "colour"),
    ("intids = 33", "expected a multiple of 32"), ("priority_bits = 9", "priority_bits = 9: expected"),
])
def test_options_that_no_chip_has(options: str, says: str) -> None:
    text = GOOD.replace("list_registers = 4", f"list_registers = 4\noptions = {{{options}}}")
    with pytest.raises(ScenarioError) as told:
        Schedule(parse_scenario(text, "bad.toml"), find_design("kvm"))
    assert says in str(told.value)
    assert str(told.value).startswith("bad.toml:6: machine: options: ")


def test_an_option_that_no_design_has() -> None:
    text = GOOD.replace('mechanisms = ["M2"]', "design_options = {colour = 3}")
    with pytest.raises(ScenarioError, match=r"bad.toml:4: design_options: .*colour"):
        Schedule(parse_scenario(text, "bad.toml"), find_design("kvm"))


def test_a_host_that_cannot_forward() -> None:
    text = GOOD.replace("pes = 2", "pes = 2\nhost_split = false")
    with pytest.raises(ScenarioError, match=r"bad\.toml:9: machine: host_split: an interrupt can only be"):
        Schedule(parse_scenario(text, "bad.toml"), find_design("kvm"))


def test_files_that_are_none(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"name = 'x'\n\xff\xfe")
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * (1 << 20) + b"#")
    for path, says in ((tmp_path / "none.toml", "No such file"), (tmp_path, "not a file"),
                       (binary, "toml:2: byte 0xff"), (huge, "expected at most")):
        with pytest.raises(ScenarioError, match=says):
            load(path)


def test_a_name_that_is_nearly_one() -> None:
    with pytest.raises(ScenarioError, match=r"did you mean timer-forwarded"):
        find_scenario("timer-forwarde")
    with pytest.raises(ScenarioError, match="vgic scenarios lists them"):
        find_scenario("qqqqqqqq")


def test_deeply_nested_arrays_are_refused() -> None:
    with pytest.raises(ScenarioError, match=r"not TOML|nested"):
        parse_scenario("x = " + "[" * 5000 + "]" * 5000, "bad.toml")


TEXTS = [path.read_text() for path in sorted(scenario_dir().glob("*.toml"))[::7]]


@given(text=st.sampled_from(TEXTS), data=st.data())
def test_any_damage_is_a_scenario_error_or_a_scenario(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    damaged = text[:start] + data.draw(st.text(max_size=8)) + text[end:]
    try:
        parse_scenario(damaged, "bad.toml")
        told = "bad.toml:"
    except ScenarioError as e:
        told = str(e)
    assert told.startswith("bad.toml:")
