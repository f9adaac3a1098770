"""GICC (IHI 0048B 4.4): groups and the aliased registers, FIQ, the Non-secure copies, QEMU's choices."""

from __future__ import annotations

import pytest
from tests.silicon.board import V2

G0, G1 = 40, 41


def both(**options: object) -> V2:
    """G0 at priority 0x40 in Group 0, G1 at 0x80 in Group 1; nothing pending."""
    board = V2(**options)
    for intid, group, priority in ((G0, 0, 0x40), (G1, 1, 0x80)):
        board.w("GICD_ICFGR2", 0xFFFF_FFFF, secure=True)
        board.put("IGROUPR", intid, group, secure=True)
        board.prioritize(intid, priority, secure=True)
        board.target(intid, 0)
        board.set("ISENABLER", intid, secure=True)
    return board


# -- groups, AckCtl, the aliased registers


def test_a_group_1_interrupt_is_1022_to_iar_and_hppir_without_ackctl() -> None:
    """3.2.5, 4.4.4, 4.4.7."""
    board = both()
    board.pulse(G1)
    assert board.r("GICC_IAR") == board.r("GICC_HPPIR") == 1022
    assert board.state(G1) == "P"
    board.w("GICC_CTLR", 7)
    assert board.r("GICC_HPPIR") == board.r("GICC_IAR") == G1
    assert board.state(G1) == "A"


def test_1022_asks_for_an_interrupt_that_is_signalled() -> None:
    """3.2.5."""
    board = both()
    board.pulse(G0)
    assert board.r("GICC_IAR") == G0
    board.pulse(G1)
    assert board.r("GICC_IAR") == 1023
    assert board.r("GICC_HPPIR") == 1022
    board.w("GICC_EOIR", G0)
    assert board.r("GICC_IAR") == 1022
    board.w("GICC_PMR", 0x80)
    assert board.r("GICC_IAR") == 1023


def test_the_aliased_registers_are_group_1s() -> None:
    board = both()
    board.pulse(G1)
    assert board.r("GICC_AHPPIR") == board.r("GICC_AIAR") == G1
    board.w("GICC_AEOIR", G1)
    assert (board.rpr(), board.state(G1)) == (0xFF, "I")


def test_a_pending_group_0_interrupt_hides_a_lower_group_1_one() -> None:
    board = both()
    board.pulse(G0)
    board.pulse(G1)
    assert board.r("GICC_AIAR") == board.r("GICC_AHPPIR") == 1023
    assert board.r("GICC_IAR") == G0


def test_a_disabled_group_0_hides_nothing() -> None:
    board = both()
    board.pulse(G0)
    board.pulse(G1)
    board.w("GICC_CTLR", 2)
    assert board.r("GICC_AIAR") == G1


def test_the_drop_is_of_the_interrupts_group() -> None:
    board = both()
    board.pulse(G1)
    board.r("GICC_AIAR")
    board.pulse(G0)
    board.ack()
    assert (board.r("GICC_APR1"), board.r("GICC_NSAPR2")) == (1, 1)
    board.w("GICC_EOIR", G0)
    assert (board.r("GICC_APR1"), board.r("GICC_NSAPR2")) == (0, 1)


def test_option_alias_registers() -> None:
    board = both(alias_registers=False)
    board.pulse(G1)
    assert board.r("GICC_AIAR") == board.r("GICC_AHPPIR") == 0
    assert board.state(G1) == "P"
    board.w("GICC_CTLR", 7)
    assert board.ack() == G1
    board.w("GICC_AEOIR", G1)
    assert board.state(G1) == "A"


# -- IRQ and FIQ (3.5)


def test_group_0_comes_as_fiq_where_fiqen_says_so() -> None:
    board = both()
    board.pulse(G0)
    assert (board.gic.irq(0), board.gic.fiq(0)) == (True, False)
    board.w("GICC_CTLR", 0xB)
    assert (board.gic.irq(0), board.gic.fiq(0)) == (False, True)
    assert board.ack() == G0
    board.w("GICC_EOIR", G0)
    board.pulse(G1)
    assert (board.gic.irq(0), board.gic.fiq(0)) == (True, False)


# -- SGI sources


def test_hppir_and_iar_name_the_source_of_an_sgi() -> None:
    board = V2(pes=4)
    board.make(5)
    board.sgi(5, 1, pe=3)
    assert board.r("GICC_HPPIR") == board.r("GICC_IAR") == 5 | 3 << 10


def test_option_hppir_shows_cpuid() -> None:
    board = V2(pes=4, hppir_shows_cpuid=False)
    board.make(5)
    board.sgi(5, 1, pe=3)
    assert board.r("GICC_HPPIR") == 5
    assert board.r("GICC_IAR") == 5 | 3 << 10


# -- other options


@pytest.mark.parametrize(("masked", "shown"), [(False, G0), (True, 1023)])
def test_option_hppir_masked(masked: bool, shown: int) -> None:
    board = both(hppir_masked=masked)
    board.pulse(G0)
    board.w("GICC_PMR", 0x40)
    assert board.r("GICC_HPPIR") == shown
    board.w("GICC_PMR", 0x41)
    assert board.r("GICC_HPPIR") == G0


def test_option_group_enable_selects() -> None:
    """QEMU chooses the highest priority of all groups, then finds its group disabled."""
    board = both(group_enable_selects=False)
    board.pulse(G0)
    board.pulse(G1)
    board.w("GICC_CTLR", 2)
    assert board.r("GICC_AIAR") == 1023
    assert not board.signalled()
    assert board.r("GICC_HPPIR") == G0
    board.w("GICC_CTLR", 0)
    assert board.r("GICC_HPPIR") == 1023
    board.w("GICC_CTLR", 3)
    board.w("GICD_CTLR", 0)
    assert board.r("GICC_HPPIR") == 1023
    board.w("GICD_CTLR", 3)
    assert board.r("GICC_IAR") == G0
    board.w("GICC_CTLR", 7)
    assert board.r("GICC_IAR") == 1023


def test_iidr_is_an_option() -> None:
    assert V2(cpu_iidr=0x12340).r("GICC_IIDR") == 0x12340


# -- GICC_CTLR (4.4.1)


def test_ctlr_without_security_keeps_its_bits() -> None:
    board = V2()
    board.w("GICC_CTLR", 0xFFFF_FFFF)
    assert board.r("GICC_CTLR") == 0x21F
    assert board.r("GICC_CTLR", 1) == 3


def test_ctlr_has_a_nonsecure_copy() -> None:
    board = V2(security=True)
    board.w("GICC_CTLR", 0, secure=True)
    board.w("GICC_CTLR", 0x201)
    assert board.r("GICC_CTLR") == 0x201
    assert board.r("GICC_CTLR", secure=True) == 0x402
    board.w("GICC_CTLR", 0x21D, secure=True)
    assert board.r("GICC_CTLR") == 0
    assert board.r("GICC_CTLR", secure=True) == 0x21D


# -- the Non-secure view of the CPU interface


def test_the_nonsecure_mask() -> None:
    """4.4.2: a mask in the Secure half reads as zero and can't be changed."""
    board = V2(security=True)
    board.w("GICC_PMR", 0xC0, secure=True)
    assert board.r("GICC_PMR") == 0x80
    board.w("GICC_PMR", 0x40)
    assert board.r("GICC_PMR", secure=True) == 0xA0
    board.w("GICC_PMR", 0x70, secure=True)
    assert board.r("GICC_PMR") == 0
    board.w("GICC_PMR", 0xFF)
    assert board.r("GICC_PMR", secure=True) == 0x70


def test_the_nonsecure_binary_point_is_the_aliased_one() -> None:
    board = V2(security=True)
    board.w("GICC_BPR", 5)
    assert board.r("GICC_BPR") == board.r("GICC_ABPR", secure=True) == 5
    assert board.r("GICC_BPR", secure=True) == 0
    assert board.r("GICC_ABPR") == 0
    board.w("GICC_ABPR", 3)
    assert board.r("GICC_BPR") == 5
    board.w("GICC_CTLR", 0x10, secure=True)
    board.w("GICC_BPR", 6, secure=True)
    board.w("GICC_BPR", 2)
    assert board.r("GICC_BPR") == 7
    board.w("GICC_BPR", 7, secure=True)
    assert board.r("GICC_BPR") == 7
    board.w("GICC_CTLR", 0, secure=True)
    assert board.r("GICC_BPR") == 5


def test_the_nonsecure_running_priority() -> None:
    board = both(security=True)
    assert board.r("GICC_RPR") == 0xFF
    board.prioritize(G1, 0xA0, secure=True)
    board.pulse(G1)
    assert board.r("GICC_IAR") == G1
    assert board.r("GICC_RPR") == 0x40
    board.pulse(G0)
    assert board.r("GICC_IAR", secure=True) == G0
    assert board.r("GICC_RPR") == 0


def test_nonsecure_reads_acknowledge_group_1_alone() -> None:
    board = both(security=True)
    board.pulse(G0)
    assert board.r("GICC_IAR") == board.r("GICC_HPPIR") == 1023
    assert board.r("GICC_AIAR") == board.r("GICC_AHPPIR") == 1023
    assert board.state(G0, secure=True) == "P"
    assert board.r("GICC_IAR", secure=True) == G0
    board.w("GICC_EOIR", G0, secure=True)
    board.pulse(G1)
    assert board.r("GICC_HPPIR") == board.r("GICC_IAR") == G1


def test_nonsecure_writes_can_not_end_group_0() -> None:
    board = both(security=True)
    board.pulse(G0)
    board.r("GICC_IAR", secure=True)
    board.w("GICC_EOIR", G0)
    board.w("GICC_AEOIR", G0)
    assert board.state(G0, secure=True) == "A"
    board.w("GICC_CTLR", 0x201)
    board.w("GICC_DIR", G0)
    assert board.state(G0, secure=True) == "A"
    assert board.r("GICC_RPR", secure=True) == 0x40
    board.w("GICC_EOIR", 1000)
    assert board.r("GICC_RPR", secure=True) == 0x40


def test_a_nonsecure_eoir_without_active_priority_leaves_group_0_alone() -> None:
    board = both(security=True, eoi_without_active="deactivates")
    board.set("ISACTIVER", G0, secure=True)
    board.w("GICC_EOIR", G0)
    assert board.state(G0, secure=True) == "A"
    board.w("GICC_EOIR", G0, secure=True)
    assert board.state(G0, secure=True) == "I"


def test_each_state_has_its_eoimode() -> None:
    board = both(security=True)
    board.w("GICC_CTLR", 0x201)
    board.pulse(G1)
    board.w("GICC_EOIR", board.r("GICC_IAR"))
    assert board.state(G1) == "A"
    board.w("GICC_DIR", G1, secure=True)
    assert board.state(G1) == "A"
    board.w("GICC_DIR", G1)
    assert board.state(G1) == "I"
    board.pulse(G0)
    board.w("GICC_EOIR", board.r("GICC_IAR", secure=True), secure=True)
    assert board.state(G0, secure=True) == "I"


@pytest.mark.parametrize(("bits", "low"), [(5, 16), (6, 32), (7, 64), (8, 64)])
def test_the_nonsecure_active_priorities_are_the_upper_half(bits: int, low: int) -> None:
    """4.4.12: bit n of the Non-secure GICC_APR is level n of the lower half of the priorities."""
    board = V2(security=True, priority_bits=bits)
    board.make(G1, edge=True, enable=False)
    for intid, priority in ((G1, 0x80), (42, 0xF8)):
        board.gic.write(0x0801_0000, 4, 3, secure=True)
        board.w("GICD_ICFGR2", 0xFFFF_FFFF, secure=True)
        board.put("IGROUPR", intid, 1, secure=True)
        board.prioritize(intid, priority, secure=True)
        board.target(intid, 0)
        board.set("ISENABLER", intid)
        board.w("GICC_NSAPR0", 0, secure=True)
    board.pulse(G1)
    assert board.r("GICC_IAR") == G1
    assert board.r("GICC_APR0") == 1
    assert board.r(f"GICC_NSAPR{low // 32}", secure=True) == 1 << low % 32
    assert board.r("GICC_NSAPR0") == 0
    board.w("GICC_APR0", 0b10)
    assert board.r("GICC_RPR", secure=True) == 0x80 + (1 << 8 - min(7, bits))
    for n in range(4):
        board.w(f"GICC_APR{n}", 0xFFFF_FFFF)
        board.w(f"GICC_NSAPR{n}", 0xFFFF_FFFF)
    levels = sum(board.r(f"GICC_NSAPR{n}", secure=True) << 32 * n for n in range(4))
    assert levels == ((1 << low) - 1) << low
    assert sum(board.r(f"GICC_APR{n}") << 32 * n for n in range(4)) == (1 << low) - 1
    assert board.r("GICC_APR0", secure=True) == 0


@pytest.mark.parametrize(("choice", "after"), [("ignored", "A"), ("deactivates", "I")])
def test_option_dir_in_mode0(choice: str, after: str) -> None:
    board = both(dir_in_mode0=choice)
    board.pulse(G0)
    assert board.r("GICC_IAR") == G0
    board.w("GICC_DIR", G0)
    assert board.state(G0) == after


@pytest.mark.parametrize(("choice", "after"), [("ends", "I"), ("ignored", "A")])
def test_option_eoi_of_group1_without_ackctl(choice: str, after: str) -> None:
    """4.4.5: the alias register ends a Group 1 interrupt whatever AckCtl says."""
    board = both(eoi_of_group1_without_ackctl=choice)
    board.pulse(G1)
    assert board.r("GICC_AIAR") == G1
    board.w("GICC_EOIR", G1)
    assert board.state(G1) == after
    board.w("GICC_AEOIR", G1)
    assert board.state(G1) == "I"


def test_a_secure_aeoir_is_a_nonsecure_eoir() -> None:
    """4.4.9: it ends no Group 0 interrupt, and EOImodeNS is in force."""
    board = both(security=True)
    board.pulse(G0)
    assert board.r("GICC_IAR", secure=True) == G0
    board.w("GICC_AEOIR", G0, secure=True)
    assert board.state(G0, secure=True) == "A"
    assert board.r("GICC_RPR", secure=True) == 0x40
    board.w("GICC_EOIR", G0, secure=True)
    for split, state in ((True, "A"), (False, "I")):
        board.w("GICC_CTLR", 3 | split << 10, secure=True)
        board.pulse(G1)
        assert board.r("GICC_AIAR", secure=True) == G1
        board.w("GICC_AEOIR", G1, secure=True)
        assert (board.state(G1), board.r("GICC_RPR", secure=True)) == (state, 0xFF)
        board.w("GICC_DIR", G1)


@pytest.mark.parametrize(("option", "seen"), [("spurious", 1023), ("zero", 0)])
def test_option_nonsecure_alias_reads(option: str, seen: int) -> None:
    board = both(security=True, nonsecure_alias_reads=option)
    board.pulse(G1)
    assert board.r("GICC_AIAR") == board.r("GICC_AHPPIR") == seen
    assert board.state(G1) == "P"
