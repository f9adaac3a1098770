"""GICD of a GICv2 (IHI 0048B 4.3): targets, software generated interrupts, banking, the Non-secure view."""

from __future__ import annotations

import pytest
from tests.silicon.board import GICD, V2

# -- targets


def test_targets_of_private_interrupts_name_the_reader() -> None:
    board = V2(pes=3)
    for pe in range(3):
        for n in range(8):
            board.w(f"GICD_ITARGETSR{n}", 0x0707_0707, pe)
            assert board.r(f"GICD_ITARGETSR{n}", pe) == 0x0101_0101 << pe


def test_targets_of_spis_are_as_written_as_far_as_there_are_cpu_interfaces() -> None:
    board = V2(pes=3)
    board.w("GICD_ITARGETSR10", 0xFF04_0201)
    assert board.r("GICD_ITARGETSR10") == 0x0704_0201
    board.gic.write(GICD + 0x800 + 42, 1, 3)
    assert board.r("GICD_ITARGETSR10") == 0x0703_0201


def test_an_spi_of_several_targets_is_offered_to_all_and_taken_once() -> None:
    board = V2(pes=3)
    board.make(40)
    board.gic.write(GICD + 0x800 + 40, 1, 0b101)
    board.line(40, True)
    assert [board.signalled(pe) for pe in range(3)] == [True, False, True]
    assert board.ack(2) == 40
    assert [board.signalled(pe) for pe in range(3)] == [False] * 3
    assert board.ack(0) == 1023


def test_an_spi_without_a_target_pends_and_goes_nowhere() -> None:
    board = V2(pes=2)
    board.make(40)
    board.gic.write(GICD + 0x800 + 40, 1, 0)
    board.line(40, True)
    assert board.state(40) == "P"
    assert not board.signalled(0)
    assert not board.signalled(1)


def test_a_uniprocessor_has_no_target_registers() -> None:
    """4.3.12."""
    board = V2(pes=1)
    board.w("GICD_ITARGETSR10", 0x0101_0101)
    assert board.r("GICD_ITARGETSR10") == board.r("GICD_ITARGETSR0") == 0
    board.make(40)
    board.line(40, True)
    assert board.signalled()


def test_option_uniprocessor_targets() -> None:
    board = V2(pes=1, uniprocessor_targets=False)
    board.line(40, True)
    board.set("ISENABLER", 40)
    assert not board.signalled()
    board.w("GICD_ITARGETSR10", 0xFFFF_FFFF)
    assert board.r("GICD_ITARGETSR10") == board.r("GICD_ITARGETSR0") == 0x0101_0101
    assert board.signalled()


# -- GICD_SGIR (4.3.15)


@pytest.mark.parametrize(
    ("filter_", "to", "arrives"), [(0, 0b1011, {0, 1, 3}), (0, 0, set()), (1, 0b1111, {0, 2, 3}), (2, 0b1101, {1})])
def test_sgir_filters(filter_: int, to: int, arrives: set[int]) -> None:
    board = V2(pes=4)
    board.sgi(6, to, pe=1, filter_=filter_)
    assert {pe for pe in range(4) if board.state(6, pe) == "P"} == arrives
    assert all(board.r("GICD_SPENDSGIR1", pe) == 0b10 << 16 for pe in arrives)


@pytest.mark.parametrize(("choice", "arrives"), [("ignored", set()), ("all", {0, 1, 2, 3})])
def test_option_sgir_reserved_filter(choice: str, arrives: set[int]) -> None:
    board = V2(pes=4, sgir_reserved_filter=choice)
    board.sgi(6, 0, pe=1, filter_=3)
    assert {pe for pe in range(4) if board.state(6, pe) == "P"} == arrives


def test_sgir_to_a_cpu_interface_that_is_not_there() -> None:
    board = V2(pes=2)
    board.sgi(6, 0xFC)
    assert [board.state(6, pe) for pe in range(2)] == ["I", "I"]


def test_spendsgir_and_cpendsgir_change_one_source_at_a_time() -> None:
    board = V2(pes=3)
    board.w("GICD_SPENDSGIR1", 0b0101_0000_0000)
    board.w("GICD_SPENDSGIR1", 0b1111_1010_0000_0000)
    assert board.r("GICD_SPENDSGIR1") == board.r("GICD_CPENDSGIR1") == 0b0111_0000_0000
    board.w("GICD_CPENDSGIR1", 0b0010_0000_0000)
    assert board.r("GICD_SPENDSGIR1") == 0b0101_0000_0000
    assert board.r("GICD_SPENDSGIR1", 1) == 0


# -- enables


@pytest.mark.parametrize("always", [True, False])
def test_option_sgi_always_enabled(always: bool) -> None:
    """4.3.5: IMPLEMENTATION DEFINED."""
    board = V2(sgi_always_enabled=always)
    assert board.r("GICD_ISENABLER0") == (0xFFFF if always else 0)
    board.w("GICD_ISENABLER0", 0xFFFF_FFFF)
    board.w("GICD_ICENABLER0", 0xFFFF_00FF)
    assert board.r("GICD_ISENABLER0") == (0xFFFF if always else 0xFF00)


# -- identification


def test_typer() -> None:
    assert V2(pes=5).r("GICD_TYPER") == 8 | 4 << 5
    assert V2(pes=1, security=True).r("GICD_TYPER") == 8 | 1 << 10


def test_identification_registers_are_options() -> None:
    board = V2(iidr=0x1234043B, pidr2=0x2B)
    assert board.r("GICD_IIDR") == 0x1234043B
    assert board.r("GICD_PIDR2") >> 4 & 15 == 2


def test_priorities_and_targets_take_bytes_one_at_a_time() -> None:
    board = V2()
    board.w("GICD_IPRIORITYR10", 0x10203040)
    board.gic.write(GICD + 0x400 + 41, 1, 0xF0)
    assert board.r("GICD_IPRIORITYR10") == 0x1020F040
    assert board.gic.read(GICD + 0x400 + 42, 1) == 0x20


# -- one to eight CPU interfaces


@pytest.mark.parametrize("pes", range(1, 9))
def test_every_cpu_interface_takes_interrupts(pes: int) -> None:
    board = V2(pes=pes)
    for pe in range(pes):
        board.make(40 + pe, edge=True, pe=pe)
        board.pulse(40 + pe)
        board.make(27, edge=True, priority=0xA0, pe=pe)
        board.pulse(27, pe)
    for pe in range(pes):
        assert board.ack(pe) == 40 + (pe if pes > 1 else 0)
    for pe in range(pes):
        board.eoi(40 + pe, pe)
        assert board.ack(pe) == 27
    for pe in range(pes):
        board.sgi(1, (1 << pes) - 1, pe=pe)
    assert all(board.r("GICD_SPENDSGIR0", pe) == ((1 << pes) - 1) << 8 for pe in range(pes))
    assert board.r("GICD_TYPER") >> 5 & 7 == pes - 1


# -- the Security Extensions


def secured() -> V2:
    """40 in Group 0, 41 in Group 1; every access without `secure` is Non-secure."""
    board = V2(security=True)
    for intid in (40, 41):
        board.put("IGROUPR", intid, intid - 40, secure=True)
        board.prioritize(intid, 0xA0, secure=True)
        board.w("GICD_ITARGETSR10", 0x0101_0101, secure=True)
    return board


@pytest.mark.parametrize(
    ("set_", "clear"), [("ISENABLER", "ICENABLER"), ("ISPENDR", "ICPENDR"), ("ISACTIVER", "ICACTIVER")])
def test_nonsecure_accesses_touch_group_1_alone(set_: str, clear: str) -> None:
    board = secured()
    board.w(f"GICD_{set_}1", 0x300)
    assert board.r(f"GICD_{set_}1", secure=True) == 0x200
    board.w(f"GICD_{set_}1", 0x300, secure=True)
    assert board.r(f"GICD_{set_}1") == board.r(f"GICD_{clear}1") == 0x200
    board.w(f"GICD_{clear}1", 0x300)
    assert board.r(f"GICD_{clear}1", secure=True) == 0x100


def test_nonsecure_accesses_can_not_see_or_change_groups() -> None:
    board = secured()
    board.w("GICD_IGROUPR1", 0xFFFF_FFFF)
    assert board.r("GICD_IGROUPR1") == 0
    assert board.r("GICD_IGROUPR1", secure=True) == 0x200


def test_nonsecure_priorities_are_the_lower_half_shifted() -> None:
    board = secured()
    assert board.priority(40) == 0
    assert board.priority(41) == 0x40
    board.prioritize(40, 0)
    board.prioritize(41, 0x60)
    assert board.priority(40, secure=True) == 0xA0
    assert board.priority(41, secure=True) == 0xB0
    board.prioritize(41, 0x33, secure=True)
    assert board.priority(41) == 0x66


def test_nonsecure_targets_and_triggers_of_group_0_are_hidden() -> None:
    board = secured()
    board.w("GICD_ITARGETSR10", 0x0202_0202)
    assert board.r("GICD_ITARGETSR10", secure=True) == 0x0101_0201
    assert board.r("GICD_ITARGETSR10") == 0x0000_0200
    board.edge(40)
    board.edge(41)
    assert board.r("GICD_ICFGR2", secure=True) == 2 << 18
    board.edge(40, secure=True)
    assert board.r("GICD_ICFGR2") == 2 << 18


def test_nonsecure_sgi_sources_of_group_0_are_hidden() -> None:
    board = secured()
    board.put("IGROUPR", 2, 1, secure=True)
    board.w("GICD_SPENDSGIR0", 0x0001_0100)
    assert board.r("GICD_SPENDSGIR0", secure=True) == 0x0001_0000
    board.w("GICD_SPENDSGIR0", 0x0001_0100, secure=True)
    assert board.r("GICD_SPENDSGIR0") == 0x0001_0000


def test_the_nonsecure_ctlr_is_group_1s_enable() -> None:
    """4.3.1."""
    board = secured()
    assert board.r("GICD_CTLR") == 1
    board.w("GICD_CTLR", 2)
    assert board.r("GICD_CTLR") == 0
    assert board.r("GICD_CTLR", secure=True) == 1
    board.w("GICD_CTLR", 0, secure=True)
    board.w("GICD_CTLR", 1)
    assert board.r("GICD_CTLR", secure=True) == 2


@pytest.mark.parametrize(
    ("secure", "nsatt", "group", "arrives"),
    [(True, 0, 0, True), (True, 0, 1, False), (True, 1, 0, False), (True, 1, 1, True),
     (False, 0, 0, False), (False, 0, 1, True), (False, 1, 0, False), (False, 1, 1, True)])
def test_sgir_sends_to_the_group_asked_for(secure: bool, nsatt: int, group: int, arrives: bool) -> None:
    """4.3.15, Table "Truth table for sending an SGI to a target processor"."""
    board = V2(security=True)
    board.put("IGROUPR", 2, group, pe=1, secure=True)
    board.w("GICD_SGIR", nsatt << 15 | 2 << 16 | 2, secure=secure)
    assert board.state(2, 1, secure=True) == ("P" if arrives else "I")


def test_option_sgir_checks_group() -> None:
    board = V2(security=True, sgir_checks_group=False)
    board.sgi(2, 2)
    assert board.state(2, 1, secure=True) == "P"


def test_without_security_nsatt_is_ignored() -> None:
    board = V2()
    board.w("GICD_SGIR", 1 << 15 | 2 << 16 | 2)
    assert board.state(2, 1) == "P"
