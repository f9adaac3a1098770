"""Memory maps: which frame an address falls in, and whose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gicr import GICR
from vgic.arch.gits import GITS
from vgic.arch.machine import MACHINES, MemoryMap, Region, UnknownMachine, find_machine

KB = 1024


@pytest.mark.parametrize(
    ("machine", "address", "frame", "pe", "offset"),
    [
        ("qemu-virt-v2", 0x08000000, "GICD", None, 0),
        ("qemu-virt-v2", 0x0801000C, "GICC", None, 0xC),
        ("qemu-virt-v2", 0x08020040, "V2M", None, 0x40),
        ("qemu-virt-v2", 0x08030100, "GICH", None, 0x100),
        ("qemu-virt-v2", 0x08041000, "GICV", None, 0x1000),
        ("qemu-virt-v3", 0x08006100, "GICD", None, 0x6100),
        ("qemu-virt-v3", 0x08090040, "GITS", None, 0x10040),
        ("qemu-virt-v3", 0x080A0000, "GICR", 0, 0),
        ("qemu-virt-v3", 0x080D0100, "GICR", 1, 0x10100),
        ("qemu-virt-v3", 0x08FFFFFF, "GICR", 122, 0x1FFFF),
        ("qemu-virt-v3", 0x4000010100, "GICR", 123, 0x10100),
        ("qemu-virt-v4", 0x080A0000 + 0x20078, "GICR", 0, 0x20078),
        ("qemu-virt-v4", 0x080E0000, "GICR", 1, 0),
        ("qemu-virt-v4", 0x4000040000, "GICR", 62, 0),
    ],
)
def test_where_an_address_falls(machine: str, address: int, frame: str, pe: int | None, offset: int) -> None:
    location = MACHINES[machine].locate(address)
    assert location is not None
    assert (location.frame.name, location.pe, location.offset) == (frame, pe, offset)


@pytest.mark.parametrize(
    ("machine", "address"),
    [
        ("qemu-virt-v2", 0x07FFFFFF),
        ("qemu-virt-v2", 0x08021000),
        ("qemu-virt-v2", 0x08050000),
        ("qemu-virt-v3", 0x08010000),
        ("qemu-virt-v3", 0x09000000),
        ("qemu-virt-v4", 0x08FE0000),
        ("qemu-virt-v3", -1),
        ("qemu-virt-v3", 1 << 200),
    ],
)
def test_what_is_in_no_frame(machine: str, address: int) -> None:
    assert MACHINES[machine].locate(address) is None


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_regions_lie_apart_and_in_order(machine: MemoryMap) -> None:
    for before, after in zip(machine.regions, machine.regions[1:], strict=False):
        assert before.last < after.base
    for region in machine.regions:
        assert region.stride == 0 or region.size % region.stride == 0
        assert region.frame is not (GICD_V3 if machine.gic_version == 2 else GICD_V2)


@given(st.sampled_from(list(MACHINES.values())), st.data())
def test_every_address_of_a_region_is_its_frames(machine: MemoryMap, data: st.DataObject) -> None:
    region = data.draw(st.sampled_from(machine.regions))
    address = data.draw(st.integers(region.base, region.last))
    location = machine.locate(address)
    assert location is not None
    assert location.frame is region.frame
    pe = 0 if location.pe is None else location.pe - region.first_pe
    assert region.base + pe * region.stride + location.offset == address
    assert location.offset < (region.stride or region.size)


def test_another_machine_is_an_entry_of_data() -> None:
    regions = (Region(0x1000, 64 * KB, GITS), Region(0x20000, 128 * KB, GICR, 128 * KB, first_pe=4))
    board = MemoryMap("board", 3, regions)
    location = board.locate(0x2FFFF)
    assert location is not None
    assert (location.frame, location.pe, location.offset) == (GICR, 4, 0xFFFF)
    assert board.locate(0x11000) is None


def test_machines_are_found_by_name_or_refused() -> None:
    assert find_machine("QEMU-virt-v3") is MACHINES["qemu-virt-v3"]
    with pytest.raises(UnknownMachine, match="no machine 'qemu-virt-3'; did you mean qemu-virt-v3"):
        find_machine("qemu-virt-3")
    with pytest.raises(UnknownMachine, match="there are qemu-virt-v2, qemu-virt-v3, qemu-virt-v4"):
        find_machine("xyzzy")
