"""GICD of a GICv2 (IHI 0048B ch. 4.3).

The first word of every register for INTIDs 0 to 31 is banked by the accessing CPU interface. An SGI is pending for each
CPU interface that sent it: GICD_SPENDSGIR<n> and GICD_CPENDSGIR<n> show one byte an SGI, one bit a source.

With the Security Extensions a Non-secure access sees Group 1 interrupts only, and priorities in the Non-secure view.
"""

from __future__ import annotations

from collections.abc import Iterator

from vgic.arch.gicd import GICD_V2
from vgic.arch.intid import PRIVATE, SGIS
from vgic.silicon.bank import Bank, visible
from vgic.silicon.candidate import Candidate
from vgic.silicon.distributor import Distributor, DistributorState, private_interrupts
from vgic.silicon.frame import Block, ReadHandler, WriteHandler, constant, identification, ignored, zero
from vgic.silicon.interrupt import G0, G1NS, Interrupt
from vgic.silicon.options_v2 import DistributorV2Options
from vgic.silicon.report import OnNotice, deviation


class DistributorV2(Distributor):
    """The distributor of a GICv2, with GICD."""

    def __init__(self, options: DistributorV2Options, report: OnNotice) -> None:
        state = DistributorState(not options.security)
        super().__init__(options, tuple(private_interrupts(options) for _ in range(options.pes)), state)
        self.options, self.report = options, report
        self.all_targets = (1 << options.pes) - 1
        self.bank = Bank(GICD_V2, self.row, options, state, report, sgis_by_source=True,
                         sgis_enabled=options.sgi_always_enabled)
        self.gicd = Block(GICD_V2, *self._handlers(), report, options.bad_size, frozenset({"GICD_NSACR<n>"}))
        for bank in self.banked:
            for irq in bank[:SGIS]:
                irq.enabled = options.sgi_always_enabled

    def targets(self, irq: Interrupt, pe: int) -> bool:
        """By GICD_ITARGETSR<n>; with one CPU interface always (4.3.12)."""
        return bool(irq.targets >> pe & 1) or (self.options.pes == 1 and self.options.uniprocessor_targets)

    def forwarded(self, pe: int, groups: int) -> Candidate | None:
        """The highest priority pending interrupt of the groups that GICD_CTLR and `groups` enable."""
        if not self.options.group_enable_selects:
            return self.highest_pending(pe, 7) if self.state.groups else None
        return self.highest_pending(pe, groups & self.state.groups)

    def deactivate_twin(self, intid: int, pe: int) -> None:
        """As a Non-secure write to GICC_DIR (5.2.2), so Group 0 stays active where there are Security Extensions."""
        irq = self.find(intid, pe)
        if irq is not None and visible(irq, self.options.security):
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

    def _handlers(self) -> tuple[dict[str, ReadHandler], dict[str, WriteHandler]]:
        o = self.options
        reads, writes = self.bank.handlers()
        reads |= {
            "GICD_CTLR": self._read_ctlr,
            "GICD_TYPER": constant((self.lines - 1) | (o.pes - 1) << 5 | o.security << 10),
            "GICD_IIDR": constant(o.iidr), "GICD_ITARGETSR<n>": self._read_targets,
            "GICD_SPENDSGIR<n>": self._read_sources, "GICD_CPENDSGIR<n>": self._read_sources, "GICD_NSACR<n>": zero,
            **{k: v for k, v in identification("GICD", o.pidr2, 0x390).items() if k in GICD_V2.by_name},
        }
        writes |= {
            "GICD_CTLR": self._write_ctlr, "GICD_ITARGETSR<n>": self._write_targets, "GICD_SGIR": self._write_sgir,
            "GICD_SPENDSGIR<n>": self._set_sources, "GICD_CPENDSGIR<n>": self._clear_sources, "GICD_NSACR<n>": ignored,
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

    def _bytes(self, n: int, pe: int, ns: bool) -> Iterator[tuple[int, Interrupt]]:
        """The interrupts of a register of bytes that the access may touch, each with where its byte begins."""
        for k, irq in enumerate(self.row(4 * n, 4, pe)):
            if irq is not None and visible(irq, ns):
                yield 8 * k, irq

    def _no_targets(self) -> bool:
        return self.options.pes == 1 and self.options.uniprocessor_targets

    def _read_targets(self, n: int, pe: int, ns: bool) -> int:
        """GICD_ITARGETSR<n>; of private interrupts it names the reader (4.3.12)."""
        mine = () if self._no_targets() else self._bytes(n, pe, ns)
        return sum((1 << pe if irq.intid < PRIVATE else irq.targets) << at for at, irq in mine)

    def _write_targets(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        for at, irq in () if n < 8 or self._no_targets() else self._bytes(n, pe, ns):
            if lanes >> at & 0xFF:
                irq.targets = value >> at & self.all_targets

    def _read_sources(self, n: int, pe: int, ns: bool) -> int:
        """GICD_SPENDSGIR<n>, GICD_CPENDSGIR<n> (4.3.16, 4.3.17)."""
        return sum(irq.sources << at for at, irq in self._bytes(n, pe, ns))

    def _set_sources(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        for at, irq in self._bytes(n, pe, ns):
            irq.sources |= value >> at & self.all_targets

    def _clear_sources(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        for at, irq in self._bytes(n, pe, ns):
            irq.sources &= ~(value >> at & self.all_targets)

    def _write_sgir(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """GICD_SGIR (4.3.15)."""
        which = value >> 24 & 3
        if which == 3:
            which = {"ignored": -1, "all": 3}[self.options.sgir_reserved_filter]
        targets = {0: value >> 16 & 0xFF, 1: self.all_targets & ~(1 << pe), 2: 1 << pe, 3: self.all_targets, -1: 0}
        self.send_sgi(value & 15, pe, targets[which] & self.all_targets, ns, bool(value >> 15 & 1))
