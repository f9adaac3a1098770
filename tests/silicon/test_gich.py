"""What GICH and GICV have of their own (IHI 0048B ch. 5)."""

from __future__ import annotations

import pytest
from tests.silicon.board import V2, virtual

from vgic.arch.state import ACTIVE, INVALID, PENDING


def vboard(**options: object) -> V2:
    board = V2(**options)
    virtual(board)
    return board


# -- list registers


def test_bits_that_hw_decides() -> None:
    """5.3.10: [19:10] is PhysicalID with HW=1; without, EOI and CPUID."""
    board = V2()
    board.w("GICH_LR0", 0x800F_FC05)
    assert board.r("GICH_LR0") == 0x800F_FC05
    board.w("GICH_LR0", 0x000F_FC05)
    assert board.r("GICH_LR0") == 0x0008_1C05
    board.w("GICH_LR0", 0x7070_0000)
    assert board.r("GICH_LR0") == 0x7000_0000


@pytest.mark.parametrize("count", [1, 4, 33, 64])
def test_option_list_registers(count: int) -> None:
    board = V2(list_registers=count)
    for n in range(64):
        board.w(f"GICH_LR{n}", 0x1000_0000 | n)
    assert [n for n in range(64) if board.r(f"GICH_LR{n}")] == list(range(count))
    assert board.r("GICH_VTR") == 4 << 29 | 4 << 26 | (count - 1)


def test_the_status_registers_have_a_second_word() -> None:
    board = V2(list_registers=64)
    board.lr(40, INVALID, 50, eoi=True)
    assert (board.r("GICH_EISR0"), board.r("GICH_EISR1")) == (0, 1 << 8)
    assert (board.r("GICH_ELRSR0"), board.r("GICH_ELRSR1")) == (0xFFFF_FFFF, 0xFFFF_FFFF & ~(1 << 8))


# -- SGIs


def test_a_virtual_sgi_names_its_source() -> None:
    board = vboard()
    board.lr(0, PENDING, 5, cpuid=3)
    assert board.r("GICV_AHPPIR") == board.r("GICV_AIAR") == 5 | 3 << 10


def test_only_sgis_have_a_source() -> None:
    board = vboard()
    board.lr(0, PENDING, 16, cpuid=3)
    assert board.viar() == 16


def test_with_the_hw_bit_there_is_no_cpuid() -> None:
    board = vboard()
    board.lr(0, PENDING, 5, pintid=0x3FF)
    assert board.viar() == 5


def test_option_hppir_shows_cpuid() -> None:
    board = vboard(hppir_shows_cpuid=False)
    board.lr(0, PENDING, 5, cpuid=3)
    assert board.vhppir() == 5
    assert board.viar() == 5 | 3 << 10


@pytest.mark.parametrize(("checks", "ended"), [(True, 1), (False, 0)])
def test_option_eoi_checks_cpuid(checks: bool, ended: int) -> None:
    """Two list registers with one SGI from two sources (5.5.5)."""
    for mode in (0, 1):
        board = vboard(eoi_checks_cpuid=checks)
        board.vmcr(eoim=mode)
        board.hw("APR", 1 << 16)
        for n in range(2):
            board.lr(n, ACTIVE, 5, cpuid=n + 1)
        board.veoi(5 | 2 << 10)
        if mode:
            board.vdir(5 | 2 << 10)
        assert [board.held(n) for n in range(2)] == (["A", "I"] if ended else ["I", "A"])


# -- groups


def test_a_group_1_interrupt_is_1022_to_iar_without_ackctl() -> None:
    board = vboard()
    board.lr(0, PENDING, 50)
    assert board.r("GICV_IAR") == board.r("GICV_HPPIR") == 1022
    assert board.held(0) == "P"
    board.w("GICV_CTLR", 7)
    assert board.r("GICV_HPPIR") == board.r("GICV_IAR") == 50


def test_1022_asks_for_an_interrupt_that_is_signalled() -> None:
    board = vboard()
    board.lr(0, PENDING, 50, priority=0x40, group=0)
    assert board.r("GICV_IAR") == 50
    board.lr(1, PENDING, 51)
    assert board.r("GICV_IAR") == 1023
    assert board.r("GICV_HPPIR") == 1022


def test_group_0_comes_as_virtual_fiq_where_vmfiqen_says_so() -> None:
    board = vboard()
    board.lr(0, PENDING, 50, group=0)
    assert board.vout() == (False, True)
    board.w("GICV_CTLR", 3)
    assert board.vout() == (True, False)
    board.lr(0, PENDING, 50, group=1)
    board.w("GICV_CTLR", 0xB)
    assert board.vout() == (True, False)


def test_one_active_priorities_register_serves_both_groups() -> None:
    board = vboard()
    board.lr(0, PENDING, 50, priority=0x80, group=1)
    board.viar(1)
    board.lr(1, PENDING, 51, priority=0x40, group=0)
    board.viar(0)
    assert board.r("GICH_APR") == board.r("GICV_APR0") == 1 << 16 | 1 << 8
    board.w("GICV_APR0", 1 << 4)
    assert (board.r("GICH_APR"), board.vrpr()) == (1 << 4, 0x20)
    board.w("GICV_APR1", 1)
    assert board.r("GICV_APR1") == 0
    assert board.r("GICH_APR") == 1 << 4


# -- the guest's registers are VMCR


def test_the_guests_registers_and_vmcr_are_one() -> None:
    board = V2()
    board.w("GICV_CTLR", 0xFFFF_FFFF)
    board.w("GICV_PMR", 0xFF)
    board.w("GICV_BPR", 5)
    board.w("GICV_ABPR", 6)
    assert board.r("GICH_VMCR") == 0xF8 << 24 | 5 << 21 | 6 << 18 | 0x21F
    board.w("GICH_VMCR", 0x50 << 24 | 3 << 21 | 4 << 18 | 0x205)
    assert board.r("GICV_CTLR") == 0x205
    assert (board.r("GICV_PMR"), board.r("GICV_BPR"), board.r("GICV_ABPR")) == (0x50, 3, 4)
    board.w("GICV_BPR", 0)
    board.w("GICV_ABPR", 0)
    assert (board.r("GICV_BPR"), board.r("GICV_ABPR")) == (2, 3)


def test_gicv_iidr_is_the_cpu_interfaces() -> None:
    assert V2(cpu_iidr=0x1234).r("GICV_IIDR") == 0x1234


def test_hcr_keeps_its_bits() -> None:
    board = V2()
    board.w("GICH_HCR", 0xFFFF_FFFF)
    assert board.r("GICH_HCR") == 0xF800_00FF


# -- options


def test_option_alias_registers() -> None:
    board = vboard(alias_registers=False)
    board.lr(0, PENDING, 50)
    assert board.r("GICV_AIAR") == board.r("GICV_AHPPIR") == 0
    board.w("GICV_CTLR", 7)
    assert board.r("GICV_IAR") == 50
    board.w("GICV_AEOIR", 50)
    assert board.held(0) == "A"


@pytest.mark.parametrize(("masked", "shown"), [(False, 50), (True, 1023)])
def test_option_hppir_masked(masked: bool, shown: int) -> None:
    board = vboard(hppir_masked=masked)
    board.lr(0, PENDING, 50)
    board.vmcr(pmr=0x80)
    assert board.vhppir() == shown
    board.vmcr(pmr=0x88)
    assert board.vhppir() == 50


def test_option_virtual_group_enable_selects() -> None:
    board = vboard(virtual_group_enable_selects=False)
    board.lr(0, PENDING, 50, priority=0x40, group=0)
    board.lr(1, PENDING, 51)
    board.vmcr(eng=2)
    assert board.viar(1) == 1023
    assert board.vout() == (False, False)
    assert board.vhppir(0) == 50
    board.vmcr(eng=0)
    assert board.vhppir(0) == 1023
    board.vmcr(eng=3)
    assert board.viar(0) == 50
    assert board.viar(1) == 1023


@pytest.mark.parametrize(("deactivates", "after"), [(False, "A"), (True, "I")])
def test_option_virtual_eoi_without_priority_deactivates(deactivates: bool, after: str) -> None:
    board = vboard(virtual_eoi_without_priority_deactivates=deactivates)
    board.lr(0, ACTIVE, 50)
    board.veoi(50)
    assert board.held(0) == after


@pytest.mark.parametrize(("choice", "count"), [("ignored", 0), ("counts", 1)])
def test_option_virtual_dir_in_mode0(choice: str, count: int) -> None:
    board = vboard(virtual_dir_in_mode0=choice)
    board.vdir(50)
    assert board.eoicount() == count
    board.lr(0, ACTIVE, 50)
    board.vdir(50)
    assert (board.held(0), board.eoicount()) == ("A", count)


@pytest.mark.parametrize(("masked", "preempts"), [(True, False), (False, True)])
def test_option_preemption_masks_candidate(masked: bool, preempts: bool) -> None:
    board = vboard(preemption_masks_candidate=masked)
    board.lr(0, PENDING, 50, priority=0x98)
    board.viar()
    board.vmcr(bpr1=5)
    board.lr(1, PENDING, 51, priority=0x90)
    assert board.vout()[0] == preempts


# -- Security


def test_with_security_the_hw_bit_can_not_end_group_0() -> None:
    """5.2.2: it acts as a Non-secure write to GICC_DIR."""
    for group, after in ((0, "A"), (1, "I")):
        board = vboard(security=True)
        board.put("IGROUPR", 40, group, secure=True)
        board.set("ISACTIVER", 40, secure=True)
        board.lr(0, PENDING, 50, pintid=40)
        board.veoi(board.viar())
        assert board.held(0) == "I"
        assert board.state(40, secure=True) == after


def test_the_guest_has_no_security_states() -> None:
    board = vboard(security=True)
    board.w("GICV_PMR", 0x40)
    assert board.r("GICV_PMR") == 0x40
    board.w("GICV_CTLR", 3)
    assert board.r("GICV_CTLR") == 3
