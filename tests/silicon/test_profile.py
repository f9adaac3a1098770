"""QEMU's departures: each is an option, and whenever one decides an outcome the chip says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.silicon.board import V2, V3, Board, virtual

from vgic.arch.state import PENDING
from vgic.silicon import GicV2Options, GicV3Options
from vgic.silicon.profile import PROFILE, SENTENCES


def two_groups(board: V2) -> None:
    for intid, group in ((40, 0), (41, 1)):
        board.make(intid, group=group, edge=True, priority=0x40 + 0x40 * group)
        board.pulse(intid)


def group_enable_selects(board: V2) -> None:
    two_groups(board)
    board.w("GICC_CTLR", 2)
    board.r("GICC_AIAR")


def virtual_group_enable_selects(board: V2) -> None:
    virtual(board)
    board.lr(0, PENDING, 50, group=0)
    board.vmcr(eng=2)
    board.viar(1)


def hppir_masked(board: V2) -> None:
    board.make(40)
    board.line(40, True)
    board.pmr(0)
    board.hppir()


def hppir_shows_cpuid(board: V2) -> None:
    board.make(5)
    board.sgi(5, 1, pe=1)
    board.hppir()


def preemption_masks_candidate(board: V2) -> None:
    for intid, priority in ((40, 0x98), (41, 0x90)):
        board.make(intid, edge=True, priority=priority)
        board.pulse(intid)
        if intid == 40:
            board.ack()
            board.w("GICC_BPR", 6)
    board.ack()


def sleep_blocks(board: V3) -> None:
    board.w("GICR_WAKER", 2)
    board.make(40)
    board.line(40, True)
    board.signalled()


def group1_irq_with_ds(board: V3) -> None:
    board.w("GICD_CTLR", 0x77, secure=True)
    board.make(40)
    board.line(40, True)
    board.gic.set_pe_state(0, el=3, secure=True)
    board.gic.irq(0)


def deactivation_checks_group(board: V3) -> None:
    board.set("ISACTIVER", 40, secure=True)
    board.w("ICC_AP1R0_EL1", 1 << 20, el=3)
    board.w("ICC_EOIR1_EL1", 40)


def eoicount_in_split_mode(board: V3) -> None:
    virtual(board)
    board.vmcr(eoim=1)
    board.w("ICH_AP1R0_EL2", 1)
    board.veoi(50)


def vgrp0d_from_veng1(board: V3) -> None:
    board.hcr(32)
    board.vmcr(eng=1)
    board.h("MISR")


def sgir_checks_group(board: V2) -> None:
    board.sgi(5, 2)


OCCASIONS: dict[tuple[str, int], Callable[..., object]] = {
    ("group_enable_selects", 2): group_enable_selects,
    ("virtual_group_enable_selects", 2): virtual_group_enable_selects,
    ("hppir_masked", 2): hppir_masked,
    ("hppir_shows_cpuid", 2): hppir_shows_cpuid,
    ("alias_registers", 2): lambda board: board.r("GICC_AIAR"),
    ("preemption_masks_candidate", 2): preemption_masks_candidate,
    ("sgir_checks_group", 2): sgir_checks_group,
    ("group1_irq_with_ds", 3): group1_irq_with_ds,
    ("deactivation_checks_group", 3): deactivation_checks_group,
    ("sgi_follows_table", 3): lambda board: board.w("ICC_SGI1R_EL1", 5 << 24 | 2, el=3, secure=True),
    ("hcr_stores_tsei", 3): lambda board: board.w("ICH_HCR_EL2", 1 << 13),
    ("sleep_blocks", 3): sleep_blocks,
    ("sgi1r_sends_group0", 3): lambda board: board.sgi(5, 2),
    ("priority_stores_low_bits", 3): lambda board: board.prioritize(40, 0xFF),
    ("vpmr_stores_low_bits", 3): lambda board: board.w("ICH_VMCR_EL2", 0xFF << 24),
    ("lr_stores_res0", 3): lambda board: board.w("ICH_LR0_EL2", 1 << 45),
    ("irm_stored", 3): lambda board: board.w("GICD_IROUTER40", 1 << 31),
    ("eoicount_in_split_mode", 3): eoicount_in_split_mode,
    ("vgrp0d_from_veng1", 3): vgrp0d_from_veng1,
    ("typer_lines_of_spis", 3): lambda board: board.r("GICD_TYPER"),
}
CHIPS: dict[int, tuple[type[Board], type[GicV2Options] | type[GicV3Options]]] = {
    2: (V2, GicV2Options), 3: (V3, GicV3Options)}


TWO_STATES = {"sgir_checks_group", "group1_irq_with_ds", "deactivation_checks_group", "sgi_follows_table"}
"""Departures that show with two Security states alone."""


def told(board: Board) -> set[str]:
    return {notice.register for notice, _ in board.gic.notices.of("deviation")}


@pytest.mark.parametrize(("option", "gic"), list(OCCASIONS))
def test_a_departure_is_told_when_it_decides(option: str, gic: int) -> None:
    chip, options = CHIPS[gic]
    default = options().choices()[option]
    assert isinstance(default, bool)
    secure = {"security": True} if option in TWO_STATES else {}
    plain, departed = chip(**secure), chip(**secure, **{option: not default})
    OCCASIONS[option, gic](plain)
    OCCASIONS[option, gic](departed)
    assert told(plain) == set()
    assert told(departed) == {option}


def test_every_departure_has_an_occasion_a_sentence_and_is_an_option() -> None:
    assert {(d.option, d.gic) for d in PROFILE} == set(OCCASIONS)
    for d in PROFILE:
        assert d.option in CHIPS[d.gic][1].KINDS
        assert d.sentence.endswith(".")
        assert d.section.startswith("IHI 0048B" if d.gic == 2 else "IHI 0069")
        assert SENTENCES[d.option].sentence == d.sentence
