"""The GICv2 device: addresses, its parts."""

from __future__ import annotations

import pytest
from tests.silicon.board import V2

from vgic.silicon import GicV2, GicV2Options, Notice
from vgic.silicon.gicv2 import MapV2


def test_an_interrupt_from_line_to_end() -> None:
    gic = GicV2(GicV2Options(pes=2))
    gic.write(0x0800_0000, 4, 1)
    gic.write(0x0800_0100, 4, 1 << 27)
    gic.write(0x0801_0000, 4, 1)
    gic.write(0x0801_0004, 4, 0xF0)
    gic.set_line(27, True, pe=0)
    assert gic.irq(0)
    assert not gic.irq(1)
    assert gic.read(0x0801_000C, 4) == 27
    assert not gic.irq(0)
    gic.set_line(27, False, pe=0)
    gic.write(0x0801_0010, 4, 27)
    assert gic.read(0x0801_000C, 4) == 1023


def test_frames_lie_where_the_map_says() -> None:
    gic = GicV2(GicV2Options(), MapV2(gicd=0x1000, gicc=0x2000, gich=0x4000, gicv=0x5000))
    gic.write(0x1000, 4, 3)
    assert gic.read(0x1000, 4) == 3
    gic.write(0x2004, 4, 0xA0)
    assert gic.read(0x2004, 4) == 0xA0
    gic.write(0x4100, 4, 0x1000_0032)
    gic.write(0x4000, 4, 1)
    gic.write(0x5000, 4, 3)
    gic.write(0x5004, 4, 0xF8)
    assert gic.read(0x500C, 4) == 50
    assert gic.read(0x0800_0004, 4) == 0


def test_notices_go_where_asked() -> None:
    told: list[Notice] = []
    gic = GicV2(report=told.append)
    gic.read(0, 4)
    assert [n.kind for n in told] == ["reserved"]
    assert gic.notices.total == 0


def test_cpu_interfaces_are_banked_by_the_accessing_pe() -> None:
    board = V2(pes=3)
    for pe in range(3):
        for name in ("GICC_PMR", "GICH_LR0", "GICV_PMR"):
            board.w(name, 0x10 * (pe + 1), pe)
    for pe in range(3):
        assert (board.r("GICC_PMR", pe), board.r("GICH_LR0", pe)) == (0x10 * (pe + 1),) * 2
        assert board.r("GICV_PMR", pe) == 0x10 * (pe + 1)


@pytest.mark.parametrize("name", ["IPRIORITYR254", "ISENABLER31", "ICFGR63", "ITARGETSR254", "IGROUPR31"])
def test_the_last_registers_are_there_and_empty(name: str) -> None:
    board = V2()
    board.w("GICD_" + name, 0xFFFF_FFFF)
    assert board.r("GICD_" + name) == 0
    assert board.gic.notices.total == 0
