"""The register data: that it is consistent in itself, and that it says what the specifications say."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.arch import FRAMES, find
from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gich import GICH
from vgic.arch.gicr import GICR
from vgic.arch.gits import GITS
from vgic.arch.ich import (
    EN,
    ICH,
    LRENPIE,
    MISR_NAMES,
    NPIE,
    UIE,
    VENG0,
    VENG1,
    VEOIM,
    VGRP0DIE,
    VGRP0EIE,
    VGRP1DIE,
    VGRP1EIE,
)
from vgic.arch.register import Encoding, Field, Frame, Place, Register, UnknownRegister, nearest, number
from vgic.arch.timer import CNT, ENABLE

REGISTERS = [pytest.param(frame, r, id=f"{key}-{r.name}") for key, frame in FRAMES.items() for r in frame]
EVERY_REGISTER = [r for frame in FRAMES.values() for r in frame]

OFFSETS = """
    GICD_CTLR 0x0  GICD_TYPER 0x4  GICD_IIDR 0x8  GICD_TYPER2 0xc  GICD_STATUSR 0x10
    GICD_SETSPI_NSR 0x40  GICD_CLRSPI_NSR 0x48  GICD_SETSPI_SR 0x50  GICD_CLRSPI_SR 0x58
    GICD_IGROUPR0 0x80  GICD_ISENABLER3 0x10c  GICD_ICENABLER31 0x1fc  GICD_ISPENDR1 0x204  GICD_ICPENDR1 0x284
    GICD_ISACTIVER1 0x304  GICD_ICACTIVER1 0x384  GICD_IPRIORITYR254 0x7f8  GICD_ITARGETSR8 0x820  GICD_ICFGR2 0xc08
    GICD_IGRPMODR0 0xd00  GICD_NSACR0 0xe00  GICD_SGIR 0xf00  GICD_CPENDSGIR3 0xf1c  GICD_SPENDSGIR0 0xf20
    GICD_INMIR0 0xf80  GICD_IGROUPR0E 0x1000  GICD_ISENABLER0E 0x1200  GICD_ICENABLER0E 0x1400
    GICD_ISPENDR0E 0x1600  GICD_ICPENDR0E 0x1800  GICD_ISACTIVER0E 0x1a00  GICD_ICACTIVER0E 0x1c00
    GICD_IPRIORITYR0E 0x2000  GICD_ICFGR0E 0x3000  GICD_IGRPMODR0E 0x3400  GICD_NSACR0E 0x3600  GICD_INMIR0E 0x3b00
    GICD_IROUTER32 0x6100  GICD_IROUTER1019 0x7fd8  GICD_IROUTER0E 0x8000  GICD_PIDR4 0xffd0  GICD_PIDR2 0xffe8
    GICD_CIDR3 0xfffc
    GICR_CTLR 0x0  GICR_IIDR 0x4  GICR_TYPER 0x8  GICR_STATUSR 0x10  GICR_WAKER 0x14  GICR_MPAMIDR 0x18
    GICR_PARTIDR 0x1c  GICR_SETLPIR 0x40  GICR_CLRLPIR 0x48  GICR_PROPBASER 0x70  GICR_PENDBASER 0x78
    GICR_INVLPIR 0xa0  GICR_INVALLR 0xb0  GICR_SYNCR 0xc0  GICR_PIDR2 0xffe8
    GICR_IGROUPR0 0x10080  GICR_IGROUPR1E 0x10084  GICR_ISENABLER0 0x10100  GICR_ICENABLER0 0x10180
    GICR_ISPENDR0 0x10200  GICR_ICPENDR0 0x10280  GICR_ISACTIVER0 0x10300  GICR_ICACTIVER0 0x10380
    GICR_IPRIORITYR7 0x1041c  GICR_IPRIORITYR8E 0x10420  GICR_ICFGR0 0x10c00  GICR_ICFGR1 0x10c04
    GICR_ICFGR2E 0x10c08  GICR_IGRPMODR0 0x10d00  GICR_NSACR 0x10e00  GICR_INMIR0 0x10f80
    GICR_VPROPBASER 0x20070  GICR_VPENDBASER 0x20078  GICR_VSGIR 0x20080  GICR_VSGIPENDR 0x20088
    GICC_CTLR 0x0  GICC_PMR 0x4  GICC_BPR 0x8  GICC_IAR 0xc  GICC_EOIR 0x10  GICC_RPR 0x14  GICC_HPPIR 0x18
    GICC_ABPR 0x1c  GICC_AIAR 0x20  GICC_AEOIR 0x24  GICC_AHPPIR 0x28  GICC_APR0 0xd0  GICC_NSAPR3 0xec
    GICC_IIDR 0xfc  GICC_DIR 0x1000
    GICV_CTLR 0x0  GICV_IAR 0xc  GICV_AHPPIR 0x28  GICV_APR0 0xd0  GICV_IIDR 0xfc  GICV_DIR 0x1000
    GICH_HCR 0x0  GICH_VTR 0x4  GICH_VMCR 0x8  GICH_MISR 0x10  GICH_EISR0 0x20  GICH_EISR1 0x24  GICH_ELRSR0 0x30
    GICH_ELRSR1 0x34  GICH_APR 0xf0  GICH_LR0 0x100  GICH_LR63 0x1fc
    GITS_CTLR 0x0  GITS_TYPER 0x8  GITS_MPIDR 0x18  GITS_CBASER 0x80  GITS_CWRITER 0x88  GITS_CREADR 0x90
    GITS_BASER7 0x138  GITS_TRANSLATER 0x10040  GITS_SGIR 0x20020
    V2M_MSI_TYPER 0x8  V2M_MSI_SETSPI_NS 0x40  V2M_MSI_IIDR 0xfcc
"""

ENCODINGS = """
    ICC_PMR_EL1 S3_0_C4_C6_0  ICC_IAR0_EL1 S3_0_C12_C8_0  ICC_EOIR0_EL1 S3_0_C12_C8_1  ICC_HPPIR0_EL1 S3_0_C12_C8_2
    ICC_BPR0_EL1 S3_0_C12_C8_3  ICC_AP0R0_EL1 S3_0_C12_C8_4  ICC_AP0R3_EL1 S3_0_C12_C8_7
    ICC_AP1R0_EL1 S3_0_C12_C9_0  ICC_AP1R3_EL1 S3_0_C12_C9_3  ICC_NMIAR1_EL1 S3_0_C12_C9_5
    ICC_DIR_EL1 S3_0_C12_C11_1  ICC_RPR_EL1 S3_0_C12_C11_3  ICC_SGI1R_EL1 S3_0_C12_C11_5
    ICC_ASGI1R_EL1 S3_0_C12_C11_6  ICC_SGI0R_EL1 S3_0_C12_C11_7  ICC_IAR1_EL1 S3_0_C12_C12_0
    ICC_EOIR1_EL1 S3_0_C12_C12_1  ICC_HPPIR1_EL1 S3_0_C12_C12_2  ICC_BPR1_EL1 S3_0_C12_C12_3
    ICC_CTLR_EL1 S3_0_C12_C12_4  ICC_SRE_EL1 S3_0_C12_C12_5  ICC_IGRPEN0_EL1 S3_0_C12_C12_6
    ICC_IGRPEN1_EL1 S3_0_C12_C12_7  ICC_SRE_EL2 S3_4_C12_C9_5  ICC_CTLR_EL3 S3_6_C12_C12_4
    ICC_SRE_EL3 S3_6_C12_C12_5  ICC_IGRPEN1_EL3 S3_6_C12_C12_7
    ICH_AP0R0_EL2 S3_4_C12_C8_0  ICH_AP1R3_EL2 S3_4_C12_C9_3  ICH_HCR_EL2 S3_4_C12_C11_0  ICH_VTR_EL2 S3_4_C12_C11_1
    ICH_MISR_EL2 S3_4_C12_C11_2  ICH_EISR_EL2 S3_4_C12_C11_3  ICH_ELRSR_EL2 S3_4_C12_C11_5
    ICH_VMCR_EL2 S3_4_C12_C11_7  ICH_LR0_EL2 S3_4_C12_C12_0  ICH_LR7_EL2 S3_4_C12_C12_7  ICH_LR8_EL2 S3_4_C12_C13_0
    ICH_LR15_EL2 S3_4_C12_C13_7
    CNTFRQ_EL0 S3_3_C14_C0_0  CNTPCT_EL0 S3_3_C14_C0_1  CNTVCT_EL0 S3_3_C14_C0_2  CNTP_TVAL_EL0 S3_3_C14_C2_0
    CNTP_CTL_EL0 S3_3_C14_C2_1  CNTP_CVAL_EL0 S3_3_C14_C2_2  CNTV_CTL_EL0 S3_3_C14_C3_1  CNTV_CVAL_EL0 S3_3_C14_C3_2
    CNTVOFF_EL2 S3_4_C14_C0_3  CNTPOFF_EL2 S3_4_C14_C0_6  CNTHP_CTL_EL2 S3_4_C14_C2_1  CNTHV_CTL_EL2 S3_4_C14_C3_1
    CNTHPS_CTL_EL2 S3_4_C14_C5_1  CNTV_CTL_EL02 S3_5_C14_C3_1  CNTPS_CTL_EL1 S3_7_C14_C2_1
"""

MASKS = """
    ICH_LR0_EL2 State 0xc000000000000000  ICH_LR0_EL2 HW 0x2000000000000000  ICH_LR0_EL2 Group 0x1000000000000000
    ICH_LR0_EL2 Priority 0xff000000000000  ICH_LR0_EL2 EOI 0x20000000000  ICH_LR0_EL2 vINTID 0xffffffff
    ICH_HCR_EL2 EOIcount 0xf8000000  ICH_HCR_EL2 TDIR 0x4000  ICH_HCR_EL2 TALL1 0x1000  ICH_HCR_EL2 TALL0 0x800
    ICH_HCR_EL2 TC 0x400  ICH_HCR_EL2 vSGIEOICount 0x100  ICH_HCR_EL2 NPIE 0x8  ICH_HCR_EL2 LRENPIE 0x4
    ICH_HCR_EL2 UIE 0x2  ICH_HCR_EL2 En 0x1
    ICH_VMCR_EL2 VPMR 0xff000000  ICH_VMCR_EL2 VBPR0 0xe00000  ICH_VMCR_EL2 VBPR1 0x1c0000  ICH_VMCR_EL2 VEOIM 0x200
    ICH_VMCR_EL2 VCBPR 0x10  ICH_VMCR_EL2 VFIQEn 0x8  ICH_VMCR_EL2 VENG1 0x2  ICH_VMCR_EL2 VENG0 0x1
    ICH_VTR_EL2 PRIbits 0xe0000000  ICH_VTR_EL2 PREbits 0x1c000000  ICH_VTR_EL2 TDS 0x80000  ICH_VTR_EL2 ListRegs 0x1f
    ICC_CTLR_EL1 EOImode 0x2  ICC_CTLR_EL1 PRIbits 0x700  ICC_CTLR_EL1 IDbits 0x3800  ICC_CTLR_EL1 RSS 0x40000
    ICC_SGI1R_EL1 Aff3 0xff000000000000  ICC_SGI1R_EL1 IRM 0x10000000000  ICC_SGI1R_EL1 INTID 0xf000000
    GICH_LR0 HW 0x80000000  GICH_LR0 Grp1 0x40000000  GICH_LR0 State 0x30000000  GICH_LR0 Priority 0xf800000
    GICH_LR0 PhysicalID 0xffc00  GICH_LR0 EOI 0x80000  GICH_LR0 CPUID 0x1c00  GICH_LR0 VirtualID 0x3ff
    GICH_VMCR VMPriMask 0xf8000000  GICH_VMCR VMBP 0xe00000  GICH_VMCR VMABP 0x1c0000  GICH_VMCR VEM 0x200
    GICC_CTLR EOImodeS 0x200  GICC_CTLR CBPR 0x10  GICC_CTLR FIQEn 0x8  GICC_CTLR AckCtl 0x4
    GICD_CTLR RWP 0x80000000  GICD_CTLR DS 0x40  GICD_CTLR ARE 0x10
    GICD_TYPER LPIS 0x20000  GICD_TYPER IDbits 0xf80000  GICD_SGIR TargetListFilter 0x3000000
    GICR_TYPER Affinity_Value 0xffffffff00000000  GICR_TYPER Last 0x10  GICR_CTLR RWP 0x8  GICR_CTLR EnableLPIs 0x1
    GICR_WAKER ProcessorSleep 0x2  GICR_WAKER ChildrenAsleep 0x4
    GICR_PROPBASER Physical_Address 0xffffffffff000  GICR_PENDBASER PTZ 0x4000000000000000
    GICR_VPENDBASER Dirty 0x1000000000000000  GICR_VPENDBASER vPEID 0xffff  GICR_VSGIPENDR Busy 0x80000000
    GITS_BASER0 Type 0x700000000000000  GITS_BASER0 Entry_Size 0x1f000000000000  GITS_CBASER Valid 0x8000000000000000
    GITS_TYPER HCC 0xff000000  GITS_TYPER Devbits 0x3e000  GITS_TYPER VMOVP 0x2000000000
"""


def _rows(table: str, columns: int) -> list[tuple[str, ...]]:
    """The words of a table, row by row."""
    words = table.split()
    return list(zip(*(words[i::columns] for i in range(columns)), strict=True))


def _encoding(text: str) -> Encoding:
    op0, op1, crn, crm, op2 = (int(part.lstrip("SC")) for part in text.split("_"))
    return op0, op1, crn, crm, op2


def _instances(register: Register) -> list[Place]:
    return [Place(register, register.first + i, 0) for i in range(register.count)]


@pytest.mark.parametrize(("name", "offset"), _rows(OFFSETS, 2))
def test_offsets_are_those_of_the_specification(name: str, offset: str) -> None:
    frame, place = find(name)
    assert place.name == name
    assert place.offset == int(offset, 16)
    for byte in range(place.register.width // 8):
        assert frame.at(int(offset, 16) + byte) == place._replace(byte=byte)


@pytest.mark.parametrize(("name", "encoding"), _rows(ENCODINGS, 2))
def test_encodings_are_those_of_the_specification(name: str, encoding: str) -> None:
    frame, place = find(name)
    assert place.name == name
    assert place.encoding == _encoding(encoding)
    assert frame.encoded(_encoding(encoding)) == place
    assert find(encoding.lower()) == (frame, place)


@pytest.mark.parametrize(("name", "field", "mask"), _rows(MASKS, 3))
def test_fields_are_those_of_the_specification(name: str, field: str, mask: str) -> None:
    _, place = find(name)
    assert [f.mask for f in place.register.fields if f.name == field] == [int(mask, 16)]


def test_the_physical_id_of_a_list_register_is_13_bits_with_hw() -> None:
    """IHI 0069, ICH_LR<n>_EL2: pINTID is bits 44:32 where HW is 1; EOI is bit 41 where it is 0."""
    lr = ICH["ICH_LR<n>_EL2"]
    assert {f.name: n for f, n in lr.decode(0x70C0001B0000001B)} == {
        "State": 1,
        "HW": 1,
        "Group": 1,
        "NMI": 0,
        "Priority": 0xC0,
        "pINTID": 27,
        "vINTID": 27,
    }
    virtual = {f.name: n for f, n in lr.decode(0x50C0020000000021)}
    assert virtual["EOI"] == 1
    assert "pINTID" not in virtual
    assert lr.res0(0x1FFF << 32 | 1 << 61) == 0
    assert lr.res0(0x1FFF << 32) == 0x1DFF << 32


def test_the_cpuid_of_a_gicv2_list_register_is_there_without_hw_alone() -> None:
    """IHI 0048B, GICH_LRn: PhysicalID is bits 19:10; EOI bit 19 and CPUID bits 12:10 where HW is 0."""
    lr = GICH["GICH_LR<n>"]
    assert {f.name for f in lr.fields_in(1 << 31)} >= {"PhysicalID"}
    assert {f.name for f in lr.fields_in(0)} >= {"EOI", "CPUID"}
    assert not {f.name for f in lr.fields_in(1 << 31)} & {"EOI", "CPUID"}
    assert lr.encode(HW=0, State=1, CPUID=3, VirtualID=5) == 0x10000C05
    with pytest.raises(ValueError, match="EOI only when HW=0"):
        lr.encode(HW=1, EOI=1)


def test_access_is_what_the_specification_says() -> None:
    access = {name: find(name)[1].register.access for name in ("ICC_IAR1_EL1", "ICC_EOIR1_EL1", "ICH_LR0_EL2")}
    assert access == {"ICC_IAR1_EL1": "RO", "ICC_EOIR1_EL1": "WO", "ICH_LR0_EL2": "RW"}
    assert {r.access for r in EVERY_REGISTER} == {"RW", "RO", "WO"}


def test_the_byte_accessible_registers() -> None:
    """IHI 0048B, GIC register access: the priorities, the targets and the pending states of SGIs by byte or word."""
    by_byte = {r.name for r in GICD_V2 if 1 in r.sizes}
    assert by_byte == {"GICD_IPRIORITYR<n>", "GICD_ITARGETSR<n>", "GICD_CPENDSGIR<n>", "GICD_SPENDSGIR<n>"}
    assert {r.name for r in GICR if 1 in r.sizes} == {"GICR_IPRIORITYR<n>", "GICR_IPRIORITYR<n>E"}


@pytest.mark.parametrize(
    ("name", "bit", "intid"),
    [
        ("GICD_ISENABLER3", 1, 97),
        ("GICD_IPRIORITYR8", 8, 33),
        ("GICD_ICFGR2", 3, 33),
        ("GICD_SPENDSGIR1", 0, 4),
        ("GICD_IROUTER35", 0, 35),
        ("GICD_ISENABLER1E", 0, 4128),
        ("GICD_IROUTER2E", 0, 4098),
        ("GICR_ISENABLER0", 27, 27),
        ("GICR_ICFGR1", 22, 27),
        ("GICR_ISENABLER1E", 0, 1056),
        ("GICR_IPRIORITYR8E", 0, 1056),
        ("GICR_ICFGR2E", 0, 1056),
        ("GICR_ICFGR5E", 31, 1119),
    ],
)
def test_which_interrupt_a_bit_is_about(name: str, bit: int, intid: int) -> None:
    _, place = find(name)
    assert place.register.intid(place.n, bit) == intid


@pytest.mark.parametrize(("frame", "register"), REGISTERS)
def test_registers_say_all_that_is_needed(frame: Frame, register: Register) -> None:
    assert register.fields
    assert register.summary
    assert register.section.endswith(register.name)
    assert register.section.startswith(("IHI 0048B, ", "IHI 0069, ", "DDI 0487, ", "SBSA, GICv2m, "))
    assert register.sizes
    assert (register.offset is None) != (register.encoding is None)
    assert ("<n>" in register.name) == (register.count > 1)
    assert register.reset is None or register.reset >> register.width == 0
    if register.offset is not None:
        assert register.offset % (register.width // 8) == 0
        assert register.offset + register.count * register.stride <= frame.size


@pytest.mark.parametrize(("frame", "register"), REGISTERS)
def test_fields_lie_inside_and_apart(frame: Frame, register: Register) -> None:
    """Fields overlap only where their conditions exclude each other."""
    names = [f.name for f in register.fields]
    assert len(names) == len(set(names))
    assert [f.msb for f in register.fields] == sorted((f.msb for f in register.fields), reverse=True)
    for f in register.fields:
        assert 0 <= f.lsb <= f.msb < register.width
        assert all(0 <= n < 1 << f.width for n in f.values)
        condition, equals, value = f.when.partition("=")
        assert not equals or (condition in names and value.isdigit())
    for f, g in itertools.combinations(register.fields, 2):
        if f.mask & g.mask:
            assert f.when
            assert g.when
            assert f.when != g.when


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_registers_of_a_frame_lie_apart(frame: Frame) -> None:
    bytes_taken: set[int] = set()
    encodings: set[Encoding] = set()
    for place in (place for r in frame for place in _instances(r)):
        if place.offset is not None:
            covered = set(range(place.offset, place.offset + place.register.width // 8))
            assert not covered & bytes_taken, place.name
            bytes_taken |= covered
        else:
            assert place.encoding is not None
            assert place.encoding not in encodings, place.name
            encodings.add(place.encoding)
    for offset in random.Random(1).sample(range(frame.size), min(frame.size, 2000)):
        assert (frame.at(offset) is not None) == (offset in bytes_taken)
    assert frame.at(-1) is None
    assert frame.at(frame.size) is None


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_every_instance_is_found_by_name_place_and_find(frame: Frame) -> None:
    version = 2 if frame is GICD_V2 else 3
    for r in frame:
        for place in (_instances(r)[0], _instances(r)[-1]):
            assert frame.named(place.name) == place
            assert frame[r.name] is r
            if place.offset is not None:
                assert frame.at(place.offset) == place
            if place.encoding is not None:
                assert frame.encoded(place.encoding) == place
            assert find(place.name, version) == (frame, place)
            assert find(place.name.lower(), version) == (frame, place)
    assert len(list(frame.names())) == sum(r.count for r in frame)


@given(st.data())
def test_decode_undoes_encode(data: st.DataObject) -> None:
    """Over all registers: what is put in comes out, and nothing else."""
    register = data.draw(st.sampled_from(EVERY_REGISTER))
    shape = data.draw(st.integers(0, (1 << register.width) - 1))
    exclusive: dict[int, Field] = {}
    for f in register.fields_in(shape):
        if not any(f.mask & g.mask for g in exclusive.values()):
            exclusive[f.msb] = f
    numbers = {f.name: f.get(shape) for f in exclusive.values()}
    value = register.encode(**numbers)
    decoded = {f.name: n for f, n in register.decode(value)}
    assert {name: decoded[name] for name in numbers} == numbers
    assert register.res0(value) == 0
    assert value & ~shape == 0
    known = 0
    for f in register.fields_in(shape):
        known |= f.mask
    assert register.res0(shape) == shape & ~known


@given(st.sampled_from(EVERY_REGISTER), st.integers(0, 63))
def test_encode_refuses_what_does_not_fit(register: Register, pick: int) -> None:
    f = register.fields[pick % len(register.fields)]
    for misfit in (1 << f.width, -1):
        with pytest.raises(ValueError, match="does not fit"):
            register.encode(**{f.name: misfit})
    with pytest.raises(KeyError, match="has no field Nothing"):
        register.encode(Nothing=0)


@pytest.mark.parametrize(
    ("people_write", "name"),
    [
        ("ICH_LR0", "ICH_LR0_EL2"),
        ("ich_lr0_el2", "ICH_LR0_EL2"),
        ("ICC_IAR1", "ICC_IAR1_EL1"),
        ("ICC_SRE", "ICC_SRE_EL1"),
        ("ICC_HSRE", "ICC_SRE_EL2"),
        ("ICC_MCTLR", "ICC_CTLR_EL3"),
        ("CNTV_CTL", "CNTV_CTL_EL0"),
        ("CNTVOFF", "CNTVOFF_EL2"),
        ("SYS_ICH_VMCR_EL2", "ICH_VMCR_EL2"),
        ("S3_4_C12_C12_3", "ICH_LR3_EL2"),
        ("ICH_LR<n>_EL2", "ICH_LR0_EL2"),
        ("ICH_LR", "ICH_LR0_EL2"),
        ("GICD_ISENABLER<n>", "GICD_ISENABLER0"),
        ("GICD_IROUTER", "GICD_IROUTER32"),
        ("gicr_ipriorityre", "GICR_IPRIORITYR8E"),
        (" GICD_ISENABLER3 ", "GICD_ISENABLER3"),
    ],
)
def test_find_takes_what_people_write(people_write: str, name: str) -> None:
    assert find(people_write)[1].name == name


def test_find_takes_the_distributor_of_the_version() -> None:
    assert find("GICD_CTLR")[0] is GICD_V3
    assert find("GICD_CTLR", 4)[0] is GICD_V3
    assert find("GICD_CTLR", 2)[0] is GICD_V2
    with pytest.raises(UnknownRegister):
        find("GICD_IROUTER32", 2)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownRegister, match="no register ICH_HRC_EL2; nearest: ICH_HCR_EL2") as caught:
        find("ICH_HRC_EL2")
    assert caught.value.near[0] == "ICH_HCR_EL2"
    for name in ("", "ICH_LR16_EL2", "GICD_IROUTER31", "GICD_ISENABLER32", "S3_4_C12_C14_0", "S3_4_C12_C12_0_", "<n>"):
        with pytest.raises(UnknownRegister):
            find(name)
    with pytest.raises(UnknownRegister, match="nearest: GITS_CTLR"):
        GITS["GITS_CTRL"]


def test_what_lies_around_a_hole() -> None:
    assert [p.name for p in GICD_V2.around(0xF30)] == ["GICD_SPENDSGIR3", "GICD_PIDR4"]
    assert [p.name for p in GICD_V2.around(0x7FC)] == ["GICD_IPRIORITYR254", "GICD_ITARGETSR0"]
    assert [p.name for p in GICH.around(0x800)] == ["GICH_LR63"]
    assert Frame("NONE", "nothing", ()).around(0) == ()


@pytest.mark.parametrize(
    ("text", "value"), [("0x1F", 31), ("31", 31), ("0b11", 3), ("0x70c0_001b", 0x70C0001B), ("007", 7)]
)
def test_numbers_as_people_write_them(text: str, value: int) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "0x", "0x_", "zz", "1f", "-1", "1__0", "0b2", "1.5", "\u0663", " 1"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        number(text)


def test_nearest_is_quick_to_give_up_on_long_names() -> None:
    assert nearest("ICH_HCR_EL2" + "A" * 10_000_000, ["ICH_HCR_EL2"]) == ()


def test_fields_and_their_masks_by_name() -> None:
    hcr = ICH["ICH_HCR_EL2"]
    assert hcr.field("EOIcount").lsb == 27
    assert hcr.mask("En", "TDIR") == 1 << 14 | 1
    assert hcr.mask() == 0
    with pytest.raises(KeyError, match="ICH_HCR_EL2 has no field EOICount; it has EOIcount, DVIM"):
        hcr.field("EOICount")


def test_bits_that_gicv2_and_gicv3_share_lie_at_the_same_places() -> None:
    assert (EN, UIE, LRENPIE, NPIE) == (1, 2, 4, 8)
    assert (VGRP0EIE, VGRP0DIE, VGRP1EIE, VGRP1DIE) == (16, 32, 64, 128)
    gich = {f.name.upper(): f.mask for f in GICH["GICH_HCR"].fields}
    ich = {f.name.upper(): f.mask for f in ICH["ICH_HCR_EL2"].fields}
    assert gich == {name: ich[name] for name in gich}
    vmcr = GICH["GICH_VMCR"]
    assert (vmcr.mask("VMGrp0En"), vmcr.mask("VMGrp1En"), vmcr.mask("VEM")) == (VENG0, VENG1, VEOIM)
    assert tuple(f.name for f in reversed(GICH["GICH_MISR"].fields)) == MISR_NAMES
    assert {r.mask("ENABLE") for r in CNT if "_CTL_" in r.name} == {ENABLE}
