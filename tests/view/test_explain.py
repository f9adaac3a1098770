"""`vgic explain`: what is said of registers, values, dumps and addresses, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.arch import FRAMES
from vgic.arch.machine import MACHINES
from vgic.arch.register import Frame, Place
from vgic.view.explain import ExplainError, explain
from vgic.view.words import WIDTH

V2, V3, V4 = MACHINES.values()


def said(*texts: str) -> str:
    return explain(list(texts)).text()


def test_a_list_register_in_words() -> None:
    assert said("ICH_LR0_EL2=0x70c0001b0000001b") == (
        "ICH_LR0_EL2  list register   IHI 0069, ICH_LR<n>_EL2\n"
        "  63:62 State    1     pending\n"
        "  61    HW       1     mapped to a physical interrupt: guest deactivation deactivates pINTID\n"
        "  60    Group    1     group 1\n"
        "  55:48 Priority 0xc0  of the virtual interrupt\n"
        "  44:32 pINTID   27    PPI 27, virtual timer\n"
        "  31:0  vINTID   27    PPI 27, virtual timer\n"
        "  zero: NMI"
    )


def test_a_list_register_without_hw_has_the_eoi_bit() -> None:
    text = said("ICH_LR3_EL2=0xd0a0020000002000")
    assert "63:62 State    3     pending and active" in text
    assert "41    EOI      1     maintenance interrupt at deactivation: asked for" in text
    assert "31:0  vINTID   8192  LPI 8192" in text
    assert "pINTID" not in text


def test_gicv2_list_registers_name_the_source_of_an_sgi() -> None:
    text = said("GICH_LR0=0x10000c05")
    assert "12:10 CPUID     3  of an SGI: the CPU that requested it" in text
    assert "9:0   VirtualID 5  SGI 5" in text
    assert "PhysicalID" not in text
    assert "19:10 PhysicalID 30  PPI 30, physical timer" in said("GICH_LR0=0xb000781b")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("ICC_IAR1_EL1=1023", "23:0 INTID 1023  spurious: nothing to acknowledge here"),
        ("ICC_IAR1_EL1=25", "PPI 25, GIC maintenance interrupt"),
        ("ICC_SGI1R_EL1=0x10005000001", "who the targets are: all PEs but this one"),
        ("ICC_SGI1R_EL1=0x10005000001", "SGI 5"),
        ("ICH_VTR_EL2=0x90180003", "direct injection of virtual interrupts: not supported"),
        ("GITS_BASER0=0x8107000140110600", "what the table is of: devices"),
        ("GICR_PENDBASER=0x140110000", "0x140110000"),
        ("CNTV_CTL_EL0=0x5", "the timer's condition is met (read only): yes"),
        ("GICD_CTLR=0x50", "affinity routing: enabled"),
        ("GICD_CTLR=0x12", "in the Non-secure view: ARE_NS"),
        ("GICD_IROUTER35=0x1", "  SPI 35\n"),
    ],
)
def test_values_in_words(asked: str, words: str) -> None:
    assert words in said(asked)


NO_WORD = "names no interrupt, and this register never returns it"


@pytest.mark.parametrize(("register", "words"), [
    ("GICC_IAR", {1020: NO_WORD, 1021: NO_WORD, 1022: "with AckCtl 0", 1023: "spurious"}),
    ("GICC_HPPIR", {1021: NO_WORD, 1022: "with AckCtl 0", 1023: "spurious"}),
    ("GICV_IAR", {1022: "with AckCtl 0", 1023: "spurious"}),
    ("GICC_AIAR", {1022: NO_WORD, 1023: "spurious"}), ("GICV_AHPPIR", {1022: NO_WORD, 1023: "spurious"}),
    ("ICC_IAR0_EL1", {1020: "at EL3: the interrupt is one of Secure EL1", 1021: "at EL3", 1022: NO_WORD}),
    ("ICC_HPPIR0_EL1", {1020: "at EL3", 1021: "Non-secure state", 1022: NO_WORD, 1023: "spurious"}),
    ("ICC_IAR1_EL1", {1020: NO_WORD, 1021: NO_WORD, 1022: "with FEAT_GICv3_NMI", 1023: "spurious"}),
    ("ICC_HPPIR1_EL1", {1021: NO_WORD, 1022: NO_WORD, 1023: "spurious"}),
    ("ICV_IAR0_EL1", {1020: NO_WORD, 1022: NO_WORD, 1023: "spurious"}), ("ICV_IAR1_EL1", {1022: "with FEAT_GICv3_NMI"}),
    ("ICC_EOIR1_EL1", {1022: "the write of it is ignored", 1023: "the write of it is ignored"}),
    ("GICC_EOIR", {1023: "the write of it is ignored"}), ("GICC_DIR", {1023: "the write of it is ignored"}),
    ("ICH_LR0_EL2", {1022: "special INTID 1022: names no interrupt"}), ("GICH_LR0", {1022: "names no interrupt"}),
])
def test_what_a_special_intid_tells_is_its_registers_affair(register: str, words: dict[int, str]) -> None:
    """IHI 0069, special INTIDs; IHI 0048B, 3.2.5."""
    for intid, told in words.items():
        text = " ".join(said(f"{register}={intid:#x}").split())
        assert told in text
        assert ("group 1 interrupt is pending" in text) == (told == "with AckCtl 0")


def test_bits_outside_of_all_fields_are_told() -> None:
    assert "RES0 bits set: 0x1c0000000000200 (bits 9, 54-56)" in said("ICH_HCR_EL2=0x1c0000000000200")
    assert "RES0 bits set: 0x1f00000000 (bits 32-36)" in said("ICH_LR0_EL2=0x1f00000000")
    assert "RES0" not in said("ICH_LR0_EL2=0x2000001f00000000")


def test_registers_of_bits_an_interrupt_say_which_interrupts() -> None:
    assert said("GICD_ISENABLER0=0x8800ffff").splitlines()[1:] == [
        "  0x1 enabled   SGI 0-15, PPI 27, 31",
        "  0x0 disabled  PPI 16-26, 28-30",
    ]
    assert said("GICD_IPRIORITYR8=0xa0a0a080").splitlines()[1:] == ["  0xa0   SPI 33-35", "  0x80   SPI 32"]
    assert said("GICR_ICFGR1=0x00800000").splitlines()[1:] == ["  0x2 edge   PPI 27", "  0x0 level  PPI 16-26, 28-31"]


def test_layout_of_a_register() -> None:
    lines = said("ich_hcr").splitlines()
    assert lines[:4] == [
        "ICH_HCR_EL2  hyp control register   IHI 0069, ICH_HCR_EL2",
        "  64 bits, RW, one for each PE, reset 0x0",
        "  encoding S3_4_C12_C11_0",
        "  31:27 EOIcount      EOIs and deactivations of interrupts that no list register held",
    ]
    assert lines[-1] == "  0     En            virtual CPU interface: 0 disabled; 1 enabled"


def test_layout_of_many_registers_alike() -> None:
    assert "encoding S3_4_C12_C12_0 to S3_4_C12_C13_7, n = 0 to 15" in said("ICH_LR")
    assert "offset 0x6100 + 0x8*(n-32) in GICD, n = 32 to 1019; accesses of 4 or 8 bytes" in said("GICD_IROUTER")
    text = explain(["GICR_IPRIORITYR"], V3).text()
    assert "offset 0x10400 + 0x4*n in GICR, n = 0 to 7; accesses of 1 or 4 bytes" in text
    assert "on qemu-virt-v3 at 0x080b0400 + 0x20000*PE\n" in text
    assert "on qemu-virt-v3 at 0x4000010400 + 0x20000*(PE-123)\n" in text
    assert "8 bits an interrupt, INTIDs from 4n on" in text


def test_conditions_of_fields_are_told() -> None:
    text = said("ICH_LR0_EL2")
    assert "44:32 pINTID    the physical interrupt (HW=1)" in text
    assert "62    Doorbell          asks for the default doorbell where Valid goes 1 to 0 (GICv4.1)" in said(
        "GICR_VPENDBASER"
    )
    assert "15:0  vPEID            5  the vPE (GICv4.1)" in said("GICR_VPENDBASER=0x8000000000000005")


def test_a_redistributor_has_vlpi_registers_in_gicv4_alone() -> None:
    assert "on qemu-virt-v4 at 0x080c0078 + 0x40000*PE" in explain(["GICR_VPENDBASER"], V4).text()
    assert "qemu-virt-v3" not in explain(["GICR_VPENDBASER"], V3).text()


def test_several_at_once_in_any_writing() -> None:
    for texts in (
        ["ICH_HCR_EL2=1", "ICH_VMCR_EL2"],
        ["ICH_HCR_EL2", "0x1", "ICH_VMCR_EL2"],
        ["ICH_HCR_EL2 = 1, ICH_VMCR_EL2"],
        ["ICH_HCR_EL2: 0b1; ICH_VMCR_EL2"],
        ["S3_4_C12_C11_0=1 S3_4_C12_C11_7"],
    ):
        first, second = explain(texts).text().split("\n\n")
        assert "  0     En       1  virtual CPU interface: enabled" in first
        assert second.startswith("ICH_VMCR_EL2  ")


def test_a_dump_passes_over_what_is_not_ours() -> None:
    dump = """
        PC=ffff800010081000 X00 = 0x3   # of the CPU
        ICH_HCR_EL2 = 0x5
        ICH_VTR_EL2: 0x90080003         // four list registers
        ich_lr0_el2 0x50a0000000000021
        ESR_EL2=0x1
        PC=0
    """
    explained = explain([dump])
    assert [block.split()[0] for block in explained.text().split("\n\n")] == [
        "ICH_HCR_EL2",
        "ICH_VTR_EL2",
        "ICH_LR0_EL2",
        "not",
    ]
    assert explained.passed_over == ("PC", "X00", "ESR_EL2")
    assert explained.text().endswith("not registers of the GIC: PC, X00, ESR_EL2")


def test_addresses() -> None:
    assert explain([], V2, 0x8010011).text().startswith("0x08010011  qemu-virt-v2: GICC + 0x11: GICC_EOIR, byte 1\n\n")
    assert (
        explain([], V3, 0x8110100)
        .text()
        .startswith("0x08110100  qemu-virt-v3: GICR of PE 3 + 0x10100: GICR_ISENABLER0\n\nGICR_ISENABLER0  ")
    )
    assert explain([], V2, 0x8010300).text() == (
        "0x08010300  qemu-virt-v2: GICC + 0x300: no register\n  nearest: GICC_IIDR (+ 0xfc) and GICC_DIR (+ 0x1000)"
    )


def test_the_machine_says_whose_register_is_meant() -> None:
    assert "IHI 0048B" in explain(["GICD_CTLR"], V2).text()
    assert "IHI 0069" in explain(["GICD_CTLR"], V3).text()
    with pytest.raises(ExplainError, match="GICD_IROUTER35 is a register of GICv3, and qemu-virt-v2 has GICv2"):
        explain(["GICD_IROUTER35"], V2)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["ICH_HRC_EL2"], r"^no register ICH_HRC_EL2; nearest: ICH_HCR_EL2"),
        (["ICH_LR16_EL2=1"], r"^no register ICH_LR16_EL2; nearest: ICH_LR"),
        (["GICH_HCR=0x100000000"], r"^GICH_HCR is 32 bits wide: 0x100000000 has 33$"),
        (["ICH_HCR_EL2=0x10000000000000000"], r"^ICH_HCR_EL2 is 64 bits wide"),
        (["ICH_HCR_EL2=zz"], r"^ICH_HCR_EL2: 'zz' is not a number \(write 0x1f, 0b11 or 31\)$"),
        (["ICH_HCR_EL2=-1"], r"'-1' is not a number"),
        (["ICH_HCR_EL2", "12ag"], r"^ICH_HCR_EL2: '12ag' is not a number"),
        (["GICH_HCR=1000000000000000"], r"^GICH_HCR is 32 bits wide: 1000000000000000 has 61 \(1"),
        (["ICH_HCR_EL2="], r"^ICH_HCR_EL2 has no value after its = or :$"),
        (["=3"], r"a value without a register's name before it: =3$"),
        (["ICH_HCR_EL2=1=2"], r"a value without a register's name before it"),
        (["0x33"], r"^the number 0x33 stands alone: write NAME=0x33$"),
        (["ICH_HCR_EL2=1 2"], r"^the number 2 stands alone"),
        (["ICH_HCR_EL2=1\nICH_LR77_EL2=3"], r"^line 2: no register ICH_LR77_EL2"),
        ([], r"^nothing to explain"),
        (["# a comment"], r"^nothing to explain"),
        (["PC=1\nX0=2"], r"^nothing to explain"),
    ],
)
def test_what_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(ExplainError, match=message):
        explain(texts)


def test_addresses_that_are_refused() -> None:
    with pytest.raises(
        ExplainError, match=r"^0x1234 is in no frame of the GIC of qemu-virt-v2, which has GICD 0x08000000-"
    ):
        explain([], V2, 0x1234)
    with pytest.raises(ExplainError, match=r"^an address needs the machine that it is of: qemu-virt-v2, "):
        explain([], None, 0x8000000)


@pytest.mark.parametrize("text", ["A" * 1_000_000, "ICH_HCR_EL2=0x" + "f" * 1_000_000, "9" * 1_000_000, "=" * 100_000])
def test_hostile_text_gets_a_short_message(text: str) -> None:
    with pytest.raises(ExplainError) as caught:
        explain([text])
    assert len(str(caught.value)) < 300


@given(st.text(st.sampled_from("ICH_LR0EL2=:x19 \n#;<>é\x00٣"), max_size=60))
def test_any_text_is_explained_or_refused(text: str) -> None:
    try:
        explained = explain([text])
    except ExplainError:
        return
    assert explained.parts


INSTANCES = [place for frame in FRAMES.values() for r in frame for place in (Place(r, r.first, 0),)]


@pytest.mark.parametrize(("key", "frame"), list(FRAMES.items()))
def test_every_layout_fits_a_mail(key: str, frame: Frame) -> None:
    machine = V2 if key == "GICD_V2" else V4
    explained = explain([r.name for r in frame], machine)
    assert max(map(len, explained.text().splitlines())) <= WIDTH
    assert len(explained.parts) == len(frame.registers)
    assert json.loads(json.dumps(explained.json()))["explained"][0]["section"]


@given(st.sampled_from(INSTANCES), st.data())
def test_every_value_fits_a_mail_and_survives_json(place: Place, data: st.DataObject) -> None:
    every_other_bit = 0x5555555555555555 >> 64 - place.register.width
    value = data.draw(st.integers(0, (1 << place.register.width) - 1) | st.just(every_other_bit))
    explained = explain([f"{place.name}={value:#x}"], V2 if place.register in FRAMES["GICD_V2"].registers else V3)
    assert all(len(line) <= WIDTH and line == line.rstrip() for line in explained.text().splitlines())
    (part,) = json.loads(json.dumps(explained.json()))["explained"]
    fields = {f["name"]: f["value"] for f in part["fields"]}
    assert (part["name"], int(part["value"], 16)) == (place.name, value)
    assert fields == {f.name: n for f, n in place.register.decode(value)}
    assert int(part["res0"], 16) == place.register.res0(value)


def test_json_of_a_layout_and_an_address() -> None:
    address, layout = json.loads(json.dumps(explain([], V2, 0x801000D).json()))["explained"]
    assert address == {
        "address": "0x801000d",
        "machine": "qemu-virt-v2",
        "frame": "GICC",
        "pe": None,
        "offset": "0xd",
        "register": "GICC_IAR",
        "byte": 1,
        "nearest": [],
    }
    assert layout["access"] == "RO"
    assert layout["reset"] == "0x3ff"
    assert layout["fields"][1] == {"name": "INTID", "bits": "9:0", "meaning": "the interrupt", "when": "", "values": {
        "1022": "a group 1 interrupt is pending, and with AckCtl 0 this register does not acknowledge it",
        "1023": "spurious: nothing to acknowledge here"}}
