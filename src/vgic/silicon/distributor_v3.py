"""GICD and GICR of a GICv3 with affinity routing always on (IHI 0069 ch. 12, "Distributor", "Redistributor").

SPIs belong to GICD; a PE's SGIs and PPIs to the SGI_base page of its redistributor, so that word 0 of every banked
GICD register is RAZ/WI. Routing is by affinity (GICD_IROUTER<n>); the option `one_of_n` tells what the Interrupt
Routing Mode bit does. RWP always reads as zero: writes take effect at once here.

With two Security states GICD_CTLR has three views: Secure, Non-secure, and the single one once DS is set.

LPIs, the ITS and GICv4's virtual LPIs are not modelled yet: GICR_PROPBASER and GICR_PENDBASER hold what is written,
turning LPIs on is reported, and so is every access to the registers of GICv4.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from vgic.arch.gicd import GICD_V3
from vgic.arch.gicr import GICR
from vgic.silicon import bits
from vgic.silicon.distributor import Distributor
from vgic.silicon.frame import Block, Reader, Writer, identification, ignored, zero
from vgic.silicon.interrupt import G0, G1NS, G1S, Interrupt
from vgic.silicon.options import GicV3Options
from vgic.silicon.priority import implemented
from vgic.silicon.report import Notice, Report, deviation

IRM = 1 << 31
ROUTE = 0xFF_00FF_FFFF
PROCESSOR_SLEEP, CHILDREN_ASLEEP = 2, 4
CES = 2
SECURE_ONLY = frozenset({"GICD_SETSPI_SR", "GICD_CLRSPI_SR"})


class DistributorState:
    """GICD_CTLR: the group enables as one bit a group (G0, G1S, G1NS), DS, E1NWF."""

    __slots__ = ("ds", "e1nwf", "groups")

    def __init__(self, ds: bool) -> None:
        self.groups = 0
        self.ds = ds
        self.e1nwf = False


class RedistributorState:
    """GICR_CTLR and GICR_WAKER of one PE, and the LPI registers as written."""

    __slots__ = ("asleep", "ctlr", "pendbaser", "propbaser")

    def __init__(self, asleep: bool) -> None:
        self.asleep = asleep
        self.ctlr = 0
        self.propbaser = self.pendbaser = 0


class DistributorV3(Distributor):
    """GICD, and the redistributors of all PEs.

    Args:
        options: the implementation's choices. report: takes the notices.
        last: the PEs whose redistributor is the last of a region (GICR_TYPER.Last).
    """

    def __init__(self, options: GicV3Options, report: Report, last: frozenset[int]) -> None:
        super().__init__(options, options.pes)
        self.options, self.report, self.last = options, report, last
        self.state = DistributorState(not options.security)
        self.rds = tuple(RedistributorState(True) for _ in range(options.pes))
        self.priority_mask = 0xFF if options.priority_stores_low_bits else implemented(options.priority_bits)
        self.route_of = tuple(_route(options.affinity(pe)) for pe in range(options.pes))
        self.gicd = Block(GICD_V3, *self._gicd_handlers(), report, options.bad_size, self._silent_gicd())
        self.gicr = Block(GICR, *self._gicr_handlers(), report, options.bad_size, self._silent_gicr())

    # -- what the CPU interfaces ask

    def ns(self, secure: bool) -> bool:
        """Whether an access sees the Non-secure view."""
        return not secure and not self.state.ds

    def targets(self, irq: Interrupt, pe: int) -> bool:
        """By affinity, or 1 of N where the option supports it (IHI 0069 3.2.1)."""
        if irq.route & IRM and self.options.one_of_n != "none":
            if self.options.one_of_n == "all":
                return self.participates(irq, pe)
            return next((p for p in range(len(self.rds)) if self.participates(irq, p)), None) == pe
        return irq.route & ROUTE == self.route_of[pe]

    def participates(self, irq: Interrupt, pe: int) -> bool:
        """Whether a PE may be given a 1-of-N interrupt: awake, and not opted out by GICR_CTLR.DPG (IHI 0069 3.2.1)."""
        rd = self.rds[pe]
        return not rd.asleep and not rd.ctlr >> {G0: 24, G1NS: 25, G1S: 26}[irq.group] & 1

    def forwarded(self, pe: int, groups: int) -> Interrupt | None:
        """The highest priority pending interrupt of the groups that GICD_CTLR and `groups` enable."""
        if self.rds[pe].asleep and self.options.sleep_blocks:
            return None
        irq = self.highest_pending(pe, groups & self.state.groups)
        if irq is not None and self.rds[pe].asleep:
            self.report(deviation("sleep_blocks", f"the redistributor of pe{pe} sleeps and forwards INTID {irq.intid}"))
        return irq

    def send_sgi(self, intid: int, pe: int, group: int, ns: bool) -> None:
        """One SGI arrives at a redistributor: pending, if its group there is the one asked for (IHI 0069 4.7.3)."""
        irq = self.find(intid, pe)
        assert irq is not None
        if group == G1S and irq.group == G0:      # Secure Group 1 asked for, configured as Group 0: sent as Group 0
            group = G0
        if group == G1NS and irq.group == G0 and self.state.ds:      # a single Security state: ICC_SGI1R sends both
            if self.options.sgi1r_sends_group0:
                group = G0
            else:
                self.report(deviation("sgi1r_sends_group0", f"SGI {intid} of Group 0 is not sent to pe{pe}"))
        if group != irq.group:
            return
        if ns and irq.group != G1NS and irq.nsacr < (1 if irq.group == G0 else 2):
            return
        irq.set_pending(True)

    # -- GICD

    def _gicd_handlers(self) -> tuple[dict[str, Reader], dict[str, Writer]]:
        o, state = self.options, self.state

        def bit_reader(bit: str, nsacr: int = 4) -> Reader:
            get = Interrupt.pending if bit == "pending" else _getter(bit)
            return lambda n, pe, ns: bits.read_bits(self.row(32 * n, 32, pe), get, ns, nsacr) if n else 0

        def set_enable(on: bool) -> Writer:
            def write(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
                for irq in bits.chosen(self.row(32 * n, 32, pe), value, ns) if n else ():
                    irq.enabled = on
            return write

        def set_pending(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            for irq in bits.chosen(self.row(32 * n, 32, pe), value, ns, 1) if n else ():
                irq.set_pending(o.setpend_when_line_high)

        def clear_pending(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            for irq in bits.chosen(self.row(32 * n, 32, pe), value, ns, 2) if n else ():
                irq.clear_pending()

        def set_active(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            for irq in bits.chosen(self.row(32 * n, 32, pe), value, ns) if n else ():
                irq.set_active()

        def clear_active(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            for irq in bits.chosen(self.row(32 * n, 32, pe), value, ns) if n else ():
                irq.deactivate()

        def write_groups(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if n and not ns:
                bits.write_groups(self.row(32 * n, 32, pe), value, lanes)

        def write_modifiers(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if n and not ns and not state.ds:
                bits.write_modifiers(self.row(32 * n, 32, pe), value, lanes)

        def write_priorities(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if n >= 8:
                self._low_bits(f"GICD_IPRIORITYR{n}", value, ns)
                bits.write_priorities(self.row(4 * n, 4, pe), value, lanes, self.priority_mask, ns)

        def write_config(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if n >= 2:
                bits.write_config(self.row(16 * n, 16, pe), value, lanes, ns, o.cfg_clears_latch)

        def write_nsacr(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if n >= 2 and not ns and not state.ds:
                bits.write_nsacr(self.row(16 * n, 16, pe), value, lanes)

        def read_route(n: int, pe: int, ns: bool) -> int:
            irq = self.find(n, pe)
            return irq.route if irq is not None and bits.visible(irq, ns, 3) else 0

        def write_route(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            irq = self.find(n, pe)
            if irq is not None and bits.visible(irq, ns, 3):
                keep = ROUTE | (IRM if o.one_of_n != "none" or o.irm_stored else 0)
                irq.route = (irq.route & ~lanes | value & lanes) & keep
                if value & lanes & IRM and o.one_of_n == "none" and o.irm_stored:
                    self.report(deviation("irm_stored", f"GICD_IROUTER{n} keeps bit 31"))

        def message(on: bool, secure: bool, nsacr: int) -> Writer:
            def write(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
                intid = value & 0x1FFF
                irq = self.find(intid, pe) if intid >= 32 and not (secure and (ns or state.ds)) else None
                if irq is not None and bits.visible(irq, ns, nsacr):
                    irq.set_message(on)
            return write

        reads: dict[str, Reader] = {
            "GICD_CTLR": self._read_ctlr,
            "GICD_TYPER": lambda n, pe, ns: self._typer(),
            "GICD_TYPER2": lambda n, pe, ns: 0,
            "GICD_IIDR": lambda n, pe, ns: o.iidr,
            "GICD_STATUSR": lambda n, pe, ns: 0,
            "GICD_IGROUPR<n>": lambda n, pe, ns: 0 if ns or not n else bits.read_bits(
                self.row(32 * n, 32, pe), _is_group1, False),
            "GICD_IGRPMODR<n>": lambda n, pe, ns: 0 if ns or not n or state.ds else bits.read_bits(
                self.row(32 * n, 32, pe), _getter("grpmod"), False),
            "GICD_ISENABLER<n>": bit_reader("enabled"), "GICD_ICENABLER<n>": bit_reader("enabled"),
            "GICD_ISPENDR<n>": bit_reader("pending", 1), "GICD_ICPENDR<n>": bit_reader("pending", 2),
            "GICD_ISACTIVER<n>": bit_reader("active", 2), "GICD_ICACTIVER<n>": bit_reader("active", 2),
            "GICD_IPRIORITYR<n>": lambda n, pe, ns: bits.read_priorities(self.row(4 * n, 4, pe), ns) if n >= 8 else 0,
            "GICD_ICFGR<n>": lambda n, pe, ns: bits.read_config(self.row(16 * n, 16, pe), ns) if n >= 2 else 0,
            "GICD_NSACR<n>": lambda n, pe, ns: 0 if n < 2 or ns or state.ds else bits.read_nsacr(
                self.row(16 * n, 16, pe)),
            "GICD_IROUTER<n>": read_route,
            "GICD_ITARGETSR<n>": zero, "GICD_CPENDSGIR<n>": zero, "GICD_SPENDSGIR<n>": zero,
            **identification("GICD", o.pidr2, 0x492),
        }
        writes: dict[str, Writer] = {
            "GICD_CTLR": self._write_ctlr,
            "GICD_STATUSR": ignored,
            "GICD_IGROUPR<n>": write_groups, "GICD_IGRPMODR<n>": write_modifiers,
            "GICD_ISENABLER<n>": set_enable(True), "GICD_ICENABLER<n>": set_enable(False),
            "GICD_ISPENDR<n>": set_pending, "GICD_ICPENDR<n>": clear_pending,
            "GICD_ISACTIVER<n>": set_active, "GICD_ICACTIVER<n>": clear_active,
            "GICD_IPRIORITYR<n>": write_priorities, "GICD_ICFGR<n>": write_config, "GICD_NSACR<n>": write_nsacr,
            "GICD_IROUTER<n>": write_route,
            "GICD_ITARGETSR<n>": ignored, "GICD_CPENDSGIR<n>": ignored, "GICD_SPENDSGIR<n>": ignored,
            "GICD_SGIR": ignored,      # affinity routing is on: SGIs go by ICC_SGI1R_EL1
        }
        if o.message_spis:
            writes |= {
                "GICD_SETSPI_NSR": message(True, False, 1), "GICD_CLRSPI_NSR": message(False, False, 2),
                "GICD_SETSPI_SR": message(True, True, 4), "GICD_CLRSPI_SR": message(False, True, 4),
            }
        return reads, writes

    def _silent_gicd(self) -> frozenset[str]:
        """Reserved by the options chosen: no extended SPIs, no NMIs, no message-based SPIs."""
        absent = {r.name for r in GICD_V3 if r.name.endswith("E")} | (set() if self.options.nmis else {"GICD_INMIR<n>"})
        return frozenset(absent | {"GICD_SETSPI_NSR", "GICD_CLRSPI_NSR", *SECURE_ONLY})

    def _low_bits(self, register: str, value: int, ns: bool) -> None:
        """Tells of unimplemented priority bits that an option keeps."""
        low = (0xFF ^ implemented(self.options.priority_bits)) << ns & 0xFF
        if self.options.priority_stores_low_bits and value & low * 0x01010101:
            self.report(deviation("priority_stores_low_bits", f"{register} keeps low bits of {value:#x}"))

    def _typer(self) -> int:
        """GICD_TYPER: ITLinesNumber, SecurityExtn, LPIS, DVIS, MBIS, IDbits, A3V, No1N, RSS."""
        o = self.options
        lines = self.lines - 1 - o.typer_lines_of_spis
        if o.typer_lines_of_spis:
            self.report(deviation("typer_lines_of_spis", f"GICD_TYPER.ITLinesNumber reads {lines}"))
        return (
            lines | o.nmis << 9 | (o.security and not self.state.ds) << 10 | o.message_spis << 16 | o.lpis << 17
            | o.vlpis << 18 | (o.id_bits - 1) << 19 | 1 << 24 | (o.one_of_n == "none") << 25
            | o.range_selector() << 26
        )

    def _read_ctlr(self, n: int, pe: int, ns: bool) -> int:
        """Three views (IHI 0069, GICD_CTLR): single state, Non-secure, Secure. ARE bits are RAO."""
        s = self.state
        group0, group1s, group1ns = (s.groups >> g & 1 for g in (G0, G1S, G1NS))
        if s.ds:
            return group0 | group1ns << 1 | 1 << 4 | 1 << 6 | s.e1nwf << 7
        if ns:
            return group1ns << 1 | 1 << 4
        return group0 | group1ns << 1 | group1s << 2 | 3 << 4 | s.e1nwf << 7

    def _write_ctlr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        s = self.state
        if ns:
            s.groups = s.groups & ~(1 << G1NS) | (value >> 1 & 1) << G1NS
            return
        groups = (value & 1) << G0 | (value >> 1 & 1) << G1NS
        if not s.ds:
            groups |= (value >> 2 & 1) << G1S
            if value & 1 << 6 and self.options.ds_writable:
                s.ds = True
                groups &= ~(1 << G1S)
                for irq in (*self.spis, *(irq for bank in self.banked for irq in bank)):
                    irq.grpmod = False
                    if irq.group == G1S:
                        irq.group = G0
        s.groups = groups
        if self.options.one_of_n != "none":
            s.e1nwf = bool(value & 1 << 7)

    # -- GICR: here pe is the redistributor's own PE

    def _gicr_handlers(self) -> tuple[dict[str, Reader], dict[str, Writer]]:
        o, state = self.options, self.state

        def bit_reader(bit: str) -> Reader:
            get = Interrupt.pending if bit == "pending" else _getter(bit)
            return lambda n, pe, ns: bits.read_bits(self.row(0, 32, pe), get, ns)

        def on_each(method: str, *args: object) -> Writer:
            def write(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
                for irq in bits.chosen(self.row(0, 32, pe), value, ns):
                    getattr(irq, method)(*args)
            return write

        def set_enable(on: bool) -> Writer:
            def write(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
                for irq in bits.chosen(self.row(0, 32, pe), value, ns):
                    irq.enabled = on
            return write

        def write_groups(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if not ns:
                bits.write_groups(self.row(0, 32, pe), value, lanes)

        def write_modifiers(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if not ns and not state.ds:
                bits.write_modifiers(self.row(0, 32, pe), value, lanes)

        def write_priorities(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            self._low_bits(f"GICR_IPRIORITYR{n}", value, ns)
            bits.write_priorities(self.row(4 * n, 4, pe), value, lanes, self.priority_mask, ns)

        def write_config(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if o.ppi_config_writable:
                bits.write_config(self.row(16, 16, pe), value, lanes, ns, o.cfg_clears_latch)

        def write_nsacr(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if not ns and not state.ds:
                bits.write_nsacr(self.row(0, 16, pe), value, lanes)

        def write_waker(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if not ns:
                self.rds[pe].asleep = bool(value & PROCESSOR_SLEEP)

        def write_ctlr(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            keep = 1 if o.lpis else 0
            if o.one_of_n != "none":
                keep |= 7 << 24
            if value & 1 and o.lpis and not self.rds[pe].ctlr & 1:
                self.report(Notice("not modelled", "GICR_CTLR.EnableLPIs", "LPIs are enabled: none will be delivered"))
            if ns:      # DPG0 and DPG1S are Secure
                keep &= ~(5 << 24)
            self.rds[pe].ctlr = self.rds[pe].ctlr & (5 << 24 if ns else 0) | value & keep

        def base(slot: str) -> tuple[Reader, Writer]:
            def write(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
                rd = self.rds[pe]
                old = getattr(rd, slot)
                setattr(rd, slot, old & ~lanes | value & lanes & BASER_BITS[slot])
            return (lambda n, pe, ns: _read_base(slot, getattr(self.rds[pe], slot))), write

        reads: dict[str, Reader] = {
            "GICR_CTLR": lambda n, pe, ns: self.rds[pe].ctlr & ~(5 << 24 if ns else 0) | CES * o.clear_enable_lpis,
            "GICR_IIDR": lambda n, pe, ns: o.iidr,
            "GICR_TYPER": lambda n, pe, ns: self._gicr_typer(pe),
            "GICR_STATUSR": lambda n, pe, ns: 0,
            "GICR_WAKER": lambda n, pe, ns: 0 if ns else (PROCESSOR_SLEEP | CHILDREN_ASLEEP) * self.rds[pe].asleep,
            "GICR_IGROUPR0": lambda n, pe, ns: 0 if ns else bits.read_bits(self.row(0, 32, pe), _is_group1, False),
            "GICR_IGRPMODR0": lambda n, pe, ns: 0 if ns or state.ds else bits.read_bits(
                self.row(0, 32, pe), _getter("grpmod"), False),
            "GICR_ISENABLER0": bit_reader("enabled"), "GICR_ICENABLER0": bit_reader("enabled"),
            "GICR_ISPENDR0": bit_reader("pending"), "GICR_ICPENDR0": bit_reader("pending"),
            "GICR_ISACTIVER0": bit_reader("active"), "GICR_ICACTIVER0": bit_reader("active"),
            "GICR_IPRIORITYR<n>": lambda n, pe, ns: bits.read_priorities(self.row(4 * n, 4, pe), ns),
            "GICR_ICFGR0": lambda n, pe, ns: bits.read_config(self.row(0, 16, pe), ns),
            "GICR_ICFGR1": lambda n, pe, ns: bits.read_config(self.row(16, 16, pe), ns),
            "GICR_NSACR": lambda n, pe, ns: 0 if ns or state.ds else bits.read_nsacr(self.row(0, 16, pe)),
            **identification("GICR", o.pidr2, 0x493),
        }
        writes: dict[str, Writer] = {
            "GICR_CTLR": write_ctlr, "GICR_STATUSR": ignored, "GICR_WAKER": write_waker,
            "GICR_IGROUPR0": write_groups, "GICR_IGRPMODR0": write_modifiers,
            "GICR_ISENABLER0": set_enable(True), "GICR_ICENABLER0": set_enable(False),
            "GICR_ISPENDR0": on_each("set_pending", o.setpend_when_line_high),
            "GICR_ICPENDR0": on_each("clear_pending"),
            "GICR_ISACTIVER0": on_each("set_active"), "GICR_ICACTIVER0": on_each("deactivate"),
            "GICR_IPRIORITYR<n>": write_priorities, "GICR_ICFGR1": write_config, "GICR_NSACR": write_nsacr,
        }
        if o.lpis:
            for name, slot in (("GICR_PROPBASER", "propbaser"), ("GICR_PENDBASER", "pendbaser")):
                reads[name], writes[name] = base(slot)
        return reads, writes

    def _silent_gicr(self) -> frozenset[str]:
        absent = {r.name for r in GICR if r.name.endswith("E")} | {"GICR_MPAMIDR", "GICR_PARTIDR", "GICR_ICFGR0"}
        if not self.options.nmis:
            absent |= {"GICR_INMIR0"}
        if not self.options.lpis:
            absent |= {"GICR_PROPBASER", "GICR_PENDBASER", "GICR_SETLPIR", "GICR_CLRLPIR", "GICR_INVLPIR",
                       "GICR_INVALLR", "GICR_SYNCR"}
        if not self.options.vlpis:
            absent |= {"GICR_VPROPBASER", "GICR_VPENDBASER", "GICR_VSGIR", "GICR_VSGIPENDR"}
        return frozenset(absent)

    def _gicr_typer(self, pe: int) -> int:
        """GICR_TYPER: PLPIS, VLPIS, Last, Processor_Number, CommonLPIAff, Affinity_Value."""
        o = self.options
        return (
            int(o.lpis) | o.vlpis << 1 | (pe in self.last) << 4 | (o.one_of_n != "none") << 5 | (pe & 0xFFFF) << 8
            | o.common_lpi_affinity << 24 | o.affinity(pe) << 32
        )

    def parts(self) -> tuple[object, ...]:
        """Every object here that changes."""
        return (self.state, *self.rds, *(irq for bank in self.banked for irq in bank), *self.spis)


BASER_BITS = {"propbaser": 0x070F_FFFF_FFFF_FF9F, "pendbaser": 0x470F_FFFF_FFFF_0F80}


def _read_base(slot: str, value: int) -> int:
    """GICR_PENDBASER.PTZ (bit 62) is write-only (IHI 0069, GICR_PENDBASER)."""
    return value & ~(1 << 62) if slot == "pendbaser" else value


def _route(affinity: int) -> int:
    """A PE's affinity in IROUTER's layout: Aff3 at [39:32], Aff2..Aff0 at [23:0]."""
    return (affinity & 0xFF000000) << 8 | affinity & 0xFFFFFF


def _is_group1(irq: Interrupt) -> bool:
    return irq.group == G1NS


def _getter(slot: str) -> Callable[[Interrupt], bool]:
    return attrgetter(slot)
