"""Every trace event of QEMU that tells something of interrupts: what its line looks like, and which event it becomes.

QEMU names its trace events and their arguments in `hw/intc/trace-events`, `target/arm/trace-events` and
`system/trace-events`. The lines `kvm_fn` and `guest_strb` are no events of QEMU but of a recorder beside it, which
tells the entry of kernel functions and byte stores.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vgic.arch.intid import PRIVATE, SGIS, SPECIAL_START
from vgic.trace.events import (
    Access,
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
    TimerEvent,
)
from vgic.trace.qemu_forms import Build, Form, fields_of

MAX_PES = 512
"""QEMU's limit for the machine with the most CPUs on a GICv3 (`virt`)."""


FORMS: dict[str, Form] = {}
"""By the first word of the line."""


def _form(word: str, template: str, kind: type[Event], build: Build) -> None:
    FORMS[word] = Form(word, template, kind, build)


# Numbers.


def _pe(number: int) -> int:
    if not 0 <= number < MAX_PES:
        raise ValueError(f"CPU {number}: expected 0 to {MAX_PES - 1}")
    return number


def _intid(number: int, first: int, end: int) -> int:
    if not first <= number < end:
        raise ValueError(f"interrupt {number}: expected {first} to {end - 1}")
    return number


def _bit(number: int) -> int:
    if number not in (0, 1):
        raise ValueError(f"{number}: expected 0 or 1")
    return number


# Accesses.


def _access_form(word: str, write: bool) -> None:
    def build(line: int, cpu: str, _: str | None, address: str, value: str, size: str, region: str | None) -> Access:
        pe = None if cpu == "-1" else _pe(int(cpu))
        return Access(line, pe, int(address, 16), int(size), int(value, 16), write, region or "")

    # The pointer to the region stands only where the recorder left it in, its name not in old versions.
    template = "cpu {cpu:i}[[ mr {mr:x}]] addr {address:x} value {value:x} size {size:s}[[ name '{region:q}']]"
    _form(word, template, Access, build)


_access_form("memory_region_ops_read", False)
_access_form("memory_region_ops_write", True)


def _frame_form(word: str, frame: str, template: str) -> None:
    fields, write, refused = fields_of(template), word.endswith("write"), "_bad" in word

    def build(line: int, *texts: str) -> FrameAccess:
        found = fields(texts)
        pe, secure = found.get("pe"), found.get("secure")
        return FrameAccess(
            line,
            frame,
            None if pe is None else _pe(pe),
            found["offset"],
            found.get("size", 4),  # GICH registers have 32 bits (IHI 0048B, 5.3)
            found.get("value"),
            write,
            None if secure is None else bool(_bit(secure)),
            refused,
        )

    _form(word, template, FrameAccess, build)


def _gicc_form(word: str, template: str) -> None:
    write = word.endswith("write")

    def build(line: int, who: str, cpu: str, offset: str, value: str) -> FrameAccess:
        # QEMU tells the virtual interface by "vcpu"; its older versions count on instead: CPU n's is n + 8.
        if who not in ("cpu", "vcpu") or int(cpu) > 15:
            raise ValueError(f"{who} {cpu}: expected cpu or vcpu, and 0 to 15")
        frame = "GICV" if who == "vcpu" or int(cpu) > 7 else "GICC"
        return FrameAccess(line, frame, int(cpu) % 8, int(offset, 16), 4, int(value, 16), write, None, False)

    _form(word, template, FrameAccess, build)


_gicc_form("gic_cpu_read", "{who:w} {pe:d} iface read at {offset:x}: {value:x}")
_gicc_form("gic_cpu_write", "{who:w} {pe:d} iface write at {offset:x} {value:x}")

for _verb in ("read", "write"):
    _frame_form(f"gic_dist_{_verb}", "GICD", f"dist {_verb} at {{offset:x}} size {{size:s}}: {{value:x}}")
    _frame_form(f"gic_hyp_{_verb}", "GICH", f"hyp {_verb} at {{offset:x}}: {{value:x}}")
    for _frame, _word, _named, _state in (
        ("GICD", "gicv3_dist_", "distributor", " secure {secure:d}"),
        ("GICR", "gicv3_redist_", "redistributor {pe:x}", " secure {secure:d}"),
        ("GITS", "gicv3_its_", "ITS", ""),
    ):
        _at = f"GICv3 {_named} {_verb}: offset {{offset:x}}"
        _frame_form(f"{_word}{_verb}", _frame, f"{_at} data {{value:x}} size {{size:s}}{_state}")
        _data = "" if _verb == "read" else " data {value:x}"
        _frame_form(f"{_word}bad{_verb}", _frame, f"{_at}{_data} size {{size:s}}{_state}: error")


# System registers: the event's name without gicv3_ and the direction, the directions, and the names as QEMU prints
# them. ICC_ and ICV_ registers are EL1's and ICH_ registers EL2's, where the printed name does not say it.

_GROUPS = ("0", "1")
_ACTIVE = tuple(f"AP{group}R{n}" for group in _GROUPS for n in range(4))
_SYSREGS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("icc_pmr", "rw", ("ICC_PMR",)),
    ("icc_bpr", "rw", ("ICC_BPR0", "ICC_BPR1")),
    ("icc_ap", "rw", tuple(f"ICC_{name}" for name in _ACTIVE)),
    ("icc_igrpen", "rw", ("ICC_IGRPEN0", "ICC_IGRPEN1")),
    ("icc_igrpen1_el3", "rw", ("ICC_IGRPEN1_EL3",)),
    ("icc_ctlr", "rw", ("ICC_CTLR",)),
    ("icc_ctlr_el3", "rw", ("ICC_CTLR_EL3",)),
    ("icc_iar0", "r", ("ICC_IAR0",)),
    ("icc_iar1", "r", ("ICC_IAR1",)),
    ("icc_nmiar1", "r", ("ICC_NMIAR1",)),
    ("icc_eoir", "w", ("ICC_EOIR0", "ICC_EOIR1")),
    ("icc_hppir0", "r", ("ICC_HPPIR0",)),
    ("icc_hppir1", "r", ("ICC_HPPIR1",)),
    ("icc_dir", "w", ("ICC_DIR",)),
    ("icc_rpr", "r", ("ICC_RPR",)),
    ("ich_ap", "rw", tuple(f"ICH_{name}" for name in _ACTIVE)),
    ("ich_hcr", "rw", ("ICH_HCR_EL2",)),
    ("ich_vmcr", "rw", ("ICH_VMCR_EL2",)),
    ("ich_lr", "rw", tuple(f"ICH_LR{n}_EL2" for n in range(16))),
    ("ich_lr32", "rw", tuple(f"ICH_LR{n}" for n in range(16))),
    ("ich_lrc", "rw", tuple(f"ICH_LRC{n}" for n in range(16))),
    ("ich_vtr", "r", ("ICH_VTR",)),
    ("ich_misr", "r", ("ICH_MISR",)),
    ("ich_eisr", "r", ("ICH_EISR",)),
    ("ich_elrsr", "r", ("ICH_ELRSR",)),
    ("icv_ap", "rw", tuple(f"ICV_{name}" for name in _ACTIVE)),
    ("icv_bpr", "rw", ("ICV_BPR0", "ICV_BPR1")),
    ("icv_pmr", "rw", ("ICV_PMR",)),
    ("icv_igrpen", "rw", ("ICV_IGRPEN0", "ICV_IGRPEN1")),
    ("icv_ctlr", "rw", ("ICV_CTLR",)),
    ("icv_rpr", "r", ("ICV_RPR",)),
    ("icv_hppir", "r", ("ICV_HPPIR0", "ICV_HPPIR1")),
    ("icv_dir", "w", ("ICV_DIR",)),
    ("icv_iar", "r", ("ICV_IAR0", "ICV_IAR1")),
    ("icv_nmiar1", "r", ("ICV_NMIAR1",)),
    ("icv_eoir", "w", ("ICV_EOIR0", "ICV_EOIR1")),
)


class _SysRegLine(NamedTuple):
    word: str
    printed: str


_sysreg_lines: dict[tuple[str, bool], _SysRegLine] = {}
"""From the register's architectural name and the direction back to the line; for `format_event`."""


def _architectural(printed: str, event: str) -> str:
    if printed[-4:-1] == "_EL" or event in ("ich_lr32", "ich_lrc"):
        return printed
    return printed + ("_EL2" if printed.startswith("ICH_") else "_EL1")


def _sysreg_form(event: str, write: bool, printed: tuple[str, ...]) -> None:
    verb = "write" if write else "read"
    word = f"gicv3_{event}_{verb}"
    names = {name: _architectural(name, event) for name in printed}

    def build(line: int, register: str, pe: str, value: str) -> SysReg:
        name = names.get(register)
        if name is None:
            raise ValueError(f"register {register}: expected {printed[0]}" + (" or its like" if len(names) > 1 else ""))
        return SysReg(line, _pe(int(pe, 16)), name, int(value, 16), write)

    _form(word, f"GICv3 {{register:w}} {verb} cpu {{pe:x}} value {{value:x}}", SysReg, build)
    for name, architectural in names.items():
        _sysreg_lines[architectural, write] = _SysRegLine(word, name)


for _event, _directions, _printed in _SYSREGS:
    for _direction in _directions:
        _sysreg_form(_event, _direction == "w", _printed)


# Inputs: lines, MSIs, property bytes, probes.


def _gic_set_irq(line: int, irq: str, level: str, cpumask: str, target: str) -> LineChange:
    intid, mask, pe = _intid(int(irq), SGIS, SPECIAL_START), int(cpumask, 16), None
    if intid < 32:
        if mask.bit_count() != 1:
            raise ValueError(f"PPI {intid} with cpumask {mask:#x}: expected one bit, that of the CPU whose PPI it is")
        pe = _pe(mask.bit_length() - 1)
    return LineChange(line, intid, pe, _bit(int(level)))


def _dist_set_irq(line: int, irq: str, level: str) -> LineChange:
    return LineChange(line, _intid(int(irq), PRIVATE, SPECIAL_START), None, _bit(int(level)))


def _redist_set_irq(line: int, pe: str, irq: str, level: str) -> LineChange:
    return LineChange(line, _intid(int(irq), 16, 32), _pe(int(pe, 16)), _bit(int(level)))


_form("gic_set_irq", "irq {irq:d} level {level:d} cpumask {cpumask:x} target {target:x}", LineChange, _gic_set_irq)
_form("gicv3_dist_set_irq", "GICv3 distributor interrupt {irq:d} level changed to {level:d}", LineChange, _dist_set_irq)
_form(
    "gicv3_redist_set_irq",
    "GICv3 redistributor {pe:x} interrupt {irq:d} level changed to {level:d}",
    LineChange,
    _redist_set_irq,
)
_form(
    "gicv3_its_translation_write",
    "GICv3 ITS TRANSLATER write: offset {offset:x} data {data:x} size {size:s} requester_id {device:x}",
    Msi,
    lambda line, offset, data, size, device: Msi(line, int(device, 16), int(data, 16)),
)


def _guest_strb(line: int, who: str, cpu: str, address: str, value: str, *_rest: str) -> PropertyByte:
    if who not in ("cpu", "tcpu"):
        raise ValueError(f"{who}: expected cpu or tcpu")
    byte = int(value, 16)
    if byte > 0xFF:
        raise ValueError(f"value {byte:#x}: expected one byte")
    return PropertyByte(line, _pe(int(cpu)), int(address, 16), byte)


# "tcpu": the CPU of the thread that translated the store, where the plugin can't tell the one that ran it.
_form(
    "guest_strb",
    "{who:w} {cpu:d} phys {address:x} value {value:x}[[ vaddr {vaddr:x} pc {pc:x}]]",
    PropertyByte,
    _guest_strb,
)

_ARGUMENT = re.compile(r"(x[0-9]+)=0x([0-9a-fA-F]+)")
_MEMORY = re.compile(r"mem\[(x[0-9]+\+[0-9]+)\]=([0-9a-fA-F]+)")


def _kvm_fn(line: int, el: str, percpu: str, name: str, arguments: str, memory: str) -> Probe:
    return Probe(
        line,
        int(el),
        int(percpu, 16),
        name,
        {register: int(value, 16) for register, value in _ARGUMENT.findall(arguments)},
        {place: bytes.fromhex(data) for place, data in _MEMORY.findall(memory)},
    )


_form("kvm_fn", "el{el:d} percpu {percpu:x} {function:w}{arguments:a}{memory:m}", Probe, _kvm_fn)


# What QEMU decodes and works out.

_form(
    "gicv3_icc_generate_sgi",
    "GICv3 CPU i/f {pe:x} generating SGI {sgi:d} IRM {irm:d} target affinity {affinity:x}xx targetlist {targets:x}",
    Sgi,
    lambda line, pe, sgi, irm, affinity, targets: Sgi(
        line, _pe(int(pe, 16)), _intid(int(sgi), 0, 16), _bit(int(irm)), int(affinity, 16), int(targets, 16)
    ),
)
_form(
    "gicv3_redist_send_sgi",
    "GICv3 redistributor {pe:x} pending SGI {sgi:d}",
    SgiPending,
    lambda line, pe, sgi: SgiPending(line, _pe(int(pe, 16)), _intid(int(sgi), 0, 16)),
)


def _command_form(name: str, template: str, printed: str | None = None) -> None:
    fields = fields_of(template)

    def build(line: int, *texts: str) -> ItsCommand:
        return ItsCommand(line, name, fields(texts))

    text = f"GICv3 ITS: command {printed or name} {template}".rstrip()
    _form(f"gicv3_its_cmd_{name.lower()}", text, ItsCommand, build)


_THERE = "DeviceID {device:x} EventID {event:x}"
_command_form("INT", _THERE)
_command_form("CLEAR", _THERE)
_command_form("DISCARD", _THERE)
_command_form("SYNC", "")
_command_form("MAPD", "DeviceID {device:x} Size {size:x} ITT_addr {itt_address:x} V {valid:d}")
_command_form("MAPC", "ICID {icid:x} RDbase {rdbase:x} V {valid:d}")
_command_form("MAPI", f"{_THERE} ICID {{icid:x}}")
_command_form("MAPTI", f"{_THERE} ICID {{icid:x}} pINTID {{intid:x}}")
_command_form("INV", _THERE)
_command_form("INVALL", "")
_command_form("MOVALL", "RDbase1 {rdbase:x} RDbase2 {rdbase2:x}")
_command_form("MOVI", f"{_THERE} ICID {{icid:x}}")
_command_form("VMAPI", f"{_THERE} vPEID {{vpe:x}} Dbell_pINTID {{doorbell:x}}")
_command_form("VMAPTI", f"{_THERE} vPEID {{vpe:x}} vINTID {{vintid:x}} Dbell_pINTID {{doorbell:x}}", printed="VMAPI")
_command_form("VMAPP", "vPEID {vpe:x} RDbase {rdbase:x} V {valid:d} VPT_addr {vpt_address:x} VPT_size {vpt_size:x}")
_command_form("VMOVP", "vPEID {vpe:x} RDbase {rdbase:x}")
_command_form("VSYNC", "")
_command_form("VMOVI", f"{_THERE} vPEID {{vpe:x}} D {{doorbell_valid:d}} Dbell_pINTID {{doorbell:x}}")
_command_form("VINVALL", "vPEID {vpe:x}")
_form(
    "gicv3_its_cmd_unknown",
    "GICv3 ITS: unknown command {code:x}",
    ItsCommand,
    lambda line, code: ItsCommand(line, "UNKNOWN", {"code": int(code, 16)}),
)


def _state_form(word: str, template: str) -> None:
    fields = fields_of(template)
    _form(word, template, QemuState, lambda line, *texts: QemuState(line, word, fields(texts)))


def _table_forms(kind: str, table: str, key: str, entry: str) -> None:
    """QEMU's lines of one of the ITS's tables: a write is an event of its own, a read or a fault QEMU's own affair."""
    template = f"GICv3 ITS: {table} write for {key}: {entry}"
    fields = fields_of(template)
    _form(f"gicv3_its_{kind}_write", template, TableWrite, lambda line, *texts: TableWrite(line, kind, fields(texts)))
    _state_form(f"gicv3_its_{kind}_read", f"GICv3 ITS: {table} read for {key}: {entry}")
    _state_form(f"gicv3_its_{kind}_read_fault", f"GICv3 ITS: {table} read for {key}: faulted")


_table_forms("cte", "Collection Table", "ICID {icid:x}", "valid {valid:d} RDBase {rdbase:x}")
_table_forms("dte", "Device Table", "DeviceID {device:x}", "valid {valid:d} size {size:x} ITTaddr {itt_address:x}")
_table_forms(
    "ite",
    "Interrupt Table",
    "ITTaddr {itt_address:x} EventID {event:x}",
    "valid {valid:d} inttype {inttype:d} intid {intid:x} ICID {icid:x} vPEID {vpe:x} doorbell {doorbell:x}",
)
_table_forms(
    "vte",
    "vPE Table",
    "vPEID {vpe:x}",
    "valid {valid:d} VPTsize {vpt_size:x} VPTaddr {vpt_address:x} RDbase {rdbase:x}",
)


def _timer_form(name: str, template: str) -> None:
    fields = fields_of(template)

    def build(line: int, *texts: str) -> TimerEvent:
        found = fields(texts)
        return TimerEvent(line, name, found.get("timer"), found.get("value"))

    _form(f"arm_gt_{name}", template, TimerEvent, build)


_timer_form("recalc", "gt recalc: timer {timer:d} next tick {value:x}")
_timer_form("recalc_disabled", "gt recalc: timer {timer:d} timer disabled")
_timer_form("cval_write", "gt_cval_write: timer {timer:d} value {value:x}")
_timer_form("tval_write", "gt_tval_write: timer {timer:d} value {value:x}")
_timer_form("ctl_write", "gt_ctl_write: timer {timer:d} value {value:x}")
_timer_form("imask_toggle", "gt_ctl_write: timer {timer:d} IMASK toggle")
_timer_form("cntvoff_write", "gt_cntvoff_write: value {value:x}")
_timer_form("cntpoff_write", "gt_cntpoff_write: value {value:x}")
_timer_form("update_irq", "gt_update_irq: timer {timer:d} irqstate {value:d}")

_PRIORITIES = "cpu priority mask {mask:d} cpu running priority {running:d}"

for _word, _template in (
    ("gic_enable_irq", "irq {intid:d} enabled"),
    ("gic_disable_irq", "irq {intid:d} disabled"),
    (
        "gic_update_bestirq",
        f"{{who:w}} {{pe:d}} irq {{intid:d}} priority {{priority:d}} {_PRIORITIES}",
    ),
    ("gic_update_set_irq", "cpu[{pe:d}]: {output:w} = {level:d}"),
    ("gic_acknowledge_irq", "{who:w} {pe:d} acknowledged irq {intid:d}"),
    ("gic_lr_entry", "cpu {pe:d}: new lr entry {lr:d}: {value:x}"),
    ("gic_update_maintenance_irq", "cpu {pe:d}: maintenance = {level:d}"),
    ("gicv3_cpuif_update", "GICv3 CPU i/f {pe:x} HPPI update: irq {intid:d} group {group:d} prio {priority:d}"),
    ("gicv3_cpuif_set_irqs", "GICv3 CPU i/f {pe:x} HPPI update: setting FIQ {fiq:d} IRQ {irq:d}"),
    (
        "gicv3_cpuif_virt_update",
        "GICv3 CPU i/f {pe:x} virt HPPI update LR index {lr:i} HPPVLPI {vlpi:d} grp {group:d} prio {priority:d}",
    ),
    ("gicv3_cpuif_virt_set_irqs", "GICv3 CPU i/f {pe:x} virt HPPI update: setting FIQ {fiq:d} IRQ {irq:d}"),
    ("gicv3_cpuif_virt_set_maint_irq", "GICv3 CPU i/f {pe:x} virt HPPI update: setting maintenance-irq {level:d}"),
    ("gicv3_its_process_command", "GICv3 ITS: processing command at offset {offset:x}: {code:x}"),
):
    _state_form(_word, _template)


def format_event(event: Access | SysReg | LineChange) -> str:
    """The line of an event, as QEMU writes it, without its end.

    ValueError for a system register access that no CPU interface has (a write of ICC_IAR1_EL1). A line change comes
    in the words of the GICv3, which a GICv2's recording reads as well.
    """
    if isinstance(event, Access):
        name = f" name '{event.region}'" if event.region else ""
        return (
            f"memory_region_ops_{'write' if event.write else 'read'} cpu {-1 if event.pe is None else event.pe} "
            f"addr {event.address:#x} value {event.value:#x} size {event.size}{name}"
        )
    if isinstance(event, SysReg):
        verb = "write" if event.write else "read"
        line = _sysreg_lines.get((event.register, event.write))
        if line is None:
            raise ValueError(f"QEMU tells no {verb} of {event.register}")
        return f"{line.word} GICv3 {line.printed} {verb} cpu {event.pe:#x} value {event.value:#x}"
    change = f"interrupt {event.intid} level changed to {event.level}"
    if event.pe is None:
        return f"gicv3_dist_set_irq GICv3 distributor {change}"
    return f"gicv3_redist_set_irq GICv3 redistributor {event.pe:#x} {change}"
