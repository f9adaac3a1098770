"""ICC: groups and Security states, special INTIDs, priorities as seen, SGIs by affinity (IHI 0069 ch. 12)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from tests.silicon.board import V3

from vgic.silicon import Undefined
from vgic.silicon.candidate import Unmodelled
from vgic.silicon.interrupt import G0, G1NS, G1S

INTIDS = {G0: 40, G1S: 41, G1NS: 42}
PRIORITY = {G0: 0x20, G1S: 0x40, G1NS: 0x80}
EL1NS: dict[str, Any] = {"el": 1, "secure": False}
EL1S: dict[str, Any] = {"el": 1, "secure": True}
EL3: dict[str, Any] = {"el": 3, "secure": False}
STATES = {"NS EL1": EL1NS, "S EL1": EL1S, "EL3": EL3}


def secured(**options: object) -> V3:
    """An SPI of each group, edge-triggered and enabled."""
    board = V3(security=True, **options)
    board.w("GICD_ICFGR2", 0xFFFF_FFFF, secure=True)
    for group, intid in INTIDS.items():
        board.put("IGROUPR", intid, group == G1NS, secure=True)
        board.put("IGRPMODR", intid, group == G1S, secure=True)
        board.prioritize(intid, PRIORITY[group], secure=True)
        board.set("ISENABLER", intid, secure=True)
    return board


# -- who may see and acknowledge what


VIEW = {      # (register, access): the INTID or special INTID for a pending interrupt of group 0, S group 1, NS group 1
    ("0", "NS EL1"): (1023, 1023, 1023), ("0", "S EL1"): (40, 1023, 1023), ("0", "EL3"): (40, 1020, 1021),
    ("1", "NS EL1"): (1023, 1023, 42), ("1", "S EL1"): (1023, 41, 1023), ("1", "EL3"): (1023, 41, 42),
}


@pytest.mark.parametrize(("register", "access"), list(VIEW))
@pytest.mark.parametrize("group", [G0, G1S, G1NS])
def test_iar_and_hppir_by_group_and_security_state(register: str, access: str, group: int) -> None:
    """IHI 0069, ICC_IAR0_EL1 to ICC_HPPIR1_EL1; 1020 and 1021 tell EL3 of the other group."""
    board = secured()
    board.pulse(INTIDS[group])
    expected = VIEW[register, access][group]
    how = STATES[access]
    assert board.r(f"ICC_HPPIR{register}_EL1", **how) == expected
    assert board.state(INTIDS[group], secure=True) == "P"
    assert board.r(f"ICC_IAR{register}_EL1", **how) == expected
    assert board.state(INTIDS[group], secure=True) == ("A" if expected < 1020 else "P")
    assert (board.r("ICC_RPR_EL1", el=3) == 0xFF) == (expected >= 1020)


@pytest.mark.parametrize("group", [G0, G1NS])
def test_with_a_single_security_state_both_groups_are_everyones(group: int) -> None:
    board = V3()
    board.make(40, group=int(group == G1NS), edge=True)
    board.pulse(40)
    register = "1" if group == G1NS else "0"
    assert board.r(f"ICC_IAR{1 - int(register)}_EL1") == 1023
    assert board.r(f"ICC_IAR{register}_EL1") == 40
    board.w(f"ICC_EOIR{1 - int(register)}_EL1", 40)
    assert board.state(40) == "A"
    board.w(f"ICC_EOIR{register}_EL1", 40)
    assert board.state(40) == "I"


@pytest.mark.parametrize(("hides", "seen"), [(False, 42), (True, 1023)])
def test_option_disabled_group_hides(hides: bool, seen: int) -> None:
    board = secured(disabled_group_hides=hides)
    board.pulse(40)
    board.pulse(42)
    board.w("ICC_IGRPEN0_EL1", 0)
    assert board.r("ICC_HPPIR1_EL1") == board.r("ICC_IAR1_EL1") == seen
    assert board.signalled() != hides or board.state(42) == "A"


DROPS = {      # who may end an active priority of which group, with EOIR0 or EOIR1
    ("0", "NS EL1"): set(), ("0", "S EL1"): {G0}, ("0", "EL3"): {G0},
    ("1", "NS EL1"): {G1NS}, ("1", "S EL1"): {G1S}, ("1", "EL3"): {G1S, G1NS},
}


@pytest.mark.parametrize(("register", "access"), list(DROPS))
@pytest.mark.parametrize("group", [G0, G1S, G1NS])
def test_eoir_by_group_and_security_state(register: str, access: str, group: int) -> None:
    board = secured()
    intid = INTIDS[group]
    board.pulse(intid)
    assert board.r(f"ICC_IAR{int(group != G0)}_EL1", el=3) == intid
    board.w(f"ICC_EOIR{register}_EL1", intid, **STATES[access])
    allowed = group in DROPS[register, access]
    assert board.r("ICC_RPR_EL1", el=3) == (0xFF if allowed else PRIORITY[group])
    assert board.state(intid, secure=True) == ("I" if allowed else "A")


@pytest.mark.parametrize(("register", "access"), [("EOIMODE", "NS EL1"), ("EOIMODE", "S EL1"), ("EOIMODE", "EL3")])
def test_each_state_has_its_eoimode(register: str, access: str) -> None:
    board = secured()
    bit = {"NS EL1": 4, "S EL1": 3, "EL3": 2}[access]
    board.w("ICC_CTLR_EL3", 1 << bit)
    group = {"NS EL1": G1NS, "S EL1": G1S, "EL3": G0}[access]
    intid, name = INTIDS[group], "0" if group == G0 else "1"
    board.pulse(intid)
    board.w(f"ICC_EOIR{name}_EL1", board.r(f"ICC_IAR{name}_EL1", **STATES[access]), **STATES[access])
    assert board.r("ICC_RPR_EL1", el=3) == 0xFF
    assert board.state(intid, secure=True) == "A"
    board.w("ICC_DIR_EL1", intid, **STATES[access])
    assert board.state(intid, secure=True) == "I"


# -- DIR


def may_deactivate(group: int, el: int, secure: bool, ds: bool, irq: bool, fiq: bool, imo: bool, fmo: bool) -> bool:
    """The table of ICC_DIR_EL1 in words (IHI 0069): Non-secure accesses end Group 1 of their state, Group 0 only with a
    single Security state; Secure ones any group; none where the group's interrupts are routed to a higher level."""
    if el == 3:
        return True
    routed = fiq if group == G0 else irq
    if secure:
        return not routed
    if el == 1:
        routed = routed or (fmo if group == G0 else imo)
    reachable = ds if group == G0 else ds or group == G1NS
    return reachable and not routed


@pytest.mark.parametrize("ds", [False, True])
@pytest.mark.parametrize(("el", "secure"), [(1, False), (1, True), (2, False), (3, False), (3, True)])
def test_dir_by_group_state_and_routing(el: int, secure: bool, ds: bool) -> None:
    board = secured()
    board.w("ICC_CTLR_EL3", 0x1C)
    if ds:
        board.w("GICD_CTLR", 0x77, secure=True)
    groups = (G0, G1NS) if ds else (G0, G1S, G1NS)
    for group, (irq, fiq, imo, fmo) in itertools.product(groups, itertools.product((False, True), repeat=4)):
        if (irq and fiq and el < 3) or (el == 1 and not secure and (imo or fmo)):
            continue      # the access itself traps or is virtual
        board.gic.set_pe_state(0, scr_irq=irq, scr_fiq=fiq, imo=imo, fmo=fmo)
        board.set("ISACTIVER", INTIDS[group], secure=True)
        board.w("ICC_DIR_EL1", INTIDS[group], el=el, secure=secure)
        allowed = may_deactivate(group, el, secure, ds, irq, fiq, imo, fmo)
        assert board.state(INTIDS[group], secure=True) == ("I" if allowed else "A"), (group, irq, fiq, imo, fmo)


# -- IRQ or FIQ (IHI 0069 4.6.2)


@pytest.mark.parametrize(("group", "el", "secure", "fiq"), [
    (G0, 1, False, True), (G0, 1, True, True), (G0, 3, False, True),
    (G1S, 1, False, True), (G1S, 1, True, False), (G1S, 3, False, True), (G1S, 3, True, True),
    (G1NS, 1, False, False), (G1NS, 2, False, False), (G1NS, 1, True, True), (G1NS, 3, False, True)])
def test_the_output_depends_on_group_and_state(group: int, el: int, secure: bool, fiq: bool) -> None:
    board = secured()
    board.gic.set_pe_state(0, el=el, secure=secure)
    board.pulse(INTIDS[group])
    assert (board.gic.irq(0), board.gic.fiq(0)) == (not fiq, fiq)
    assert not board.gic.irq(1)
    assert not board.gic.fiq(1)


def test_with_a_single_security_state_group_0_is_fiq_and_group_1_irq() -> None:
    board = V3()
    for intid, group in ((40, 0), (41, 1)):
        board.make(intid, group=group, edge=True)
        for el in (1, 2, 3):
            board.gic.set_pe_state(0, el=el, secure=True)
            board.pulse(intid)
            assert (board.gic.irq(0), board.gic.fiq(0)) == (group == 1, group == 0)
        board.set("ICPENDR", intid)


# -- the Non-secure view of priorities


def test_a_restricted_access_sees_the_lower_half_of_the_priorities() -> None:
    """SCR_EL3.FIQ = 1 takes Group 0 from the Non-secure state (IHI 0069 4.8.6)."""
    board = secured()
    board.w("ICC_PMR_EL1", 0xC0, el=3)
    assert board.r("ICC_PMR_EL1") == 0xC0
    board.gic.set_pe_state(0, scr_fiq=True)
    for el in (1, 2):
        assert board.r("ICC_PMR_EL1", el=el) == 0x80
    board.w("ICC_PMR_EL1", 0x50)
    assert board.r("ICC_PMR_EL1", **EL1S) == board.r("ICC_PMR_EL1", el=3) == 0xA8
    board.w("ICC_PMR_EL1", 0x70, el=3)
    assert board.r("ICC_PMR_EL1") == 0
    board.w("ICC_PMR_EL1", 0xFF)
    assert board.r("ICC_PMR_EL1", el=3) == 0x70


def test_a_restricted_access_sees_the_running_priority_so() -> None:
    board = secured()
    board.gic.set_pe_state(0, scr_fiq=True)
    assert board.r("ICC_RPR_EL1") == 0xFF
    board.prioritize(42, 0xA0, secure=True)
    board.pulse(42)
    board.r("ICC_IAR1_EL1")
    assert (board.r("ICC_RPR_EL1"), board.r("ICC_RPR_EL1", el=3)) == (0x40, 0xA0)
    board.pulse(40)
    board.r("ICC_IAR0_EL1", el=3)
    assert (board.r("ICC_RPR_EL1"), board.r("ICC_RPR_EL1", el=3)) == (0, 0x20)


# -- banked registers


def test_group_1_registers_have_a_copy_for_each_state() -> None:
    board = secured()
    for name, s, ns in (("ICC_BPR1_EL1", 5, 6), ("ICC_IGRPEN1_EL1", 1, 0), ("ICC_AP1R0_EL1", 1 << 3, 1 << 20)):
        board.w(name, s, **EL1S)
        board.w(name, ns, **EL1NS)
        assert (board.r(name, **EL1S), board.r(name, **EL1NS)) == (s, ns)
        assert (board.r(name, el=3, secure=True), board.r(name, el=3, secure=False)) == (s, ns)
    assert board.r("ICC_IGRPEN1_EL3", el=3) == 2
    board.w("ICC_IGRPEN1_EL3", 1, el=3)
    assert (board.r("ICC_IGRPEN1_EL1", **EL1S), board.r("ICC_IGRPEN1_EL1", **EL1NS)) == (0, 1)


def test_the_secure_binary_point_of_group_1_counts_as_group_0s() -> None:
    board = V3(security=True)
    assert board.r("ICC_BPR1_EL1", **EL1S) == 2
    assert board.r("ICC_BPR1_EL1", **EL1NS) == 3
    board = secured()
    board.w("ICC_BPR1_EL1", 5, **EL1S)
    board.prioritize(41, 0x78, secure=True)
    board.pulse(41)
    assert board.r("ICC_IAR1_EL1", **EL1S) == 41
    assert board.r("ICC_RPR_EL1", el=3) == 0x40


def test_cbpr_of_each_state() -> None:
    board = secured()
    board.w("ICC_BPR0_EL1", 4, el=3)
    board.w("ICC_CTLR_EL3", 0b11)
    assert board.r("ICC_BPR1_EL1", **EL1S) == 4
    assert board.r("ICC_BPR1_EL1", **EL1NS) == board.r("ICC_BPR1_EL1", el=2) == 5
    board.w("ICC_BPR1_EL1", 7, **EL1NS)
    assert board.r("ICC_BPR0_EL1", el=3) == 4
    board.w("ICC_BPR1_EL1", 6, **EL1S)
    assert board.r("ICC_BPR0_EL1", el=3) == 6
    assert board.r("ICC_BPR1_EL1", el=3, secure=False) == 3
    board.prioritize(41, 0x78, secure=True)
    board.pulse(41)
    assert board.r("ICC_IAR1_EL1", **EL1S) == 41
    assert board.r("ICC_RPR_EL1", el=3) == 0


def test_ctlr_el1_can_not_write_cbpr_while_el3_owns_it() -> None:
    board = secured()
    for how in (EL1S, EL1NS):
        board.w("ICC_CTLR_EL1", 3, **how)
        assert board.r("ICC_CTLR_EL1", **how) & 3 == 2
    assert board.r("ICC_CTLR_EL3", el=3) & 0x1F == 0b11000
    board.w("GICD_CTLR", 0x77, secure=True)
    for how in (EL1S, EL1NS):
        board.w("ICC_CTLR_EL1", 1, **how)
        assert board.r("ICC_CTLR_EL1", **how) & 3 == 1
    assert board.r("ICC_CTLR_EL3", el=3) & 0x1F == 0b00011


def test_a_nonsecure_write_can_not_make_a_secure_priority_active() -> None:
    board = secured()
    board.w("ICC_AP1R0_EL1", 0xFFFF_FFFF, **EL1NS)
    assert board.r("ICC_AP1R0_EL1", **EL1NS) == 0xFFFF_0000
    board.w("ICC_AP1R0_EL1", 0xFF, el=3, secure=False)
    board.w("ICC_AP1R0_EL1", 0, **EL1NS)
    assert board.r("ICC_AP1R0_EL1", **EL1NS) == 0xFF
    board.w("GICD_CTLR", 0x77, secure=True)
    board.w("ICC_AP1R0_EL1", 0x1_0001, **EL1NS)
    assert board.r("ICC_AP1R0_EL1", **EL1NS) == 0x1_0001


def test_the_ctlrs_tell_what_there_is() -> None:
    board = V3(security=True, priority_bits=7, cpu_id_bits=24)
    assert board.r("ICC_CTLR_EL1") == board.r("ICC_CTLR_EL3", el=3) == 1 << 15 | 1 << 11 | 6 << 8
    assert V3().r("ICC_CTLR_EL1") == 1 << 15 | 4 << 8


@pytest.mark.parametrize(("el", "value"), [(1, 7), (2, 15), (3, 15)])
def test_system_registers_are_always_on(el: int, value: int) -> None:
    board = V3()
    board.w(f"ICC_SRE_EL{el}", 0)
    assert board.r(f"ICC_SRE_EL{el}") == value


# -- SGIs (IHI 0069, ICC_SGI1R_EL1)


def sent(board: V3, intid: int = 5) -> set[int]:
    return {pe for pe in range(board.gic.options.pes) if board.state(intid, pe, secure=True) == "P"}


@pytest.mark.parametrize(("value", "to"), [
    (0b0101, {0, 2}), (0, set()), (1 << 40, {0, 2, 3, 4}), (1 << 40 | 0xFFFF, {0, 2, 3, 4}), (1 << 16 | 1, {3}),
    (0x0203_0001_0004 & ~0xFFFF | 1, set()), (0x7F << 48 | 6 << 32 | 5 << 16 | 1 << 4, {4}), (1 << 48 | 1, set()),
    (1 << 32 | 1, set()), (1 << 44 | 0b10, {1})])
def test_sgis_go_by_affinity(value: int, to: set[int]) -> None:
    """PE 1 sends. The range selector is RES0 where no PE has an Aff0 above 15."""
    board = V3(pes=5, affinities=(0, 1, 2, 0x100, 0x7F060504))
    for pe in range(5):
        board.put("IGROUPR", 5, 1, pe)
    board.w("ICC_SGI1R_EL1", 5 << 24 | value, 1)
    assert sent(board) == to
    assert board.r("ICC_CTLR_EL1") >> 18 & 1 == board.r("GICD_TYPER") >> 26 & 1 == 0


@pytest.mark.parametrize(("rs", "bits", "to"), [(0, 0b11, {0}), (1, 0b1, {1}), (15, 1 << 15, {2}), (2, 0xFFFF, set())])
def test_the_range_selector_reaches_high_aff0(rs: int, bits: int, to: set[int]) -> None:
    board = V3(pes=3, affinities=(0, 16, 255))
    for pe in range(3):
        board.put("IGROUPR", 5, 1, pe)
    board.w("ICC_SGI1R_EL1", rs << 44 | 5 << 24 | bits)
    assert sent(board) == to
    assert board.r("ICC_CTLR_EL1") >> 18 & 1 == board.r("GICD_TYPER") >> 26 & 1 == 1


REACHES = {      # with two Security states: (register, Secure?): groups that the SGI may have, without and by NSACR
    ("ICC_SGI1R_EL1", True): {G1S}, ("ICC_ASGI1R_EL1", True): {G1NS}, ("ICC_SGI0R_EL1", True): {G0},
    ("ICC_SGI1R_EL1", False): {G1NS}, ("ICC_ASGI1R_EL1", False): set(), ("ICC_SGI0R_EL1", False): set(),
}
BY_NSACR = {"ICC_ASGI1R_EL1": {G0: 1, G1S: 2}, "ICC_SGI0R_EL1": {G0: 1}, "ICC_SGI1R_EL1": {G0: 1, G1S: 2}}


@pytest.mark.parametrize("nsacr", range(3))
@pytest.mark.parametrize("group", [G0, G1S, G1NS])
@pytest.mark.parametrize(("register", "secure"), list(REACHES))
def test_sgis_by_group_state_and_nsacr(register: str, secure: bool, group: int, nsacr: int) -> None:
    """IHI 0069, "Use of control registers for SGI forwarding"."""
    board = V3(security=True)
    board.put("IGROUPR", 5, int(group == G1NS), 1, secure=True)
    board.put("IGRPMODR", 5, int(group == G1S), 1, secure=True)
    board.w("GICR_NSACR", nsacr << 10, 1, secure=True)
    board.w(register, 5 << 24 | 2, el=1, secure=secure)
    needed = 0 if group in REACHES[register, secure] else 9 if secure else BY_NSACR[register].get(group, 9)
    assert sent(board) == ({1} if nsacr >= needed else set())


@pytest.mark.parametrize(("register", "secure", "group", "nsacr", "table"), [
    ("ICC_SGI1R_EL1", True, G0, 0, False), ("ICC_SGI1R_EL1", False, G0, 1, True),
    ("ICC_SGI1R_EL1", False, G1S, 2, True), ("ICC_SGI1R_EL1", False, G1S, 1, False)])
def test_option_sgi_follows_table(register: str, secure: bool, group: int, nsacr: int, table: bool) -> None:
    for follows in (True, False):
        board = V3(security=True, sgi_follows_table=follows)
        board.put("IGRPMODR", 5, int(group == G1S), 1, secure=True)
        board.w("GICR_NSACR", nsacr << 10, 1, secure=True)
        board.w(register, 5 << 24 | 2, el=1, secure=secure)
        assert sent(board) == ({1} if (table if follows else secure) else set())


@pytest.mark.parametrize("option", [True, False])
@pytest.mark.parametrize(("el", "secure"), [(1, False), (2, False), (1, True), (3, True), (3, False)])
def test_option_group1_irq_with_ds(el: int, secure: bool, option: bool) -> None:
    """IHI 0069 4.6.2: with a single Security state Group 1 is IRQ wherever the PE is."""
    board = secured(group1_irq_with_ds=option)
    board.w("GICD_CTLR", 0x77, secure=True)
    board.pulse(42)
    board.gic.set_pe_state(0, el=el, secure=secure)
    fiq = not option and (secure or el == 3)
    assert (board.gic.irq(0), board.gic.fiq(0)) == (not fiq, fiq)


@pytest.mark.parametrize("option", [True, False])
@pytest.mark.parametrize("way", ["EOIR", "list register"])
def test_option_deactivation_checks_group(way: str, option: bool) -> None:
    """Non-secure software ends no Secure interrupt: by an EOIR of what it did not acknowledge, or by a twin."""
    board = secured(deactivation_checks_group=option)
    for intid in (40, 41):
        board.set("ISACTIVER", intid, secure=True)
        if way == "EOIR":
            board.pulse(42)
            assert board.r("ICC_IAR1_EL1", el=2) == 42
            board.w("ICC_EOIR1_EL1", intid, el=2)
            board.set("ICACTIVER", 42)
        else:
            board.w("ICH_HCR_EL2", 1)
            board.w("ICH_VMCR_EL2", 0xF8000002)
            board.w("ICH_LR0_EL2", 2 << 62 | 1 << 61 | 1 << 60 | 0x80 << 48 | intid << 32 | 50)
            board.w("ICH_AP1R0_EL2", 1 << 16)
            board.gic.sysreg_write("ICV_EOIR1_EL1", 50, el=1)
            assert board.r("ICH_LR0_EL2") >> 62 == 0
        assert board.state(intid, secure=True) == ("A" if option else "I")
    board.w("GICD_CTLR", 0x77, secure=True)
    assert {i for i in (40, 41) if board.state(i) == "A"} == ({40, 41} if option else set())


@pytest.mark.parametrize("option", [True, False])
def test_option_nonsecure_pmr_shows_ff(option: bool) -> None:
    board = V3(security=True, priority_bits=8, nonsecure_pmr_shows_ff=option)
    board.gic.set_pe_state(0, scr_fiq=True)
    for pmr, seen in ((0xFF, 0xFF if option else 0xFE), (0xF0, 0xE0), (0x70, 0)):
        board.w("ICC_PMR_EL1", pmr, el=3, secure=True)
        assert board.r("ICC_PMR_EL1", el=2) == seen


@pytest.mark.parametrize("option", [True, False])
def test_option_nds(option: bool) -> None:
    assert V3(security=True, nds=option).r("ICC_CTLR_EL3", el=3) >> 17 & 1 == option


@pytest.mark.parametrize("register", ["ICC_NMIAR1_EL1", "ICV_NMIAR1_EL1"])
def test_nmiar1_is_undefined_without_nmis(register: str) -> None:
    with pytest.raises(Undefined, match="FEAT_GICv3_NMI"):
        V3().gic.sysreg_read(register, el=1)
    board = V3(nmis=True)
    assert board.gic.sysreg_read(register, el=1) == 0
    assert board.gic.notices.of("not modelled")


@pytest.mark.parametrize(("bits", "same"), [(16, True), (24, False)])
def test_option_cpu_id_bits_of_an_eoir(bits: int, same: bool) -> None:
    """Bits of the INTID that are not implemented are RES0."""
    board = V3(cpu_id_bits=bits)
    board.make(40, edge=True)
    board.pulse(40)
    assert board.ack() == 40
    board.w("ICC_EOIR1_EL1", 0x1_0028)
    assert board.state(40) == ("I" if same else "A")


def test_an_sgi_from_el3_is_secure_whatever_scr_ns_is() -> None:
    for ns in (False, True):
        board = V3(security=True)
        board.put("IGRPMODR", 5, 1, 1, secure=True)
        board.w("ICC_SGI1R_EL1", 5 << 24 | 2, el=3, secure=not ns)
        assert sent(board) == {1}


@pytest.mark.parametrize("option", [True, False])
@pytest.mark.parametrize(("register", "group"), [(r, g) for r in BY_NSACR for g in (0, 1)])
def test_option_sgi1r_sends_group0(register: str, group: int, option: bool) -> None:
    """With a single Security state ICC_SGI1R sends both groups, the other two Group 0 alone."""
    board = V3(sgi1r_sends_group0=option)
    board.put("IGROUPR", 5, group, 1)
    board.w(register, 5 << 24 | 2)
    expected = group == 1 or option if register == "ICC_SGI1R_EL1" else group == 0
    assert sent(board) == ({1} if expected else set())


def test_an_acknowledge_of_an_interrupt_that_is_not_modelled_makes_its_priority_active() -> None:
    """An LPI: no active state, only a priority to drop."""
    board = V3()
    board.w("ICC_BPR1_EL1", 5)
    board.gic.cpus[0].acknowledge(Unmodelled(8192, G1NS, 0xB8))
    assert board.rpr() == 0xA0
    board.eoi(8192)
    assert board.rpr() == 0xFF
