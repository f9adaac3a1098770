"""Registers of a frame at an address: the same places as the frame tells, whatever way they are asked for."""

from __future__ import annotations

import pytest

from vgic.arch import FRAMES
from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gicr import GICR
from vgic.arch.located import FrameAt, Located
from vgic.arch.register import Frame, UnknownRegister

BASE = 0x0800_0000
MAPPED = [pytest.param(frame, id=name) for name, frame in FRAMES.items() if frame.size]


@pytest.mark.parametrize("frame", MAPPED)
def test_every_register_lies_where_the_frame_has_it(frame: Frame) -> None:
    at = FrameAt(frame, BASE)
    for name in frame.names():
        located = at[name.removeprefix(frame.name + "_")]
        place = frame.at(located.address - BASE)
        assert place is not None
        assert (place.name, place.byte, place.register.width // 8) == (name, 0, located.size)
        assert located.name == name


@pytest.mark.parametrize("frame", MAPPED)
def test_the_register_of_an_interrupt_has_a_lane_of_it(frame: Frame) -> None:
    at = FrameAt(frame, BASE)
    for array, registers in frame.arrays.items():
        for register in registers:
            for n in (register.first, register.first + register.count - 1):
                for bit in (0, register.width - register.lane):
                    intid = register.intid(n, bit)
                    assert register.covering(intid) == n
                    assert at.of(array, intid).name == register.instance(n)


def test_names_of_some_registers() -> None:
    gicd, gicr = FrameAt(GICD_V3, BASE), FrameAt(GICR, 0x080A_0000)
    assert gicd["CTLR"] == Located("GICD_CTLR", BASE, 4)
    assert gicd.of("ISENABLER", 33) == Located("GICD_ISENABLER1", BASE + 0x104, 4)
    assert gicd.of("IROUTER", 33) == Located("GICD_IROUTER33", BASE + 0x6108, 8)
    assert gicd.byte("IPRIORITYR", 33) == Located("GICD_IPRIORITYR8", BASE + 0x421, 1)
    assert gicr.of("ISENABLER", 27) == Located("GICR_ISENABLER0", 0x080B_0100, 4)
    assert gicr.of("ICFGR", 27) == Located("GICR_ICFGR1", 0x080B_0C04, 4)
    assert gicr.byte("IPRIORITYR", 30) == Located("GICR_IPRIORITYR7", 0x080B_041E, 1)
    assert FrameAt(GICD_V2, BASE).byte("ITARGETSR", 40) == Located("GICD_ITARGETSR10", BASE + 0x828, 1)


def test_what_is_not_there_is_refused() -> None:
    gicd, gicr = FrameAt(GICD_V3, BASE), FrameAt(GICR, BASE)
    with pytest.raises(UnknownRegister, match="nearest: GICD_ISENABLER3"):
        gicd["ISENBLER3"]
    with pytest.raises(UnknownRegister, match="GICD_ISENBLER about INTID 33; nearest: ISENABLER"):
        gicd.of("ISENBLER", 33)
    for intid in (-1, 32, 1055, 1120):
        with pytest.raises(UnknownRegister, match=f"about INTID {intid}"):
            gicr.of("ISENABLER", intid)
    with pytest.raises(UnknownRegister, match="GICD_CTLR about INTID 0"):
        gicd.of("CTLR", 0)
