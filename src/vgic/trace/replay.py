"""Replaying a recording into the chip: writes, acknowledges and lines drive it, every read is predicted.

The recording tells what software did and what came from outside; the chip says what each read must return. Where the
two agree the read is predicted. Where they differ that is a `Difference`, and the chip is brought to what the recording
says (a register is given the value read, an acknowledge takes the interrupt that was really taken), so that one wrong
line does not make all that follow differ.

Beside reads these are compared: a line change must change the line; an SGI that the recording sees pending must have
been sent; the maintenance interrupt's line must be what the virtual interface says.

What the chip does not model is counted and never compared: the ITS's frames, acknowledges of LPIs. An acknowledged
LPI's priority becomes active all the same: at what the recording tells by its property byte or by a later read of the
active priorities, else at `LPI_PRIORITY`.

While it drives the chip the replay tells moments to the judge (`vgic.rules`) and steps to whoever listens (the lives of
the interrupts, the lanes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from vgic.rules import Judge
from vgic.silicon import GicV2, GicV3, Notice, Trap, Undefined
from vgic.silicon.gicv3 import REGISTERS
from vgic.silicon.interrupt import G0, G1NS, Interrupt
from vgic.silicon.virtual_interface import ACTIVE, PENDING, ListRegister
from vgic.trace.events import (
    Access,
    BadLine,
    Event,
    FrameAccess,
    LineChange,
    PropertyByte,
    Sgi,
    SgiPending,
    SysReg,
    region_frame,
)

LPI_START = 8192
LPI_PRIORITY = 0xC0
MAINTENANCE_PPI = 25

ROLES = {
    "ICC_IAR0_EL1": "iar", "ICC_IAR1_EL1": "iar", "GICC_IAR": "iar", "GICC_AIAR": "iar",
    "ICV_IAR0_EL1": "viar", "ICV_IAR1_EL1": "viar", "GICV_IAR": "viar", "GICV_AIAR": "viar",
    "ICC_EOIR0_EL1": "end", "ICC_EOIR1_EL1": "end", "ICC_DIR_EL1": "end", "GICC_EOIR": "end", "GICC_AEOIR": "end",
    "GICC_DIR": "end",
    "ICV_EOIR0_EL1": "vend", "ICV_EOIR1_EL1": "vend", "ICV_DIR_EL1": "vend", "GICV_EOIR": "vend",
    "GICV_AEOIR": "vend", "GICV_DIR": "vend",
    "ICH_LR<n>_EL2": "lr", "GICH_LR<n>": "lr", "ICH_HCR_EL2": "hcr", "GICH_HCR": "hcr",
    "ICH_AP0R<n>_EL2": "vapr", "ICH_AP1R<n>_EL2": "vapr", "GICH_APR": "vapr",
    "ICC_AP0R<n>_EL1": "apr", "ICC_AP1R<n>_EL1": "apr", "GICC_APR<n>": "apr", "GICC_NSAPR<n>": "apr",
}


class Difference(NamedTuple):
    """The recording says something else than the chip.

    Attributes:
        line: of the recording. pe: None where it isn't told. what: register or event. expected: by the chip.
        got: in the recording. state: lines of the state around it.
    """

    line: int
    pe: int | None
    what: str
    expected: str
    got: str
    state: tuple[str, ...]


class Step(NamedTuple):
    """Something that happened to an interrupt, for whoever tells its life.

    Attributes:
        line: of the recording. pe: where. kind: line, iar, viar, end, vend, lr, write. register: its name.
        intid: physical or virtual INTID. value: as written or read. lr: the list register concerned.
        before: for lr: the list register's state before it was written (state, hw, pintid, vintid).
    """

    line: int
    pe: int | None
    kind: str
    register: str
    intid: int
    value: int
    lr: ListRegister | None
    before: tuple[int, bool, int, int] | None


class Replay:
    """One recording's way through one chip.

    Args:
        chip: a new one. judge: told of moments, None for none. listener: told of steps, None for none.
        most: how many differences are kept; all are counted.
    """

    def __init__(
        self, chip: GicV2 | GicV3, judge: Judge | None = None, listener: Callable[[Step], None] | None = None,
        most: int = 100,
    ) -> None:
        self.chip, self.judge, self.listener, self.most = chip, judge, listener, most
        self.compared: Counter[str] = Counter()
        self.predicted: Counter[str] = Counter()
        self.not_modelled: Counter[str] = Counter()
        self.not_compared: Counter[str] = Counter()
        self.writes = 0
        self.differences: list[Difference] = []
        self.different = 0
        self.bad: list[BadLine] = []
        self.events = 0
        self.line = 0
        self.property_bytes: dict[int, int] = {}
        self.lpi_priority = {"apr": LPI_PRIORITY, "vapr": LPI_PRIORITY}
        self.ghosts: dict[tuple[int, str], int] = {}
        self.sent: Counter[tuple[int, int]] = Counter()
        self.unmodelled = chip.unmodelled()
        self._feeders: dict[type, Callable[[Any], None]] = {
            Access: self._access, FrameAccess: self._frame_access, SysReg: self._sysreg, LineChange: self._line,
            Sgi: self._sgi, SgiPending: self._sgi_pending, PropertyByte: self._property, BadLine: self._bad,
        }
        self.kinds = frozenset(self._feeders)

    def feed(self, event: Event) -> None:
        """The next event."""
        self.events += 1
        self.line = event.line
        if self.judge is not None:
            self.judge.place = event.line
        feeder = self._feeders.get(type(event))
        if feeder is not None:
            feeder(event)

    def finish(self) -> None:
        """Nothing more comes."""
        if self.judge is not None:
            self.judge.finished()

    # -- accesses to frames

    def _access(self, e: Access) -> None:
        frame = region_frame(e.region) if e.region else None
        if frame is None and e.region:
            return
        if frame in ("GITS", "GITS_TRANSLATER", "V2M"):
            self.not_modelled[frame] += 1
            return
        if e.pe is None:
            self.not_compared[f"{frame}: by a device"] += 1
            return
        if e.pe >= len(self.chip.cpus):
            self._unknown_pe(e.line, e.pe, e.region)
            return
        self._frame(frame or "", e.address, e.size, e.value, e.write, e.pe, False)

    def _frame_access(self, e: FrameAccess) -> None:
        if e.frame == "GITS":
            self.not_modelled["GITS"] += 1
            return
        pe = e.pe
        if pe is None:
            if isinstance(self.chip, GicV2) and len(self.chip.cpus) > 1 and self._banked(e):
                self.not_compared[f"{e.frame}: banked, and the recording does not tell the CPU"] += 1
                return
            pe = 0
        if pe >= len(self.chip.cpus):
            self._unknown_pe(e.line, pe, e.frame)
            return
        if e.value is None:
            self.not_compared[f"{e.frame}: refused by QEMU"] += 1
            return
        base: int
        if isinstance(self.chip, GicV2):
            m2 = self.chip.map
            base = {"GICD": m2.gicd, "GICC": m2.gicc, "GICH": m2.gich, "GICV": m2.gicv}[e.frame]
        else:
            base = self.chip.map.gicd if e.frame == "GICD" else (
                self.chip.map.gicr[0][0] + pe * self.chip.gicr_stride)
        self._frame(e.frame, base + e.offset, e.size, e.value, e.write, pe, bool(e.secure))

    def _banked(self, e: FrameAccess) -> bool:
        """Whether a GICv2 register depends on who accesses it: GICH, and GICD's for SGIs and PPIs."""
        offset = e.offset & 0xFFF
        private = offset & 0x7F < 4 if 0x80 <= offset < 0x400 else offset & 0x3FF < 32 if offset < 0xC00 else (
            offset < 0xC08 or offset >= 0xF00)
        return e.frame == "GICH" or (e.frame == "GICD" and offset >= 0x80 and private)

    def _frame(self, frame: str, address: int, size: int, value: int, write: bool, pe: int, secure: bool) -> None:
        name, n = self._name(address, pe)
        role = ROLES.get(name, "")
        if not write and role in ("iar", "viar") and size == 4:
            if isinstance(self.chip, GicV2):
                self._acknowledge_v2(name, value, pe, secure)
            return
        full = name.replace("<n>", str(n))
        if not write and name in self.unmodelled:
            self.not_modelled[name] += 1
        elif not write:
            expected = self.chip.read(address, size, pe, secure=secure)
            self._compare(full, frame, pe, expected, value)
            if expected != value:
                self._adopt(lambda: self.chip.write(address, size, value, pe, secure=secure), role)
        else:
            self.writes += 1
            self._write(role, full, n, value, pe, lambda: self.chip.write(address, size, value, pe, secure=secure))
            if not role and self.judge is not None:
                self.judge.software_changed(pe, full)
            if not role and self.listener is not None:
                self.listener(Step(self.line, pe, "write", full, -1, value, None, None))

    def _name(self, address: int, pe: int) -> tuple[str, int]:
        """The register at an address, with its `<n>`, and the instance."""
        if isinstance(self.chip, GicV2):
            m, c = self.chip.map, self.chip
            blocks = ((m.gicc, c.cpus[pe].gicc), (m.gich, c.virtual[pe].gich), (m.gicv, c.virtual[pe].gicv),
                      (m.gicd, c.distributor.gicd))
            for base, block in blocks:
                slot = block.slots.get(address - base)
                if slot is not None and base <= address < base + block.size:
                    return slot.register.name, slot.n
            return f"{address:#x}", 0
        frame, _, offset = self.chip._locate(address)
        block = self.chip.distributor.gicd if frame == "GICD" else self.chip.distributor.gicr
        slot = block.slots.get(offset) if frame else None
        return (slot.register.name, slot.n) if slot is not None else (f"{frame}+{offset:#x}", 0)

    # -- system registers

    def _sysreg(self, e: SysReg) -> None:
        found = REGISTERS.get(e.register)
        if not isinstance(self.chip, GicV3) or found is None:
            self.not_modelled[e.register.partition("_")[0]] += 1
            return
        if e.pe >= len(self.chip.cpus):
            self._unknown_pe(e.line, e.pe, e.register)
            return
        role = ROLES.get(found.name, "")
        el = 3 if e.register.endswith("EL3") else 2
        chip = self.chip
        if not e.write and role in ("iar", "viar"):
            self._acknowledge_v3(e.register, role, e.value, e.pe)
            return
        try:
            if e.write:
                self.writes += 1
                self._write(role, e.register, found.n, e.value, e.pe,
                            lambda: chip.sysreg_write(e.register, e.value, e.pe, el=el))
            else:
                expected = chip.sysreg_read(e.register, e.pe, el=el)
                if expected != e.value and role in ("apr", "vapr") and self._learn_priority(e, role, expected):
                    return
                self._compare(e.register, e.register.partition("_")[0], e.pe, expected, e.value)
                if expected != e.value:
                    self._adopt(lambda: chip.sysreg_write(e.register, e.value, e.pe, el=el), role)
                elif role == "hcr" and self.judge is not None:
                    self.judge.guest_saved(e.pe)
        except (Trap, Undefined) as problem:
            self._differ(e.pe, e.register, str(problem), f"{'write of ' if e.write else ''}{e.value:#x}")

    def _learn_priority(self, e: SysReg, role: str, expected: int) -> bool:
        """Whether an active priorities read differs only by the priority of an LPI that is active and not modelled: then
        the recording tells that priority, and the chip takes it over."""
        ghost = self.ghosts.get((e.pe, role))
        chip = self.chip
        assert isinstance(chip, GicV3)
        change = expected ^ e.value
        if ghost is None or not expected & ghost or change.bit_count() != 2 or not change & ghost:
            return False
        shift = 8 - (chip.virtual if role == "vapr" else chip.cpus)[e.pe].preemption_bits
        self.lpi_priority[role] = (change & ~ghost).bit_length() - 1 << shift
        self.not_compared["active priorities of an LPI, whose priority is learned"] += 1
        self.ghosts[e.pe, role] = change & ~ghost
        chip.sysreg_write(e.register, e.value, e.pe, el=2)
        return True

    def _write(self, role: str, name: str, n: int, value: int, pe: int, write: Callable[[], None]) -> None:
        """A write, with the moments and steps around it."""
        judge, listener = self.judge, self.listener
        if role == "lr" and n < len(self.chip.virtual[pe].lrs):
            lr = self.chip.virtual[pe].lrs[n]
            before = (lr.state, lr.hw, lr.pintid, lr.vintid)
            write()
            if judge is not None:
                judge.list_register_written(pe, lr)
            if listener is not None:
                listener(Step(self.line, pe, "lr", name, lr.vintid, value, lr, before))
        elif role == "vend":
            virtual = self.chip.virtual[pe]
            vintid = value & 0xFFFFFF if isinstance(self.chip, GicV3) else value & 0x3FF
            held = virtual.find_active(vintid)
            if judge is not None:
                judge.guest_acts(pe)
                judge.guest_ends(pe, name, vintid)
            write()
            ended = held if held is not None and not held.state & ACTIVE else None
            if judge is not None:
                judge.guest_ended(pe, name, vintid, ended)
            if listener is not None:
                listener(Step(self.line, pe, "vend", name, vintid, value, ended, None))
        elif role == "end":
            intid = value & 0xFFFFFF if isinstance(self.chip, GicV3) else value & 0x3FF
            if judge is not None:
                judge.host_ends(pe, name, intid)
            write()
            if judge is not None:
                judge.host_ended(pe, name, intid)
            if listener is not None:
                listener(Step(self.line, pe, "end", name, intid, value, None, None))
        else:
            write()
            if judge is not None:
                if role == "hcr":
                    if value & 1:
                        judge.entry(pe)
                    else:
                        judge.guest_saved(pe)
                elif role in ("apr", "vapr"):
                    judge.active_priorities_written(pe, role == "vapr")
                elif name.startswith(("ICV", "GICV")):
                    judge.guest_acts(pe)

    # -- acknowledges

    def _acknowledge_v3(self, name: str, role: str, got: int, pe: int) -> None:
        chip = self.chip
        assert isinstance(chip, GicV3)
        group = int(name[7])
        if role == "viar":
            self._acknowledge_virtual(name, "ICV", got, pe, *chip.virtual[pe].would_acknowledge(group))
            return
        cpu = chip.cpus[pe]
        if got >= LPI_START:
            self.not_modelled["ICC: LPI acknowledged"] += 1
            before = cpu.groups[G1NS if group else G0].active
            cpu.acknowledge_foreign(G1NS if group else G0, self._lpi_priority(got, pe))
            self.ghosts[pe, "apr"] = cpu.groups[G1NS if group else G0].active & ~before
            return
        expected, irq = cpu.would_acknowledge(group, 2, False)
        self._acknowledge_physical(name, "ICC", got, pe, expected, irq, None)

    def _acknowledge_v2(self, name: str, got: int, pe: int, secure: bool) -> None:
        chip = self.chip
        assert isinstance(chip, GicV2)
        alias = name.endswith("AIAR")
        if name.startswith("GICV"):
            self._acknowledge_virtual(name, "GICV", got, pe, *chip.virtual[pe].would_acknowledge(alias))
            return
        expected, irq = chip.cpus[pe].would_acknowledge(alias, chip.distributor.ns(secure))
        self._acknowledge_physical(name, "GICC", got, pe, expected, irq, got >> 10 & 7)

    def _acknowledge_physical(
        self, name: str, frame: str, got: int, pe: int, expected: int, irq: Interrupt | None, source: int | None,
    ) -> None:
        self._compare(name, frame, pe, expected, got)
        intid = got & 0x3FF
        if expected != got:
            irq = self.chip.distributor.find(intid, pe) if intid < 1020 else None
        if irq is not None:
            if isinstance(self.chip, GicV2):
                self.chip.cpus[pe].acknowledge(irq, source)
            else:
                self.chip.cpus[pe].acknowledge(irq)
        if self.judge is not None:
            if intid >= 1020:
                self.judge.host_found_nothing(pe, got, False)
            else:
                self.judge.host_acknowledged(pe, intid, irq)
        if self.listener is not None and intid < 1020:
            self.listener(Step(self.line, pe, "iar", name, intid, got, None, None))

    def _acknowledge_virtual(
        self, name: str, frame: str, got: int, pe: int, expected: int, lr: ListRegister | None,
    ) -> None:
        virtual, judge = self.chip.virtual[pe], self.judge
        vintid = got & 0x3FF if isinstance(self.chip, GicV2) else got
        if judge is not None:
            judge.guest_acts(pe)
        if vintid >= LPI_START and expected != got and not any(r.vintid == vintid and r.state for r in virtual.lrs):
            self.not_modelled["ICV: VLPI acknowledged"] += 1
            ghost = ListRegister(-1)
            ghost.vintid, ghost.group, ghost.state = vintid, int(name[7]), PENDING
            ghost.priority = self.lpi_priority["vapr"] & virtual.priority_mask
            before = virtual.groups[ghost.group].active
            virtual.activate(ghost)
            self.ghosts[pe, "vapr"] = virtual.groups[ghost.group].active & ~before
            return
        self._compare(name, frame, pe, expected, got)
        if expected != got:
            matching = [r for r in virtual.lrs if r.state & PENDING and r.vintid == vintid]
            lr = matching[0] if matching and not 1020 <= vintid <= 1023 else None
        if lr is not None:
            virtual.activate(lr)
        if judge is not None:
            if 1020 <= vintid <= 1023:
                judge.guest_found_nothing(pe, vintid, lr is not None)
            else:
                judge.guest_acknowledged(pe, vintid, lr)
        if self.listener is not None and not 1020 <= vintid <= 1023:
            self.listener(Step(self.line, pe, "viar", name, vintid, got, lr, None))

    def _lpi_priority(self, intid: int, pe: int) -> int:
        """By the property table as far as the recording tells it."""
        assert isinstance(self.chip, GicV3)
        base = self.chip.distributor.rds[pe].propbaser & 0x000F_FFFF_FFFF_F000
        told = self.property_bytes.get(base + intid - LPI_START, self.lpi_priority["apr"])
        return told & 0xFC & self.chip.cpus[pe].priority_mask

    # -- lines, SGIs, and the rest

    def _line(self, e: LineChange) -> None:
        if e.pe is not None and e.pe >= len(self.chip.cpus):
            self._unknown_pe(e.line, e.pe, f"line {e.intid}")
            return
        irq = self.chip.distributor.find(e.intid, e.pe or 0)
        if irq is None:
            self._differ(e.pe, f"line {e.intid}", "no such input on this machine", f"level {e.level}")
            return
        self.compared["line"] += 1
        if irq.line == bool(e.level):
            self._differ(e.pe, f"line {e.intid}", f"a change (it is {'high' if irq.line else 'low'} already)",
                         f"level {e.level} again: a line is missing or doubled")
        else:
            self.predicted["line"] += 1
        if e.intid == MAINTENANCE_PPI and e.pe is not None:
            level = self.chip.virtual[e.pe].maintenance()
            self._compare("maintenance", "line", e.pe, int(level), e.level)
        self.chip.set_line(e.intid, bool(e.level), e.pe)
        if self.listener is not None:
            self.listener(Step(e.line, e.pe, "line", "line", e.intid, e.level, None, None))

    def _sgi(self, e: Sgi) -> None:
        if not isinstance(self.chip, GicV3) or e.pe >= len(self.chip.cpus):
            self._unknown_pe(e.line, e.pe, "SGI")
            return
        aff1, aff2, aff3 = e.affinity & 0xFF, e.affinity >> 8 & 0xFF, e.affinity >> 16 & 0xFF
        value = (e.intid << 24 | e.irm << 40 | aff3 << 48 | aff2 << 32 | aff1 << 16 | e.targets)
        self.writes += 1
        for pe in self.chip.cpus[e.pe].sgi_targets(value):
            self.sent[pe, e.intid] += 1
        self.chip.sysreg_write("ICC_SGI1R_EL1", value, e.pe, el=2)

    def _sgi_pending(self, e: SgiPending) -> None:
        if e.pe >= len(self.chip.cpus):
            self._unknown_pe(e.line, e.pe, "SGI")
            return
        self.compared["SGI"] += 1
        if self.sent[e.pe, e.intid] > 0:
            self.predicted["SGI"] += 1
            self.sent[e.pe, e.intid] -= 1
            return
        self._differ(e.pe, f"SGI {e.intid}", "none was sent to this PE", "pending")
        irq = self.chip.distributor.find(e.intid, e.pe)
        if irq is not None:
            irq.set_pending(True)

    def _property(self, e: PropertyByte) -> None:
        if len(self.property_bytes) < 1 << 16 or e.address in self.property_bytes:
            self.property_bytes[e.address] = e.value

    def _bad(self, e: BadLine) -> None:
        self.bad.append(e)

    # -- comparing

    def _compare(self, name: str, frame: str, pe: int, expected: int, got: int) -> None:
        self.compared[name] += 1
        if expected == got:
            self.predicted[name] += 1
        else:
            self._differ(pe, name, f"{expected:#x}", f"{got:#x}")

    def _differ(self, pe: int | None, what: str, expected: str, got: str) -> None:
        self.different += 1
        if len(self.differences) < self.most:
            self.differences.append(Difference(self.line, pe, what, expected, got, self._around(pe, what)))

    def _unknown_pe(self, line: int, pe: int, what: str) -> None:
        self._differ(pe, what, f"a machine of {len(self.chip.cpus)} PEs", f"PE {pe}: say --option pes={pe + 1}")

    def _adopt(self, write: Callable[[], None], role: str) -> None:
        """Brings a register that only software writes to the value read, so that the difference stays one."""
        if role in ("lr", "hcr", "vapr", "apr"):
            write()

    def _around(self, pe: int | None, what: str) -> tuple[str, ...]:
        """The state that explains a read: the list registers of a virtual one, what is pending for a physical one."""
        if pe is None or pe >= len(self.chip.cpus):
            return ()
        if what.startswith(("ICH", "ICV", "GICH", "GICV", "maintenance")):
            v = self.chip.virtual[pe]
            s = v.state
            lines = [repr(lr)[1:-1] for lr in v.lrs if lr.state or lr.ended()]
            lines.append(f"HCR = {s.hcr | s.eoicount << 27:#x}, VMCR = {v.vmcr():#x}, active priorities "
                         f"{v.groups[0].active:#x} / {v.groups[1].active:#x}, MISR = {v.misr():#x}")
            return tuple(lines)
        cpu, d = self.chip.cpus[pe], self.chip.distributor
        busy = [irq for irq in (*d.banked[pe], *d.spis) if irq.state()]
        lines = [f"{irq!r}{'' if irq.enabled else ' disabled'} prio {irq.priority:#x}"[1:] for irq in busy[:8]]
        lines.append(f"PMR = {cpu.state.pmr:#x}, running priority {cpu.running_priority():#x}")
        return tuple(line.replace(">", "") for line in lines)


def notices(chip: GicV2 | GicV3) -> list[tuple[Notice, int]]:
    """What the chip reported, most frequent first."""
    return sorted(chip.notices.counts.items(), key=lambda item: -item[1])
