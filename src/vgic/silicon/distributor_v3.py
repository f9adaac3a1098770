"""GICD of a GICv3 with affinity routing always on (IHI 0069 ch. 12, "Distributor").

SPIs belong to GICD; a PE's SGIs and PPIs to its redistributor, so that word 0 of every banked GICD register is RAZ/WI.
Routing is by affinity (GICD_IROUTER<n>); the option `one_of_n` tells what the Interrupt Routing Mode bit does. RWP
always reads as zero: writes take effect at once here.

With two Security states GICD_CTLR has three views: Secure, Non-secure, and the single one once DS is set.
"""

from __future__ import annotations

from functools import partial

from vgic.arch.affinity import to_route
from vgic.arch.gicd import GICD_V3
from vgic.arch.intid import PRIVATE
from vgic.silicon.bank import NEVER, Bank, visible
from vgic.silicon.candidate import Candidate
from vgic.silicon.distributor import Distributor, DistributorState, Irqs
from vgic.silicon.frame import Block, ReadHandler, WriteHandler, constant, identification, ignored, zero
from vgic.silicon.interrupt import G0, G1NS, G1S, Interrupt
from vgic.silicon.options_v3 import DistributorV3Options
from vgic.silicon.redistributor import Redistributor
from vgic.silicon.report import OnNotice, deviation

IRM = GICD_V3["GICD_IROUTER<n>"].mask("Interrupt_Routing_Mode")
ROUTE = GICD_V3["GICD_IROUTER<n>"].mask("Aff3", "Aff2", "Aff1", "Aff0")
SECURE_ONLY = frozenset({"GICD_SETSPI_SR", "GICD_CLRSPI_SR"})


class DistributorV3(Distributor):
    """The distributor of a GICv3, with GICD.

    Args:
        options: the implementation's choices. state: GICD_CTLR, which the redistributors know too.
        redistributors: each PE's. report: takes the notices.
    """

    def __init__(
        self, options: DistributorV3Options, state: DistributorState, redistributors: tuple[Redistributor, ...],
        report: OnNotice,
    ) -> None:
        super().__init__(options, tuple(r.interrupts for r in redistributors), state)
        self.options, self.redistributors, self.report = options, redistributors, report
        self.route_of = tuple(to_route(options.affinity(pe)) for pe in range(options.pes))
        self.bank = Bank(GICD_V3, self.shared_row, options, state, report, by_nsacr=True,
                         keeps_low_bits=options.priority_stores_low_bits)
        self.gicd = Block(GICD_V3, *self._handlers(), report, options.bad_size, self._silent())

    # -- what the CPU interfaces ask

    def shared_row(self, first: int, count: int, pe: int) -> Irqs:
        """As `row`; none for SGIs and PPIs, which are the redistributors'."""
        return self._shared[first:first + count] if first >= PRIVATE else ()

    def targets(self, irq: Interrupt, pe: int) -> bool:
        """By affinity, or 1 of N where the option supports it (IHI 0069 3.2.1)."""
        if irq.route & IRM and self.options.one_of_n != "none":      # see Redistributor.participates
            if self.options.one_of_n == "all":
                return self.redistributors[pe].participates(irq.group)
            return next((r.pe for r in self.redistributors if r.participates(irq.group)), None) == pe
        return irq.route & ROUTE == self.route_of[pe]

    def forwarded(self, pe: int, groups: int) -> Candidate | None:
        """The highest priority pending interrupt of the groups that GICD_CTLR and `groups` enable."""
        asleep = self.redistributors[pe].state.asleep
        if asleep and self.options.sleep_blocks:
            return None
        irq = self.highest_pending(pe, groups & self.state.groups)
        if irq is not None and asleep:
            self.report(deviation("sleep_blocks", f"the redistributor of pe{pe} sleeps and forwards INTID {irq.intid}"))
        return irq

    def send_sgi(self, intid: int, pe: int, group: int, ns: bool) -> None:
        """One SGI arrives at a redistributor: pending, if the register that was written may send it to the group that
        it has there. `group`: that of the register."""
        irq = self.find(intid, pe)
        assert irq is not None
        sent = self._sends_single(irq, group, pe) if self.state.ds else self._sends(irq, group, ns)
        if not self.state.ds and not self.options.sgi_follows_table:
            table, sent = sent, _sends_as_asked(irq, group, ns)
            if sent != table:
                done = "is sent" if sent else "is not sent"
                self.report(deviation("sgi_follows_table", f"SGI {intid} {done} to pe{pe}"))
        if sent:
            irq.set_pending(True)

    def _sends_single(self, irq: Interrupt, group: int, pe: int) -> bool:
        """With a single Security state: ICC_SGI1R sends both groups, the other two Group 0 alone (IHI 0069, "Use of
        control registers for SGI forwarding"). From Secure state, which only a chip with EL3 has here, `group` is
        Secure Group 1 for ICC_SGI1R: it then sends Group 0 alone, as gem5's Gicv3Redistributor::sendSGI has it; the
        table does not say."""
        if group == G1NS and irq.group == G0 and not self.options.sgi1r_sends_group0:
            self.report(deviation("sgi1r_sends_group0", f"SGI {irq.intid} of Group 0 is not sent to pe{pe}"))
            return False
        return irq.group in (G0, group)

    def _sends(self, irq: Interrupt, group: int, ns: bool) -> bool:
        """With two Security states (IHI 0069, "Use of control registers for SGI forwarding"). A Secure write sends the
        register's group alone. A Non-secure one sends Group 0 by any register from NSACR 1 on, Secure Group 1 by
        ICC_SGI1R and ICC_ASGI1R from NSACR 2 on, and Non-secure Group 1 by ICC_SGI1R. Settled by the pages of
        GICR_NSACR and ICC_SGI1R_EL1 (DDI 0601), and by gem5's Gicv3Redistributor::sendSGI."""
        if not ns or irq.group == G1NS:
            return irq.group == group
        return irq.nsacr >= 1 if irq.group == G0 else irq.nsacr >= 2 and group != G0

    def deactivate(self, intid: int, pe: int, ns: bool = False) -> None:
        """Ends the active state of an interrupt; of a Secure one not for Non-secure software (`ns`), to whom ICACTIVER
        and ICC_DIR_EL1 refuse it too. That an EOIR of an INTID which was not acknowledged, or a list register's HW bit,
        does no more than those is not said in so many words: an UNPREDICTABLE outcome may not give what the Security
        state denies (DDI 0487, "Definition of UNPREDICTABLE"). GICv2 says it of the HW bit (IHI 0048B 5.2.2)."""
        irq = self.find(intid, pe)
        if irq is None:
            return
        if ns and not visible(irq, ns):
            if self.options.deactivation_checks_group:
                return
            if irq.active:
                detail = f"Secure INTID {intid} is deactivated by Non-secure software"
                self.report(deviation("deactivation_checks_group", detail))
        irq.deactivate()

    def deactivate_twin(self, intid: int, pe: int) -> None:
        """What a list register's HW bit does to the physical interrupt: the hypervisor is Non-secure."""
        self.deactivate(intid, pe, self.options.security and not self.state.ds)

    # -- registers

    def _handlers(self) -> tuple[dict[str, ReadHandler], dict[str, WriteHandler]]:
        o = self.options
        reads, writes = self.bank.handlers()
        reads |= {
            "GICD_CTLR": self._read_ctlr, "GICD_TYPER": self._read_typer, "GICD_TYPER2": zero,
            "GICD_IIDR": constant(o.iidr), "GICD_STATUSR": zero, "GICD_IROUTER<n>": self._read_route,
            "GICD_ITARGETSR<n>": zero, "GICD_CPENDSGIR<n>": zero, "GICD_SPENDSGIR<n>": zero,
            **identification("GICD", o.pidr2, 0x492),
        }
        writes |= {
            "GICD_CTLR": self._write_ctlr, "GICD_STATUSR": ignored, "GICD_IROUTER<n>": self._write_route,
            "GICD_ITARGETSR<n>": ignored, "GICD_CPENDSGIR<n>": ignored, "GICD_SPENDSGIR<n>": ignored,
            "GICD_SGIR": ignored,      # affinity routing is on: SGIs go by ICC_SGI1R_EL1
        }
        if o.message_spis:
            writes |= {
                "GICD_SETSPI_NSR": partial(self._message, True, 1), "GICD_CLRSPI_NSR": partial(self._message, False, 2),
                "GICD_SETSPI_SR": partial(self._secure_message, True),
                "GICD_CLRSPI_SR": partial(self._secure_message, False),
            }
        return reads, writes

    def _silent(self) -> frozenset[str]:
        """Reserved by the options chosen: no extended SPIs, no NMIs, no message-based SPIs."""
        absent = {r.name for r in GICD_V3 if r.name.endswith("E")} | (set() if self.options.nmis else {"GICD_INMIR<n>"})
        return frozenset(absent | {"GICD_SETSPI_NSR", "GICD_CLRSPI_NSR", *SECURE_ONLY})

    def _read_typer(self, n: int, pe: int, ns: bool) -> int:
        """GICD_TYPER: ITLinesNumber, NMI, SecurityExtn, MBIS, LPIS, DVIS, IDbits, A3V, No1N, RSS."""
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

    def _read_route(self, n: int, pe: int, ns: bool) -> int:
        irq = self.find(n, pe)
        return irq.route if irq is not None and visible(irq, ns, 3) else 0

    def _write_route(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        o, irq = self.options, self.find(n, pe)
        if irq is not None and visible(irq, ns, 3):
            keep = ROUTE | (IRM if o.one_of_n != "none" or o.irm_stored else 0)
            irq.route = (irq.route & ~lanes | value & lanes) & keep
            if value & lanes & IRM and o.one_of_n == "none" and o.irm_stored:
                self.report(deviation("irm_stored", f"GICD_IROUTER{n} keeps bit 31"))

    def _message(self, on: bool, nsacr: int, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """GICD_SETSPI_NSR, GICD_CLRSPI_NSR; `nsacr`: what a Non-secure write needs."""
        intid = value & 0x1FFF
        irq = self.find(intid, pe) if intid >= PRIVATE else None
        if irq is not None and visible(irq, ns, nsacr):
            irq.set_message(on)

    def _secure_message(self, on: bool, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """GICD_SETSPI_SR, GICD_CLRSPI_SR: WI to Non-secure accesses, and with a single Security state."""
        if not ns and not self.state.ds:
            self._message(on, NEVER, n, value, lanes, pe, ns)

    def parts(self) -> tuple[object, ...]:
        """Every object here that changes."""
        state, *interrupts = super().parts()
        return (state, *(r.state for r in self.redistributors), *interrupts)


def _sends_as_asked(irq: Interrupt, group: int, ns: bool) -> bool:
    """Option sgi_follows_table = False: an SGI is sent if its group is the register's; Secure Group 1 stands for Group
    0 too."""
    asked = G0 if group == G1S and irq.group == G0 else group
    return asked == irq.group and not (ns and irq.group != G1NS and irq.nsacr < (1 if irq.group == G0 else 2))
