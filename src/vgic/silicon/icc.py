"""The physical CPU interface as system registers, ICC (IHI 0069 ch. 12, "AArch64 System register descriptions").

`el` is the exception level of the access, `secure` its Security state; at EL3 `secure` is SCR_EL3.NS == 0, which
chooses the banked copy, while the access itself counts as Secure. With a single Security state the Non-secure copies
are used.
"""

from __future__ import annotations

from collections.abc import Callable

from vgic.arch.affinity import of_sgi
from vgic.arch.ich import TALL0, TALL1, TC, TDIR
from vgic.arch.intid import LPI_START, NONSECURE_PENDING, SECURE_PENDING, SPECIAL_START, SPURIOUS, special
from vgic.silicon.candidate import Candidate
from vgic.silicon.cpu_interface import CpuInterface
from vgic.silicon.distributor_v3 import DistributorV3
from vgic.silicon.ends import unmatched
from vgic.silicon.interrupt import G0, G1NS, G1S, Interrupt
from vgic.silicon.options_v3 import CpuInterfaceV3Options
from vgic.silicon.priority import IDLE, Group, from_nonsecure, nonsecure_view
from vgic.silicon.report import Trap, Undefined, deviation

SRE = 7


class PeState:
    """What the CPU interface sees of its PE: exception level, Security state, HCR_EL2.IMO/FMO, SCR_EL3.IRQ/FIQ."""

    __slots__ = ("el", "fmo", "imo", "scr_fiq", "scr_irq", "secure")

    def __init__(self) -> None:
        self.el = 1
        self.secure = False
        self.imo = self.fmo = self.scr_irq = self.scr_fiq = False


class CpuInterfaceV3(CpuInterface):
    """The physical CPU interface of one PE, with the ICC registers."""

    def __init__(
        self, options: CpuInterfaceV3Options, distributor: DistributorV3, pe: int, pes: PeState,
        groups: tuple[Group, Group, Group],
    ) -> None:
        super().__init__(options, min(7, options.priority_bits), groups, distributor.report)
        self.options, self.distributor, self.pe, self.pe_state = options, distributor, pe, pes
        self.has_el3 = options.security
        self.intid_mask = (1 << options.cpu_id_bits) - 1

    # -- what is pending

    def best(self) -> Candidate | None:
        """The highest priority pending interrupt (IHI 0069 4.8.1)."""
        groups = 7 if self.options.disabled_group_hides else self.enabled_groups()
        return self.distributor.forwarded(self.pe, groups)

    def outputs(self) -> tuple[bool, bool]:
        """IRQ and FIQ. Group 0 and the other state's Group 1 come as FIQ; with a single Security state Group 1 is IRQ
        wherever the PE is (IHI 0069 4.6.2; gem5's intSignalType follows it)."""
        irq = self.best()
        if irq is None or not self.signals(irq):
            return False, False
        pe = self.pe_state
        secure = self.has_el3 and (pe.secure or pe.el == 3)
        if irq.group == G0:
            fiq = True
        elif irq.group == G1S:
            fiq = not secure or pe.el == 3
        else:
            fiq = secure
            if fiq and self.distributor.state.ds:
                fiq = not self.options.group1_irq_with_ds
                if fiq:
                    self.report(deviation("group1_irq_with_ds", f"INTID {irq.intid} of Group 1 comes as FIQ"))
        return not fiq, fiq

    def _view(self, group: int, el: int, secure: bool) -> int:
        """The INTID that IAR<group> or HPPIR<group> may show, special ones included (IHI 0069, ICC_HPPIR0_EL1)."""
        irq = self.best()
        if irq is None or not self.groups[irq.group].enabled:
            return SPURIOUS
        hidden = not self.distributor.state.ds and irq.group != G1NS
        as_secure = self.has_el3 and (secure or el == 3)
        if group == 0:
            if irq.group != G0:
                return (SECURE_PENDING if hidden else NONSECURE_PENDING) if el == 3 else SPURIOUS
            return irq.intid if as_secure or not hidden else SPURIOUS
        if irq.group == G0:
            return SPURIOUS
        if hidden:
            return irq.intid if as_secure else SPURIOUS
        return irq.intid if el == 3 or not as_secure else SPURIOUS

    # -- acknowledge, drop, deactivate

    def would_acknowledge(self, group: int, el: int, secure: bool) -> tuple[int, Candidate | None]:
        """What IAR<group> would return now, and what it would acknowledge. Changes nothing."""
        irq = self.best()
        if irq is None or not self.signals(irq):
            return SPURIOUS, None
        intid = self._view(group, el, secure)
        return intid, None if special(intid) else irq

    def named(self, iar: int) -> Candidate | None:
        """The SGI, PPI or SPI of the INTID."""
        return self.distributor.find(iar & self.intid_mask, self.pe)

    def read_iar(self, group: int, el: int, secure: bool) -> int:
        """IAR: acknowledges the signalled interrupt; 1023 and no change where there is none for this access."""
        intid, taken = self.would_acknowledge(group, el, secure)
        if taken is not None:
            self.acknowledge(taken)
        return intid

    def write_eoir(self, group: int, value: int, el: int, secure: bool) -> None:
        """EOIR: drops the highest active priority if it is of this group and this state; deactivates in EOImode 0
        (IHI 0069, ICC_EOIR0_EL1). That the INTID is the one last acknowledged is not checked (UNPREDICTABLE if not)."""
        intid = value & self.intid_mask
        if special(intid):
            return
        if self.tells:
            expected = self.acknowledged.end(intid, (G1S, G1NS) if group else (G0,))
            if expected:
                self.report(unmatched(f"ICC_EOIR{group}_EL1", intid, expected))
        if intid < LPI_START and self.options.eoi_of_unimplemented == "ignored" and (
                self.distributor.find(intid, self.pe) is None):
            return
        top = self.active_group()
        as_secure = self.has_el3 and (secure or el == 3)
        if top is None:
            if self.options.eoi_without_active == "deactivates" and not self.split(el, secure):
                self.distributor.deactivate(intid, self.pe, self.has_el3 and self.distributor.ns(as_secure))
            return
        if (top == G0) != (group == 0):
            return
        if top == G0 and not self.distributor.state.ds and not as_secure:
            return
        if top == G1S and not as_secure:
            return
        if top == G1NS and as_secure and el != 3:
            return
        self.drop(top)
        if not self.split(el, secure):
            self.distributor.deactivate(intid, self.pe, self.has_el3 and self.distributor.ns(as_secure))

    def split(self, el: int, secure: bool) -> bool:
        """EOImode of the access: EOIR only drops, DIR deactivates."""
        s = self.state
        if el == 3:
            return s.eoimode_el3
        return s.eoimode_s if self.has_el3 and secure else s.eoimode_ns

    def write_dir(self, value: int, el: int, secure: bool) -> None:
        """DIR: deactivates, if the access may touch the interrupt's group; ignored in EOImode 0 and for INTIDs that
        have no active state (IHI 0069, ICC_DIR_EL1)."""
        irq = self.distributor.find(value & self.intid_mask, self.pe)
        if self.tells and value & self.intid_mask < SPECIAL_START:
            self._told_dir(value & self.intid_mask, irq, el, secure)
        if irq is None or not self.split(el, secure):
            return
        pe, single = self.pe_state, self.distributor.state.ds
        group0, hidden = irq.group == G0, not single and irq.group != G1NS
        to_el3 = pe.scr_fiq if group0 else pe.scr_irq
        if el == 3:
            allowed = True
        elif el == 1 and self.has_el3 and secure:
            allowed = not to_el3
        else:
            to_el2 = el == 1 and (pe.fmo if group0 else pe.imo)
            allowed = (single if group0 else not hidden) and not to_el3 and not to_el2
        if allowed:
            irq.deactivate()

    def _told_dir(self, intid: int, irq: Interrupt | None, el: int, secure: bool) -> None:
        """A notice, if the write to DIR matches nothing. In EOImode 0 it is ignored, but an SEI may be generated;
        before the priority drop it is permitted (IHI 0069, ICC_DIR_EL1)."""
        if not self.split(el, secure):
            self.report(unmatched("ICC_DIR_EL1", intid, "expected EOImode 1: it is ignored"))
        elif irq is None or not irq.active:
            expected = "expected an active interrupt: it was never acknowledged, or was deactivated before"
            self.report(unmatched("ICC_DIR_EL1", intid, expected))

    # -- the other registers

    def _restricted(self, el: int, secure: bool) -> bool:
        """Whether priorities show in the Non-secure view: Non-secure, with Group 0 out of reach (IHI 0069 4.8.6)."""
        return self.has_el3 and not secure and el != 3 and self.pe_state.scr_fiq

    def read_pmr(self, el: int, secure: bool) -> int:
        """ICC_PMR_EL1, in the Non-secure view where the access is restricted."""
        if not self._restricted(el, secure) or (self.state.pmr == 0xFF and self.options.nonsecure_pmr_shows_ff):
            return self.state.pmr
        return nonsecure_view(self.state.pmr)

    def write_pmr(self, value: int, el: int, secure: bool) -> None:
        """ICC_PMR_EL1; a restricted access leaves a mask in the Secure half alone."""
        value &= 0xFF
        if self._restricted(el, secure):
            if not self.state.pmr & 0x80:
                return
            value = from_nonsecure(value)
        self.state.pmr = value & self.priority_mask

    def read_rpr(self, el: int, secure: bool) -> int:
        """ICC_RPR_EL1, in the Non-secure view where the access is restricted."""
        running = self.running_priority()
        return nonsecure_view(running) if self._restricted(el, secure) and running != IDLE else running

    def _group1(self, secure: bool) -> int:
        return G1S if self.has_el3 and secure else G1NS

    def _bpr_group(self, group: int, el: int, secure: bool) -> tuple[int, bool]:
        """Whose binary point BPR<group> is, and whether it is a saturated, read-only view (CBPR)."""
        if group == 0:
            return G0, False
        mine = self._group1(secure)
        if mine == G1S and el != 3 and self.state.cbpr_s:
            return G0, False
        if mine == G1NS and el < 3 and self.state.cbpr_ns:
            return G0, True
        return mine, False

    def read_bpr(self, group: int, el: int, secure: bool) -> int:
        """ICC_BPR0_EL1, ICC_BPR1_EL1: the binary point that the access sees."""
        mine, saturated = self._bpr_group(group, el, secure)
        return min(self.groups[mine].bpr + 1, 7) if saturated else self.groups[mine].bpr

    def write_bpr(self, group: int, value: int, el: int, secure: bool) -> None:
        """ICC_BPR0_EL1, ICC_BPR1_EL1; no effect on a view that is saturated."""
        mine, saturated = self._bpr_group(group, el, secure)
        if not saturated:
            self.set_bpr(mine, value)

    def _common_ctlr(self) -> int:
        o = self.options
        return (o.priority_bits - 1) << 8 | (o.cpu_id_bits == 24) << 11 | 1 << 15 | o.range_selector() << 18

    def read_ctlr(self, secure: bool) -> int:
        """ICC_CTLR_EL1 of the access's Security state."""
        s = self.state
        if self._group1(secure) == G1S:
            return self._common_ctlr() | int(s.cbpr_s) | s.eoimode_s << 1
        return self._common_ctlr() | int(s.cbpr_ns) | s.eoimode_ns << 1

    def write_ctlr(self, value: int, secure: bool) -> None:
        """ICC_CTLR_EL1: EOImode, and CBPR unless EL3 owns it (two Security states)."""
        s, cbpr_too = self.state, not self.has_el3 or self.distributor.state.ds
        if self._group1(secure) == G1S:
            s.eoimode_s = bool(value & 2)
            s.cbpr_s = bool(value & 1) if cbpr_too else s.cbpr_s
        else:
            s.eoimode_ns = bool(value & 2)
            s.cbpr_ns = bool(value & 1) if cbpr_too else s.cbpr_ns

    def read_ctlr_el3(self) -> int:
        """ICC_CTLR_EL3: the controls of all states."""
        s = self.state
        return (
            self._common_ctlr() | int(s.cbpr_s) | s.cbpr_ns << 1 | s.eoimode_el3 << 2 | s.eoimode_s << 3
            | s.eoimode_ns << 4 | self.options.nds << 17
        )

    def write_ctlr_el3(self, value: int) -> None:
        """ICC_CTLR_EL3: the controls of all states."""
        s = self.state
        s.cbpr_s, s.cbpr_ns, s.eoimode_el3 = bool(value & 1), bool(value & 2), bool(value & 4)
        s.eoimode_s, s.eoimode_ns = bool(value & 8), bool(value & 16)

    def _active_group(self, which: int, secure: bool) -> int:
        return G0 if which == 0 else self._group1(secure)

    def read_apr(self, which: int, n: int, secure: bool) -> int:
        """ICC_AP0R<n>_EL1, ICC_AP1R<n>_EL1: a word of the active priorities."""
        return self.groups[self._active_group(which, secure)].active >> 32 * n & 0xFFFFFFFF

    def write_apr(self, which: int, n: int, value: int, el: int, secure: bool) -> None:
        """ICC_AP0R<n>_EL1, ICC_AP1R<n>_EL1. A Non-secure write may not make a Secure priority active: with EL3 its
        lower half is ignored (IHI 0069, ICC_AP1R<n>_EL1)."""
        group = self.groups[self._active_group(which, secure)]
        levels = 1 << self.preemption_bits
        change = 0xFFFFFFFF << 32 * n & (1 << levels) - 1
        if which and self.has_el3 and not self.distributor.state.ds and not secure and el < 3:
            change &= ~0 << levels // 2
        rest = group.active & ~change if change.bit_count() < levels else 0
        group.active = rest | (value & 0xFFFFFFFF) << 32 * n & change
        self.restored()

    def check_apr(self, name: str, n: int) -> None:
        """Undefined where the preemption bits have no such active priorities register."""
        if n >= 1 << max(0, self.preemption_bits - 5):
            raise Undefined(name, f"{self.preemption_bits} preemption bits have no such register")

    def sgi_targets(self, value: int) -> list[int]:
        """The PEs that an SGI register's value names: by affinity and list, or all but this one (IHI 0069,
        ICC_SGI1R_EL1)."""
        o = self.options
        if value >> 40 & 1:
            return [pe for pe in range(o.pes) if pe != self.pe]
        named = of_sgi(value, o.range_selector())
        return [pe for pe in range(o.pes) if o.affinity(pe) in named]

    def generate_sgi(self, group: int, value: int, secure: bool) -> None:
        """ICC_SGI1R_EL1, ICC_ASGI1R_EL1, ICC_SGI0R_EL1."""
        for pe in self.sgi_targets(value):
            self.distributor.send_sgi(value >> 24 & 15, pe, group, self.distributor.ns(secure))


Read = Callable[[CpuInterfaceV3, int, int, bool], int]
Write = Callable[[CpuInterfaceV3, int, int, int, bool], None]


def _sgi(which: str, i: CpuInterfaceV3, value: int, el: int, secure: bool) -> None:
    """Of which group; an access at EL3 counts as Secure whatever SCR_EL3.NS is (IHI 0069, ICC_SGI1R_EL1)."""
    as_secure = i.has_el3 and (secure or el == 3)
    group = G0 if which == "0" else G1S if as_secure == (which == "1") else G1NS
    i.generate_sgi(group, value, as_secure)


def _write_igrpen1_el3(i: CpuInterfaceV3, value: int) -> None:
    i.groups[G1NS].enabled, i.groups[G1S].enabled = bool(value & 1), bool(value & 2)


def _set_enabled(i: CpuInterfaceV3, group: int, value: int) -> None:
    i.groups[group].enabled = bool(value & 1)


READS: dict[str, Read] = {
    "ICC_PMR_EL1": lambda i, n, el, s: i.read_pmr(el, s),
    "ICC_IAR0_EL1": lambda i, n, el, s: i.read_iar(0, el, s), "ICC_IAR1_EL1": lambda i, n, el, s: i.read_iar(1, el, s),
    "ICC_HPPIR0_EL1": lambda i, n, el, s: i._view(0, el, s), "ICC_HPPIR1_EL1": lambda i, n, el, s: i._view(1, el, s),
    "ICC_BPR0_EL1": lambda i, n, el, s: i.read_bpr(0, el, s), "ICC_BPR1_EL1": lambda i, n, el, s: i.read_bpr(1, el, s),
    "ICC_AP0R<n>_EL1": lambda i, n, el, s: i.read_apr(0, n, s),
    "ICC_AP1R<n>_EL1": lambda i, n, el, s: i.read_apr(1, n, s),
    "ICC_RPR_EL1": lambda i, n, el, s: i.read_rpr(el, s),
    "ICC_CTLR_EL1": lambda i, n, el, s: i.read_ctlr(s), "ICC_CTLR_EL3": lambda i, n, el, s: i.read_ctlr_el3(),
    "ICC_SRE_EL1": lambda i, n, el, s: SRE, "ICC_SRE_EL2": lambda i, n, el, s: 15,
    "ICC_SRE_EL3": lambda i, n, el, s: 15,
    "ICC_IGRPEN0_EL1": lambda i, n, el, s: int(i.groups[G0].enabled),
    "ICC_IGRPEN1_EL1": lambda i, n, el, s: int(i.groups[i._group1(s)].enabled),
    "ICC_IGRPEN1_EL3": lambda i, n, el, s: int(i.groups[G1NS].enabled) | i.groups[G1S].enabled << 1,
}
WRITES: dict[str, Write] = {
    "ICC_PMR_EL1": lambda i, n, v, el, s: i.write_pmr(v, el, s),
    "ICC_EOIR0_EL1": lambda i, n, v, el, s: i.write_eoir(0, v, el, s),
    "ICC_EOIR1_EL1": lambda i, n, v, el, s: i.write_eoir(1, v, el, s),
    "ICC_DIR_EL1": lambda i, n, v, el, s: i.write_dir(v, el, s),
    "ICC_BPR0_EL1": lambda i, n, v, el, s: i.write_bpr(0, v, el, s),
    "ICC_BPR1_EL1": lambda i, n, v, el, s: i.write_bpr(1, v, el, s),
    "ICC_AP0R<n>_EL1": lambda i, n, v, el, s: i.write_apr(0, n, v, el, s),
    "ICC_AP1R<n>_EL1": lambda i, n, v, el, s: i.write_apr(1, n, v, el, s),
    "ICC_CTLR_EL1": lambda i, n, v, el, s: i.write_ctlr(v, s),
    "ICC_CTLR_EL3": lambda i, n, v, el, s: i.write_ctlr_el3(v),
    "ICC_SRE_EL1": lambda i, n, v, el, s: None, "ICC_SRE_EL2": lambda i, n, v, el, s: None,
    "ICC_SRE_EL3": lambda i, n, v, el, s: None,
    "ICC_IGRPEN0_EL1": lambda i, n, v, el, s: _set_enabled(i, G0, v),
    "ICC_IGRPEN1_EL1": lambda i, n, v, el, s: _set_enabled(i, i._group1(s), v),
    "ICC_IGRPEN1_EL3": lambda i, n, v, el, s: _write_igrpen1_el3(i, v),
    "ICC_SGI1R_EL1": lambda i, n, v, el, s: _sgi("1", i, v, el, s),
    "ICC_ASGI1R_EL1": lambda i, n, v, el, s: _sgi("A", i, v, el, s),
    "ICC_SGI0R_EL1": lambda i, n, v, el, s: _sgi("0", i, v, el, s),
}

GROUP0 = {"ICC_IAR0_EL1", "ICC_EOIR0_EL1", "ICC_HPPIR0_EL1", "ICC_BPR0_EL1", "ICC_AP0R<n>_EL1", "ICC_IGRPEN0_EL1"}
GROUP1 = {"ICC_IAR1_EL1", "ICC_EOIR1_EL1", "ICC_HPPIR1_EL1", "ICC_BPR1_EL1", "ICC_AP1R<n>_EL1", "ICC_IGRPEN1_EL1"}
COMMON = {"ICC_PMR_EL1", "ICC_CTLR_EL1", "ICC_DIR_EL1", "ICC_RPR_EL1"}
SGIS = {"ICC_SGI1R_EL1", "ICC_ASGI1R_EL1", "ICC_SGI0R_EL1"}


def virtual(name: str, el: int, secure: bool, pe: PeState) -> bool:
    """Whether an access to ICC_<name> falls on the virtual CPU interface (IHI 0069 ch. 6, HCR_EL2.IMO and FMO)."""
    if el != 1 or secure:
        return False
    if name in GROUP0:
        return pe.fmo
    if name in GROUP1:
        return pe.imo
    return name in COMMON and (pe.fmo or pe.imo)


def check_traps(name: str, el: int, secure: bool, pe: PeState, hcr: int, has_el3: bool) -> None:
    """Raises Trap where the access goes to a higher exception level: ICH_HCR_EL2's traps of Non-secure EL1 first, then
    SCR_EL3's (IHI 0069, ICH_HCR_EL2; DDI 0487, SCR_EL3)."""
    if el == 1 and not secure:
        for bit, names, why in ((TALL0, GROUP0, "TALL0"), (TALL1, GROUP1, "TALL1"), (TC, COMMON | SGIS, "TC"),
                                (TDIR, {"ICC_DIR_EL1"}, "TDIR")):
            if hcr & bit and name in names:
                raise Trap(name, 2, f"ICH_HCR_EL2.{why} = 1")
        if name in SGIS and (pe.imo or pe.fmo):
            raise Trap(name, 2, "HCR_EL2.IMO or FMO = 1")
    if has_el3 and el < 3:
        routed = el == 2 or secure
        if name in GROUP0 and pe.scr_fiq and (routed or not pe.fmo):
            raise Trap(name, 3, "SCR_EL3.FIQ = 1")
        if name in GROUP1 and pe.scr_irq and (routed or not pe.imo):
            raise Trap(name, 3, "SCR_EL3.IRQ = 1")
        if name in COMMON | SGIS and pe.scr_irq and pe.scr_fiq and (routed or not (pe.imo or pe.fmo)):
            raise Trap(name, 3, "SCR_EL3.IRQ and FIQ = 1")
