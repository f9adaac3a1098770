"""QEMU's trace text: each kind of line, what is refused, accesses told twice, and whole recordings."""

from __future__ import annotations

import contextlib
import lzma
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vgic.trace.events import (
    EVENT_KINDS,
    Access,
    BadLine,
    Event,
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
    Timer,
    region_frame,
)
from vgic.trace.qemu import LOOK_AHEAD, OTHER_WORDS, Reader, format_event
from vgic.trace.qemu_lines import FORMS
from vgic.trace.source import Source, TraceError

DATA = Path(__file__).parent.parent / "data"
SHARED = Path(__file__).parents[3] / "shared" / "traces"
"""More recordings, where they are present beside the repository."""

FIRST = "gic_enable_irq irq 30 enabled"
"""A line that makes any file a trace."""


def unpacked(name: str) -> list[str]:
    return lzma.decompress((DATA / f"{name}.txt.xz").read_bytes()).decode().splitlines()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trace")


def reader(folder: Path, lines: Iterable[str], kinds: set[type[Event]] | None = None) -> Reader:
    path = folder / "qemu.log"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Reader(path, kinds)


def events(folder: Path, lines: Iterable[str], kinds: set[type[Event]] | None = None) -> list[Event]:
    return list(reader(folder, lines, kinds))


def one(folder: Path, line: str) -> Event:
    """The one event of a line, which stands in line 2."""
    found = events(folder, [FIRST, line])
    assert len(found) == 2
    assert found[1].line == 2
    return found[1]


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
    "gic_set_irq irq 33 level 0 cpumask 0xff target 0x1": LineChange(2, 33, None, 0),
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
    "arm_gt_cval_write gt_cval_write: timer 1 value 0x8a9c46": Timer(2, "cval_write", 1, 0x8A9C46),
    "arm_gt_tval_write gt_tval_write: timer 1 value 0xffffffffffffffff": Timer(2, "tval_write", 1, (1 << 64) - 1),
    "arm_gt_cntvoff_write gt_cntvoff_write: value 0x10": Timer(2, "cntvoff_write", None, 16),
    "arm_gt_imask_toggle gt_ctl_write: timer 1 IMASK toggle": Timer(2, "imask_toggle", 1, None),
    "arm_gt_update_irq gt_update_irq: timer 1 irqstate 1": Timer(2, "update_irq", 1, 1),
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
def test_each_kind_of_line(folder: Path, line: str) -> None:
    event = one(folder, line)
    assert event == KINDS[line]
    assert type(event) is type(KINDS[line])


def test_every_kind_of_event_is_tried() -> None:
    assert {type(event) for event in KINDS.values()} | {BadLine} == set(EVENT_KINDS)


@pytest.mark.parametrize("line", KINDS)
def test_pid_and_time_before_the_event(folder: Path, line: str) -> None:
    assert events(folder, [f"1234@1700000000.123456:{line}"]) == [KINDS[line]._replace(line=1)]


def test_line_ends_of_dos(folder: Path) -> None:
    (folder / "dos").write_bytes("\r\n".join([FIRST, *KINDS]).encode())
    found = list(Reader(folder / "dos", set(EVENT_KINDS) - {Access}))
    assert [e._replace(line=2) for e in found[1:]] == [e for e in KINDS.values() if type(e) is not Access]


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
def test_what_cannot_be_read_is_told(folder: Path, line: str) -> None:
    event = one(folder, line)
    assert isinstance(event, BadLine)
    assert event.text == line
    assert BAD[line] in event.why


def test_every_line_cut_anywhere(folder: Path) -> None:
    """A cut line is told, or it reads as one whose last number or optional part is shorter: never passed over."""
    for line in KINDS:
        cuts = [line[:length] for length in range(8, len(line))]
        run = reader(folder, [FIRST, *cuts])
        found = {event.line: event for event in run}
        assert not run.other
        assert run.repeats == 0
        for number, cut in enumerate(cuts, 2):
            if not isinstance(found[number], BadLine):
                assert type(found[number]) is type(KINDS[line])
                assert line[len(cut)] in "0123456789abcdefx []" or " " not in line[len(cut) :]


def test_every_line_doubled(folder: Path) -> None:
    for number, line in enumerate(KINDS):
        doubled = [FIRST] * number + [line + line]
        last = events(folder, doubled)[-1]
        assert isinstance(last, BadLine), line
        assert last.line == number + 1


def test_bad_text_is_fit_to_print(folder: Path) -> None:
    event = one(folder, "gic_set_irq irq \x1b[2J\a" + "\u202e" * 300)
    assert isinstance(event, BadLine)
    assert event.text.startswith("gic_set_irq irq \\x1b[2J\\x07")
    assert event.text.isprintable()
    assert len(event.text) == 200


def test_last_line_without_end(folder: Path) -> None:
    path = folder / "cut.log"
    whole = "gicv3_ich_hcr_write GICv3 ICH_HCR_EL2 write cpu 0x1 value 0xd0001"
    path.write_text(f"{FIRST}\n{whole}")
    run = Reader(path)
    assert list(run)[1:] == [HCR]
    assert run.unterminated
    path.write_text(f"{FIRST}\n{whole[:40]}")
    assert isinstance(list(Reader(path))[1], BadLine)
    path.write_text(f"{FIRST}\n{whole[:14]}")
    event = list(Reader(path))[1]
    assert isinstance(event, BadLine)
    assert "the line is cut" in event.why


LOG = [
    "Taking exception 5 [IRQ] on CPU 0",
    "...from EL1 to EL2",
    "...with ESR 0x17/0x5e000000",
    "smmuv3_cmdq_opcode <--- SMMU_CMD_SYNC",
    "",
    "[    0.000000] GICv3: 256 SPIs implemented \u00e9",
    "gicv3_of_the_future GICv3 something 0x1",
]


def test_other_lines_are_counted(folder: Path) -> None:
    run = reader(folder, [*LOG, FIRST, *LOG])
    assert len(list(run)) == 1
    assert run.lines == 15
    words = ["Taking", "...from", "...with", "smmuv3_cmdq_opcode", "", "[", "gicv3_of_the_future"]
    assert run.other == dict.fromkeys(words, 2)
    assert run.counts == {"gic_enable_irq": 1}
    assert run.kinds == {QemuState: 1}


def test_other_words_are_bounded(folder: Path) -> None:
    run = reader(folder, [FIRST, *(f"word{n}" for n in range(5000)), "w" * 1000])
    assert len(list(run)) == 1
    assert len(run.other) == OTHER_WORDS + 1
    assert sum(run.other.values()) == 5001
    assert max(map(len, run.other)) <= 40


@pytest.mark.parametrize("front", ["debian login: ", "gicv3_ich_l", "gicv3_ich_unknown ", "x" * 3000])
def test_event_behind_other_text_is_told(folder: Path, front: str) -> None:
    line = "gicv3_ich_hcr_write GICv3 ICH_HCR_EL2 write cpu 0x1 value 0xd0001"
    event = one(folder, front + line)
    assert isinstance(event, BadLine)
    assert "the event gicv3_ich_hcr_write stands behind other text" in event.why
    # Only a wanted event is missed, and text that merely names one is none.
    assert events(folder, [FIRST, front + line], {Access}) == []
    assert len(events(folder, [FIRST, f"-trace {line.split()[0]} -D file"])) == 1


def test_kinds_that_are_not_wanted_are_counted(folder: Path) -> None:
    lines = [*KINDS, "gicv3_ich_hcr_write GICv3 broken", "gic_set_irq broken"]
    run = reader(folder, lines, {SysReg})
    found = list(run)
    everything = [e for e in events(folder, lines) if type(e) is SysReg or "gicv3_ich" in str(e)]
    assert found == everything
    assert type(found[-1]) is BadLine
    assert sum(run.counts.values()) == run.lines == len(lines)
    assert run.kinds == Counter(map(type, found))


# Accesses told twice.

READ = "memory_region_ops_read cpu {} addr 0x800{:04x} value {:#x} size 4 name 'gicv3_dist'"
READ_FRAME = "gicv3_dist_read GICv3 distributor read: offset {:#x} data {:#x} size 4 secure 0"
WRITE = "memory_region_ops_write cpu {} addr 0x800{:04x} value {:#x} size 4 name 'gicv3_dist'"
WRITE_FRAME = "gicv3_dist_write GICv3 distributor write: offset {:#x} data {:#x} size 4 secure 0"


def kinds_and_lines(found: Iterable[Event]) -> list[tuple[str, int]]:
    return [(type(event).__name__, event.line) for event in found]


def test_read_told_twice_is_one(folder: Path) -> None:
    run = reader(folder, [READ_FRAME.format(4, 7), READ.format(0, 4, 7)])
    assert list(run) == [Access(2, 0, 0x8000004, 4, 7, False, "gicv3_dist")]
    assert run.repeats == 1


def test_write_told_twice_is_one_whatever_stands_between(folder: Path) -> None:
    run = reader(folder, [WRITE.format(1, 4, 7), *[FIRST] * 500, WRITE_FRAME.format(4, 7)])
    found = list(run)
    assert found[0] == Access(1, 1, 0x8000004, 4, 7, True, "gicv3_dist")
    assert kinds_and_lines(found[1:]) == [("QemuState", n) for n in range(2, 502)]
    assert run.repeats == 1


def test_refused_read_told_twice_is_one(folder: Path) -> None:
    bad = "gicv3_dist_badread GICv3 distributor read: offset 0xc size 4 secure 0: error"
    assert kinds_and_lines(events(folder, [bad, READ.format(0, 12, 0)])) == [("Access", 2)]


def test_one_form_alone_is_all_kept(folder: Path) -> None:
    accesses = [READ.format(0, 4, 7), WRITE.format(0, 4, 7)] * 3
    frames = [READ_FRAME.format(4, 7), WRITE_FRAME.format(4, 7)] * 3
    assert kinds_and_lines(events(folder, accesses)) == [("Access", n) for n in range(1, 7)]
    assert kinds_and_lines(events(folder, frames)) == [("FrameAccess", n) for n in range(1, 7)]
    assert events(folder, [*frames, *accesses], {FrameAccess}) == events(folder, frames)


def test_forms_that_change_within_a_recording(folder: Path) -> None:
    alone = [READ_FRAME.format(4, 7), WRITE_FRAME.format(4, 7)]
    both = [READ_FRAME.format(8, 9), READ.format(0, 8, 9), WRITE.format(0, 8, 9), WRITE_FRAME.format(8, 9)]
    run = reader(folder, [*alone, *both, *alone, *both])
    assert kinds_and_lines(run) == [
        ("FrameAccess", 1),
        ("FrameAccess", 2),
        ("Access", 4),
        ("Access", 5),
        ("FrameAccess", 7),
        ("FrameAccess", 8),
        ("Access", 10),
        ("Access", 11),
    ]
    assert run.repeats == 4


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_cpus_that_run_in_parallel(folder: Path, order: tuple[int, int]) -> None:
    reads = [READ.format(0, 4, 7), READ.format(1, 8, 9)]
    writes = [WRITE_FRAME.format(4, 1), WRITE_FRAME.format(8, 2)]
    lines = [READ_FRAME.format(4, 7), READ_FRAME.format(8, 9), *(reads[n] for n in order)]
    lines += [WRITE.format(0, 4, 1), WRITE.format(1, 8, 2), *(writes[n] for n in order)]
    assert kinds_and_lines(events(folder, lines)) == [("Access", n) for n in (3, 4, 5, 6)]


@pytest.mark.parametrize(
    "access",
    [
        READ.format(0, 8, 7),
        READ.format(0, 4, 8),
        READ.format(0, 4, 7).replace("size 4", "size 8"),
        READ.format(0, 4, 7).replace("gicv3_dist", "control"),
        WRITE.format(0, 4, 7),
    ],
)
def test_another_access_is_no_repeat(folder: Path, access: str) -> None:
    assert kinds_and_lines(events(folder, [READ_FRAME.format(4, 7), access])) == [("FrameAccess", 1), ("Access", 2)]


def test_write_is_over_with_the_next_access_of_its_cpu(folder: Path) -> None:
    frame = WRITE_FRAME.format(4, 7)
    write, other = WRITE.format(0, 4, 7), READ.format(0, 8, 9)
    assert kinds_and_lines(events(folder, [write, other, frame]))[-1] == ("FrameAccess", 3)
    assert kinds_and_lines(events(folder, [write, other.replace("cpu 0", "cpu 1"), frame]))[-1] == ("Access", 2)
    assert kinds_and_lines(events(folder, [write, frame, frame]))[-1] == ("FrameAccess", 3)


def test_interface_of_another_cpu_is_no_repeat(folder: Path) -> None:
    access = "memory_region_ops_read cpu {} addr 0x801000c value 0x1b size 4 name 'gic_cpu'"
    frame = "gic_cpu_read cpu 0 iface read at 0x0000000c: 0x0000001b"
    assert kinds_and_lines(events(folder, [frame, access.format(0)])) == [("Access", 2)]
    assert kinds_and_lines(events(folder, [frame, access.format(1)])) == [("FrameAccess", 1), ("Access", 2)]


def test_region_without_a_name_repeats_too(folder: Path) -> None:
    assert kinds_and_lines(events(folder, [READ_FRAME.format(4, 7), READ.format(0, 4, 7)[:-18]])) == [("Access", 2)]


@pytest.mark.parametrize(("between", "repeats"), [(LOOK_AHEAD - 1, 1), (LOOK_AHEAD, 0)])
def test_look_ahead_ends(folder: Path, between: int, repeats: int) -> None:
    lines = [READ_FRAME.format(4, 7), *[FIRST] * between, READ.format(0, 4, 7)]
    run = reader(folder, lines)
    assert [event.line for event in run] == list(range(1 + repeats, len(lines) + 1))
    assert run.repeats == repeats


@pytest.mark.parametrize("name", ["v2-timer.full-slice", "v3-timer.full-slice"])
def test_full_recording_tells_each_access_once(folder: Path, name: str) -> None:
    lines = unpacked(name)
    accesses = [line for line in lines if line.startswith("memory_region_ops_")]
    told = {"gic_dist", "gic_cpu", "gic_hyp", "gicv3_dist", "gicv3_redist", "gicv3_its"}
    frames = [line for line in lines if line.partition(" ")[0].rpartition("_")[0].replace("bad", "") in told]
    run = reader(folder, lines)
    found = [event for event in run if isinstance(event, Access | FrameAccess)]
    assert all(isinstance(event, Access) for event in found)
    assert len(found) == len(accesses)
    assert run.repeats == len(frames) > 100
    # Without the accesses each frame's line counts; without the frames nothing repeats.
    rest = [line for line in lines if line not in set(accesses)]
    run = reader(folder, rest)
    assert Counter(map(type, run))[FrameAccess] == len(frames)
    assert run.repeats == 0


# Whole recordings.

LOG_WORDS = {"##", "...from", "...handled", "...to", "...with", "Exception", "Taking", "smmuv3_cmdq_opcode"}
RECORDINGS = sorted(DATA.glob("*.txt.xz"))
MORE = [path for path in sorted(SHARED.glob("*.xz")) if ".core." in path.name and not (DATA / path.name).exists()]


@pytest.mark.parametrize("path", [*RECORDINGS, *MORE, *SHARED.glob("event-samples.txt")], ids=lambda path: path.name)
def test_recordings_are_read_wholly(path: Path) -> None:
    run = Reader(path)
    order = bad = 0
    for event in run:
        assert event.line > order
        order = event.line
        bad += type(event) is BadLine
    assert bad == 0
    assert run.other.keys() <= LOG_WORDS
    assert sum(run.kinds.values()) + run.repeats + sum(run.other.values()) == run.lines
    assert run.position == run.total
    assert not run.unterminated


def test_samples_of_all_kinds_are_read() -> None:
    run = Reader(DATA / "event-samples.txt.xz")
    kinds = {type(event) for event in run}
    assert kinds == set(EVENT_KINDS) - {BadLine}
    assert set(run.counts) | {word for word in run.other if "_" in word} >= {
        line.partition(" ")[0] for line in unpacked("event-samples") if line.partition(" ")[0] in FORMS
    }


def test_v3_timer_holds_what_is_known_of_it() -> None:
    """Counts by `xzcat v3-timer.core.txt.xz | cut -d' ' -f1 | sort | uniq -c`."""
    run = Reader(DATA / "v3-timer.core.txt.xz", {SysReg, LineChange, Sgi, Access})
    registers = Counter((event.register, event.write) for event in run if isinstance(event, SysReg))
    assert registers["ICC_IAR1_EL1", False] == 6525
    assert registers["ICV_IAR1_EL1", False] == 1481
    assert registers["ICH_AP0R0_EL2", False] + registers["ICH_AP1R0_EL2", False] == 12484
    assert registers["ICH_ELRSR_EL2", False] == 2591
    assert sum(registers[f"ICH_LR{n}_EL2", False] for n in range(16)) == 1199
    assert run.kinds[LineChange] == 12848
    assert run.kinds[Sgi] == 1532
    assert run.kinds[Access] == 7519
    assert run.lines == 155843


def test_regions_have_frames() -> None:
    regions = {event.region for name in RECORDINGS for event in Reader(name, {Access}) if isinstance(event, Access)}
    assert {region: region_frame(region) for region in regions} == {
        "gic_dist": "GICD",
        "gic_cpu": "GICC",
        "gic_vcpu": "GICV",
        "gic_viface": "GICH",
        "gicv2m": "V2M",
        "gicv3_dist": "GICD",
        "gicv3_redist_region[0]": "GICR",
        "control": "GITS",
        "translation": "GITS_TRANSLATER",
    }
    assert region_frame("virtio-net-pci") is None


# What is no trace.


def test_ftrace_is_told(folder: Path) -> None:
    path = folder / "trace.txt"
    path.write_text("# tracer: nop\n#\n")
    with pytest.raises(TraceError) as error:
        Reader(path)
    assert str(error.value) == (
        f"{path}:1: this looks like ftrace text, not a QEMU trace; use it without --format, or --format ftrace"
    )


def test_log_without_any_event(folder: Path) -> None:
    with pytest.raises(TraceError, match="no event of an interrupt controller in 3 lines"):
        events(folder, ["Taking exception 5 [IRQ] on CPU 0"] * 3)


def test_cut_file_yields_its_events_first(folder: Path) -> None:
    packed = (DATA / "v3-boot.core.txt.xz").read_bytes()
    whole = list(Reader(DATA / "v3-boot.core.txt.xz"))
    path = folder / "cut.xz"
    path.write_bytes(packed[:3000])
    found: list[Event] = []
    with pytest.raises(TraceError, match=r"inside a compressed block after [1-9]"):
        found.extend(Reader(path))
    assert 0 < len(found) < len(whole)
    assert found == whole[: len(found)]


def test_reader_takes_an_opened_source_and_closes_it() -> None:
    source = Source(DATA / "v3-boot.core.txt.xz")
    assert len(list(Reader(source))) == 8139
    with pytest.raises(ValueError, match="closed"):
        source._read()


# Writing.


def sysregs() -> list[tuple[str, bool]]:
    """Every register and direction that QEMU tells."""
    names = [(event.register, event.write) for event in KINDS.values() if isinstance(event, SysReg)]
    names += [("ICC_EOIR0_EL1", True), ("ICV_AP1R0_EL1", False), ("ICH_VMCR_EL2", True), ("ICC_BPR1_EL1", False)]
    return names


PES = st.integers(0, 511)
LINES = st.integers(1, 10**9)
VALUES = st.integers(0, 2**64 - 1)
REGIONS = st.text(st.characters(exclude_characters="'\n\r", exclude_categories=["Cs"]), max_size=120)
WRITABLE = st.one_of(
    st.builds(
        Access, st.just(1), st.none() | PES, VALUES, st.sampled_from([1, 2, 4, 8]), VALUES, st.booleans(), REGIONS
    ),
    st.builds(
        lambda pe, register, value: SysReg(1, pe, register[0], value, register[1]),
        PES,
        st.sampled_from(sysregs()),
        VALUES,
    ),
    st.builds(LineChange, st.just(1), st.integers(32, 1019), st.none(), st.integers(0, 1)),
    st.builds(LineChange, st.just(1), st.integers(16, 31), PES, st.integers(0, 1)),
)


@given(WRITABLE)
def test_what_is_written_reads_the_same(event: Access | SysReg | LineChange) -> None:
    line = format_event(event)
    assert FORMS[line.partition(" ")[0]].parse(1, line) == event


def test_recorded_lines_are_written_the_same() -> None:
    lines = unpacked("v3-boot.core")
    run = Reader(DATA / "v3-boot.core.txt.xz", {Access, SysReg, LineChange})
    written = {event.line: format_event(event) for event in run if isinstance(event, Access | SysReg | LineChange)}
    assert len(written) > 6000
    assert all(lines[number - 1] == line for number, line in written.items())


def test_no_line_for_what_no_interface_has() -> None:
    with pytest.raises(ValueError, match="QEMU tells no write of ICC_IAR1_EL1"):
        format_event(SysReg(1, 0, "ICC_IAR1_EL1", 1, True))


# Hostile input.


def read_or_error(path: Path) -> None:
    with contextlib.suppress(TraceError):
        lines = [event.line for event in Reader(path)]
        assert lines == sorted(lines)


@settings(deadline=None)
@given(data=st.binary(max_size=400), head=st.sampled_from([b"", b"gic_enable_irq irq 30 enabled\n", b"1@2.3:"]))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(head + data)
    read_or_error(path)


SAMPLES = unpacked("event-samples")


@settings(deadline=None)
@given(
    line=st.sampled_from([line for line in SAMPLES if line.partition(" ")[0] in FORMS]),
    place=st.integers(0, 120),
    length=st.integers(0, 20),
    noise=st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=12),
    number=st.integers(1, 400),
)
def test_mutated_lines(
    tmp_path_factory: pytest.TempPathFactory, line: str, place: int, length: int, noise: str, number: int
) -> None:
    """Whatever is made of a line, all others are read as before, and what comes of it bears its number."""
    mutated = line[:place] + noise + line[place + length :]
    lines = [FIRST] * (number - 1) + [mutated] + [FIRST] * 3
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
    run = Reader(path)
    found = list(run)
    assert run.lines == len(lines)
    untouched = [event for event in found if event.line != number]
    assert [event.line for event in untouched] == [n for n in range(1, len(lines) + 1) if n != number]
    assert len(found) + sum(run.other.values()) == len(lines)
