"""The operations of a guest as C, in the words of kvm-unit-tests: a table by kind of operation.

Each function takes the operation, where it stands, and the values of its operands, and gives lines.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from vgic.arch.affinity import to_route
from vgic.lab.operations.control import Again, Await, CpuOff, CpuOn, CpuSuspend, Handle, Mask, Start, Unmask, Wfi
from vgic.lab.operations.cpu_interface import Dir, Eoi, EoiMode, Eoir, GroupEnable, Iar, OwnDir, Pmr
from vgic.lab.operations.distributor import (
    Group,
    OtherGroup,
    ReadBit,
    ReadPriority,
    Route,
    RouteTo,
    SetPriority,
    SetTrigger,
    Sgi,
    SgiSource,
    SgiTo,
    Switch,
    WriteBit,
)
from vgic.lab.operations.operands import NEVER
from vgic.lab.operations.operation import Op, Operation
from vgic.lab.operations.timers import TimerCompare, TimerControl


class Where(NamedTuple):
    """Where an operation stands.

    Attributes:
        iar: the C variable with what IAR returned in the handler under way. v2: whether the guest has a GICv2.
    """
    iar: str
    v2: bool


Lines = list[str]
LETTER: Final = {1: "b", 2: "w", 4: "l", 8: "q"}
"""Of accessors, by width in bytes."""


def operation_code(op: Op, iar: str, v2: bool) -> Lines:
    """What a guest does, in C; `iar`, `v2` as in `Where`."""
    return CODE[type(op.operation)](op.operation, Where(iar, v2), *op.values)


# -- CPU interface

def _pmr(operation: Pmr, where: Where, value: int) -> Lines:
    return [f"writel({value:#x}, gicv2_cpu_base() + GICC_PMR);" if where.v2 else f"gicv3_write_pmr({value:#x});"]


def _eoimode(operation: EoiMode, where: Where, value: int) -> Lines:
    return [f"writel({value} << 9 | 1, gicv2_cpu_base() + GICC_CTLR);" if where.v2 else
            f"write_sysreg_s({value << 1}, sys_reg(3, 0, 12, 12, 4));\t/* ICC_CTLR_EL1.EOImode */"]


def _igrpen(operation: GroupEnable, where: Where, value: int) -> Lines:
    return [f"writel({value}, gicv2_cpu_base() + GICC_CTLR);" if where.v2 else f"gicv3_write_grpen1({value});"]


def _iar(operation: Iar, where: Where) -> Lines:
    return ["gic_read_iar();"]


def _eoi(operation: Eoi, where: Where) -> Lines:
    return [f"gic_write_eoir({where.iar});"]


def _eoir(operation: Eoir, where: Where, intid: int) -> Lines:
    return [f"gic_write_eoir({intid});"]


def _own_dir(operation: OwnDir, where: Where) -> Lines:
    return _write_dir(where, where.iar)


def _dir(operation: Dir, where: Where, intid: int) -> Lines:
    return _write_dir(where, str(intid))


def _write_dir(where: Where, value: str) -> Lines:
    return [f"writel({value}, gicv2_cpu_base() + 0x1000);\t/* GICC_DIR */" if where.v2 else
            f"write_sysreg_s({value}, sys_reg(3, 0, 12, 11, 1));\t/* ICC_DIR_EL1 */"]


# -- distributor

def _write_bit(operation: WriteBit, where: Where, intid: int, of: int | None) -> Lines:
    register = f"{_bank(where, intid, of)} + GICD_{operation.word}{_at(intid // 32 * 4)}"
    return [f"writel(BIT({intid % 32}), {register});"]


def _read_bit(operation: ReadBit, where: Where, intid: int) -> Lines:
    register = operation.register
    return [f'report_info("{register}: bit {intid % 32} of 0x%x",',
            f"\t    readl({_bank(where, intid, None)} + GICD_{register}{_at(intid // 32 * 4)}));"]


def _read_priority(operation: ReadPriority, where: Where, intid: int, width: int | None) -> Lines:
    size = width or 1
    at = f"{_bank(where, intid, None)} + GICD_IPRIORITYR{_at(intid - intid % size)}"
    return ['report_info("IPRIORITYR: 0x%lx",', f"\t    (unsigned long)read{LETTER[size]}({at}));"]


def _priority(operation: SetPriority, where: Where, intid: int, priority: int, width: int | None) -> Lines:
    at = f"{_bank(where, intid, None)} + GICD_IPRIORITYR"
    return _bytes(at, intid, priority, width)


def _trigger(operation: SetTrigger, where: Where, intid: int, edge: int) -> Lines:
    value = (2 if edge else 0) << 2 * (intid % 16)
    return [f"writel({value:#x}, {_bank(where, intid, None)} + 0xc04);\t/* ICFGR1 */"]


def _route(operation: Route, where: Where, intid: int, target: int, width: int | None) -> Lines:
    if where.v2:
        return _bytes("gicv2_dist_base() + GICD_ITARGETSR", intid, 1 << target, width)
    return _irouter(intid, f"cpus[{target}]", f"cpus[{target}] >> 32", width or 8)


def _route_to(operation: RouteTo, where: Where, intid: int, affinity: int, width: int | None) -> Lines:
    value, size = to_route(affinity), width or 8
    low = f"{value & (1 << 8 * size) - 1:#x}{'UL' if size == 8 else ''}"
    return _irouter(intid, low, f"{value >> 32:#x}", size)


def _irouter(intid: int, low: str, high: str, size: int) -> Lines:
    """By words, both halves."""
    at = f"gicv3_dist_base() + 0x6000 + 8 * {intid}"
    first = f"write{LETTER[size]}({low}, {at});\t/* GICD_IROUTER */"
    return [first, f"writel({high}, {at} + 4);"] if size == 4 else [first]


def _bytes(register: str, intid: int, value: int, width: int | None) -> Lines:
    """A register with a byte for each interrupt: all that the access reaches get the value."""
    size = width or 1
    value = int.from_bytes(bytes([value]) * size, "little")
    return [f"write{LETTER[size]}({value:#x}{'UL' if size == 8 else ''}, {register}{_at(intid - intid % size)});"]


def _sgi(operation: Sgi, where: Where, intid: int, target: int) -> Lines:
    return [f"gic_ipi_send_single({intid}, {target});"]


def _sgi_to(operation: SgiTo, where: Where, intid: int, targets: int) -> Lines:
    return [f"write_sysreg_s({targets | intid << 24:#x}UL, sys_reg(3, 0, 12, 11, 5));\t/* ICC_SGI1R_EL1 */"]


def _other_group(operation: OtherGroup, where: Where, intid: int, to: int) -> Lines:
    return [f"write_sysreg_s(BIT(cpus[{to}] & 15) | (cpus[{to}] & 0xff00) << 8 | {intid << 24:#x}UL,",
            "\t       sys_reg(3, 0, 12, 11, 7));\t/* ICC_SGI0R_EL1 */"]


def _sgi_source(operation: SgiSource, where: Where, intid: int, source: int, width: int | None) -> Lines:
    size = width or 1
    at = {"CPENDSGIR": 0xF10, "SPENDSGIR": 0xF20}[operation.word] + intid - intid % size
    value = f"{1 << source + 8 * (intid % size):#x}{'UL' if size == 8 else ''}"
    return [f"write{LETTER[size]}({value}, gicv2_dist_base() + {at:#x});\t/* GICD_{operation.word} */"]


def _group(operation: Group, where: Where, intid: int, group: int) -> Lines:
    at = f"{_bank(where, intid, None)} + GICD_IGROUPR{_at(intid // 32 * 4)}"
    bit = f"BIT({intid % 32})"
    return [f"writel(readl({at}) {f'| {bit}' if group else f'& ~{bit}'}, {at});"]


def _switch(operation: Switch, where: Where, on: int) -> Lines:
    return [f"writel({on}, gicv2_dist_base() + GICD_CTLR);" if where.v2 else
            f"writel({1 << 4 | on << 1:#x}, gicv3_dist_base() + GICD_CTLR);\t/* ARE, EnableGrp1 */"]


def _bank(where: Where, intid: int, of: int | None) -> str:
    """The frame that an interrupt's bits are in: GICv3 has those of SGIs and PPIs in its redistributors."""
    if where.v2:
        return "gicv2_dist_base()"
    if intid >= 32:
        return "gicv3_dist_base()"
    return "gicv3_sgi_base()" if of is None else f"gicv3_data.redist_base[{of}] + SZ_64K"


def _at(offset: int) -> str:
    return f" + {offset}" if offset else ""


# -- timers

def _timer_control(operation: TimerControl, where: Where, value: int) -> Lines:
    return [f"write_sysreg({value}, {operation.timer.lower()}_ctl_el0);", "isb();"]


def _timer_compare(operation: TimerCompare, where: Where, ticks: int) -> Lines:
    timer = operation.timer.lower()
    counter = {"cntv": "cntvct", "cntp": "cntpct"}[timer]
    value = "~0UL" if ticks == NEVER else f"read_sysreg({counter}_el0) + {ticks} * TICK"
    return [f"write_sysreg({value}, {timer}_cval_el0);", "isb();"]


# -- the PE and the program

def _mask(operation: Mask, where: Where) -> Lines:
    return ["/* the guest masks interrupts: here they always are */"]


def _unmask(operation: Unmask, where: Where) -> Lines:
    return ["/* the guest unmasks interrupts: here they are taken by reading IAR */"]


def _cpu_on(operation: CpuOn, where: Where, target: int) -> Lines:
    return [f"cpu_psci_cpu_boot({target});"]


def _cpu_off(operation: CpuOff, where: Where) -> Lines:
    return ["cpu_psci_cpu_die();"]


def _cpu_suspend(operation: CpuSuspend, where: Where) -> Lines:
    return ["psci_invoke(PSCI_0_2_FN64_CPU_SUSPEND, 0, 0, 0);"]


def _start(operation: Start, where: Where) -> Lines:
    return ["/* the guest sets up its timers and its CPU interface */"]


def _wfi(operation: Wfi, where: Where) -> Lines:
    return ["wfi();"]


def _await(operation: Await, where: Where, intid: int) -> Lines:
    return [f"/* the guest waits until {intid} has been handled */"]


def _again(operation: Again, where: Where) -> Lines:
    return ["/* the guest starts over */"]


def _handle(operation: Handle, where: Where) -> Lines:
    return [f"serve_device(gic_iar_irqnr({where.iar}));"]


CODE: Final[dict[type[Operation], Callable[..., Lines]]] = {
    Pmr: _pmr, EoiMode: _eoimode, GroupEnable: _igrpen, Iar: _iar, Eoi: _eoi, Eoir: _eoir, OwnDir: _own_dir, Dir: _dir,
    WriteBit: _write_bit, ReadBit: _read_bit, SetPriority: _priority, ReadPriority: _read_priority,
    SetTrigger: _trigger, Group: _group, Route: _route, RouteTo: _route_to, Switch: _switch,
    Sgi: _sgi, SgiTo: _sgi_to, OtherGroup: _other_group, SgiSource: _sgi_source,
    TimerControl: _timer_control, TimerCompare: _timer_compare,
    Mask: _mask, Unmask: _unmask, Wfi: _wfi, Await: _await, Again: _again, Handle: _handle,
    CpuOn: _cpu_on, CpuOff: _cpu_off, CpuSuspend: _cpu_suspend, Start: _start,
}
