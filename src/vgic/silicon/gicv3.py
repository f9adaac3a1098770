"""A GICv3 as a device: frames at addresses, system registers by name or encoding, lines in, interrupts out.

    gic = GicV3(GicV3Options(pes=2))
    gic.write(0x0800_0000, 4, 0x13)                      # GICD_CTLR
    gic.sysreg_write("ICH_HCR_EL2", 1, pe=0, el=2)
    gic.set_line(27, True, pe=0)
    if gic.irq(0): ...

Everything that changes lies in the objects that `parts()` lists; the device itself and the interfaces never change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vgic.arch.gicd import GICD_V3
from vgic.arch.gicr import GICR, STRIDE, STRIDE_V4
from vgic.arch.gits import VSGI
from vgic.arch.icc import ICC
from vgic.arch.ich import ICH
from vgic.arch.icv import ICV
from vgic.arch.machine import VIRT_V3
from vgic.arch.register import Encoding, UnknownRegister, nearest
from vgic.silicon import icc, ich
from vgic.silicon.distributor import DistributorState
from vgic.silicon.distributor_v3 import DistributorV3
from vgic.silicon.frame import Block
from vgic.silicon.gic import Gic
from vgic.silicon.icc import CpuInterfaceV3, PeState
from vgic.silicon.ich import VirtualInterfaceV3
from vgic.silicon.options import OptionError
from vgic.silicon.options_v3 import GicV3Options
from vgic.silicon.priority import physical_groups
from vgic.silicon.redistributor import Redistributor
from vgic.silicon.report import Notice, OnNotice, Undefined, ignore

_VIRT_GICR = tuple((r.base, r.size // r.stride) for r in VIRT_V3.regions if r.frame is GICR)


class MapV3(NamedTuple):
    """Where the frames lie; `gicr` holds (base, redistributors) of each region. Defaults: QEMU's virt machine."""

    gicd: int = VIRT_V3.frame("GICD").base
    gits: int = VIRT_V3.frame("GITS").base
    gicr: tuple[tuple[int, int], ...] = _VIRT_GICR

    def redistributors(self, pes: int, stride: int) -> tuple[tuple[int, int, int], ...]:
        """Of each region that is needed: its first byte, the first byte behind its redistributors, the PE of the first.
        OptionError where the regions don't hold all."""
        regions, first = [], 0
        for base, count in self.gicr:
            here = min(count, pes - first)
            if here:
                regions.append((base, base + here * stride, first))
            first += here
        if first < pes:
            raise OptionError(f"gicr has room for {first} redistributors: expected {pes}, one for each PE")
        return tuple(regions)


class _SysReg(NamedTuple):
    """One system register: its interface, register name, instance, and handlers."""

    kind: str
    name: str
    n: int
    read: Callable[..., int] | None
    write: Callable[..., None] | None
    twin: str | None


def _table() -> tuple[dict[str, _SysReg], dict[Encoding, str]]:
    registers: dict[str, _SysReg] = {}
    encodings: dict[Encoding, str] = {}
    for frame, kind, reads, writes in (
            (ICC, "ICC", icc.READS, icc.WRITES), (ICH, "ICH", ich.READS, ich.WRITES),
            (ICV, "ICV", ich.READS, ich.WRITES)):
        for name in frame.names():
            place = frame.named(name)
            assert place is not None
            r = place.register
            twin = name.replace("ICC_", "ICV_") if kind == "ICC" and ICV.named(name.replace("ICC_", "ICV_")) else None
            registers[name] = _SysReg(kind, r.name, place.n, reads.get(r.name), writes.get(r.name), twin)
            if place.encoding is not None and kind != "ICV":
                encodings[place.encoding] = name
    return registers, encodings


REGISTERS, ENCODINGS = _table()
NMI = frozenset({"ICC_NMIAR1_EL1", "ICV_NMIAR1_EL1"})
"""What is there only with FEAT_GICv3_NMI, and UNDEFINED without (the registers' pages, DDI 0601)."""


class GicV3(Gic):
    """A GICv3 with affinity routing, system registers and virtualization.

    Args:
        options: the implementation's choices. memory_map: where the frames lie.
        report: takes each Notice of an access that the model does not follow; by default they gather in `notices`.

    Attributes:
        distributor_type, virtual_type: what it is built of, for chips with another rule. Class attributes.
    """

    version = 3
    distributor_type = DistributorV3
    virtual_type = VirtualInterfaceV3

    options: GicV3Options
    distributor: DistributorV3
    cpus: tuple[CpuInterfaceV3, ...]
    virtual: tuple[VirtualInterfaceV3, ...]

    def __init__(
        self, options: GicV3Options | None = None, memory_map: MapV3 | None = None, report: OnNotice | None = None,
    ) -> None:
        o = options if options is not None else GicV3Options()
        super().__init__(o, report)
        self.map = memory_map if memory_map is not None else MapV3()
        pes, state = range(o.pes), DistributorState(not o.security)
        self.gicr_stride = STRIDE_V4 if o.distributor.vlpis else STRIDE
        self._gicr = self.map.redistributors(o.pes, self.gicr_stride)
        last = {first - 1 for _, _, first in self._gicr[1:]} | {o.pes - 1}
        groups = tuple(physical_groups(min(7, o.cpu.priority_bits)) for _ in pes)
        self.redistributors = tuple(
            Redistributor(o.redistributor, pe, state, pe in last, self.report, groups[pe]) for pe in pes)
        self.distributor = d = self.distributor_type(o.distributor, state, self.redistributors, self.report)
        self.pe_states = tuple(PeState() for _ in pes)
        self.cpus = tuple(CpuInterfaceV3(o.cpu, d, pe, self.pe_states[pe], groups[pe]) for pe in pes)
        self.virtual = tuple(self.virtual_type(o.virtual, d, pe, self.report) for pe in pes)

    # -- accesses to frames

    def locate(self, address: int) -> tuple[str, int, int]:
        """Where an address falls: the frame ("GICD", "GICR", "GITS" or ""), whose redistributor it is, the offset."""
        m = self.map
        if m.gicd <= address < m.gicd + GICD_V3.size:
            return "GICD", 0, address - m.gicd
        for base, end, first in self._gicr:
            if base <= address < end:
                n, offset = divmod(address - base, self.gicr_stride)
                return "GICR", first + n, offset
        if m.gits <= address < m.gits + VSGI:
            return "GITS", 0, address - m.gits
        return "", 0, address

    def base(self, frame: str, pe: int) -> int | None:
        """Where a frame begins, GICR: that of a PE; None where the chip has no such frame."""
        if frame == "GICR":
            start, first = next((base, first) for base, _, first in reversed(self._gicr) if first <= pe)
            return start + (pe - first) * self.gicr_stride
        return self.map.gicd if frame == "GICD" else None

    def read(self, address: int, size: int, pe: int = 0, *, secure: bool = False) -> int:
        """A load of `size` bytes (1, 2, 4, 8) by a PE. What is not modelled reads as zero and is reported."""
        frame, owner, offset = self.locate(address)
        ns = self.distributor.ns(secure)
        if frame == "GICD":
            return self.distributor.gicd.read(offset, size, pe, ns)
        if frame == "GICR":
            return self.redistributors[owner].gicr.read(offset, size, owner, ns)
        self._nowhere(frame, offset, f"{size}-byte read")
        return 0

    def write(self, address: int, size: int, value: int, pe: int = 0, *, secure: bool = False) -> None:
        """A store of `size` bytes by a PE. What is not modelled is ignored and reported."""
        frame, owner, offset = self.locate(address)
        ns = self.distributor.ns(secure)
        if frame == "GICD":
            self.distributor.gicd.write(offset, size, value, pe, ns)
        elif frame == "GICR":
            self.redistributors[owner].gicr.write(offset, size, value, owner, ns)
        else:
            self._nowhere(frame, offset, f"{size}-byte write of {value:#x}")
        self.wires.settle(self.outputs)

    def _nowhere(self, frame: str, offset: int, what: str) -> None:
        if frame:
            self.report(Notice("not modelled", f"{frame}+{offset:#x}", f"{what}: the ITS is not modelled yet"))
        else:
            self.report(Notice("reserved", f"{offset:#x}", f"{what}: no frame of the GIC lies there"))

    def new(self) -> GicV3:
        """A new chip of the same class, options and memory map, that tells notices to nobody."""
        return type(self)(self.options, self.map, ignore)

    def blocks(self) -> tuple[Block, ...]:
        """The frames, one of each kind."""
        return self.distributor.gicd, self.redistributors[0].gicr

    # -- system registers

    def _sysreg(self, register: str | Encoding) -> _SysReg:
        name = ENCODINGS.get(register) if isinstance(register, tuple) else register
        found = REGISTERS.get(name) if name is not None else None
        if found is None:
            raise UnknownRegister(str(register), nearest(str(register), list(REGISTERS)))
        return found

    def _resolve(
        self, register: str | Encoding, pe: int, el: int, secure: bool, *, reading: bool,
    ) -> tuple[_SysReg, str]:
        """The register that an access reaches, after HCR_EL2.IMO/FMO. What no encoding stands for is UNDEFINED, and
        that comes before any trap (DDI 0487, "Prioritization of synchronous exceptions")."""
        r = self._sysreg(register)
        name = r.name.replace("<n>", str(r.n))
        if name in NMI and not self.options.distributor.nmis:
            raise Undefined(name, "the chip has no non-maskable interrupts (FEAT_GICv3_NMI)")
        if reading and r.read is None and r.write is not None:
            raise Undefined(name, "a read of a write-only register")
        if not reading and r.write is None and r.read is not None:
            raise Undefined(name, "a write of a read-only register")
        if (r.kind == "ICH" and el < 2) or (r.kind == "ICC" and el < int(r.name[-1])):
            raise Undefined(name, f"an access at EL{el}")
        state, reached = self.pe_states[pe], r
        if r.kind == "ICC" and r.twin is not None and icc.virtual(r.name, el, secure, state):
            reached = REGISTERS[r.twin]
            name = reached.name.replace("<n>", str(r.n))
        if "_AP" in r.name:
            (self.cpus if reached.kind == "ICC" else self.virtual)[pe].check_apr(name, r.n)
        if r.kind == "ICC":
            icc.check_traps(r.name, el, secure, state, self.virtual[pe].state.hcr, self.options.security)
        return reached, name

    def sysreg_read(self, register: str | Encoding, pe: int = 0, *, el: int = 2, secure: bool = False) -> int:
        """An MRS at an exception level and Security state.

        ICC names at Non-secure EL1 reach the virtual interface where HCR_EL2.IMO or FMO says so; ICV names reach it
        always. Raises Trap, Undefined, and UnknownRegister for a name or encoding that the GIC hasn't.
        """
        r, name = self._resolve(register, pe, el, secure, reading=True)
        if r.read is None:
            self.report(Notice("not modelled", name, "read: reads as zero"))
            return 0
        if r.kind == "ICC":
            value = r.read(self.cpus[pe], r.n, el, secure)
        else:
            value = r.read(self.virtual[pe], r.n)
        if "_IAR" in r.name:      # no other read changes anything
            self.wires.settle(self.outputs)
        return value

    def sysreg_write(
        self, register: str | Encoding, value: int, pe: int = 0, *, el: int = 2, secure: bool = False,
    ) -> None:
        """An MSR at an exception level and Security state; which register it reaches and what it raises is as in
        `sysreg_read`."""
        r, name = self._resolve(register, pe, el, secure, reading=False)
        if r.write is None:
            self.report(Notice("not modelled", name, f"write of {value:#x}: ignored"))
            return
        value &= 0xFFFF_FFFF_FFFF_FFFF
        if r.kind == "ICC":
            r.write(self.cpus[pe], r.n, value, el, secure)
        else:
            r.write(self.virtual[pe], r.n, value)
        self.wires.settle(self.outputs)

    def set_pe_state(self, pe: int, **bits: int | bool) -> None:
        """What the PE tells its CPU interface: el, secure, imo, fmo, scr_irq, scr_fiq."""
        state = self.pe_states[pe]
        for name, value in bits.items():
            setattr(state, name, value)
        self.wires.settle(self.outputs)

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (*self.pe_states, *super().parts())
