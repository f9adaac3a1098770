"""What ICH and ICV have of their own (IHI 0069 ch. 12)."""

from __future__ import annotations

import pytest
from tests.silicon.board import V3, virtual

from vgic.arch.state import ACTIVE, INVALID, PENDING, PENDING_ACTIVE
from vgic.silicon import Undefined

LPI = 8192


def vboard(**options: object) -> V3:
    board = V3(**options)
    virtual(board)
    return board


# -- list registers


@pytest.mark.parametrize("count", [1, 4, 16])
def test_option_list_registers(count: int) -> None:
    board = V3(list_registers=count)
    assert board.r("ICH_VTR_EL2") & 31 == count - 1
    for n in range(16):
        if n < count:
            board.w(f"ICH_LR{n}_EL2", PENDING << 62 | n)
            assert board.r(f"ICH_LR{n}_EL2") == PENDING << 62 | n
        else:
            with pytest.raises(Undefined, match=f"ICH_LR{n}_EL2 is UNDEFINED: the interface has {count} list"):
                board.w(f"ICH_LR{n}_EL2", 0)
            with pytest.raises(Undefined):
                board.r(f"ICH_LR{n}_EL2")


@pytest.mark.parametrize(("keeps", "hw0", "hw1"), [
    (False, 0xD0F8_0200_0000_FFFF, 0xF0F8_1FFF_0000_FFFF), (True, 0xDFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)])
def test_option_lr_stores_res0(keeps: bool, hw0: int, hw1: int) -> None:
    board = V3(lr_stores_res0=keeps)
    board.w("ICH_LR0_EL2", 0xDFFF_FFFF_FFFF_FFFF)
    assert board.r("ICH_LR0_EL2") & 0xFFF8_FFFF_FFFF_FFFF == hw0 & 0xFFF8_FFFF_FFFF_FFFF
    board.w("ICH_LR0_EL2", 0xFFFF_FFFF_FFFF_FFFF)
    assert board.r("ICH_LR0_EL2") & 0xFFF8_FFFF_FFFF_FFFF == hw1 & 0xFFF8_FFFF_FFFF_FFFF


@pytest.mark.parametrize(("bits", "kept"), [(5, 0xF8), (6, 0xFC), (8, 0xFF)])
def test_option_virtual_priority_bits(bits: int, kept: int) -> None:
    board = V3(virtual_priority_bits=bits)
    assert board.r("ICH_VTR_EL2") >> 29 == bits - 1
    assert board.r("ICV_CTLR_EL1") >> 8 & 7 == bits - 1
    board.lr(0, PENDING, 50, priority=0xFF)
    assert board.r("ICH_LR0_EL2") >> 48 & 0xFF == kept
    board.w("ICV_PMR_EL1", 0xFF)
    assert board.r("ICV_PMR_EL1") == kept
    board.w("ICH_VMCR_EL2", 0xFFFF_FFFF)
    assert board.r("ICH_VMCR_EL2") >> 24 == kept


def test_option_vpmr_stores_low_bits() -> None:
    board = V3(vpmr_stores_low_bits=True)
    board.w("ICH_VMCR_EL2", 0xFF00_0000)
    assert board.r("ICH_VMCR_EL2") >> 24 == 0xFF
    assert board.r("ICV_PMR_EL1") == 0xF8


@pytest.mark.parametrize(("bits", "low", "registers"), [(5, 2, 1), (6, 1, 2), (7, 0, 4)])
def test_option_virtual_preemption_bits(bits: int, low: int, registers: int) -> None:
    board = V3(virtual_priority_bits=7, virtual_preemption_bits=bits)
    assert board.r("ICH_VTR_EL2") >> 26 & 7 == bits - 1
    board.w("ICH_VMCR_EL2", 0)
    assert (board.r("ICV_BPR0_EL1"), board.r("ICV_BPR1_EL1")) == (low, low + 1)
    for prefix, el in (("ICH", 2), ("ICV", 1)):
        for group in (0, 1):
            for n in range(4):
                name = f"{prefix}_AP{group}R{n}_EL{el}"
                if n < registers:
                    board.w(name, 1 << n + 4)
                    assert board.r(name) == 1 << n + 4
                else:
                    with pytest.raises(Undefined, match=name):
                        board.r(name)
                    with pytest.raises(Undefined, match=name):
                        board.w(name, 0)
    assert board.r(f"ICH_AP1R{registers - 1}_EL2") == 1 << registers + 3


# -- the guest's registers are VMCR


def test_vmcr_with_system_registers_has_vfiqen_and_no_vackctl() -> None:
    board = V3()
    board.w("ICH_VMCR_EL2", 0xFFFF_FFFF)
    assert board.r("ICH_VMCR_EL2") == 0xF8FC_021B


def test_the_guests_registers_and_vmcr_are_one() -> None:
    board = V3()
    for name, value in (("PMR", 0xA8), ("BPR0", 5), ("BPR1", 6), ("IGRPEN0", 1), ("IGRPEN1", 1), ("CTLR", 2)):
        board.w(f"ICV_{name}_EL1", value)
    assert board.r("ICH_VMCR_EL2") == 0xA8 << 24 | 5 << 21 | 6 << 18 | 1 << 9 | 8 | 3
    board.w("ICH_VMCR_EL2", 0x50 << 24 | 3 << 21 | 4 << 18 | 0x10 | 1)
    assert [board.r(f"ICV_{n}_EL1") for n in ("PMR", "BPR0", "BPR1", "IGRPEN0", "IGRPEN1")] == [0x50, 3, 4, 1, 0]
    assert board.r("ICV_CTLR_EL1") & 3 == 1


def test_with_cbpr_the_guests_bpr1_shows_bpr0_and_one_and_is_read_only() -> None:
    board = V3()
    board.vmcr(bpr0=7, bpr1=3, cbpr=1)
    assert board.r("ICV_BPR1_EL1") == 7
    board.w("ICV_BPR0_EL1", 4)
    board.w("ICV_BPR1_EL1", 6)
    assert board.r("ICV_BPR1_EL1") == 5
    board.w("ICV_CTLR_EL1", 0)
    assert board.r("ICV_BPR1_EL1") == 3


def test_what_the_type_registers_tell() -> None:
    board = V3(cpu_id_bits=24, tdir=False)
    assert board.r("ICH_VTR_EL2") >> 23 & 7 == 1
    assert board.r("ICH_VTR_EL2") >> 19 & 7 == 0b110
    assert board.r("ICV_CTLR_EL1") == 1 << 15 | 1 << 11 | 4 << 8
    assert V3().r("ICH_VTR_EL2") >> 19 & 7 == 0b111
    assert V3(vlpis=True, lpis=True).r("ICH_VTR_EL2") >> 20 & 1 == 0


def test_option_tdir() -> None:
    board = V3(tdir=False)
    board.w("ICH_HCR_EL2", 0xFFFF_FFFF)
    assert board.r("ICH_HCR_EL2") == 0xF800_1CFF
    board = V3()
    board.w("ICH_HCR_EL2", 0xFFFF_FFFF)
    assert board.r("ICH_HCR_EL2") == 0xF800_5CFF


# -- EOIR


def test_each_group_has_its_active_priorities() -> None:
    board = vboard()
    board.lr(0, PENDING, 50, priority=0x80, group=1)
    board.viar(1)
    board.lr(1, PENDING, 51, priority=0x40, group=0)
    board.viar(0)
    assert (board.r("ICH_AP0R0_EL2"), board.r("ICH_AP1R0_EL2")) == (1 << 8, 1 << 16)


def test_on_a_tie_group_0_is_dropped_first() -> None:
    board = vboard()
    board.w("ICH_AP0R0_EL2", 1 << 8)
    board.w("ICH_AP1R0_EL2", 1 << 8)
    board.veoi(60, 1)
    assert (board.r("ICH_AP0R0_EL2"), board.r("ICH_AP1R0_EL2")) == (0, 1 << 8)


@pytest.mark.parametrize(("drops", "running"), [(True, 0xFF), (False, 0x80)])
def test_option_wrong_group_eoi_drops(drops: bool, running: int) -> None:
    """CONSTRAINED UNPREDICTABLE; the interrupt stays active either way."""
    board = vboard(wrong_group_eoi_drops=drops)
    board.lr(0, PENDING, 50)
    board.viar()
    board.veoi(50, 0)
    assert (board.held(0), board.vrpr(), board.eoicount()) == ("A", running, 0)


def test_an_eoir_of_another_priority_than_the_dropped_one_does_not_deactivate() -> None:
    board = vboard()
    board.lr(0, PENDING, 50, priority=0x80)
    board.viar()
    board.lr(1, ACTIVE, 51, priority=0xA0)
    board.veoi(51)
    assert (board.held(1), board.vrpr(), board.eoicount()) == ("A", 0xFF, 0)


def test_the_comparison_is_of_group_priorities() -> None:
    board = vboard()
    board.vmcr(bpr1=6)
    board.lr(0, PENDING, 50, priority=0xB8)
    board.veoi(board.viar())
    assert board.held(0) == "I"


@pytest.mark.parametrize(("choice", "state", "count"), [("nothing", "A", 0), ("deactivates", "I", 0)])
def test_option_eoi_without_active(choice: str, state: str, count: int) -> None:
    board = vboard(eoi_without_active=choice)
    board.lr(0, ACTIVE, 50)
    board.veoi(50)
    board.veoi(60)
    assert (board.held(0), board.eoicount()) == (state, count)


@pytest.mark.parametrize("searches", ["nothing", "deactivates"])
def test_an_eoir_without_priority_and_list_register_counts_as_its_option_says(searches: str) -> None:
    for counts in (False, True):
        board = vboard(eoi_without_active=searches, eoicount_without_priority=counts)
        board.veoi(60)
        assert board.eoicount() == counts


@pytest.mark.parametrize(("counts", "count"), [(False, 0), (True, 1)])
def test_option_eoicount_in_split_mode(counts: bool, count: int) -> None:
    board = vboard(eoicount_in_split_mode=counts)
    board.vmcr(eoim=1)
    board.w("ICH_AP1R0_EL2", 1 << 16)
    board.veoi(60)
    assert board.eoicount() == count


def test_option_vgrp0d_from_veng1() -> None:
    for mistaken, expected in ((False, [32, 0, 32, 0]), (True, [32, 32, 0, 0])):
        board = vboard(vgrp0d_from_veng1=mistaken)
        board.hcr(32)
        seen = []
        for eng in range(4):
            board.vmcr(eng=eng)
            seen.append(board.h("MISR"))
        assert seen == expected


# -- LPIs in list registers


@pytest.mark.parametrize("mode", [0, 1])
def test_an_lpi_leaves_at_eoir_in_both_modes(mode: int) -> None:
    """IHI 0069, ICV_EOIR1_EL1."""
    board = vboard()
    board.vmcr(eoim=mode)
    board.lr(0, PENDING, LPI)
    board.veoi(board.viar())
    assert (board.held(0), board.vrpr(), board.eoicount()) == ("I", 0xFF, 0)


def test_an_lpi_is_ignored_by_dir_and_not_counted() -> None:
    board = vboard()
    board.w("ICH_AP1R0_EL2", 1 << 16)
    board.veoi(LPI)
    assert (board.vrpr(), board.eoicount()) == (0xFF, 0)
    board.vmcr(eoim=1)
    board.lr(0, ACTIVE, LPI)
    board.vdir(LPI)
    board.vdir(LPI + 1)
    assert (board.held(0), board.eoicount()) == ("A", 0)


def test_extended_intids_count() -> None:
    board = vboard()
    board.w("ICH_AP1R0_EL2", 1 << 16)
    board.veoi(LPI - 1)
    board.vmcr(eoim=1)
    board.vdir(1024)
    assert board.eoicount() == 2


@pytest.mark.parametrize(("bits", "above"), [(16, 0xFFFF_FFFF_FFFF_0000), (24, 0xFFFF_FFFF_FF00_0000)])
def test_eoir_looks_at_the_bits_that_an_intid_has(bits: int, above: int) -> None:
    board = vboard(cpu_id_bits=bits)
    vintid = 0x123456 & ~above
    board.lr(0, PENDING, vintid)
    assert board.viar() == vintid
    board.w("ICV_EOIR1_EL1", above | vintid)
    assert board.held(0) == "I"


def test_a_special_vintid_is_returned_and_leaves() -> None:
    """IHI 0069, ICV_IAR1_EL1."""
    board = vboard()
    for special in range(1020, 1024):
        board.lr(0, PENDING, special)
        assert board.viar() == special
        assert (board.held(0), board.vrpr()) == ("I", 0xFF)


def test_pending_active_never_comes_from_the_interface() -> None:
    board = vboard()
    board.lr(0, PENDING_ACTIVE, 50)
    board.w("ICH_AP1R0_EL2", 1 << 16)
    board.veoi(50)
    assert board.held(0) == "P"
    assert board.viar() == 50
    assert board.held(0) == "A"


def test_hppir_names_the_candidate_also_with_the_interface_off() -> None:
    board = V3()
    board.vmcr(pmr=0)
    board.lr(0, PENDING, 50)
    board.lr(1, INVALID, 51)
    assert board.vhppir(1) == 50
    assert board.vhppir(0) == 1023


@pytest.mark.parametrize(("bits", "kept"), [(16, 0x5678), (24, 0x345678)])
def test_a_vintid_has_as_many_bits_as_the_interface_says(bits: int, kept: int) -> None:
    """IHI 0069, ICH_LR<n>_EL2.vINTID: unimplemented bits are RES0."""
    board = V3(cpu_id_bits=bits)
    board.w("ICH_LR0_EL2", 0x1234_5678)
    assert board.r("ICH_LR0_EL2") == kept
    assert board.r("ICH_VTR_EL2") >> 23 & 7 == (bits == 24)
    board = V3(cpu_id_bits=bits, lr_stores_res0=True)
    board.w("ICH_LR0_EL2", 0x1234_5678)
    assert board.r("ICH_LR0_EL2") == 0x1234_5678
    assert [n.register for n, _ in board.gic.notices.of("deviation")] == ["lr_stores_res0"]


@pytest.mark.parametrize(("stores", "kept"), [(False, 0), (True, 1 << 13)])
def test_option_hcr_stores_tsei(stores: bool, kept: int) -> None:
    """TSEI is RES0 where ICH_VTR_EL2.SEIS is 0."""
    board = V3(hcr_stores_tsei=stores)
    board.w("ICH_HCR_EL2", 1 << 13)
    assert board.r("ICH_HCR_EL2") == kept
    assert board.r("ICH_VTR_EL2") >> 22 & 1 == 0
