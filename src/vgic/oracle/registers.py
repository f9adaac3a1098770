"""Registers by name, as they stand on QEMU's virt machine.

A register is written by its architectural name, and with what the name leaves open:

    ICC_IAR1_EL1            a system register
    GICD_ISENABLER1         a memory-mapped register
    GICD_IPRIORITYR8+2      a byte inside it
    GICR_ISPENDR0@1         of PE 1's redistributor (without @: of PE 0)
    GICD+0x30               an offset that no register has
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from vgic.arch.gicr import STRIDE
from vgic.arch.icc import ICC
from vgic.arch.ich import ICH
from vgic.arch.icv import ICV
from vgic.arch.located import FrameAt
from vgic.arch.machine import VIRT_V2, VIRT_V3
from vgic.arch.register import Encoding, Frame, UnknownRegister, nearest, number

SYSTEM_FRAMES: tuple[Frame, ...] = (ICC, ICH, ICV)
MAPPED_FRAMES: dict[int, dict[str, FrameAt]] = {
    2: {name: VIRT_V2.frame(name) for name in ("GICD", "GICC", "GICH", "GICV")},
    3: {name: VIRT_V3.frame(name) for name in ("GICD", "GICR")},
}
"""By GIC: the memory-mapped frames as they stand on QEMU's virt machine."""


class Target(NamedTuple):
    """Where an access goes.

    Attributes:
        encoding: of a system register, else None. address: of a memory-mapped one. size: its natural size in bytes.
        register: the name without instance, byte and PE (GICD_ISENABLER<n>), or the frame's where no register is there.
        frame: GICD, GICR, ICC ...
    """

    encoding: Encoding | None
    address: int
    size: int
    register: str
    frame: str


@cache
def target(gic: int, text: str) -> Target:
    """What a register's text names, on a machine with that GIC.

    Raises:
        UnknownRegister: no such register. ValueError: the rest of the text can't be read, or is out of range.
    """
    name, at, pe = text.partition("@")
    name, plus, byte = name.partition("+")
    frames = MAPPED_FRAMES[gic]
    frame_name = name.partition("_")[0]
    offset = number(byte) if plus else 0
    if gic == 3 and frame_name in ("ICC", "ICH", "ICV"):
        for system_frame in SYSTEM_FRAMES:
            place = system_frame.named(name)
            if place is not None:
                if plus or at:
                    raise ValueError(f"{text}: a system register has neither bytes nor another PE's copy")
                return Target(place.encoding, 0, 8, place.register.name, system_frame.name)
        raise UnknownRegister(name, nearest(name, [n for f in SYSTEM_FRAMES for n in f.names()]))
    if frame_name not in frames:
        raise UnknownRegister(
            f"{name} on GICv{gic}", nearest(name, [n for at_ in frames.values() for n in at_.frame.names()])
        )
    if at and frame_name != "GICR":
        raise ValueError(f"{text}: only GICR registers have a copy for each PE (@)")
    frame, base = frames[frame_name].frame, frames[frame_name].base + STRIDE * (number(pe) if at else 0)
    size = STRIDE if frame_name == "GICR" else frame.size
    if name == frame_name:
        if not plus or offset >= size:
            raise ValueError(f"{text}: expected {name}+OFFSET below {size:#x}")
        found = frame.at(offset)
        return Target(None, base + offset, 4, found.register.name if found else name, frame_name)
    place = frame.named(name)
    if place is None:
        raise UnknownRegister(name, nearest(name, list(frame.names())))
    register = place.register
    if offset >= register.width // 8:
        raise ValueError(f"{text}: {name} has {register.width // 8} bytes")
    start = FrameAt(frame, base)[name.removeprefix(frame_name + "_")].address
    return Target(None, start + offset, register.width // 8 if not offset else 1, register.name, frame_name)
