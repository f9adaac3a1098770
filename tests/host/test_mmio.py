"""Bound frames: each access goes to the register's address, with its width, by the PE that it was bound for."""

from __future__ import annotations

import copy

import pytest

from vgic.arch.gicd import GICD_V3
from vgic.arch.gicr import GICR
from vgic.arch.located import FrameAt
from vgic.arch.register import UnknownRegister
from vgic.host.mmio import BoundFrame

GICD, SGI_BASE = 0x0800_0000, 0x080B_0000


class Bus:
    """Remembers stores, and answers loads with what was stored last."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.word = 0

    def read(self, address: int, size: int, pe: int = 0) -> int:
        self.told.append((address, size, pe))
        return self.word

    def write(self, address: int, size: int, value: int, pe: int = 0) -> None:
        self.told.append((address, size, value, pe))
        self.word = value


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def gicd(bus: Bus) -> BoundFrame:
    return BoundFrame(FrameAt(GICD_V3, GICD), bus, 3)


def test_a_register_that_stands_alone(bus: Bus, gicd: BoundFrame) -> None:
    gicd.CTLR.write(0x13)
    assert gicd.CTLR.read() == 0x13
    assert bus.told == [(GICD, 4, 0x13, 3), (GICD, 4, 3)]


def test_an_array_by_index(bus: Bus, gicd: BoundFrame) -> None:
    gicd.IPRIORITYR[9] = 0xA0A0_A0A0
    gicd.IROUTER[40] = 1
    assert gicd.ICFGR[2] == 1
    assert bus.told == [(GICD + 0x424, 4, 0xA0A0_A0A0, 3), (GICD + 0x6140, 8, 1, 3), (GICD + 0xC08, 4, 3)]


def test_an_interrupts_bit_and_byte(bus: Bus, gicd: BoundFrame) -> None:
    gicd.ISENABLER.write_bit(33)
    assert gicd.ISPENDR.read_bit(33)
    assert not gicd.ISPENDR.read_bit(34)
    gicd.IPRIORITYR.write_byte(33, 0x80)
    assert bus.told == [(GICD + 0x104, 4, 2, 3), (GICD + 0x204, 4, 3), (GICD + 0x204, 4, 3), (GICD + 0x421, 1, 0x80, 3)]


def test_a_redistributors_registers_have_the_names_of_the_distributors(bus: Bus) -> None:
    gicr = BoundFrame(FrameAt(GICR, SGI_BASE - 0x1_0000), bus, 0)
    gicr.ISENABLER[0] = 0xFF
    gicr.ISENABLER.write_bit(27)
    gicr.ICFGR[1] = 2
    gicr.IPRIORITYR.write_byte(30, 0xA0)
    assert bus.told == [(SGI_BASE + 0x100, 4, 0xFF, 0), (SGI_BASE + 0x100, 4, 1 << 27, 0), (SGI_BASE + 0xC04, 4, 2, 0),
                        (SGI_BASE + 0x41E, 1, 0xA0, 0)]


def test_what_is_no_register_is_refused_by_name(bus: Bus, gicd: BoundFrame) -> None:
    with pytest.raises(UnknownRegister, match="GICD_CLTR; nearest: GICD_CTLR"):
        gicd.CLTR.read()
    with pytest.raises(UnknownRegister, match="GICD_ISENABLER99"):
        gicd.ISENABLER[99] = 1
    with pytest.raises(UnknownRegister, match="GICD_ISENBLER about INTID 33; nearest: ISENABLER"):
        gicd.ISENBLER.write_bit(33)
    with pytest.raises(AttributeError, match="no attribute 'ctlr'"):
        _ = gicd.ctlr
    assert bus.told == []


def test_a_copy_is_a_frame_too(bus: Bus, gicd: BoundFrame) -> None:
    twin = copy.deepcopy(gicd)
    twin.CTLR.write(1)
    assert bus.told == []
