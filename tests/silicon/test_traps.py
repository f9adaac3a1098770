"""Where a system register access goes: physical or virtual interface, trap to EL2 or EL3, UNDEFINED (DDI 0487)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.silicon.board import V3, virtual

from vgic.arch.ich import TALL0, TALL1, TC, TDIR
from vgic.silicon import Trap, Undefined

COMMON = ("ICC_PMR_EL1", "ICC_RPR_EL1", "ICC_CTLR_EL1")
GROUP0 = ("ICC_IAR0_EL1", "ICC_HPPIR0_EL1", "ICC_BPR0_EL1", "ICC_AP0R0_EL1", "ICC_IGRPEN0_EL1")
GROUP1 = ("ICC_IAR1_EL1", "ICC_HPPIR1_EL1", "ICC_BPR1_EL1", "ICC_AP1R0_EL1", "ICC_IGRPEN1_EL1")
SGIS = ("ICC_SGI1R_EL1", "ICC_ASGI1R_EL1", "ICC_SGI0R_EL1")
NEVER = ("ICC_SRE_EL1",)


@pytest.mark.parametrize(("imo", "fmo"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("name", [*COMMON, *GROUP0, *GROUP1])
def test_imo_and_fmo_turn_el1_accesses_to_the_virtual_interface(name: str, imo: bool, fmo: bool) -> None:
    board = V3()
    virtual(board)
    board.vmcr(pmr=0x50, bpr0=6, bpr1=7, eng=0, eoim=1)
    board.w("ICH_AP0R0_EL2", 1 << 5)
    board.w("ICH_AP1R0_EL2", 1 << 6)
    board.lr(0, 1, 60, group=0, priority=0x20)
    board.gic.set_pe_state(0, imo=imo, fmo=fmo)
    expected = fmo if name in GROUP0 else imo if name in GROUP1 else imo or fmo
    twin = name.replace("ICC", "ICV")
    physical = board.r(name, el=2)
    assert board.r(name, el=1) == (board.r(twin) if expected else physical)
    if "IAR" not in name and "HPPIR" not in name:
        assert board.r(twin) != physical
    assert board.r(name, el=1, secure=True) == physical


@pytest.mark.parametrize(("imo", "fmo"), [(True, False), (False, True)])
def test_dir_is_virtual_with_either(imo: bool, fmo: bool) -> None:
    board = V3()
    virtual(board)
    board.vmcr(eoim=1)
    board.gic.set_pe_state(0, imo=imo, fmo=fmo)
    board.w("ICC_DIR_EL1", 50, el=1)
    assert board.eoicount() == 1
    board.w("ICC_DIR_EL1", 50, el=2)
    assert board.eoicount() == 1


WRITABLE = ("ICC_EOIR0_EL1", "ICC_EOIR1_EL1", "ICC_DIR_EL1", *SGIS)
TRAPS = {
    TC: {*COMMON, *SGIS, "ICC_DIR_EL1"}, TALL0: {*GROUP0, "ICC_EOIR0_EL1"}, TALL1: {*GROUP1, "ICC_EOIR1_EL1"},
    TDIR: {"ICC_DIR_EL1"},
}


@pytest.mark.parametrize("bit", list(TRAPS))
@pytest.mark.parametrize("virtualized", [False, True])
def test_ich_hcr_traps_nonsecure_el1(bit: int, virtualized: bool) -> None:
    """IHI 0069, ICH_HCR_EL2. A trapped access has no effect."""
    board = V3()
    virtual(board)
    board.gic.set_pe_state(0, imo=virtualized, fmo=virtualized)
    board.lr(0, 1, 60)
    board.hcr(bit)
    for name in (*COMMON, *GROUP0, *GROUP1, *NEVER, *WRITABLE):
        access: Callable[..., object] = board.w if name in WRITABLE else board.r
        arguments = (name, 60) if name in WRITABLE else (name,)
        traps = name in TRAPS[bit] or (virtualized and name in SGIS)
        if traps:
            with pytest.raises(Trap, match="traps to EL2") as trap:
                access(*arguments, el=1)
            assert trap.value.to == 2
            assert board.held(0) == "P"
        for el, secure in ((1, True), (2, False)):
            access(*arguments, el=el, secure=secure)      # none of these traps
        if not traps:
            access(*arguments, el=1)
            board.lr(0, 1, 60)


@pytest.mark.parametrize(("imo", "fmo"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("name", SGIS)
def test_sgis_trap_to_el2_with_imo_or_fmo(name: str, imo: bool, fmo: bool) -> None:
    """There is no virtual SGI register."""
    board = V3()
    board.gic.set_pe_state(0, imo=imo, fmo=fmo)
    board.w(name, 0, el=2)
    board.w(name, 0, el=1, secure=True)
    if imo or fmo:
        with pytest.raises(Trap, match=f"{name} traps to EL2: HCR_EL2.IMO or FMO = 1"):
            board.w(name, 0, el=1)
    else:
        board.w(name, 0, el=1)


@pytest.mark.parametrize(("irq", "fiq"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("el", "secure"), [(1, False), (1, True), (2, False), (3, False)])
def test_scr_el3_routing_traps_to_el3(el: int, secure: bool, irq: bool, fiq: bool) -> None:
    """DDI 0487: Group 0 registers with SCR_EL3.FIQ, Group 1 with IRQ, common ones with both."""
    board = V3(security=True)
    board.gic.set_pe_state(0, scr_irq=irq, scr_fiq=fiq)
    for name in (*COMMON, *GROUP0, *GROUP1, *NEVER, *SGIS):
        routed = fiq if name in GROUP0 else irq if name in GROUP1 else name not in NEVER and irq and fiq
        access: Callable[..., object] = board.w if name in SGIS else board.r
        arguments = (name, 0) if name in SGIS else (name,)
        if el < 3 and routed:
            with pytest.raises(Trap, match="traps to EL3") as trap:
                access(*arguments, el=el, secure=secure)
            assert trap.value.to == 3
        else:
            access(*arguments, el=el, secure=secure)


def test_a_virtual_access_does_not_trap_to_el3_and_el2_comes_first() -> None:
    board = V3(security=True)
    virtual(board)
    board.gic.set_pe_state(0, scr_irq=True, scr_fiq=True, imo=True, fmo=True)
    for name in (*COMMON, *GROUP0, *GROUP1):
        assert board.r(name, el=1) == board.r(name.replace("ICC", "ICV"))
    board.hcr(TC | TALL0 | TALL1)
    for name in (*COMMON, *GROUP0, *GROUP1):
        with pytest.raises(Trap, match="traps to EL2"):
            board.r(name, el=1)


def test_without_el3_nothing_traps_there() -> None:
    board = V3()
    board.gic.set_pe_state(0, scr_irq=True, scr_fiq=True)
    for name in (*COMMON, *GROUP0, *GROUP1):
        board.r(name, el=1)


@pytest.mark.parametrize(("name", "least"), [
    ("ICC_PMR_EL1", 1), ("ICC_SRE_EL2", 2), ("ICC_SRE_EL3", 3), ("ICC_CTLR_EL3", 3), ("ICC_IGRPEN1_EL3", 3),
    ("ICH_HCR_EL2", 2), ("ICH_LR0_EL2", 2)])
def test_registers_of_a_higher_level_are_undefined(name: str, least: int) -> None:
    board = V3()
    for el in range(4):
        if el < least:
            with pytest.raises(Undefined, match=f"{name} is UNDEFINED: an access at EL{el}"):
                board.r(name, el=el)
            with pytest.raises(Undefined):
                board.w(name, 0, el=el)
        else:
            board.r(name, el=el)


@pytest.mark.parametrize("name", [*WRITABLE, "ICV_EOIR1_EL1", "ICV_DIR_EL1"])
def test_reading_a_write_only_register_is_undefined_before_it_traps(name: str) -> None:
    board = V3()
    board.hcr(TC | TALL0 | TALL1 | TDIR)
    with pytest.raises(Undefined, match="a read of a write-only register"):
        board.r(name, el=1)


@pytest.mark.parametrize("name", [
    "ICC_IAR0_EL1", "ICC_IAR1_EL1", "ICC_HPPIR0_EL1", "ICC_RPR_EL1", "ICV_IAR1_EL1", "ICH_VTR_EL2", "ICH_MISR_EL2",
    "ICH_EISR_EL2", "ICH_ELRSR_EL2"])
def test_writing_a_read_only_register_is_undefined_before_it_traps(name: str) -> None:
    board = V3()
    board.hcr(TC | TALL0 | TALL1 | TDIR)
    with pytest.raises(Undefined, match="a write of a read-only register"):
        board.w(name, 0, el=max(1, int(name[-1])))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_active_priorities_that_are_not_there_are_undefined_before_they_trap(n: int) -> None:
    board = V3()
    board.hcr(TALL0 | TALL1)
    for group in (0, 1):
        with pytest.raises(Undefined, match=f"ICC_AP{group}R{n}_EL1"):
            board.r(f"ICC_AP{group}R{n}_EL1", el=1)
    board.gic.set_pe_state(0, imo=True, fmo=True)
    with pytest.raises(Undefined, match=f"ICV_AP1R{n}_EL1"):
        board.w(f"ICC_AP1R{n}_EL1", 0, el=1)
