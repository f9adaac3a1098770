"""The GIC drivers: the root irq chip of a GICv2 and of a GICv3, and the boot of both.

All goes through registers. A private interrupt's registers are banked (GICv2) or in the PE's redistributor (GICv3), so
only the PE itself changes them.

What a guest may complete in parallel needs care. Setting the active state is read back, so that it is done before the
guest runs; nothing else is. Masking waits for RWP. Masking an interrupt that is forwarded also clears its active state:
nobody will deactivate it any more while it is masked, and the next one must not be lost.
"""

from __future__ import annotations

from vgic.host.chip import ACTIVE, MASKED, PENDING, IrqChip
from vgic.host.descriptor import CannotForward, IrqData, IrqDesc

CTLR, TYPER, IGROUPR, ISENABLER, ICENABLER = 0x0, 0x4, 0x80, 0x100, 0x180
ISPENDR, ICPENDR, ISACTIVER, ICACTIVER = 0x200, 0x280, 0x300, 0x380
IPRIORITYR, ITARGETSR, ICFGR, SGIR, IROUTER = 0x400, 0x800, 0xC00, 0xF00, 0x6000
PRIORITY = 0xA0
"""What the kernel gives every interrupt."""
SGIS = 0xFF
"""The SGIs that the kernel uses for itself (IPIs): 0 to 7, one bit each."""

_STATE_READ = {PENDING: ISPENDR, ACTIVE: ISACTIVER}
_STATE_WRITE = {
    (PENDING, True): ISPENDR, (PENDING, False): ICPENDR, (ACTIVE, True): ISACTIVER, (ACTIVE, False): ICACTIVER,
    (MASKED, True): ICENABLER, (MASKED, False): ISENABLER,
}


class GicDriver(IrqChip):
    """What GICv2 and GICv3 share; the root of the hierarchy."""

    name = "GIC"

    def __init__(self, pes: int, split_eoi: bool) -> None:
        self.pes = pes
        self.split_eoi = split_eoi

    # -- what the two do differently

    def init_distributor(self) -> None:
        """Boots the distributor: every SPI level, disabled, of the kernel's priority, sent to PE 0."""
        raise NotImplementedError  # abstract: GICv2 and GICv3 differ

    def init_cpu(self, pe: int) -> None:
        """Boots a PE's interface."""
        raise NotImplementedError  # abstract: GICv2 and GICv3 differ

    def acknowledge(self, pe: int) -> int:
        """Reads IAR."""
        raise NotImplementedError  # abstract: GICv2 and GICv3 differ

    def intid(self, iar: int) -> int:
        """The INTID in a value of IAR."""
        raise NotImplementedError  # abstract: GICv2 and GICv3 differ

    def drop(self, iar: int, pe: int) -> None:
        """Writes EOIR."""
        raise NotImplementedError  # abstract: GICv2 and GICv3 differ

    def deactivate(self, iar: int, pe: int) -> None:
        """Ends the active state, if EOIR did not (EOImode 1): DIR."""
        raise NotImplementedError  # abstract: GICv2 and GICv3 differ

    def send_sgi(self, sgi: int, target: int, pe: int) -> None:
        """Sends an SGI."""
        raise NotImplementedError  # abstract: GICv2 and GICv3 differ

    def _poke(self, intid: int, register: int, pe: int) -> None:
        """Writes an interrupt's bit to one of the one-bit registers."""
        raise NotImplementedError  # abstract: GICv2 and GICv3 differ

    def _peek(self, intid: int, register: int, pe: int) -> bool:
        """Reads an interrupt's bit."""
        raise NotImplementedError  # abstract: GICv2 and GICv3 differ

    def _wait_for_rwp(self, intid: int, pe: int) -> None:
        """Waits until a disable has taken effect."""

    # -- irq chip operations

    def irq_mask(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """ICENABLER; of a forwarded interrupt the active state goes too."""
        self._poke(data.hwirq, ICENABLER, pe)
        self._wait_for_rwp(data.hwirq, pe)
        if desc.forwarded:
            self._poke(data.hwirq, ICACTIVER, pe)

    def enable(self, intid: int, enabled: bool, pe: int) -> None:
        """ISENABLER, or ICENABLER and nothing else: for hypervisors that are no Linux."""
        self._poke(intid, ISENABLER if enabled else ICENABLER, pe)
        if not enabled:
            self._wait_for_rwp(intid, pe)

    def irq_unmask(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """ISENABLER."""
        self._poke(data.hwirq, ISENABLER, pe)

    def irq_eoi(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """DIR with EOImode 1, unless forwarded: then the guest deactivates. (With EOImode 0 EOIR has done it.)"""
        if self.split_eoi and not desc.forwarded:
            self.deactivate(data.hwirq, pe)

    def irq_get_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, pe: int) -> bool:
        """The bit in the distributor or redistributor."""
        if which == MASKED:
            return not self._peek(data.hwirq, ISENABLER, pe)
        return self._peek(data.hwirq, _STATE_READ[which], pe)

    def irq_set_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, state: bool, pe: int) -> None:
        """Writes the bit; an active state that was set is read back, so that it is there when this returns."""
        if which == MASKED and state:
            self.irq_mask(desc, data, pe)
            return
        self._poke(data.hwirq, _STATE_WRITE[which, state], pe)
        if which == ACTIVE and state:
            self._peek(data.hwirq, ISACTIVER, pe)

    def irq_set_vcpu_affinity(self, desc: IrqDesc, data: IrqData, info: object | None, pe: int) -> None:
        """Marks the descriptor, so that irq_eoi leaves it active. Needs EOImode 1. CannotForward without."""
        if info is not None and not self.split_eoi:
            raise CannotForward("an interrupt can only be forwarded with EOImode 1")
        desc.forwarded = info is not None

    def irq_retrigger(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """ISPENDR."""
        self._poke(data.hwirq, ISPENDR, pe)
