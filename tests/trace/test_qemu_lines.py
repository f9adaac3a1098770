"""The line of each trace event: what it becomes, what is refused in it, and how it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.trace.events import (
    EVENT_KINDS,
    Access,
    BadLine,
    Event,
    ExceptionLevel,
    FrameAccess,
    ItsCommand,
    LineChange,
    Msi,
    Probe,
    PropertyByte,
    QemuState,
    Sgi,
    SgiPending,
    SysReg,
    TableWrite,
    TimerEvent,
)
from vgic.trace.qemu_lines import FORMS, format_event


def one(line: str) -> Event:
    """The event of a line, as if it were the second."""
    return FORMS[line.partition(" ")[0]].parse(2, line)


HCR = SysReg(2, 1, "ICH_HCR_EL2", 0xD0001, True)
KINDS: dict[str, Event] = {
    "memory_region_ops_read cpu 0 addr 0x8000004 value 0x28 size 4 name 'gic_dist'": Access(
        2, 0, 0x8000004, 4, 0x28, False, "gic_dist"
    ),
    "memory_region_ops_write cpu -1 addr 0x8090040 value 0x1 size 4 name 'translation'": Access(
        2, None, 0x8090040, 4, 1, True, "translation"
    ),
    "memory_region_ops_write cpu 3 mr 0x55d0c0a8 addr 0x80b0080 value 0xffffffff size 8 name 'gicv3 [0]'": Access(
        2, 3, 0x80B0080, 8, 0xFFFFFFFF, True, "gicv3 [0]"
    ),
    "memory_region_ops_read cpu 1 mr 0x55d0c0a8 addr 0x80b0080 value 0xff size 1": Access(
        2, 1, 0x80B0080, 1, 0xFF, False, ""
    ),
    "memory_region_ops_read cpu 1 addr 80B0080 value ff size 1 name ''": Access(2, 1, 0x80B0080, 1, 0xFF, False, ""),
    "gic_dist_read dist read at 0x00000800 size 1: 0x00000002": FrameAccess(
        2, "GICD", None, 0x800, 1, 2, False, None, False
    ),
    "gic_dist_write dist write at 0x00000820 size 4: 0x01010101": FrameAccess(
        2, "GICD", None, 0x820, 4, 0x1010101, True, None, False
    ),
    "gic_cpu_read cpu 1 iface read at 0x0000000c: 0x000003ff": FrameAccess(
        2, "GICC", 1, 0xC, 4, 0x3FF, False, None, False
    ),
    "gic_cpu_read vcpu 1 iface read at 0x0000000c: 0x0000001b": FrameAccess(
        2, "GICV", 1, 0xC, 4, 0x1B, False, None, False
    ),
    "gic_cpu_write cpu 9 iface write at 0x00000010 0x0000001b": FrameAccess(
        2, "GICV", 1, 0x10, 4, 0x1B, True, None, False
    ),
    "gic_hyp_read hyp read at 0x00000004: 0x90000003": FrameAccess(
        2, "GICH", None, 4, 4, 0x90000003, False, None, False
    ),
    "gic_hyp_write hyp write at 0x00000100: 0x00000000": FrameAccess(2, "GICH", None, 0x100, 4, 0, True, None, False),
    "gicv3_dist_read GICv3 distributor read: offset 0x4 data 0x37a0008 size 4 secure 0": FrameAccess(
        2, "GICD", None, 4, 4, 0x37A0008, False, False, False
    ),
    "gicv3_dist_badread GICv3 distributor read: offset 0xc size 4 secure 1: error": FrameAccess(
        2, "GICD", None, 0xC, 4, None, False, True, True
    ),
    "gicv3_dist_badwrite GICv3 distributor write: offset 0xc data 0x1 size 4 secure 0: error": FrameAccess(
        2, "GICD", None, 0xC, 4, 1, True, False, True
    ),
    "gicv3_redist_read GICv3 redistributor 0x1 read: offset 0x8 data 0x101000111 size 8 secure 0": FrameAccess(
        2, "GICR", 1, 8, 8, 0x101000111, False, False, False
    ),
    "gicv3_redist_write GICv3 redistributor 0x10 write: offset 0x10080 data 0x1 size 4 secure 0": FrameAccess(
        2, "GICR", 16, 0x10080, 4, 1, True, False, False
    ),
    "gicv3_redist_badread GICv3 redistributor 0x1 read: offset 0xfff0 size 4 secure 0: error": FrameAccess(
        2, "GICR", 1, 0xFFF0, 4, None, False, False, True
    ),
    "gicv3_redist_badwrite GICv3 redistributor 0x1 write: offset 0xfff0 data 0x2 size 4 secure 0: error": FrameAccess(
        2, "GICR", 1, 0xFFF0, 4, 2, True, False, True
    ),
    "gicv3_its_read GICv3 ITS read: offset 0x8 data 0x1f0001efb1 size 8": FrameAccess(
        2, "GITS", None, 8, 8, 0x1F0001EFB1, False, None, False
    ),
    "gicv3_its_badwrite GICv3 ITS write: offset 0x8 data 0x1 size 4: error": FrameAccess(
        2, "GITS", None, 8, 4, 1, True, None, True
    ),
    "gicv3_its_badread GICv3 ITS read: offset 0x30 size 4: error": FrameAccess(
        2, "GITS", None, 0x30, 4, None, False, None, True
    ),
    "gicv3_icc_iar1_read GICv3 ICC_IAR1 read cpu 0x10 value 0x1b": SysReg(2, 16, "ICC_IAR1_EL1", 0x1B, False),
    "gicv3_icc_igrpen1_el3_write GICv3 ICC_IGRPEN1_EL3 write cpu 0x0 value 0x3": SysReg(
        2, 0, "ICC_IGRPEN1_EL3", 3, True
    ),
    "gicv3_icc_ctlr_el3_read GICv3 ICC_CTLR_EL3 read cpu 0x0 value 0x3": SysReg(2, 0, "ICC_CTLR_EL3", 3, False),
    "gicv3_icc_ap_write GICv3 ICC_AP1R3 write cpu 0x0 value 0x3": SysReg(2, 0, "ICC_AP1R3_EL1", 3, True),
    "gicv3_ich_hcr_write GICv3 ICH_HCR_EL2 write cpu 0x1 value 0xd0001": HCR,
    "gicv3_ich_lr_read GICv3 ICH_LR15_EL2 read cpu 0x0 value 0x70c0001b0000001b": SysReg(
        2, 0, "ICH_LR15_EL2", 0x70C0001B0000001B, False
    ),
    "gicv3_ich_lr32_write GICv3 ICH_LR3 write cpu 0x0 value 0x1b": SysReg(2, 0, "ICH_LR3", 0x1B, True),
    "gicv3_ich_lrc_read GICv3 ICH_LRC3 read cpu 0x0 value 0x1b": SysReg(2, 0, "ICH_LRC3", 0x1B, False),
    "gicv3_ich_misr_read GICv3 ICH_MISR read cpu 0x0 value 0x1": SysReg(2, 0, "ICH_MISR_EL2", 1, False),
    "gicv3_ich_vtr_read GICv3 ICH_VTR read cpu 0x0 value 0x90b80003": SysReg(2, 0, "ICH_VTR_EL2", 0x90B80003, False),
    "gicv3_icv_hppir_read GICv3 ICV_HPPIR1 read cpu 0x0 value 0x3ff": SysReg(2, 0, "ICV_HPPIR1_EL1", 0x3FF, False),
    "gicv3_icv_dir_write GICv3 ICV_DIR write cpu 0x0 value 0x1b": SysReg(2, 0, "ICV_DIR_EL1", 0x1B, True),
    "gic_set_irq irq 30 level 1 cpumask 0x2 target 0x2": LineChange(2, 30, 1, 1),
    "gic_set_irq irq 32 level 0 cpumask 0xff target 0x1": LineChange(2, 32, None, 0),
    "gic_set_irq irq 16 level 0 cpumask 0x80 target 0x1": LineChange(2, 16, 7, 0),
    "gicv3_dist_set_irq GICv3 distributor interrupt 37 level changed to 1": LineChange(2, 37, None, 1),
    "gicv3_redist_set_irq GICv3 redistributor 0x1 interrupt 27 level changed to 0": LineChange(2, 27, 1, 0),
    "gicv3_its_translation_write GICv3 ITS TRANSLATER write: offset 0x40 data 0x2 size 4 requester_id 0x10": Msi(
        2, 0x10, 2
    ),
    "gicv3_its_cmd_sync GICv3 ITS: command SYNC": ItsCommand(2, "SYNC", {}),
    "gicv3_its_cmd_mapd GICv3 ITS: command MAPD DeviceID 0x10 Size 0x6 ITT_addr 0x42bb50 V 1": ItsCommand(
        2, "MAPD", {"device": 0x10, "size": 6, "itt_address": 0x42BB50, "valid": 1}
    ),
    "gicv3_its_cmd_vmapti GICv3 ITS: command VMAPI DeviceID 0x10 EventID 0x1 vPEID 0x2 vINTID 0x2001 "
    "Dbell_pINTID 0x2000": ItsCommand(
        2, "VMAPTI", {"device": 0x10, "event": 1, "vpe": 2, "vintid": 0x2001, "doorbell": 0x2000}
    ),
    "gicv3_its_cmd_vmapi GICv3 ITS: command VMAPI DeviceID 0x10 EventID 0x1 vPEID 0x2 Dbell_pINTID 0x3ff": ItsCommand(
        2, "VMAPI", {"device": 0x10, "event": 1, "vpe": 2, "doorbell": 0x3FF}
    ),
    "gicv3_its_cmd_movall GICv3 ITS: command MOVALL RDbase1 0x0 RDbase2 0x1": ItsCommand(
        2, "MOVALL", {"rdbase": 0, "rdbase2": 1}
    ),
    "gicv3_its_cmd_unknown GICv3 ITS: unknown command 0x42": ItsCommand(2, "UNKNOWN", {"code": 0x42}),
    "gicv3_its_cte_write GICv3 ITS: Collection Table write for ICID 0x1: valid 1 RDBase 0x1": TableWrite(
        2, "cte", {"icid": 1, "valid": 1, "rdbase": 1}
    ),
    "gicv3_its_vte_write GICv3 ITS: vPE Table write for vPEID 0x1: valid 1 VPTsize 0xf VPTaddr 0x5046 "
    "RDbase 0x0": TableWrite(2, "vte", {"vpe": 1, "valid": 1, "vpt_size": 15, "vpt_address": 0x5046, "rdbase": 0}),
    "gicv3_its_dte_read GICv3 ITS: Device Table read for DeviceID 0x10: valid 1 size 0x6 ITTaddr 0x42bb5000": QemuState(
        2, "gicv3_its_dte_read", {"device": 0x10, "valid": 1, "size": 6, "itt_address": 0x42BB5000}
    ),
    "gicv3_its_cte_read_fault GICv3 ITS: Collection Table read for ICID 0x7: faulted": QemuState(
        2, "gicv3_its_cte_read_fault", {"icid": 7}
    ),
    "guest_strb cpu 1 phys 0x429f0000 value 0xc3 vaddr 0xfff00000029f0000 pc 0xffffacbca9ff9464": PropertyByte(
        2, 1, 0x429F0000, 0xC3
    ),
    "guest_strb tcpu 0 phys 0x429f0000 value 0xc2": PropertyByte(2, 0, 0x429F0000, 0xC2),
    "kvm_fn el1 percpu 0xffff7fffde2a4000 vgic_init x0=0xffff00000310f000": Probe(
        2, 1, 0xFFFF7FFFDE2A4000, "vgic_init", {"x0": 0xFFFF00000310F000}, {}
    ),
    "kvm_fn el2 percpu 0xfff07ffffe0b3000 f.part.0": Probe(2, 2, 0xFFF07FFFFE0B3000, "f.part.0", {}, {}),
    "kvm_fn el1 percpu 0x1000 populate x0=0x1 x10=0x2 mem[x1+40]=901b17 mem[x10+0]=00": Probe(
        2, 1, 0x1000, "populate", {"x0": 1, "x10": 2}, {"x1+40": b"\x90\x1b\x17", "x10+0": b"\x00"}
    ),
    "gicv3_icc_generate_sgi GICv3 CPU i/f 0x1 generating SGI 2 IRM 1 target affinity 0x102xx targetlist 0x3": Sgi(
        2, 1, 2, 1, 0x102, 3
    ),
    "gicv3_redist_send_sgi GICv3 redistributor 0x1 pending SGI 15": SgiPending(2, 1, 15),
    "arm_gt_cval_write gt_cval_write: timer 1 value 0x8a9c46": TimerEvent(2, "cval_write", 1, 0x8A9C46),
    "arm_gt_tval_write gt_tval_write: timer 1 value 0xffffffffffffffff": TimerEvent(2, "tval_write", 1, (1 << 64) - 1),
    "arm_gt_cntvoff_write gt_cntvoff_write: value 0x10": TimerEvent(2, "cntvoff_write", None, 16),
    "arm_gt_imask_toggle gt_ctl_write: timer 1 IMASK toggle": TimerEvent(2, "imask_toggle", 1, None),
    "arm_gt_update_irq gt_update_irq: timer 1 irqstate 1": TimerEvent(2, "update_irq", 1, 1),
    "gicv3_cpuif_virt_update GICv3 CPU i/f 0x1 virt HPPI update LR index -1 HPPVLPI 0 grp 0 prio 255": QemuState(
        2, "gicv3_cpuif_virt_update", {"pe": 1, "lr": -1, "vlpi": 0, "group": 0, "priority": 255}
    ),
    "gic_update_set_irq cpu[1]: virq = 1": QemuState(2, "gic_update_set_irq", {"pe": 1, "output": "virq", "level": 1}),
    "gic_acknowledge_irq vcpu 0 acknowledged irq 27": QemuState(
        2, "gic_acknowledge_irq", {"who": "vcpu", "pe": 0, "intid": 27}
    ),
    "gic_lr_entry cpu 0: new lr entry 3: 0x1a00001b": QemuState(
        2, "gic_lr_entry", {"pe": 0, "lr": 3, "value": 0x1A00001B}
    ),
}


@pytest.mark.parametrize("line", KINDS)
def test_each_kind_of_line(line: str) -> None:
    event = one(line)
    assert event == KINDS[line]
    assert type(event) is type(KINDS[line])


def test_every_kind_of_event_is_tried() -> None:
    several_lines = {ExceptionLevel}
    assert {type(event) for event in KINDS.values()} | several_lines | {BadLine} == set(EVENT_KINDS)


def test_each_form_says_its_kind() -> None:
    assert all(FORMS[line.partition(" ")[0]].kind is type(event) for line, event in KINDS.items())


BAD = {
    "gicv3_ich_hcr_write GICv3 ICH_HCR_EL2 write cpu 0x0 value 0xg": "expected: gicv3_ich_hcr_write GICv3 WORD",
    "gicv3_ich_hcr_write GICv3 ICH_HCR_EL2 write cpu 0x0 value 0x1_0": "expected: ",
    "gicv3_ich_hcr_write GICv3 ICH_HCR_EL2 write cpu 0x0 value 0x11112222333344445": "expected: ",
    "gicv3_ich_hcr_write GICv3 ICH_HCR_EL2 read cpu 0x0 value 0x1": "expected: ",
    "gicv3_ich_hcr_write GICv3 ICH_VMCR_EL2 write cpu 0x0 value 0x1": "register ICH_VMCR_EL2: expected ICH_HCR_EL2",
    "gicv3_ich_lr_write GICv3 ICH_LR16_EL2 write cpu 0x0 value 0x1": "register ICH_LR16_EL2: expected ICH_LR0_EL2 or",
    "gicv3_ich_hcr_write GICv3 ICH_HCR_EL2 write cpu 0x200 value 0x1": "CPU 512: expected 0 to 511",
    "gicv3_ich_hcr_write": "expected: ",
    "memory_region_ops_read cpu 0 addr 0x8000004 value 0x28 size 3 name 'gic_dist'": "expected: memory_region_ops_read",
    "memory_region_ops_read cpu -2 addr 0x8000004 value 0x28 size 4 name 'gic_dist'": "CPU -2: expected 0 to 511",
    "memory_region_ops_read cpu 512 addr 0x8000004 value 0x28 size 4 name 'gic_dist'": "CPU 512: expected 0 to 511",
    "memory_region_ops_read cpu 0 addr 0x8000004 value 0x28 size 4 name 'gic_di": "expected: ",
    "gic_set_irq irq 30 level 1 cpumask 0x3 target 0x1": "PPI 30 with cpumask 0x3: expected one bit",
    "gic_set_irq irq 1020 level 1 cpumask 0xff target 0x1": "interrupt 1020: expected 16 to 1019",
    "gic_set_irq irq 15 level 1 cpumask 0x1 target 0x1": "interrupt 15: expected 16 to 1019",
    "gic_set_irq irq 33 level 2 cpumask 0xff target 0x1": "2: expected 0 or 1",
    "gicv3_dist_set_irq GICv3 distributor interrupt 31 level changed to 1": "interrupt 31: expected 32 to 1019",
    "gicv3_redist_set_irq GICv3 redistributor 0x0 interrupt 32 level changed to 1": "interrupt 32: expected 16 to 31",
    "gicv3_redist_set_irq GICv3 redistributor 0x0 interrupt 27 level changed to 2": "2: expected 0 or 1",
    "gicv3_redist_send_sgi GICv3 redistributor 0x1 pending SGI 16": "interrupt 16: expected 0 to 15",
    "gicv3_dist_read GICv3 distributor read: offset 0x4 data 0x3 size 4 secure 7": "7: expected 0 or 1",
    "gicv3_redist_read GICv3 redistributor 0x999 read: offset 0x4 data 0x3 size 4 secure 0": "CPU 2457: expected",
    "gic_cpu_read cpu 16 iface read at 0x0000000c: 0x000003ff": "cpu 16: expected cpu or vcpu, and 0 to 15",
    "gic_cpu_read apu 1 iface read at 0x0000000c: 0x000003ff": "apu 1: expected cpu or vcpu",
    "guest_strb cpu 1 phys 0x429f0000 value 0x1c3": "value 0x1c3: expected one byte",
    "guest_strb xcpu 1 phys 0x429f0000 value 0xc3": "xcpu: expected cpu or tcpu",
    "kvm_fn el1 percpu 0x1000 f x0=0x1 mem[x0+0]=0": "expected: kvm_fn elN percpu HEX WORD[ xN=HEX ...][ mem[",
}


@pytest.mark.parametrize("line", BAD)
def test_what_cannot_be_read_is_told(line: str) -> None:
    event = one(line)
    assert isinstance(event, BadLine)
    assert event.text == line
    assert BAD[line] in event.why


@pytest.mark.parametrize("line", KINDS)
def test_cut_anywhere(line: str) -> None:
    """A cut line is told, or reads as one whose last number or last part is shorter."""
    for length in range(line.index(" "), len(line)):
        event = one(line[:length])
        if not isinstance(event, BadLine):
            assert type(event) is type(KINDS[line])
            # A probe's last part is a name or bytes, without a mark of its end.
            assert isinstance(event, Probe) or line[length] in "0123456789abcdefx "


@pytest.mark.parametrize("line", KINDS)
def test_doubled(line: str) -> None:
    assert isinstance(one(line + line), BadLine)
    assert isinstance(one(line + " "), BadLine)


def test_bad_text_is_fit_to_print() -> None:
    event = one("gic_set_irq irq \x1b[2J\a" + "\u202e" * 300)
    assert isinstance(event, BadLine)
    assert event.text.startswith("gic_set_irq irq \\x1b[2J\\x07")
    assert event.text.isprintable()
    assert len(event.text) == 200


REGISTERS = [(event.register, event.write) for event in KINDS.values() if isinstance(event, SysReg)]
REGISTERS += [("ICC_EOIR0_EL1", True), ("ICV_AP1R0_EL1", False), ("ICH_ELRSR_EL2", False), ("ICC_BPR1_EL1", False)]
PES = st.integers(0, 511)
VALUES = st.integers(0, 2**64 - 1)
REGIONS = st.text(st.characters(exclude_characters="'\n\r", exclude_categories=["Cs"]), max_size=120)
WRITABLE = st.one_of(
    st.builds(
        Access, st.just(1), st.none() | PES, VALUES, st.sampled_from([1, 2, 4, 8]), VALUES, st.booleans(), REGIONS
    ),
    st.builds(
        lambda pe, register, value: SysReg(1, pe, register[0], value, register[1]),
        PES,
        st.sampled_from(REGISTERS),
        VALUES,
    ),
    st.builds(LineChange, st.just(1), st.integers(32, 1019), st.none(), st.integers(0, 1)),
    st.builds(LineChange, st.just(1), st.integers(16, 31), PES, st.integers(0, 1)),
)


@given(WRITABLE)
def test_what_is_written_reads_the_same(event: Access | SysReg | LineChange) -> None:
    line = format_event(event)
    assert FORMS[line.partition(" ")[0]].parse(1, line) == event


def test_no_line_for_what_no_interface_has() -> None:
    with pytest.raises(ValueError, match="QEMU tells no write of ICC_IAR1_EL1"):
        format_event(SysReg(1, 0, "ICC_IAR1_EL1", 1, True))
