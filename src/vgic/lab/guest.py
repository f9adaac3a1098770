"""A guest: its program's position and its view of its GIC.

`Guest` never changes; what does is in its `GuestState`. How a GICv2 and a GICv3 look to a guest is in `FaceV2` and
`FaceV3`: the CPU interface is reached directly (GICV, or the ICC registers at EL1), everything of the distributor is an
access that traps, and is given as (address, size, value) for the design to emulate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from vgic.arch.affinity import to_route, to_sgi
from vgic.arch.gicc import INTID
from vgic.arch.gicd import GICD_V3
from vgic.arch.intid import LPI_START
from vgic.arch.located import Located
from vgic.designs.vm import Vcpu, Vm
from vgic.lab.operations.operands import Awaited
from vgic.lab.operations.operation import Op
from vgic.parts import Part
from vgic.silicon import Gic, GicV3

PMR = 0xF0
START, OFF = -1, -2
"""Positions in a program: before its first operation, where a vCPU is that was switched on; and nowhere."""


class TrappedAccess(NamedTuple):
    """A trapped access: to a frame, or (`register` not empty) to a system register. `value` None: a read."""

    name: str
    address: int
    size: int
    value: int | None
    register: str = ""


class GuestState(Part):
    """What changes in a guest.

    Attributes:
        pc: the next operation of the program, START or OFF. stack: (IAR's value, the next operation) of each handler
            under way.
        masked: PSTATE.I. pmr, grpen, split: what it wrote to PMR, IGRPEN1 and EOImode.
        dropped: of each handler under way, whether EOIR was written. owing: IAR's value for each handler that returned
            without.
        handled: the INTIDs whose handlers were run, that the program awaits.
    """

    __slots__ = ("dropped", "grpen", "handled", "masked", "owing", "pc", "pmr", "split", "stack")

    def __init__(self, split: bool) -> None:
        self.pc = 0
        self.stack: tuple[tuple[int, int], ...] = ()
        self.dropped: tuple[bool, ...] = ()
        self.owing: tuple[int, ...] = ()
        self.masked = False
        self.pmr = PMR
        self.grpen = True
        self.split = split
        self.handled: frozenset[int] = frozenset()

    @property
    def off(self) -> bool:
        """Whether the guest has switched the vCPU off."""
        return self.pc == OFF

    @property
    def starting(self) -> bool:
        """Whether the vCPU was switched on, and its guest has done nothing since."""
        return self.pc == START


class GuestTimer(Part):
    """A generic timer as its guest programmed it: ENABLE and IMASK of CTL, and CVAL."""

    __slots__ = ("cval", "enable", "imask")

    def __init__(self, cval: int) -> None:
        self.enable = self.imask = False
        self.cval = cval

    def written(self, register: str, value: int) -> None:
        """It wrote CTL or CVAL."""
        if register == "CVAL":
            self.cval = value
        else:
            self.enable, self.imask = bool(value & 1), bool(value & 2)

    def high(self, count: int) -> bool:
        """Whether its line is high at this count of the system counter."""
        return self.enable and not self.imask and count >= self.cval


class FaceV3:
    """A GICv3 as its guest uses it.

    Attributes:
        route_size: the bytes of what sends an SPI somewhere, if nothing else is said. Class attribute.
    """

    route_size = 8
    iar_name, eoir_name, dir_name = "ICV_IAR1_EL1", "ICV_EOIR1_EL1", "ICV_DIR_EL1"

    def __init__(self, gic: Gic, vm: Vm) -> None:
        assert isinstance(gic, GicV3)
        self.gic, self.vm = gic, vm

    def iar(self, vcpu: Vcpu) -> int:
        """Acknowledges."""
        return self.gic.sysreg_read("ICC_IAR1_EL1", _pe(vcpu), el=1)

    def eoir(self, vcpu: Vcpu, value: int) -> None:
        """Drops the priority; EOImode 0: deactivates."""
        self.gic.sysreg_write("ICC_EOIR1_EL1", value, _pe(vcpu), el=1)

    def dir(self, vcpu: Vcpu, value: int) -> None:
        """Deactivates. Trap where the hypervisor wants to see it."""
        self.gic.sysreg_write("ICC_DIR_EL1", value, _pe(vcpu), el=1)

    def trapped_dir(self, value: int) -> TrappedAccess:
        """The same as the hypervisor sees it when it traps."""
        return TrappedAccess("ICC_DIR_EL1", 0, 8, value, "ICC_DIR_EL1")

    def pmr(self, vcpu: Vcpu, value: int) -> None:
        """The priority mask. Trap where the hypervisor can't trap DIR alone (ICH_HCR_EL2.TC)."""
        self.gic.sysreg_write("ICC_PMR_EL1", value, _pe(vcpu), el=1)

    def eoimode(self, vcpu: Vcpu, split: bool, grpen: bool) -> None:
        """EOImode; where one register has both, the group enable, too. Trap as `pmr`."""
        self.gic.sysreg_write("ICC_CTLR_EL1", 2 * split, _pe(vcpu), el=1)

    def group(self, vcpu: Vcpu, split: bool, grpen: bool) -> None:
        """The group enable; where one register has both, EOImode, too."""
        self.gic.sysreg_write("ICC_IGRPEN1_EL1", int(grpen), _pe(vcpu), el=1)

    def distributor(self, on: bool) -> TrappedAccess:
        """GICD_CTLR: ARE, and whether group 1 is forwarded."""
        return TrappedAccess(*self.vm.gicd["CTLR"], GICD_V3["GICD_CTLR"].mask("ARE", *["EnableGrp1"] * on))

    def bit(self, register: str, intid: int, vcpu: Vcpu, write: bool = True) -> TrappedAccess:
        """One of the registers with a bit for each interrupt."""
        return TrappedAccess(*self.vm.frame(intid, vcpu).of(register, intid), 1 << intid % 32 if write else None)

    def priority(self, intid: int, vcpu: Vcpu, priority: int | None, size: int = 1) -> TrappedAccess:
        """The part of IPRIORITYR of this size with an interrupt's byte: a write gives all in it the priority."""
        return _spread(self.vm.frame(intid, vcpu).byte("IPRIORITYR", intid), size, priority)

    def edges(self, n: int, intids: Sequence[int], vcpu: Vcpu) -> TrappedAccess:
        """ICFGR<n>: these are edge-triggered, the others of the word level-sensitive."""
        return TrappedAccess(*self.vm.frame(16 * n, vcpu)[f"ICFGR{n}"], sum(2 << 2 * (i % 16) for i in intids))

    def route(self, intid: int, target: Vcpu, size: int) -> tuple[TrappedAccess, ...]:
        """What sends an SPI to a vCPU."""
        return self.irouter(intid, self.vm.affinity(target), size)

    def groups(self, intid: int, vcpu: Vcpu, value: int) -> TrappedAccess:
        """The word of IGROUPR that an interrupt has a bit in."""
        return TrappedAccess(*self.vm.frame(intid, vcpu).of("IGROUPR", intid), value)

    def irouter(self, intid: int, affinity: int, size: int) -> tuple[TrappedAccess, ...]:
        """IROUTER; by words its lower half, then its upper one. Narrower accesses reach its first bytes alone."""
        name, address, whole = self.vm.gicd.of("IROUTER", intid)
        value = to_route(affinity)
        if size == whole // 2:
            return tuple(TrappedAccess(name, address + at, size, value >> 8 * at & 0xFFFF_FFFF) for at in (0, size))
        return (TrappedAccess(name, address, size, value & (1 << 8 * size) - 1),)

    def sgi_source(self, register: str, intid: int, source: int, size: int) -> TrappedAccess:
        """SPENDSGIR or CPENDSGIR: an SGI's bit of one source, and no other; GICv2 alone."""
        name, address, _ = self.vm.gicd.byte(register, intid)
        at = intid % size
        return TrappedAccess(name, address - at, size, 1 << source + 8 * at)

    def sgi(self, intid: int, target: Vcpu) -> TrappedAccess:
        """What sends an SGI to a vCPU."""
        return self.sgi1r(intid, to_sgi(self.vm.affinity(target)))

    def sgi1r(self, intid: int, targets: int) -> TrappedAccess:
        """ICC_SGI1R_EL1, whose other fields say who gets it."""
        return TrappedAccess("ICC_SGI1R_EL1", 0, 8, intid << 24 | targets, "ICC_SGI1R_EL1")


Reach = Callable[[Vcpu, TrappedAccess], int]
"""Carries out an access of a guest to its GICC frame: at GICV, or by a trap."""


class FaceV2(FaceV3):
    """A GICv2 as its guest uses it: GICC, which may be GICV; group 0."""

    route_size = 1
    iar_name, eoir_name, dir_name = "GICV_IAR", "GICV_EOIR", "GICV_DIR"

    def __init__(self, vm: Vm, reach: Reach) -> None:
        self.vm, self.reach = vm, reach

    def _gicc(self, vcpu: Vcpu, name: str, value: int | None = None) -> int:
        return self.reach(vcpu, TrappedAccess(*self.vm.gicc[name], value))

    def iar(self, vcpu: Vcpu) -> int:
        return self._gicc(vcpu, "IAR")

    def eoir(self, vcpu: Vcpu, value: int) -> None:
        self._gicc(vcpu, "EOIR", value)

    def dir(self, vcpu: Vcpu, value: int) -> None:
        self._gicc(vcpu, "DIR", value)

    def pmr(self, vcpu: Vcpu, value: int) -> None:
        self._gicc(vcpu, "PMR", value)

    def eoimode(self, vcpu: Vcpu, split: bool, grpen: bool) -> None:
        self._gicc(vcpu, "CTLR", grpen | split << 9)

    def group(self, vcpu: Vcpu, split: bool, grpen: bool) -> None:
        self.eoimode(vcpu, split, grpen)

    def distributor(self, on: bool) -> TrappedAccess:
        return TrappedAccess(*self.vm.gicd["CTLR"], int(on))

    def route(self, intid: int, target: Vcpu, size: int) -> tuple[TrappedAccess, ...]:
        """ITARGETSR, the part of this size: all in it go to this vCPU."""
        return (_spread(self.vm.gicd.byte("ITARGETSR", intid), size, 1 << target.index),)

    def sgi(self, intid: int, target: Vcpu) -> TrappedAccess:
        return TrappedAccess(*self.vm.gicd["SGIR"], intid | 1 << 16 + target.index)


class Guest:
    """One guest: its program, its handlers, its state.

    Args:
        program: of the main line. handlers: by INTID; others get the usual one. start: what comes before the program
            where it was switched on. split: its EOImode, at first. spins: how it idles.
    """

    def __init__(
        self, program: tuple[Op, ...], handlers: dict[int, tuple[Op, ...]], usual: tuple[Op, ...], *, start: Op,
        split: bool, spins: bool,
    ) -> None:
        self.program, self.handlers, self.usual, self.spins = program, handlers, usual, spins
        self.start, self.split = start, split
        self.awaited = frozenset(intid for op in program for intid in op.named(Awaited))
        self.state = GuestState(split)

    def handler(self, iar: int) -> tuple[Op, ...]:
        """The handler of an interrupt."""
        return self.handlers.get(intid_of(iar), self.usual)

    def next_op(self) -> Op | None:
        """What it does next, None where it idles."""
        s = self.state
        if s.stack:
            iar, pc = s.stack[-1]
            return self.handler(iar)[pc]
        if s.pc < 0:
            return self.start
        return self.program[s.pc] if s.pc < len(self.program) else None

    def advance(self) -> None:
        """The operation is done; after the last of a handler it returns, and interrupts are unmasked again."""
        s = self.state
        if not s.stack:
            s.pc += 1
            return
        iar, pc = s.stack[-1]
        if pc + 1 < len(self.handler(iar)):
            s.stack = (*s.stack[:-1], (iar, pc + 1))
            return
        if not s.dropped[-1]:
            s.owing = (*s.owing, iar)
        s.stack, s.dropped = s.stack[:-1], s.dropped[:-1]
        s.masked = False
        if intid_of(iar) in self.awaited:
            s.handled = s.handled | {intid_of(iar)}

    def switches_off(self) -> None:
        """It is off. What its handlers have not ended stays so."""
        s = self.state
        s.stack, s.dropped = (), ()
        s.pc, s.masked, s.handled = OFF, True, frozenset()

    def starts(self) -> None:
        """It was switched on: its PE comes out of its reset, with interrupts masked."""
        s = self.state
        s.pc, s.pmr, s.grpen, s.split = START, PMR, True, self.split

    def enters_handler(self, iar: int) -> None:
        """It acknowledged an interrupt."""
        s = self.state
        s.stack = (*s.stack, (iar, 0))
        s.dropped = (*s.dropped, False)
        s.masked = True

    def drops(self) -> None:
        """It wrote EOIR in its handler."""
        s = self.state
        s.dropped = (*s.dropped[:-1], True)

    def owes(self, intid: int) -> int | None:
        """What IAR returned for the interrupt that an EOIR of this INTID ends, None where it ends none."""
        s = self.state
        held = [*s.owing, *(iar for (iar, _), dropped in zip(s.stack, s.dropped, strict=True) if not dropped)]
        return next((iar for iar in reversed(held) if intid_of(iar) == intid), None)

    def ends(self, iar: int) -> None:
        """It wrote EOIR with this value, which it owed, wherever that was."""
        s = self.state
        for n in reversed(range(len(s.stack))):
            if s.stack[n][0] == iar and not s.dropped[n]:
                s.dropped = (*s.dropped[:n], True, *s.dropped[n + 1:])
                return
        last = len(s.owing) - 1 - s.owing[::-1].index(iar)
        s.owing = (*s.owing[:last], *s.owing[last + 1:])


def _spread(byte: Located, size: int, value: int | None) -> TrappedAccess:
    """An access of this size to the part of a register with this byte; what is written is the same in all bytes."""
    name, address, _ = byte
    written = None if value is None else sum(value << 8 * k for k in range(size))
    return TrappedAccess(name, address - address % size, size, written)


def _pe(vcpu: Vcpu) -> int:
    pe = vcpu.pe
    assert pe is not None
    return pe


def intid_of(iar: int) -> int:
    """The INTID in a value of IAR; a GICv2 puts an SGI's source above it."""
    return iar & INTID if iar < LPI_START else iar
