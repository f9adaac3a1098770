"""The operations of a guest as C, in the words of kvm-unit-tests: a table by kind of operation.

Each function takes the operation, where it stands, and the values of its operands, and gives lines.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from vgic.lab.operations.control import Again, Await, Handle, Mask, Unmask, Wfi
from vgic.lab.operations.cpu_interface import Dir, Eoi, EoiMode, Eoir, GroupEnable, Iar, OwnDir, Pmr
from vgic.lab.operations.distributor import ReadBit, ReadPriority, Route, SetPriority, Sgi, WriteBit
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


def _read_priority(operation: ReadPriority, where: Where, intid: int) -> Lines:
    return ['report_info("IPRIORITYR: 0x%x",',
            f"\t    readb({_bank(where, intid, None)} + GICD_IPRIORITYR{_at(intid)}));"]


def _priority(operation: SetPriority, where: Where, intid: int, priority: int) -> Lines:
    return [f"writeb({priority:#x}, {_bank(where, intid, None)} + GICD_IPRIORITYR{_at(intid)});"]


def _route(operation: Route, where: Where, intid: int, target: int) -> Lines:
    return [f"writeb(BIT({target}), gicv2_dist_base() + GICD_ITARGETSR + {intid});" if where.v2 else
            f"writeq(cpus[{target}], gicv3_dist_base() + 0x6000 + 8 * {intid});\t/* GICD_IROUTER */"]


def _sgi(operation: Sgi, where: Where, intid: int, target: int) -> Lines:
    return [f"gic_ipi_send_single({intid}, {target});"]


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
    WriteBit: _write_bit, ReadBit: _read_bit, SetPriority: _priority, ReadPriority: _read_priority, Route: _route,
    Sgi: _sgi,
    TimerControl: _timer_control, TimerCompare: _timer_compare,
    Mask: _mask, Unmask: _unmask, Wfi: _wfi, Await: _await, Again: _again, Handle: _handle,
}
