"""GICD and GICR of a GICv3 (IHI 0069): routing, banking in redistributors, GICD_CTLR's views, messages, sleep."""

from __future__ import annotations

import pytest
from tests.silicon.board import GICD, V3

from vgic.silicon import GicV3, GicV3Options, OptionError
from vgic.silicon.gicv3 import MapV3

IRM = 1 << 31


# -- routing


def test_routes_name_an_affinity() -> None:
    affinities = (0, 1, 0x100, 0x01_02_03_04)
    board = V3(pes=4, affinities=affinities)
    board.make(40)
    board.line(40, True)
    for pe, route in enumerate((0, 1, 0x100, 0x01_0002_0304)):
        board.w("GICD_IROUTER40", route)
        assert board.r("GICD_IROUTER40") == route
        assert [board.signalled(p) for p in range(4)] == [p == pe for p in range(4)]
    board.w("GICD_IROUTER40", 7)
    assert not any(board.signalled(p) for p in range(4))


def test_routes_take_64_bits_or_twice_32() -> None:
    board = V3()
    at = GICD + 0x6000 + 8 * 40
    board.gic.write(at, 4, 0x00AA_BBCC)
    board.gic.write(at + 4, 4, 0xFFFF_FF12)
    assert board.gic.read(at, 8) == 0x12_00AA_BBCC
    assert (board.gic.read(at, 4), board.gic.read(at + 4, 4)) == (0x00AA_BBCC, 0x12)
    board.gic.write(at, 8, (1 << 64) - 1)
    assert board.gic.read(at, 8) == 0xFF_00FF_FFFF


@pytest.mark.parametrize(("one_of_n", "stored", "kept"), [
    ("none", False, 0), ("none", True, IRM), ("lowest", False, IRM), ("all", False, IRM)])
def test_option_irm_stored(one_of_n: str, stored: bool, kept: int) -> None:
    board = V3(one_of_n=one_of_n, irm_stored=stored)
    board.w("GICD_IROUTER40", IRM | 1)
    assert board.r("GICD_IROUTER40") == kept | 1
    assert board.r("GICD_TYPER") >> 25 & 1 == (one_of_n == "none")


@pytest.mark.parametrize(("one_of_n", "offered"), [
    ("none", [False, True, False]), ("lowest", [True, False, False]), ("all", [True, True, True])])
def test_option_one_of_n(one_of_n: str, offered: list[bool]) -> None:
    board = V3(pes=3, one_of_n=one_of_n)
    board.make(40, edge=True)
    board.w("GICD_IROUTER40", IRM | 1)
    board.pulse(40)
    assert [board.signalled(pe) for pe in range(3)] == offered
    taker = offered.index(True)
    assert board.ack(taker) == 40
    assert [board.ack(pe) for pe in range(3)] == [1023] * 3


def test_one_of_n_leaves_out_sleepers_and_those_that_opted_out() -> None:
    board = V3(pes=3, one_of_n="lowest")
    board.make(40)
    board.w("GICD_IROUTER40", IRM)
    board.line(40, True)
    board.w("GICR_CTLR", 1 << 25, 0)
    assert [board.signalled(pe) for pe in range(3)] == [False, True, False]
    board.w("GICR_WAKER", 2, 1)
    assert [board.signalled(pe) for pe in range(3)] == [False, False, True]
    board.w("GICR_CTLR", 1 << 24 | 1 << 26, 0)
    assert [board.signalled(pe) for pe in range(3)] == [True, False, False]
    for pe in range(3):
        board.w("GICR_CTLR", 7 << 24, pe)
    assert not any(board.signalled(pe) for pe in range(3))


def test_opting_out_needs_one_of_n() -> None:
    board = V3()
    board.w("GICR_CTLR", 7 << 24)
    assert board.r("GICR_CTLR") == 2
    assert board.r("GICR_TYPER") >> 5 & 1 == 0
    board = V3(one_of_n="all")
    board.w("GICR_CTLR", 7 << 24)
    assert board.r("GICR_CTLR") == 2 | 3 << 24      # DPG1S is RAZ/WI with a single Security state
    assert board.r("GICR_TYPER") >> 5 & 1 == 1


def test_dpg1s_goes_with_the_second_security_state() -> None:
    board = V3(security=True, one_of_n="all")
    board.w("GICR_CTLR", 7 << 24, secure=True)
    board.w("GICD_CTLR", 0x77, secure=True)
    assert board.r("GICR_CTLR") == 2 | 3 << 24


@pytest.mark.parametrize("one_of_n", ["lowest", "all"])
@pytest.mark.parametrize("hides", [False, True])
def test_one_of_n_leaves_out_who_disables_the_group(one_of_n: str, hides: bool) -> None:
    """It goes to another PE, and hides nothing here (IHI 0069, ICC_IGRPEN1_EL3; 4.7.2)."""
    board = V3(pes=2, one_of_n=one_of_n, disabled_group_hides=hides)
    board.make(40, priority=0x40)
    board.w("GICD_IROUTER40", IRM)
    board.make(41, group=0)
    board.w("ICC_IGRPEN1_EL1", 0, 0)
    board.line(40, True)
    assert [board.signalled(pe) for pe in range(2)] == [False, True]
    board.line(41, True)
    assert board.r("ICC_IAR0_EL1", 0) == 41
    assert board.ack(1) == 40


def test_dpg_of_secure_groups_is_secure() -> None:
    board = V3(security=True, one_of_n="all")
    board.w("GICR_CTLR", 7 << 24)
    assert board.r("GICR_CTLR") == 2 | 1 << 25
    board.w("GICR_CTLR", 5 << 24, secure=True)
    assert board.r("GICR_CTLR") == 2
    board.w("GICR_CTLR", 7 << 24)
    assert board.r("GICR_CTLR", secure=True) == 2 | 7 << 24


# -- word 0 of the distributor's registers


@pytest.mark.parametrize("name", [
    "IGROUPR0", "IGRPMODR0", "ISENABLER0", "ICENABLER0", "ISPENDR0", "ICPENDR0", "ISACTIVER0", "ICACTIVER0",
    "IPRIORITYR7", "ICFGR1", "NSACR1", "ITARGETSR8", "ITARGETSR0", "SPENDSGIR0", "CPENDSGIR3"])
def test_private_interrupts_have_no_place_in_gicd(name: str) -> None:
    board = V3(security=True)
    board.w("GICD_" + name, 0xFFFF_FFFF, secure=True)
    assert board.r("GICD_" + name, secure=True) == 0
    board.w("GICR_ISENABLER0", 0xFFFF_FFFF, secure=True)
    assert board.r("GICD_ISENABLER0", secure=True) == 0


def test_gicd_sgir_does_nothing() -> None:
    board = V3()
    board.w("GICD_SGIR", 1 << 24 | 3)
    assert [board.state(3, pe) for pe in range(2)] == ["I", "I"]


# -- redistributors


def test_a_redistributor_is_its_pes_whoever_accesses_it() -> None:
    board = V3(pes=3)
    base = 0x080A_0000 + 2 * 0x2_0000
    board.gic.write(base + 0x1_0100, 4, 1 << 20, pe=0)
    assert [board.bit("ISENABLER", 20, pe) for pe in range(3)] == [0, 0, 1]


def test_typer_tells_who_it_is() -> None:
    board = V3(pes=3, affinities=(0, 0x100, 0x0100_0000), common_lpi_affinity=2, lpis=True)
    assert [board.r("GICR_TYPER", pe) for pe in range(3)] == [
        2 << 24 | 1, 0x100 << 32 | 2 << 24 | 1 << 8 | 1, 0x0100_0000 << 32 | 2 << 24 | 2 << 8 | 1 << 4 | 1]


def test_last_ends_every_region() -> None:
    """IHI 0069, GICR_TYPER.Last: of a series of contiguous redistributors."""
    bases = (0x1000_0000, 0x2000_0000)
    gic = GicV3(GicV3Options(pes=5), MapV3(gicr=((bases[0], 2), (bases[1], 8))))
    frames = [bases[0], bases[0] + 0x2_0000, bases[1], bases[1] + 0x2_0000, bases[1] + 0x4_0000]
    last = [gic.read(frame + 8, 8) >> 4 & 1 for frame in frames]
    assert last == [0, 1, 0, 0, 1]
    gic.write(bases[1] + 0x1_0100, 4, 1 << 20)
    assert gic.read(bases[1] + 0x1_0100, 4) == 1 << 20
    assert gic.read(bases[0] + 0x2_0000 + 0x1_0100, 4) == 0


def test_a_map_without_room_for_all_redistributors_is_refused() -> None:
    with pytest.raises(OptionError, match="room for 4 redistributors: expected 5"):
        GicV3(GicV3Options(pes=5), MapV3(gicr=((0x1000_0000, 3), (0x2000_0000, 1))))


def test_past_the_last_pe_there_is_no_redistributor() -> None:
    board = V3(pes=2)
    board.gic.write(0x080A_0000 + 2 * 0x2_0000 + 0x1_0100, 4, 1)
    assert board.gic.notices.of("reserved")
    assert board.r("GICR_ISENABLER0") == board.r("GICR_ISENABLER0", 1) == 0


@pytest.mark.parametrize("pes", [1, 2, 16, 17, 512])
def test_every_pe_can_be_reached(pes: int) -> None:
    board = GicV3(GicV3Options(pes=pes, intids=64))
    o, regions = board.options, board.map.gicr
    board.write(GICD, 4, 0x12)
    for pe in {0, pes // 2, pes - 1}:
        base = regions[0][0] + 0x2_0000 * pe if pe < 123 else regions[1][0] + 0x2_0000 * (pe - 123)
        board.write(base + 0x14, 4, 0)
        board.write(base + 0x1_0080, 4, 0xFFFF_FFFF)
        board.write(base + 0x1_0100, 4, 1 << 3)
        board.sysreg_write("ICC_PMR_EL1", 0xFF, pe)
        board.sysreg_write("ICC_IGRPEN1_EL1", 1, pe)
        aff = o.affinity(pe)
        assert board.read(base + 8, 8) >> 32 == aff
        value = 3 << 24 | (aff >> 8 & 0xFF) << 16 | 1 << (aff & 15)
        board.sysreg_write("ICC_SGI1R_EL1", value, 0)
        assert board.sysreg_read("ICC_IAR1_EL1", pe) == 3


# -- sleep


@pytest.mark.parametrize(("blocks", "signalled"), [(True, False), (False, True)])
def test_option_sleep_blocks(blocks: bool, signalled: bool) -> None:
    board = V3(sleep_blocks=blocks)
    board.make(27)
    board.line(27, True)
    board.w("GICR_WAKER", 2)
    assert board.r("GICR_WAKER") == 6
    assert board.signalled() == signalled
    assert board.state(27) == "P"
    board.w("GICR_WAKER", 0)
    assert board.r("GICR_WAKER") == 0
    assert board.signalled()


def test_redistributors_sleep_at_reset_and_the_waker_is_secure() -> None:
    gic = GicV3(GicV3Options(security=True))
    waker = 0x080A_0014
    assert (gic.read(waker, 4), gic.read(waker, 4, secure=True)) == (0, 6)
    gic.write(waker, 4, 0)
    assert gic.read(waker, 4, secure=True) == 6
    gic.write(waker, 4, 0, secure=True)
    assert gic.read(waker, 4, secure=True) == 0


# -- GICD_CTLR


def test_ctlr_with_a_single_security_state() -> None:
    board = V3()
    board.w("GICD_CTLR", 0xFFFF_FFFF)
    assert board.r("GICD_CTLR") == board.r("GICD_CTLR", secure=True) == 0x53
    board.w("GICD_CTLR", 0)
    assert board.r("GICD_CTLR") == 0x50


def test_ctlr_has_a_secure_and_a_nonsecure_view() -> None:
    board = V3(security=True)
    board.w("GICD_CTLR", 0, secure=True)
    board.w("GICD_CTLR", 0xFFFF_FFFF)
    assert board.r("GICD_CTLR") == 0x12
    assert board.r("GICD_CTLR", secure=True) == 0x32
    board.w("GICD_CTLR", 5, secure=True)
    assert board.r("GICD_CTLR") == 0x10
    assert board.r("GICD_CTLR", secure=True) == 0x35
    board.w("GICD_CTLR", 0)
    assert board.r("GICD_CTLR", secure=True) == 0x35


def test_e1nwf_is_there_with_one_of_n() -> None:
    for one_of_n, kept in (("none", 0), ("all", 0x80)):
        board = V3(one_of_n=one_of_n)
        board.w("GICD_CTLR", 0x80)
        assert board.r("GICD_CTLR") & 0x80 == kept
        board.w("GICD_CTLR", 0)
        assert board.r("GICD_CTLR") & 0x80 == 0


def test_ds_gives_one_view_for_good_and_takes_secure_group_1() -> None:
    board = V3(security=True)
    board.w("GICD_IGRPMODR1", 1 << 8, secure=True)
    board.w("GICR_IGRPMODR0", 1 << 27, secure=True)
    board.w("GICD_CTLR", 0x77, secure=True)
    assert board.r("GICD_CTLR") == board.r("GICD_CTLR", secure=True) == 0x53
    assert board.r("GICD_TYPER") >> 10 & 1 == 0
    board.w("GICD_CTLR", 0x10, secure=True)
    assert board.r("GICD_CTLR") == 0x50
    board.prioritize(40, 0x28)
    assert board.priority(40) == 0x28
    for intid in (40, 27):
        assert board.bit("IGROUPR", intid) == 0
        board.put("IGROUPR", intid, 1)
        board.put("IGROUPR", intid, 0)
        irq = board.gic.distributor.find(intid, 0)
        assert irq is not None
        assert irq.group == 0
    board.w("GICD_IGRPMODR1", 0xFFFF_FFFF)
    assert board.r("GICD_IGRPMODR1") == 0


def test_option_ds_writable() -> None:
    board = V3(security=True, ds_writable=False)
    board.w("GICD_CTLR", 0x70, secure=True)
    assert board.r("GICD_CTLR", secure=True) == 0x30


def test_only_a_secure_write_sets_ds() -> None:
    board = V3(security=True)
    board.w("GICD_CTLR", 0x40)
    assert board.r("GICD_CTLR", secure=True) & 0x40 == 0


# -- GICD_TYPER and identification


def test_typer() -> None:
    board = V3(intids=96, id_bits=14, lpis=True, vlpis=True, message_spis=True, one_of_n="all", security=True)
    assert board.r("GICD_TYPER") == 2 | 1 << 10 | 1 << 16 | 1 << 17 | 1 << 18 | 13 << 19 | 1 << 24
    assert V3(intids=96).r("GICD_TYPER") == 2 | 15 << 19 | 1 << 24 | 1 << 25
    assert V3(intids=96, typer_lines_of_spis=True).r("GICD_TYPER") & 31 == 1


def test_identification() -> None:
    board = V3(iidr=0x1234043B, pidr2=0x4B)
    assert board.r("GICD_IIDR") == board.r("GICR_IIDR") == 0x1234043B
    assert board.r("GICD_PIDR2") == board.r("GICR_PIDR2") == 0x4B
    assert [board.r(f"GICD_CIDR{n}") for n in range(4)] == [0x0D, 0xF0, 0x05, 0xB1]


def test_option_priority_stores_low_bits() -> None:
    for stores, kept in ((False, 0xF8), (True, 0xFF)):
        board = V3(priority_stores_low_bits=stores)
        for intid in (3, 40):
            board.prioritize(intid, 0xFF)
            assert board.priority(intid) == kept


# -- message-based SPIs


def messages(**options: object) -> V3:
    board = V3(message_spis=True, **options)
    board.make(40, edge=True)
    board.make(41)
    return board


def test_a_message_latches_an_edge() -> None:
    board = messages()
    board.w("GICD_SETSPI_NSR", 40)
    assert board.state(40) == "P"
    board.w("GICD_CLRSPI_NSR", 40)
    assert board.state(40) == "I"
    board.w("GICD_SETSPI_NSR", 40)
    assert board.ack() == 40
    assert board.state(40) == "A"


def test_a_message_level_lasts_until_it_is_cleared() -> None:
    board = messages()
    board.w("GICD_SETSPI_NSR", 41)
    assert board.ack() == 41
    assert board.state(41) == "PA"
    board.set("ICPENDR", 41)
    board.eoi(41)
    assert board.state(41) == "P"
    board.w("GICD_CLRSPI_NSR", 41)
    assert board.state(41) == "I"


def test_a_message_for_what_is_pending_has_no_effect() -> None:
    """IHI 0069, GICD_SETSPI_NSR: writes have no effect if the SPI is already pending."""
    board = messages()
    board.line(41, True)
    board.w("GICD_SETSPI_NSR", 41)
    board.line(41, False)
    assert board.state(41) == "I"
    board.set("ISPENDR", 41)
    board.w("GICD_SETSPI_NSR", 41)
    assert board.ack() == 41
    assert board.state(41) == "A"


def test_clrspi_removes_what_ispendr_gave() -> None:
    board = messages()
    board.set("ISPENDR", 41)
    board.w("GICD_CLRSPI_NSR", 41)
    assert board.state(41) == "I"
    board.line(41, True)
    board.w("GICD_CLRSPI_NSR", 41)
    assert board.state(41) == "P"


@pytest.mark.parametrize("intid", [3, 27, 0, 31, 1024 + 40, 4096 + 40, 288, 1023])
def test_messages_speak_of_spis_alone(intid: int) -> None:
    board = messages()
    board.w("GICD_SETSPI_NSR", intid)
    assert [i for i in range(288) if board.state(i) != "I"] == []


def test_option_message_spis() -> None:
    board = V3()
    board.w("GICD_SETSPI_NSR", 40)
    assert board.state(40) == "I"
    assert board.r("GICD_TYPER") >> 16 & 1 == 0


def test_secure_messages() -> None:
    """NSACR opens GICD_SETSPI_NSR to Group 0; GICD_SETSPI_SR is Secure, and gone once DS is set."""
    board = V3(security=True, message_spis=True)
    board.w("GICD_SETSPI_SR", 40)
    assert board.state(40, secure=True) == "I"
    board.w("GICD_SETSPI_SR", 40, secure=True)
    assert board.state(40, secure=True) == "P"
    board.w("GICD_CLRSPI_SR", 40)
    assert board.state(40, secure=True) == "P"
    board.w("GICD_CLRSPI_SR", 40, secure=True)
    assert board.state(40, secure=True) == "I"
    board.w("GICD_CTLR", 0x70, secure=True)
    board.w("GICD_SETSPI_SR", 40, secure=True)
    assert board.state(40) == "I"


# -- LPIs are not modelled, and say so


def test_option_lpis() -> None:
    board = V3()
    board.w("GICR_PROPBASER", 0xFFFF_FFFF_FFFF_FFFF)
    board.w("GICR_CTLR", 1)
    assert board.r("GICR_PROPBASER") == 0
    assert board.r("GICR_CTLR") & 1 == 0
    board = V3(lpis=True)
    board.w("GICR_PROPBASER", 0xFFFF_FFFF_FFFF_FFFF)
    board.w("GICR_PENDBASER", 0xFFFF_FFFF_FFFF_FFFF)
    assert board.r("GICR_PROPBASER") == 0x070F_FFFF_FFFF_FF9F
    assert board.r("GICR_PENDBASER") == 0x070F_FFFF_FFFF_0F80
    assert not board.gic.notices.of("not modelled")
    board.w("GICR_CTLR", 1)
    assert board.r("GICR_CTLR") & 1 == 1
    ((notice, count),) = board.gic.notices.of("not modelled")
    assert (notice.register, count) == ("GICR_CTLR.EnableLPIs", 1)


def test_option_clear_enable_lpis() -> None:
    """GICR_CTLR.CES."""
    assert [V3(clear_enable_lpis=can).r("GICR_CTLR") for can in (False, True)] == [0, 2]


def test_option_nmis() -> None:
    for there in (False, True):
        board = V3(nmis=there)
        assert board.r("GICD_TYPER") >> 9 & 1 == there
        board.w("GICD_INMIR1", 1)
        board.w("GICR_INMIR0", 1)
        told = [n.register for n, _ in board.gic.notices.of("not modelled")]
        assert told == (["GICD_INMIR1", "GICR_INMIR0"] if there else [])


def test_wakers_implementation_defined_bits_are_not_res0() -> None:
    """IHI 0069, GICR_WAKER: bits 31 and 0."""
    board = V3()
    board.w("GICR_WAKER", 1 << 31 | 1)
    assert board.r("GICR_WAKER") == 0
    ((notice, _),) = board.gic.notices.of("not modelled")
    assert (notice.register, notice.detail) == (
        "GICR_WAKER", "IMPLEMENTATION DEFINED bits 0x80000001: read as zero")
    assert not board.gic.notices.of("reserved")
    board.w("GICR_WAKER", 1 << 3)
    assert [n.detail for n, _ in board.gic.notices.of("reserved")] == ["write sets RES0 bits 0x8"]
