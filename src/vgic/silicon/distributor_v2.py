"""GICD of a GICv2 (IHI 0048B ch. 4.3).

The first word of every register for INTIDs 0 to 31 is banked by the accessing CPU interface. An SGI is pending for each
CPU interface that sent it: GICD_SPENDSGIR<n> and GICD_CPENDSGIR<n> show one byte an SGI, one bit a source.

With the Security Extensions a Non-secure access sees Group 1 interrupts only, and priorities in the Non-secure view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter

from vgic.arch.gicd import GICD_V2
from vgic.silicon import bits
from vgic.silicon.distributor import Distributor
from vgic.silicon.frame import Block, Reader, Writer, identification, ignored, zero
from vgic.silicon.interrupt import G0, G1NS, Interrupt
from vgic.silicon.options import GicV2Options
from vgic.silicon.priority import implemented
from vgic.silicon.report import Report, deviation


class DistributorState:
    """GICD_CTLR: the group enables as one bit a group (G0, G1NS)."""

    __slots__ = ("groups",)

    def __init__(self) -> None:
        self.groups = 0


class DistributorV2(Distributor):
    """GICD."""

    def __init__(self, options: GicV2Options, report: Report) -> None:
        super().__init__(options, options.pes)
        self.options, self.report = options, report
        self.state = DistributorState()
        self.priority_mask = implemented(options.priority_bits)
        self.all_targets = (1 << options.pes) - 1
        self.gicd = Block(GICD_V2, *self._handlers(), report, options.bad_size, frozenset({"GICD_NSACR<n>"}))
        for bank in self.banked:
            for irq in bank[:16]:
                irq.enabled = options.sgi_always_enabled

    def ns(self, secure: bool) -> bool:
        """Whether an access sees the Non-secure view."""
        return self.options.security and not secure

    def targets(self, irq: Interrupt, pe: int) -> bool:
        """By GICD_ITARGETSR<n>; with one CPU interface always (4.3.12)."""
        return bool(irq.targets >> pe & 1) or (self.options.pes == 1 and self.options.uniprocessor_targets)

    def forwarded(self, pe: int, groups: int) -> Interrupt | None:
        """The highest priority pending interrupt of the groups that GICD_CTLR and `groups` enable."""
        if not self.options.group_enable_selects:
            return self.highest_pending(pe, 7) if self.state.groups else None
        return self.highest_pending(pe, groups & self.state.groups)

    def deactivate_twin(self, intid: int, pe: int) -> None:
        """What a list register's HW bit does: as a Non-secure write to GICC_DIR (5.2.2), so Group 0 stays active where
        there are Security Extensions."""
        irq = self.find(intid, pe)
        if irq is not None and bits.visible(irq, self.options.security):
            irq.deactivate()

    def send_sgi(self, intid: int, source: int, targets: int, ns: bool, want_group1: bool) -> None:
        """GICD_SGIR's effect: pending from `source` at each target, if its group there is as asked (4.3.15)."""
        for pe in range(self.options.pes):
            irq = self.find(intid, pe)
            assert irq is not None
            if targets >> pe & 1:
                wrong = (irq.group == G1NS) != (ns or want_group1)
                if not (self.options.security and self.options.sgir_checks_group and wrong):
                    irq.sources |= 1 << source
                    if self.options.security and wrong:
                        self.report(deviation("sgir_checks_group", f"SGI {intid} is sent to pe{pe} in the wrong group"))

    # -- registers

    def _handlers(self) -> tuple[dict[str, Reader], dict[str, Writer]]:
        o = self.options

        def bit_reader(get: Callable[[Interrupt], bool]) -> Reader:
            return lambda n, pe, ns: bits.read_bits(self.row(32 * n, 32, pe), get, ns)

        def chosen(n: int, value: int, pe: int, ns: bool) -> Iterator[Interrupt]:
            return bits.chosen(self.row(32 * n, 32, pe), value, ns)

        def set_enable(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            for irq in chosen(n, value, pe, ns):
                irq.enabled = True

        def clear_enable(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            for irq in chosen(n, value, pe, ns):
                irq.enabled = irq.intid < 16 and o.sgi_always_enabled

        def set_pending(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            for irq in chosen(n, value, pe, ns):
                if irq.intid >= 16:
                    irq.set_pending(o.setpend_when_line_high)

        def clear_pending(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            for irq in chosen(n, value, pe, ns):
                if irq.intid >= 16:
                    irq.clear_pending()

        def set_active(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            for irq in chosen(n, value, pe, ns):
                irq.set_active()

        def clear_active(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            for irq in chosen(n, value, pe, ns):
                irq.deactivate()

        def write_groups(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if not ns:
                bits.write_groups(self.row(32 * n, 32, pe), value, lanes)

        def write_config(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if n >= 2 or (n == 1 and o.ppi_config_writable):
                bits.write_config(self.row(16 * n, 16, pe), value, lanes, ns, o.cfg_clears_latch)

        def bytes_of(n: int, pe: int) -> Iterator[tuple[int, Interrupt]]:
            for k, irq in enumerate(self.row(4 * n, 4, pe)):
                if irq is not None:
                    yield 8 * k, irq

        def read_targets(n: int, pe: int, ns: bool) -> int:
            if o.pes == 1 and o.uniprocessor_targets:
                return 0
            mine = [(at, irq) for at, irq in bytes_of(n, pe) if bits.visible(irq, ns)]
            return sum((1 << pe if irq.intid < 32 else irq.targets) << at for at, irq in mine)

        def write_targets(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if n < 8 or (o.pes == 1 and o.uniprocessor_targets):
                return
            for at, irq in bytes_of(n, pe):
                if lanes >> at & 0xFF and bits.visible(irq, ns):
                    irq.targets = value >> at & self.all_targets

        def read_sources(n: int, pe: int, ns: bool) -> int:
            return sum(irq.sources << at for at, irq in bytes_of(n, pe) if bits.visible(irq, ns))

        def change_sources(on: bool) -> Writer:
            def write(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
                for at, irq in bytes_of(n, pe):
                    if bits.visible(irq, ns):
                        change = value >> at & self.all_targets
                        irq.sources = irq.sources | change if on else irq.sources & ~change
            return write

        def write_sgir(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            which = value >> 24 & 3
            if which == 3:
                which = {"ignored": -1, "all": 3}[o.sgir_reserved_filter]
            targets = {0: value >> 16 & 0xFF, 1: self.all_targets & ~(1 << pe), 2: 1 << pe, 3: self.all_targets, -1: 0}
            self.send_sgi(value & 15, pe, targets[which] & self.all_targets, ns, bool(value >> 15 & 1))

        enabled, active = attrgetter("enabled"), attrgetter("active")
        reads: dict[str, Reader] = {
            "GICD_CTLR": self._read_ctlr,
            "GICD_TYPER": lambda n, pe, ns: (self.lines - 1) | (o.pes - 1) << 5 | o.security << 10,
            "GICD_IIDR": lambda n, pe, ns: o.iidr,
            "GICD_IGROUPR<n>": lambda n, pe, ns: 0 if ns else bits.read_bits(self.row(32 * n, 32, pe), _group1, False),
            "GICD_ISENABLER<n>": bit_reader(enabled), "GICD_ICENABLER<n>": bit_reader(enabled),
            "GICD_ISPENDR<n>": bit_reader(Interrupt.pending), "GICD_ICPENDR<n>": bit_reader(Interrupt.pending),
            "GICD_ISACTIVER<n>": bit_reader(active), "GICD_ICACTIVER<n>": bit_reader(active),
            "GICD_IPRIORITYR<n>": lambda n, pe, ns: bits.read_priorities(self.row(4 * n, 4, pe), ns),
            "GICD_ITARGETSR<n>": read_targets,
            "GICD_ICFGR<n>": lambda n, pe, ns: bits.read_config(self.row(16 * n, 16, pe), ns),
            "GICD_SPENDSGIR<n>": read_sources, "GICD_CPENDSGIR<n>": read_sources,
            "GICD_NSACR<n>": zero,
            **{k: v for k, v in identification("GICD", o.pidr2, 0x390).items() if k in GICD_V2.by_name},
        }
        writes: dict[str, Writer] = {
            "GICD_CTLR": self._write_ctlr, "GICD_IGROUPR<n>": write_groups,
            "GICD_ISENABLER<n>": set_enable, "GICD_ICENABLER<n>": clear_enable,
            "GICD_ISPENDR<n>": set_pending, "GICD_ICPENDR<n>": clear_pending,
            "GICD_ISACTIVER<n>": set_active, "GICD_ICACTIVER<n>": clear_active,
            "GICD_IPRIORITYR<n>": lambda n, value, lanes, pe, ns: bits.write_priorities(
                self.row(4 * n, 4, pe), value, lanes, self.priority_mask, ns),
            "GICD_ITARGETSR<n>": write_targets, "GICD_ICFGR<n>": write_config, "GICD_SGIR": write_sgir,
            "GICD_SPENDSGIR<n>": change_sources(True), "GICD_CPENDSGIR<n>": change_sources(False),
            "GICD_NSACR<n>": ignored,
        }
        return reads, writes

    def _read_ctlr(self, n: int, pe: int, ns: bool) -> int:
        """GICD_CTLR: both enables, or in the Non-secure copy Group 1's alone (4.3.1)."""
        groups = self.state.groups
        return groups >> G1NS & 1 if ns else (groups >> G0 & 1) | (groups >> G1NS & 1) << 1

    def _write_ctlr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        group1 = value & 1 if ns else value >> 1 & 1
        group0 = self.state.groups & 1 << G0 if ns else (value & 1) << G0
        self.state.groups = group0 | group1 << G1NS

    def parts(self) -> tuple[object, ...]:
        """Every object here that changes."""
        return (self.state, *(irq for bank in self.banked for irq in bank), *self.spis)


def _group1(irq: Interrupt) -> bool:
    return irq.group == G1NS
