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

from vgic.arch.icc import ICC
from vgic.arch.ich import ICH
from vgic.arch.icv import ICV
from vgic.arch.register import Encoding, UnknownRegister, nearest
from vgic.silicon import icc, ich
from vgic.silicon.distributor_v3 import DistributorV3
from vgic.silicon.icc import CpuInterfaceV3, PeState
from vgic.silicon.ich import VirtualInterfaceV3
from vgic.silicon.options import GicV3Options, OptionError
from vgic.silicon.outputs import OnChange, Outputs, Wires
from vgic.silicon.report import Notice, Notices, Report, Trap, Undefined


class MapV3(NamedTuple):
    """Where the frames lie; `gicr` holds (base, redistributors) of each region. Defaults: QEMU's virt machine."""

    gicd: int = 0x0800_0000
    gits: int = 0x0808_0000
    gicr: tuple[tuple[int, int], ...] = ((0x080A_0000, 123), (0x40_0000_0000, 512))

    def last(self, pes: int) -> frozenset[int]:
        """The PEs whose redistributor is the last of its region. OptionError where the regions don't hold all."""
        ends, first = set(), 0
        for _, count in self.gicr:
            first = min(first + count, pes)
            ends.add(first - 1)
        if first < pes:
            raise OptionError(f"gicr has room for {first} redistributors: expected {pes}, one for each PE")
        return frozenset(ends)


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
            if r.encoding is not None and kind != "ICV":
                o0, o1, cn, cm, o2 = r.encoding
                carry, low = divmod(o2 + place.n - r.first, 8)
                encodings[o0, o1, cn, cm + carry, low] = name
    return registers, encodings


REGISTERS, ENCODINGS = _table()


class GicV3:
    """A GICv3 with affinity routing, system registers and virtualization.

    Args:
        options: the implementation's choices. memory_map: where the frames lie.
        report: takes each Notice of an access that the model does not follow; by default they gather in `notices`.
    """

    def __init__(
        self, options: GicV3Options | None = None, memory_map: MapV3 | None = None, report: Report | None = None,
    ) -> None:
        self.options = o = options if options is not None else GicV3Options()
        self.map = memory_map if memory_map is not None else MapV3()
        self.notices = Notices()
        self.report = report if report is not None else self.notices
        self.distributor = DistributorV3(o, self.report, self.map.last(o.pes))
        self.pe_states = tuple(PeState() for _ in range(o.pes))
        self.cpus = tuple(CpuInterfaceV3(o, self.distributor, pe, self.pe_states[pe]) for pe in range(o.pes))
        self.virtual = tuple(VirtualInterfaceV3(o, _twin(self.distributor, pe), self.report) for pe in range(o.pes))
        self.wires = Wires(o.pes)
        self.gicr_stride = 0x4_0000 if o.vlpis else 0x2_0000

    # -- memory-mapped registers

    def _locate(self, address: int) -> tuple[str, int, int]:
        """The frame ("GICD", "GICR", "GITS" or ""), the redistributor's PE, the offset."""
        m = self.map
        if m.gicd <= address < m.gicd + 0x1_0000:
            return "GICD", 0, address - m.gicd
        first = 0
        for base, count in m.gicr:
            if base <= address < base + count * self.gicr_stride:
                pe, offset = divmod(address - base, self.gicr_stride)
                return "GICR" if first + pe < self.options.pes else "", first + pe, offset
            first += count
        if m.gits <= address < m.gits + 0x2_0000:
            return "GITS", 0, address - m.gits
        return "", 0, address

    def read(self, address: int, size: int, pe: int = 0, *, secure: bool = False) -> int:
        """A load of `size` bytes (1, 2, 4, 8) by a PE. What is not modelled reads as zero and is reported."""
        frame, rd, offset = self._locate(address)
        ns = self.distributor.ns(secure)
        if frame == "GICD":
            return self.distributor.gicd.read(offset, size, pe, ns)
        if frame == "GICR":
            return self.distributor.gicr.read(offset, size, rd, ns)
        self._nowhere(frame, offset, f"{size}-byte read")
        return 0

    def write(self, address: int, size: int, value: int, pe: int = 0, *, secure: bool = False) -> None:
        """A store of `size` bytes by a PE. What is not modelled is ignored and reported."""
        frame, rd, offset = self._locate(address)
        ns = self.distributor.ns(secure)
        if frame == "GICD":
            self.distributor.gicd.write(offset, size, value, pe, ns)
        elif frame == "GICR":
            self.distributor.gicr.write(offset, size, value, rd, ns)
        else:
            self._nowhere(frame, offset, f"{size}-byte write of {value:#x}")
        self.wires.settle(self.outputs)

    def _nowhere(self, frame: str, offset: int, what: str) -> None:
        if frame:
            self.report(Notice("not modelled", f"{frame}+{offset:#x}", f"{what}: the ITS is not modelled yet"))
        else:
            self.report(Notice("reserved", f"{offset:#x}", f"{what}: no frame of the GIC lies there"))

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
        """An MSR; as `sysreg_read`."""
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

    # -- lines and outputs

    def set_line(self, intid: int, level: bool, pe: int | None = None) -> None:
        """A device moves an input: an SPI's, or with `pe` a PPI's. LookupError where there is no such input."""
        irq = self.distributor.find(intid, pe or 0) if intid >= 16 and (intid >= 32) == (pe is None) else None
        if irq is None:
            of = "an SPI" if pe is None else f"a PPI of PE {pe}"
            raise LookupError(f"INTID {intid} is not {of} here")
        irq.set_line(level)
        self.wires.settle(self.outputs)

    def irq(self, pe: int) -> bool:
        """The physical IRQ to a PE."""
        return self.cpus[pe].outputs()[0]

    def fiq(self, pe: int) -> bool:
        """The physical FIQ to a PE."""
        return self.cpus[pe].outputs()[1]

    def virq(self, pe: int) -> bool:
        """The virtual IRQ to a PE: a signalled list register of group 1."""
        lr = self.virtual[pe].signalled()
        return lr is not None and lr.group == 1

    def vfiq(self, pe: int) -> bool:
        """The virtual FIQ to a PE: a signalled list register of group 0."""
        lr = self.virtual[pe].signalled()
        return lr is not None and lr.group == 0

    def maintenance(self, pe: int) -> bool:
        """The maintenance interrupt's level. The machine wires it to a PPI (25 by convention)."""
        return self.virtual[pe].maintenance()

    def outputs(self, pe: int) -> Outputs:
        """All five."""
        irq, fiq = self.cpus[pe].outputs()
        lr = self.virtual[pe].signalled()
        group = lr.group if lr is not None else None
        return Outputs(irq, fiq, group == 1, group == 0, self.maintenance(pe))

    def on_output(self, callback: OnChange | None) -> None:
        """From now on `callback(pe, name, level)` is told each change of an output, beginning with those now high."""
        self.wires.levels[:] = [Outputs()] * self.options.pes
        self.wires.on_change = callback
        self.wires.settle(self.outputs)

    def unmodelled(self) -> frozenset[str]:
        """The registers of the frames that this chip should have and the model hasn't."""
        blocks = (self.distributor.gicd, self.distributor.gicr)
        return frozenset(name for block in blocks for name in block.unmodelled())

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (
            *self.pe_states, *self.distributor.parts(),
            *(part for cpu in self.cpus for part in cpu.parts()), *(part for v in self.virtual for part in v.parts()),
        )


def _twin(distributor: DistributorV3, pe: int) -> Callable[[int], None]:
    """How a list register's HW bit reaches the physical interrupt."""
    return lambda pintid: distributor.deactivate(pintid, pe)


__all__ = ["GicV3", "MapV3", "Trap"]
