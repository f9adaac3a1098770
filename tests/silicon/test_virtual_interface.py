"""List registers and the guest's side (IHI 0048B ch. 5, IHI 0069 ch. 6): rules common to both chips, on both."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.silicon.board import V2, V3, Board, virtual

from vgic.arch.ich import LRENPIE, NPIE, UIE
from vgic.arch.state import ACTIVE, INVALID, PENDING, PENDING_ACTIVE, STATE_NAMES

TWIN = 40


# -- list registers as written


@given(
    state=st.integers(0, 3), group=st.integers(0, 1), priority=st.integers(0, 31), vintid=st.integers(0, 1019),
    pintid=st.none() | st.integers(0, 1019), eoi=st.booleans(), cpuid=st.integers(0, 7), chip=st.sampled_from([V2, V3]))
def test_a_list_register_reads_as_written(
    state: int, group: int, priority: int, vintid: int, pintid: int | None, eoi: bool, cpuid: int, chip: type[Board],
) -> None:
    board = BOARDS[chip]
    board.lr(1, state, vintid, priority=priority << 3, group=group, pintid=pintid, eoi=eoi, cpuid=cpuid)
    fields = {f.name: v for f, v in board.lr_register.decode(board.r(board.lr_name(1)))}
    assert fields["State"] == state
    assert fields["HW"] == (pintid is not None)
    assert fields["Grp1" if chip is V2 else "Group"] == group
    assert fields["Priority"] == (priority if chip is V2 else priority << 3)
    assert fields["VirtualID" if chip is V2 else "vINTID"] == vintid
    if pintid is not None:
        assert fields["PhysicalID" if chip is V2 else "pINTID"] == pintid
    else:
        assert fields["EOI"] == eoi


BOARDS: dict[type[Board], Board] = {V2: V2(), V3: V3()}


def test_list_registers_are_apart(board: Board) -> None:
    for n in range(4):
        board.lr(n, n, 50 + n)
    assert [board.held(n) for n in range(4)] == list(STATE_NAMES)


def test_each_pe_has_its_own(board: Board) -> None:
    virtual(board)
    board.lr(0, PENDING, 50)
    assert [board.vout(pe) for pe in range(2)] == [(True, False), (False, False)]


# -- what is signalled


def test_a_pending_list_register_is_signalled_and_acknowledged(vboard: Board) -> None:
    vboard.lr(2, PENDING, 50)
    assert vboard.vout() == (True, False)
    assert vboard.viar() == 50
    assert vboard.held(2) == "A"
    assert vboard.vout() == (False, False)
    assert vboard.vrpr() == 0x80


@pytest.mark.parametrize("state", [INVALID, ACTIVE, PENDING_ACTIVE])
def test_only_pending_is_a_candidate(vboard: Board, state: int) -> None:
    """Pending and Active is not."""
    vboard.lr(0, state, 50)
    assert vboard.vout() == (False, False)
    assert vboard.viar() == vboard.vhppir() == 1023
    assert vboard.held(0) == STATE_NAMES[state]


def test_the_lowest_priority_value_comes_first(vboard: Board) -> None:
    vboard.lr(0, PENDING, 50, priority=0xA0)
    vboard.lr(1, PENDING, 51, priority=0x90)
    assert vboard.viar() == 51


@pytest.mark.parametrize(("tie", "first"), [("lowest", 50), ("highest", 52)])
def test_option_tie(build: type[Board], tie: str, first: int) -> None:
    board = virtual(build(tie=tie))
    for n in range(3):
        board.lr(n, PENDING, 50 + n)
    assert board.viar() == first


def test_the_virtual_mask_is_strict(vboard: Board) -> None:
    vboard.lr(0, PENDING, 50, priority=0x80)
    vboard.vmcr(pmr=0x80)
    assert vboard.vout() == (False, False)
    assert vboard.viar() == 1023
    assert vboard.vhppir() == 50
    vboard.vmcr(pmr=0x88)
    assert vboard.vout() == (True, False)


def test_virtual_preemption(vboard: Board) -> None:
    vboard.lr(0, PENDING, 50, priority=0xA0)
    vboard.lr(1, INVALID, 51)
    assert vboard.viar() == 50
    vboard.lr(1, PENDING, 51, priority=0xA0)
    assert vboard.viar() == 1023
    vboard.lr(1, PENDING, 51, priority=0x98)
    assert vboard.viar() == 51
    assert vboard.vrpr() == 0x98
    vboard.veoi(51)
    assert vboard.vrpr() == 0xA0


def test_virtual_groups_and_binary_points(vboard: Board) -> None:
    for group, bprs in ((0, {"bpr0": 4, "bpr1": 3}), (1, {"bpr0": 2, "bpr1": 5})):
        vboard.vmcr(**bprs)
        vboard.lr(0, PENDING, 50, priority=0xB8, group=group)
        assert vboard.viar(group) == 50
        assert vboard.vrpr() == 0xA0
        vboard.lr(1, PENDING, 51, priority=0xA8, group=group)
        assert vboard.viar(group) == 1023
        vboard.veoi(50, group)
        vboard.lr(1, INVALID, 51)


def test_cbpr_gives_group_1_group_0s_binary_point(vboard: Board) -> None:
    vboard.vmcr(bpr0=6, bpr1=3, cbpr=1)
    vboard.lr(0, PENDING, 50, priority=0xB8)
    assert vboard.viar() == 50
    assert vboard.vrpr() == 0x80


def test_a_pending_group_0_hides_group_1(vboard: Board) -> None:
    vboard.lr(0, PENDING, 50, priority=0x40, group=0)
    vboard.lr(1, PENDING, 51, priority=0x80, group=1)
    assert vboard.viar(1) == vboard.vhppir(1) == 1023
    assert vboard.held(0) == vboard.held(1) == "P"
    assert vboard.viar(0) == 50


def test_the_virtual_group_enables(vboard: Board) -> None:
    vboard.lr(0, PENDING, 50, priority=0x40, group=0)
    vboard.lr(1, PENDING, 51, priority=0x80, group=1)
    vboard.vmcr(eng=2)
    assert vboard.vhppir(1) == 51
    assert vboard.viar(1) == 51
    vboard.vmcr(eng=0)
    assert vboard.vout() == (False, False)
    assert vboard.viar(0) == 1023


def test_with_the_interface_off_nothing_comes_and_list_registers_stay(vboard: Board) -> None:
    """HCR.En = 0: no virtual interrupt, no maintenance interrupt, IAR reads 1023; MISR still tells."""
    vboard.lr(0, PENDING, 50)
    vboard.hw("HCR", NPIE | UIE)
    assert vboard.vout() == (False, False)
    assert vboard.viar() == 1023
    assert vboard.held(0) == "P"
    assert vboard.h("MISR") == 2
    assert not vboard.gic.maintenance(0)
    vboard.hcr(UIE)
    assert vboard.gic.maintenance(0)
    assert not vboard.gic.maintenance(1)


# -- EOIR and DIR on every list register


def physical(board: Board, state: str) -> None:
    """Puts the twin in a state."""
    board.edge(TWIN)
    board.w("GICD_ICPENDR1", 0xFFFF_FFFF)
    board.w("GICD_ICACTIVER1", 0xFFFF_FFFF)
    for name, bit in (("GICD_ISPENDR1", "P"), ("GICD_ISACTIVER1", "A")):
        if bit in state:
            board.w(name, 1 << 8)


AFTER = {"A": "I", "PA": "P"}


@pytest.mark.parametrize(("state", "twin", "mode"), list(itertools.product(("A", "PA"), STATE_NAMES, ("EOIR", "DIR"))))
def test_a_deactivation_reaches_the_twin_whatever_its_state(
    vboard: Board, state: str, twin: str, mode: str,
) -> None:
    """HW=1: clears Active in both, sets nothing in EISR; pending parts stay."""
    physical(vboard, twin)
    vboard.vmcr(eoim=mode == "DIR")
    vboard.lr(0, PENDING, 50, pintid=TWIN)
    assert vboard.viar() == 50
    vboard.lr(0, STATE_NAMES.index(state), 50, pintid=TWIN)
    vboard.veoi(50)
    if mode == "DIR":
        assert (vboard.held(0), vboard.state(TWIN)) == (state, twin)
        vboard.vdir(50)
    assert vboard.held(0) == AFTER[state]
    assert vboard.state(TWIN) == {"I": "I", "P": "P", "A": "I", "PA": "P"}[twin]
    assert vboard.h("EISR" if vboard.v3 else "EISR0") == 0
    assert vboard.eoicount() == 0


@pytest.mark.parametrize(("state", "eoi", "mode"), list(itertools.product(("A", "PA"), (False, True), ("EOIR", "DIR"))))
def test_a_deactivation_without_a_twin_shows_in_eisr_if_asked(
    vboard: Board, state: str, eoi: bool, mode: str,
) -> None:
    """HW=0: EISR only with the EOI bit, and not from Pending and Active, which becomes Pending."""
    vboard.vmcr(eoim=mode == "DIR")
    vboard.lr(0, PENDING, 50, eoi=eoi)
    assert vboard.viar() == 50
    vboard.lr(0, STATE_NAMES.index(state), 50, eoi=eoi)
    vboard.veoi(50)
    if mode == "DIR":
        assert vboard.held(0) == state
        vboard.vdir(50)
    assert vboard.held(0) == AFTER[state]
    ended = state == "A" and eoi
    assert vboard.h("EISR" if vboard.v3 else "EISR0") == ended
    assert vboard.h("MISR") & 1 == ended
    assert vboard.gic.maintenance(0) == ended


@pytest.mark.parametrize("state", [INVALID, PENDING])
@pytest.mark.parametrize("mode", ["EOIR", "DIR"])
def test_what_is_not_active_is_not_found(vboard: Board, state: int, mode: str) -> None:
    """It counts in EOIcount instead."""
    physical(vboard, "A")
    vboard.lr(1, PENDING, 60)
    vboard.viar()
    vboard.lr(0, state, 50, pintid=TWIN)
    vboard.vmcr(eoim=mode == "DIR")
    (vboard.vdir if mode == "DIR" else vboard.veoi)(50)
    assert (vboard.held(0), vboard.state(TWIN)) == (STATE_NAMES[state], "A")
    assert vboard.eoicount() == 1
    assert vboard.held(1) == "A"


def test_the_twin_is_this_pes_copy(board: Board) -> None:
    virtual(board)
    for pe in range(2):
        board.set("ISACTIVER", 27, pe)
    board.lr(0, PENDING, 50, pintid=27)
    board.veoi(board.viar())
    assert [board.state(27, pe) for pe in range(2)] == ["I", "A"]


@pytest.mark.parametrize("reaches", [True, False])
def test_option_hw_deactivates(build: type[Board], reaches: bool) -> None:
    """A chip whose guests can't deactivate physical interrupts: the list register ends, its twin stays."""
    board = virtual(build(hw_deactivates=reaches))
    board.set("ISACTIVER", 27)
    board.lr(0, PENDING, 50, pintid=27)
    board.veoi(board.viar())
    assert (board.held(0), board.state(27)) == ("I", "I" if reaches else "A")


def test_a_twin_that_is_not_there_is_no_error(vboard: Board) -> None:
    for pintid in (1000, 1019, 1023):
        vboard.lr(0, PENDING, 50, pintid=pintid)
        vboard.veoi(vboard.viar())
        assert vboard.held(0) == "I"


def test_a_special_vintid_leaves_without_becoming_active(vboard: Board) -> None:
    vboard.lr(0, PENDING, 1021)
    assert vboard.viar() in (1021, 1023)
    assert vboard.vrpr() == 0xFF


@pytest.mark.parametrize("special", range(1020, 1024))
def test_special_intids_do_nothing(vboard: Board, special: int) -> None:
    vboard.lr(0, PENDING, 50)
    vboard.viar()
    vboard.veoi(special)
    vboard.vmcr(eoim=1)
    vboard.vdir(special)
    assert (vboard.held(0), vboard.vrpr(), vboard.eoicount()) == ("A", 0x80, 0)


def test_the_drop_takes_the_highest_of_both_groups_group_0_first(vboard: Board) -> None:
    vboard.lr(0, PENDING, 50, priority=0x80, group=0)
    assert vboard.viar(0) == 50
    vboard.lr(1, PENDING, 51, priority=0x40, group=1)
    assert vboard.viar(1) == 51
    vboard.veoi(51, 1)
    assert vboard.vrpr() == 0x80
    vboard.veoi(50, 0)
    assert vboard.vrpr() == 0xFF


def test_dir_leaves_the_active_priority(vboard: Board) -> None:
    vboard.vmcr(eoim=1)
    vboard.lr(0, PENDING, 50)
    vboard.vdir(vboard.viar())
    assert (vboard.held(0), vboard.vrpr()) == ("I", 0x80)
    vboard.veoi(50)
    assert (vboard.vrpr(), vboard.eoicount()) == (0xFF, 0)


# -- EOIcount, line by line (HCR[31:27])


def acknowledged(board: Board, vintid: int = 50) -> None:
    """An active priority without a list register, as after a spill."""
    board.lr(3, PENDING, vintid)
    board.viar()
    board.lr(3, INVALID, 0)


def test_eoir_in_mode_0_counts_what_no_list_register_holds(vboard: Board) -> None:
    acknowledged(vboard)
    vboard.veoi(50)
    assert (vboard.eoicount(), vboard.vrpr()) == (1, 0xFF)


@pytest.mark.parametrize("counts", [False, True])
def test_option_eoicount_without_priority(build: type[Board], counts: bool) -> None:
    board = virtual(build(eoicount_without_priority=counts))
    board.veoi(50)
    assert board.eoicount() == counts


def test_eoir_in_mode_1_does_not_count(vboard: Board) -> None:
    acknowledged(vboard)
    vboard.vmcr(eoim=1)
    vboard.veoi(50)
    assert (vboard.eoicount(), vboard.vrpr()) == (0, 0xFF)


def test_dir_in_mode_1_counts_what_no_list_register_holds(vboard: Board) -> None:
    vboard.vmcr(eoim=1)
    vboard.vdir(50)
    assert vboard.eoicount() == 1


def test_dir_in_mode_0_does_not_count(vboard: Board) -> None:
    vboard.vdir(50)
    assert vboard.eoicount() == 0
    vboard.lr(0, ACTIVE, 51)
    vboard.vdir(51)
    assert vboard.held(0) == "A"


def test_eoicount_has_five_bits_wraps_and_is_writable(vboard: Board) -> None:
    vboard.vmcr(eoim=1)
    vboard.hw("HCR", 31 << 27 | 1)
    assert vboard.eoicount() == 31
    vboard.vdir(50)
    assert vboard.h("HCR") == 1


# -- MISR, cause by cause


def misr(board: Board) -> int:
    value = board.h("MISR")
    assert board.gic.maintenance(0) == (value != 0)
    return value


def test_misr_eoi_goes_when_the_list_register_is_rewritten(vboard: Board) -> None:
    vboard.lr(0, INVALID, 50, eoi=True)
    assert misr(vboard) == 1
    vboard.lr(0, INVALID, 50)
    assert misr(vboard) == 0


@pytest.mark.parametrize("states", [s for n in range(4) for s in itertools.combinations_with_replacement((1, 2, 3), n)])
def test_misr_u_while_at_most_one_list_register_is_valid(vboard: Board, states: tuple[int, ...]) -> None:
    for n, state in enumerate(states):
        vboard.lr(n, state, 50 + n)
    vboard.hcr(UIE)
    assert misr(vboard) == (2 if len(states) < 2 else 0)


def test_misr_lrenp_while_eoicount_is_not_zero(vboard: Board) -> None:
    vboard.hw("HCR", 1 << 27 | LRENPIE | 1)
    assert misr(vboard) == 4
    vboard.hw("HCR", 1 << 27 | 1)
    assert misr(vboard) == 0
    vboard.hcr(LRENPIE)
    assert misr(vboard) == 0


@pytest.mark.parametrize("state", range(4))
def test_misr_np_while_none_is_pending_and_pending_active_is_not(vboard: Board, state: int) -> None:
    vboard.lr(3, state, 50)
    vboard.hcr(NPIE)
    assert misr(vboard) == (0 if state == PENDING else 8)


@pytest.mark.parametrize(("enable", "cause", "groups"), [
    (16, 16, {1, 3}), (32, 32, {0, 2}), (64, 64, {2, 3}), (128, 128, {0, 1})])
def test_misr_of_the_group_enables(vboard: Board, enable: int, cause: int, groups: set[int]) -> None:
    vboard.hcr(enable)
    for eng in range(4):
        vboard.vmcr(eng=eng)
        assert misr(vboard) == (cause if eng in groups else 0)


def test_nothing_is_told_that_was_not_enabled(vboard: Board) -> None:
    vboard.hw("HCR", 5 << 27 | 1)
    assert misr(vboard) == 0


def test_all_at_once(vboard: Board) -> None:
    vboard.lr(0, INVALID, 50, eoi=True)
    vboard.vmcr(eng=1)
    vboard.hw("HCR", 1 << 27 | 0xFF)
    assert misr(vboard) == 1 | 2 | 4 | 8 | 16 | 128


# -- EISR and ELRSR


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), min_size=4, max_size=4),
       st.sampled_from([V2, V3]))
def test_eisr_and_elrsr_are_functions_of_the_list_registers(
    lrs: list[tuple[int, bool, bool]], chip: type[Board],
) -> None:
    board = BOARDS[chip]
    ended = empty = 0
    for n, (state, hw, eoi) in enumerate(lrs):
        board.lr(n, state, 50, pintid=TWIN if hw else None, eoi=eoi and not hw)
        ended |= (state == INVALID and not hw and eoi) << n
        empty |= (state == INVALID and (hw or not eoi)) << n
    assert board.h("EISR" if board.v3 else "EISR0") == ended
    assert board.h("ELRSR" if board.v3 else "ELRSR0") == empty


# -- VMCR and the active priorities


def test_vmcr_zero_gives_the_least_binary_points(board: Board) -> None:
    board.hw("VMCR", 0)
    assert board.h("VMCR") == 2 << 21 | 3 << 18 | (8 if board.v3 else 0)


def test_vmcr_keeps_its_fields(board: Board) -> None:
    board.vmcr(pmr=0xA8, bpr0=5, bpr1=6, eng=1, cbpr=1, eoim=1)
    assert board.h("VMCR") == 0xA8 << 24 | 5 << 21 | 6 << 18 | 1 << 9 | 1 << 4 | 8 | 1


def test_the_active_priority_is_the_group_priority_of_the_acknowledge(vboard: Board) -> None:
    vboard.vmcr(bpr1=6)
    vboard.lr(0, PENDING, 50, priority=0xB8)
    vboard.viar()
    assert vboard.vapr() == 1 << (0x80 >> 3)
    vboard.vmcr()
    assert vboard.vrpr() == 0x80


def test_what_a_list_register_looks_like() -> None:
    board = V3()
    board.lr(2, PENDING, 50, pintid=TWIN, priority=0x90)
    assert repr(board.gic.virtual[0].lrs[2]) == "<LR2 P 50 -> 40 HW group 1 prio 0x90>"
    board.lr(2, ACTIVE, 50, eoi=True, group=0)
    assert repr(board.gic.virtual[0].lrs[2]) == "<LR2 A 50 EOI group 0 prio 0x80>"
