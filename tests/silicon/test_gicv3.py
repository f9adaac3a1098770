"""The GICv3 device: addresses, names and encodings, the state of the PE."""

from __future__ import annotations

import pytest
from tests.silicon.board import V3

from vgic.arch.register import UnknownRegister
from vgic.silicon import GicV3, GicV3Options, Notice
from vgic.silicon.gicv3 import ENCODINGS, REGISTERS, MapV3


def test_an_interrupt_from_line_to_end() -> None:
    gic = GicV3(GicV3Options(pes=2))
    gic.write(0x0800_0000, 4, 0x12)
    gic.write(0x080A_0014, 4, 0)
    gic.write(0x080B_0080, 4, 0xFFFF_FFFF)
    gic.write(0x080B_0100, 4, 1 << 27)
    gic.sysreg_write("ICC_PMR_EL1", 0xF0, 0)
    gic.sysreg_write("ICC_IGRPEN1_EL1", 1, 0)
    gic.set_line(27, True, pe=0)
    assert gic.irq(0)
    assert gic.sysreg_read("ICC_IAR1_EL1", 0) == 27
    assert not gic.irq(0)
    gic.set_line(27, False, pe=0)
    gic.sysreg_write("ICC_EOIR1_EL1", 27, 0)
    assert gic.sysreg_read("ICC_IAR1_EL1", 0) == 1023


def test_frames_lie_where_the_map_says() -> None:
    gic = GicV3(GicV3Options(pes=2), MapV3(gicd=0x10_0000, gits=0x20_0000, gicr=((0x40_0000, 2),)))
    gic.write(0x10_0000, 4, 3)
    assert gic.read(0x10_0000, 4) == 0x53
    gic.write(0x43_0100, 4, 1 << 20)
    assert gic.read(0x43_0100, 4) == 1 << 20
    gic.read(0x20_0000, 4)
    assert [n.kind for n in gic.notices.counts] == ["not modelled"]


def test_redistributors_with_vlpis_are_four_pages() -> None:
    gic = GicV3(GicV3Options(pes=2, lpis=True, vlpis=True))
    gic.write(0x080A_0000 + 0x4_0000 + 0x1_0100, 4, 1 << 20)
    assert gic.read(0x080A_0000 + 0x4_0000 + 0x1_0100, 4) == 1 << 20
    assert gic.read(0x080A_0000 + 0x4_0008, 8) >> 8 & 0xFFFF == 1
    assert gic.notices.total == 0


@pytest.mark.parametrize(("encoding", "name"), [
    ((3, 0, 12, 12, 0), "ICC_IAR1_EL1"), ((3, 0, 4, 6, 0), "ICC_PMR_EL1"), ((3, 0, 12, 11, 5), "ICC_SGI1R_EL1"),
    ((3, 4, 12, 11, 0), "ICH_HCR_EL2"), ((3, 4, 12, 12, 0), "ICH_LR0_EL2"), ((3, 4, 12, 12, 7), "ICH_LR7_EL2"),
    ((3, 4, 12, 13, 0), "ICH_LR8_EL2"), ((3, 4, 12, 13, 7), "ICH_LR15_EL2"), ((3, 0, 12, 8, 4), "ICC_AP0R0_EL1"),
    ((3, 0, 12, 9, 1), "ICC_AP1R1_EL1"), ((3, 6, 12, 12, 7), "ICC_IGRPEN1_EL3"), ((3, 4, 12, 11, 7), "ICH_VMCR_EL2")])
def test_encodings(encoding: tuple[int, int, int, int, int], name: str) -> None:
    """DDI 0487, C5.3."""
    assert ENCODINGS[encoding] == name


def test_an_encoding_is_the_register() -> None:
    gic = GicV3()
    gic.sysreg_write((3, 4, 12, 12, 2), 0x32 | 1 << 62)
    assert gic.sysreg_read("ICH_LR2_EL2") == 0x32 | 1 << 62
    assert set(ENCODINGS.values()) == {n for n, r in REGISTERS.items() if r.kind != "ICV"}


@pytest.mark.parametrize("name", ["ICC_FOO_EL1", "", "GICD_CTLR", "ICH_LR16_EL2", (3, 0, 0, 0, 0), (9, 9, 9, 9, 9)])
def test_what_is_no_register_is_refused(name: str | tuple[int, int, int, int, int]) -> None:
    gic = GicV3()
    with pytest.raises(UnknownRegister, match="no register"):
        gic.sysreg_read(name)
    with pytest.raises(UnknownRegister):
        gic.sysreg_write(name, 0)


def test_the_nearest_names_are_told() -> None:
    with pytest.raises(UnknownRegister, match="nearest: ICC_IAR1_EL1"):
        GicV3().sysreg_read("ICC_IAR_EL1")


def test_what_the_architecture_has_and_the_model_has_not_is_told() -> None:
    gic = GicV3(GicV3Options(nmis=True))
    missing = [n for n, r in REGISTERS.items() if r.read is None and r.write is None]
    for name in missing:
        assert gic.sysreg_read(name, el=3) == 0
        gic.sysreg_write(name, 1, el=3)
    assert {n.kind for n in gic.notices.counts} <= {"not modelled"}
    assert gic.notices.total == 2 * len(missing)


def test_notices_go_where_asked() -> None:
    told: list[Notice] = []
    gic = GicV3(report=told.append)
    gic.read(0, 4)
    assert [n.kind for n in told] == ["reserved"]
    assert gic.notices.total == 0


def test_the_state_of_the_pe() -> None:
    board = V3()
    board.gic.set_pe_state(1, el=2, imo=True)
    assert (board.gic.pe_states[1].el, board.gic.pe_states[1].imo) == (2, True)
    assert board.gic.pe_states[0].el == 1
    with pytest.raises(AttributeError):
        board.gic.set_pe_state(0, nonsense=True)


def test_values_are_cut_to_64_bits() -> None:
    board = V3()
    board.w("ICH_LR0_EL2", 1 << 64 | 50)
    assert board.r("ICH_LR0_EL2") == 50
