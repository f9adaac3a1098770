"""From the first events of a recording to the machine it was made on."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.trace.recordings import path, present

from vgic.silicon import GicV2Options, GicV3Options
from vgic.trace.configure import Configuration, configure
from vgic.trace.events import Access, Event, FrameAccess, LineChange, QemuState, Sgi, SgiPending, SysReg
from vgic.trace.qemu import QemuReader
from vgic.trace.source import TraceError


def read(address: int, value: int, region: str, size: int = 4, pe: int = 0) -> Access:
    return Access(1, pe, address, size, value, False, region)


def sysreg(register: str, value: int, pe: int = 0) -> SysReg:
    return SysReg(1, pe, register, value, False)


def v2(*events: Event, **more: Any) -> GicV2Options:
    options = configure("f", (read(0x0801_0004, 0, "gic_cpu"), *events), **more).options
    assert isinstance(options, GicV2Options)
    return options


def v3(*events: Event, **more: Any) -> GicV3Options:
    options = configure("f", (sysreg("ICC_PMR_EL1", 0), *events), **more).options
    assert isinstance(options, GicV3Options)
    return options


# -- real recordings


def of(name: str) -> Configuration:
    return configure(name, itertools.islice(QemuReader(str(path(name))), 20_000))


@pytest.mark.parametrize("name", present("v2-boot.core", "v2-timer.core", "v2-timer.full-slice", "v2-intx.core"))
def test_recordings_of_a_gicv2(name: str) -> None:
    found = of(name)
    assert found.version == 2
    assert found.options.pes == 2


@pytest.mark.parametrize("name", present("v3-boot.core", "v3-timer.core", "xen-v3.core", "v3-timer.full-slice",
                                         "v4-vlpi.core-slice", "v3-intx.core"))
def test_recordings_of_a_gicv3(name: str) -> None:
    found = of(name)
    assert found.version == 3
    assert found.options.pes == 2
    assert isinstance(found.options, GicV3Options)
    assert found.options.virtual.list_registers == 4
    assert found.options.distributor.vlpis == name.startswith("v4")


def test_the_facts_name_what_was_read() -> None:
    assert of("v3-timer.core").facts == (
        "GICD_IIDR = 0x43b", "GICD_PIDR2 = 0x3b", "GICD_TYPER = 0x37a0008", "ICC_CTLR_EL1 = 0x8c00",
        "ICH_VTR_EL2 = 0x90b80003")
    assert of("v2-timer.core").facts == ("GICC_IIDR = 0x2043b", "GICD_TYPER = 0x28")


# -- the version


@pytest.mark.parametrize(("event", "version"), [
    (read(0x0801_0000, 0, "gic_cpu"), 2), (read(0x0803_0000, 0, "gic_viface"), 2),
    (read(0x0800_0000, 0, "gic_dist"), 2),
    (FrameAccess(1, "GICC", 0, 0, 4, 0, False, None, False), 2),
    (FrameAccess(1, "GICD", None, 0, 4, 0, False, None, False), 2),
    (QemuState(1, "gic_update_bestirq", {}), 2),
    (read(0x080A_0000, 0, "gicv3_redist_region[0]"), 3), (read(0x0800_0000, 0, "gicv3_dist"), 3),
    (FrameAccess(1, "GICD", None, 0, 4, 0, False, False, False), 3),
    (sysreg("ICC_PMR_EL1", 0), 3), (Sgi(1, 0, 1, 0, 0, 1), 3), (SgiPending(1, 0, 1), 3),
    (QemuState(1, "gicv3_cpuif_update", {}), 3),
])
def test_the_version_from_one_event(event: Event, version: int) -> None:
    assert configure("f", [event]).version == version


def test_nothing_tells_a_version() -> None:
    with pytest.raises(TraceError, match="nothing says whether it is a GICv2 or a GICv3"):
        configure("f", [LineChange(1, 27, 0, 1)])


@pytest.mark.parametrize(("machine", "event", "message"), [
    ("qemu-virt-v3", read(0x0801_0000, 0, "gic_cpu"), "this recording is of a GICv2"),
    ("qemu-virt-v4", read(0x0801_0000, 0, "gic_cpu"), "use --machine qemu-virt-v2"),
    ("qemu-virt-v2", sysreg("ICC_PMR_EL1", 0), "this recording is of a GICv3"),
])
def test_a_machine_that_contradicts_the_recording(machine: str, event: Event, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        configure("f", [event], machine)


def test_a_machine_with_a_gicv4_announces_vlpis() -> None:
    assert v3(machine="qemu-virt-v4").distributor.vlpis
    assert not v3(machine="qemu-virt-v3").distributor.vlpis


# -- what the registers tell


def test_gicv2_by_gicd_typer() -> None:
    o = v2(read(0x0800_0004, 0x5 | 3 << 5 | 1 << 10, "gic_dist"), read(0x0801_00FC, 0x1234, "gic_cpu"))
    assert (o.distributor.intids, o.pes, o.security, o.cpu.cpu_iidr) == (192, 4, True, 0x1234)


def test_the_pes_by_who_accesses() -> None:
    assert v2(read(0x0801_0000, 0, "gic_cpu", pe=5)).pes == 6
    assert v3(sysreg("ICC_PMR_EL1", 0, pe=5)).pes == 6
    assert v3(LineChange(1, 27, 6, 1)).pes == 7


def test_gicv3_by_its_registers() -> None:
    typer = 9 | 1 << 10 | 1 << 16 | 1 << 17 | 15 << 19 | 1 << 25
    o = v3(read(0x0800_0004, typer, "gicv3_dist"), sysreg("ICC_CTLR_EL1", 0x8400),
           sysreg("ICH_VTR_EL2", 6 << 29 | 5 << 26 | 15), read(0x0800_0008, 0x5043B, "gicv3_dist"))
    d, virtual = o.distributor, o.virtual
    assert (d.intids, d.security, d.message_spis, d.lpis, d.id_bits, d.one_of_n) == (320, True, True, True, 16, "none")
    assert (o.cpu.priority_bits, o.cpu.cpu_id_bits) == (5, 16)
    assert (virtual.virtual_priority_bits, virtual.virtual_preemption_bits) == (7, 6)
    assert (virtual.list_registers, virtual.tdir) == (16, False)
    assert d.iidr == 0x5043B


def test_gicv3_typers_tell_how_many_and_where() -> None:
    o = v3(read(0x080A_0008, 1 << 24, "gicv3_redist_region[0]", 8),
           read(0x080C_0008, 0x1_0000_0000 | 1 << 8 | 1 << 24 | 1 << 4, "gicv3_redist_region[0]", 8))
    assert (o.pes, o.redistributor.affinities, o.redistributor.common_lpi_affinity) == (2, (0, 1), 1)


def test_the_first_read_counts() -> None:
    assert v2(read(0x0800_0004, 0x28, "gic_dist"), read(0x0800_0004, 0x21, "gic_dist")).distributor.intids == 288


def test_a_line_beyond_what_typer_tells() -> None:
    """QEMU's GICv3 announces 32 INTIDs less than it has."""
    o = v3(read(0x0800_0004, 8, "gicv3_dist"), LineChange(1, 300, None, 1))
    assert (o.distributor.intids, o.distributor.typer_lines_of_spis) == (320, True)


# -- overrides


@pytest.mark.parametrize(("name", "text", "value"), [
    ("list_registers", "2", 2), ("list_registers", "0x10", 16), ("security", "true", True),
    ("security", "false", False), ("tie", "highest", "highest"), ("spis", "32,0x28", (32, 40)), ("ppi_edge", "", ()),
    ("affinities", "0x100", (0x100,)),
])
def test_an_override(name: str, text: str, value: object) -> None:
    assert v3(overrides={name: text}).choices()[name] == value


def test_another_number_of_pes_has_other_affinities() -> None:
    typers = [read(0x080A_0008 + 0x2_0000 * pe, pe << 40 | pe << 8 | (pe == 1) << 4, "gicv3_redist_region[0]", 8)
              for pe in range(2)]
    assert v3(*typers).distributor.affinities == (0, 0x100)
    assert v3(*typers, overrides={"pes": "4"}).distributor.affinities is None


@pytest.mark.parametrize(("name", "text", "message"), [
    ("xyz", "1", "no such option; it has .*list_registers"), ("list_registers", "many", "'many' is not a number"),
    ("security", "yes", "expected true or false"), ("list_registers", "17", "no such machine"),
    ("tie", "sideways", "expected lowest or highest"), ("ppis", "27,x", "'x' is not a number"),
    ("spis", "1", "spis = 1: expected 32"), ("affinities", "1,2", "affinities"),
    ("pes", "0", "no such machine"), ("pes", "-1", "is not a number"),
    ("list_register", "1", "list_register: this chip has no such option; nearest: list_registers"),
])
def test_an_override_that_can_not_be(name: str, text: str, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        v3(overrides={name: text})


def outcome(**more: Any) -> str:
    """The error, or nothing."""
    try:
        configure("f", (sysreg("ICC_PMR_EL1", 0),), **more)
    except TraceError as e:
        return str(e)
    return ""


@pytest.mark.parametrize("text", ["1", "-1", "9" * 40, "true", "x", "", ",", "27,27"])
def test_no_value_of_any_option_makes_anything_but_a_machine_or_a_message(text: str) -> None:
    for name in GicV3Options.KINDS:
        told = outcome(overrides={name: text})
        assert not told or told.startswith((f"f: option {name}", "f: no such machine"))


VALUES = st.integers(0, 2**64 - 1)


@settings(max_examples=200)
@given(VALUES, VALUES, VALUES, VALUES, st.integers(0, 511), st.integers(16, 1019))
def test_whatever_the_registers_tell_it_is_a_machine_or_a_message(
    typer: int, ctlr: int, vtr: int, rtyper: int, pe: int, intid: int,
) -> None:
    for events in (
        (read(0x0800_0004, typer & 0xFFFFFFFF, "gicv3_dist"), sysreg("ICC_CTLR_EL1", ctlr), sysreg("ICH_VTR_EL2", vtr),
         read(0x080A_0008, rtyper, "gicv3_redist_region[0]", 8), sysreg("ICC_PMR_EL1", 0, pe),
         LineChange(1, intid, None if intid > 31 else pe, 1)),
        (read(0x0800_0004, typer & 0xFFFFFFFF, "gic_dist"), read(0x0801_00FC, vtr & 0xFFFFFFFF, "gic_cpu", pe=pe & 7)),
    ):
        try:
            assert configure("f", events).options.pes >= 1
        except TraceError as e:
            told = str(e)
            event(told[:20])
            if "no such machine" not in told:
                raise
