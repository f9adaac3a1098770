"""Options: what is refused, with which words. What each option does is tested where its rule is."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from vgic.silicon import GicV2, GicV2Options, GicV3, GicV3Options, OptionError

BOTH = [GicV2Options, GicV3Options]


@pytest.mark.parametrize("options", BOTH)
@pytest.mark.parametrize(("change", "words"), [
    ({"intids": 0}, "intids = 0: expected 32 to 1024"), ({"intids": 1056}, "intids = 1056: expected 32 to 1024"),
    ({"intids": 100}, "intids = 100: expected a multiple of 32"), ({"pes": 0}, "pes = 0: expected 1 to"),
    ({"list_registers": 0}, "list_registers = 0: expected 1 to"), ({"spis": (31,)}, "spis = 31: expected 32 to 287"),
    ({"spis": (32, 288)}, "spis = 288: expected 32 to 287"), ({"ppis": (15,)}, "ppis = 15: expected 16 to 31"),
    ({"intids": 1024, "spis": (1020,)}, "spis = 1020: expected 32 to 1019"),
    ({"ppis": (32,)}, "ppis = 32: expected 16 to 31"), ({"ppi_edge": (3,)}, "ppis = 3: expected 16 to 31"),
    ({"priority_bits": 3}, "priority_bits = 3: expected 4 to 8"),
    ({"priority_bits": 9}, "priority_bits = 9: expected 4 to 8"),
    ({"security": True, "priority_bits": 4}, "priority_bits = 4: expected 5 to 8")])
def test_what_both_refuse(options: type[Any], change: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        options(**change)


@pytest.mark.parametrize(("change", "words"), [
    ({"pes": 9}, "pes = 9: expected 1 to 8"), ({"list_registers": 65}, "list_registers = 65: expected 1 to 64"),
    ({"virtual_priority_bits": 6}, "virtual_priority_bits = 6: expected 5 to 5")])
def test_what_gicv2_refuses(change: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        GicV2Options(**change)


@pytest.mark.parametrize(("change", "words"), [
    ({"pes": 513}, "pes = 513: expected 1 to 512"), ({"list_registers": 17}, "list_registers = 17: expected 1 to 16"),
    ({"preemption_bits": 5}, "preemption_bits: this chip has no such option"),
    ({"virtual_priority_bits": 4}, "virtual_priority_bits = 4: expected 5 to 8"),
    ({"virtual_preemption_bits": 6}, "virtual_preemption_bits = 6: expected 5 to 5"),
    ({"cpu_id_bits": 20}, "cpu_id_bits = 20: expected 16 or 24"),
    ({"pes": 3, "affinities": (0, 1)}, "affinities names 2 PEs: expected 3 different ones"),
    ({"pes": 2, "affinities": (1, 1)}, "affinities names 1 PEs: expected 2 different ones")])
def test_what_gicv3_refuses(change: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        GicV3Options(**change)


def test_affinities_are_sixteen_to_a_cluster_unless_given() -> None:
    o = GicV3Options(pes=33)
    assert [o.affinity(pe) for pe in (0, 15, 16, 32)] == [0, 15, 0x100, 0x200]
    assert GicV3Options(pes=2, affinities=(5, 0x7F000000)).affinity(1) == 0x7F000000


@pytest.mark.parametrize("options", BOTH)
def test_options_can_not_change(options: type[Any]) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        options().pes = 2


@pytest.mark.parametrize(("options", "chip"), [(GicV2Options, GicV2), (GicV3Options, GicV3)])
def test_qemus_choices_make_a_chip_and_may_be_overridden(options: type[Any], chip: type[Any]) -> None:
    qemu = options.qemu(pes=3, list_registers=2)
    assert (qemu.pes, qemu.virtual.list_registers) == (3, 2)
    assert chip(qemu).read(0x0800_0004, 4)
    assert {name: qemu.choices()[name] for name in options.QEMU} == dict(options.QEMU)
    assert options.qemu(bad_size="zero", tie="highest").distributor.tie == "highest"


@pytest.mark.parametrize("options", BOTH)
def test_a_choice_is_the_same_in_each_block_that_has_it(options: type[Any]) -> None:
    chosen = options(pes=2, security=True, tie="highest", eoi_without_active="deactivates", list_registers=3)
    for block in (getattr(chosen, field.name) for field in dataclasses.fields(chosen)):
        assert (block.pes, block.security, block.tie, block.eoi_without_active) == (2, True, "highest", "deactivates")
    assert chosen.virtual.list_registers == 3
    assert chosen == options(**chosen.choices())
    assert chosen != options(**chosen.choices() | {"cfg_clears_latch": True})
    assert len({chosen, options(**chosen.choices())}) == 1
    assert eval(repr(chosen), {options.__name__: options}) == chosen


@pytest.mark.parametrize("options", BOTH)
@pytest.mark.parametrize(("change", "words"), [
    ({"list_register": 3}, "list_register: this chip has no such option; nearest: list_registers"),
    ({"zzz": 3}, "zzz: this chip has no such option; it has "),
    ({"tie": "x"}, "tie = 'x': expected lowest or highest"),
    ({"pes": "2"}, "pes = '2': expected a number"), ({"pes": True}, "pes = True: expected a number"),
    ({"security": 1}, "security = 1: expected true or false"), ({"ppis": 3}, "ppis = 3: expected a tuple of numbers"),
    ({"spis": ("a",)}, "spis = ('a',): expected a tuple of numbers"),
    ({"ppi_edge": None}, "ppi_edge = None: expected a tuple of numbers")])
def test_names_and_kinds_that_no_chip_has(options: type[Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        options(**change)


@pytest.mark.parametrize(("name", "text", "value"), [
    ("pes", "0x2", 2), ("security", "true", True), ("security", "false", False), ("tie", "highest", "highest"),
    ("spis", "32,0x21", (32, 33)), ("ppi_edge", "", ()), ("ppis", "27", (27,))])
@pytest.mark.parametrize("options", BOTH)
def test_values_as_text(options: type[Any], name: str, text: str, value: object) -> None:
    assert options.from_text(name, text) == value
    assert options(**{name: value}).choices()[name] == value


@pytest.mark.parametrize(("name", "text", "words"), [
    ("pes", "two", "pes: 'two' is not a number"), ("security", "yes", "security = 'yes': expected true or false"),
    ("tie", "x", "tie = 'x': expected lowest or highest"), ("spis", "32,x", "spis: 'x' is not a number"),
    ("list_register", "3", "list_register: this chip has no such option; nearest: list_registers")])
@pytest.mark.parametrize("options", BOTH)
def test_text_that_is_no_value(options: type[Any], name: str, text: str, words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        options.from_text(name, text)


@pytest.mark.parametrize("options", BOTH)
def test_every_option_is_documented_and_tested(options: type[Any]) -> None:
    tests = "".join(p.read_text(encoding="utf-8") for p in sorted(Path(__file__).parent.glob("test_*.py")))
    for field in dataclasses.fields(options()):
        block = type(getattr(options(), field.name))
        documented = "".join(c.__doc__ or "" for c in block.__mro__)
        for choice in dataclasses.fields(block):
            assert re.search(rf"\b{choice.name}\b", documented), f"{choice.name} is not documented"
            assert re.search(rf"\b{choice.name}\b", tests), f"{choice.name} has no test"
