"""What the GIC drivers share: the root irq chip of a GICv2 and of a GICv3, and the boot of both.

All goes through registers. A private interrupt's registers are banked (GICv2) or in the PE's redistributor (GICv3), so
only the PE itself changes them.

**Boot.** Firmware, or a kernel that ran before (kexec), may have left anything behind but what is pending, which is
left to its driver: every interrupt is disabled and deactivated (`dist_config` for the shared ones, `cpu_config` for a
PE's own), and no priority of the PE's is active, or nothing of this or a lower one would ever be signalled to it. Each
piece is a method by Linux's name; a kernel with a driver of its own (`Kernel.gicv3_driver`) can replace one.

What a guest may complete in parallel needs care. Setting the active state is read back, so that it is done before the
guest runs; nothing else is. Masking waits for RWP. Masking an interrupt that is forwarded also clears its active state:
nobody will deactivate it any more while it is masked, and the next one must not be lost.
"""

from __future__ import annotations

from abc import abstractmethod

from vgic.arch.gicd import GICD_V3
from vgic.arch.intid import PRIVATE
from vgic.host.chip import MASKED, PENDING
from vgic.host.descriptor import CannotForward, IrqChip, IrqData, IrqDesc
from vgic.host.mmio import BoundFrame

IT_LINES = GICD_V3["GICD_TYPER"].mask("ITLinesNumber")
PRIORITY = 0xA0
"""What the kernel gives every interrupt."""
PRIORITIES = PRIORITY * 0x01010101
"""Of four interrupts."""
PMR = 0xF0
EVERY = 0xFFFF_FFFF
"""Of 32 interrupts."""
SGIS = 0xFF
"""The SGIs that the kernel uses for itself (IPIs): 0 to 7, one bit each."""


class GicDriver(IrqChip):
    """The driver of a GIC: the root of every hierarchy of irq chips."""

    name = "GIC"

    def __init__(self, pes: int, split_eoi: bool) -> None:
        self.pes = pes
        self.split_eoi = split_eoi

    # -- what the two do differently

    @abstractmethod
    def dist_init(self) -> None:
        """Boots the distributor: off, every SPI as `dist_config` leaves it and sent to PE 0, on."""

    @abstractmethod
    def cpu_init(self, pe: int) -> None:
        """Boots a PE's interface, once its private interrupts are as `cpu_config` leaves them."""

    @abstractmethod
    def acknowledge(self, pe: int) -> int:
        """Reads IAR: what the PE takes now, as the register has it."""

    @abstractmethod
    def intid(self, iar: int) -> int:
        """The INTID in a value of IAR."""

    @abstractmethod
    def drop(self, iar: int, pe: int) -> None:
        """Writes EOIR with what IAR gave: priority drop, and with EOImode 0 the deactivation."""

    @abstractmethod
    def deactivate(self, iar: int, pe: int) -> None:
        """Ends the active state, if EOIR did not (EOImode 1): DIR."""

    @abstractmethod
    def send_sgi(self, sgi: int, target: int, pe: int) -> None:
        """One PE sends an SGI to another."""

    @abstractmethod
    def frame(self, intid: int, pe: int) -> BoundFrame:
        """The frame with an interrupt's registers, as the PE accesses it."""

    def wait_for_rwp(self, intid: int, pe: int) -> None:
        """Waits until a disable has taken effect; a GICv2 has no such thing."""

    # -- boot

    def dist_config(self) -> None:
        """Every SPI level, of the kernel's priority, inactive, disabled."""
        gicd = self.frame(PRIVATE, 0)
        words = (gicd.TYPER.read() & IT_LINES) + 1
        for n in range(2, 2 * words):
            gicd.ICFGR[n] = 0
        for n in range(8, 8 * words):
            gicd.IPRIORITYR[n] = PRIORITIES
        for n in range(1, words):
            gicd.ICACTIVER[n] = EVERY
            gicd.ICENABLER[n] = EVERY
        if words > 1:
            self.wait_for_rwp(PRIVATE, 0)

    def cpu_config(self, pe: int) -> None:
        """Every private interrupt of a PE inactive, disabled, of the kernel's priority; the kernel's SGIs enabled."""
        frame = self.frame(0, pe)
        frame.ICACTIVER[0] = EVERY
        frame.ICENABLER[0] = EVERY
        for n in range(8):
            frame.IPRIORITYR[n] = PRIORITIES
        frame.ISENABLER[0] = SGIS
        self.wait_for_rwp(0, pe)

    # -- irq chip operations

    def irq_mask(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """ICENABLER; of a forwarded interrupt the active state goes too."""
        self.enable(data.hwirq, False, pe)
        if desc.forwarded:
            self.frame(data.hwirq, pe).ICACTIVER.write_bit(data.hwirq)

    def enable(self, intid: int, enabled: bool, pe: int) -> None:
        """ISENABLER, or ICENABLER and nothing else: for hypervisors that are no Linux."""
        frame = self.frame(intid, pe)
        if enabled:
            frame.ISENABLER.write_bit(intid)
        else:
            frame.ICENABLER.write_bit(intid)
            self.wait_for_rwp(intid, pe)

    def irq_unmask(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """Enables it at the chip: ISENABLER."""
        self.enable(data.hwirq, True, pe)

    def irq_eoi(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """DIR with EOImode 1, unless forwarded: then the guest deactivates. (With EOImode 0 EOIR has done it.)"""
        if self.split_eoi and not desc.forwarded:
            self.deactivate(data.hwirq, pe)

    def irq_set_type(self, desc: IrqDesc, data: IrqData, edge: bool, pe: int) -> None:
        """Writes the trigger: the upper of the interrupt's two bits of ICFGR."""
        icfgr, n, shift = self.frame(data.hwirq, pe).ICFGR, data.hwirq // 16, 2 * (data.hwirq % 16)
        icfgr[n] = icfgr[n] & ~(3 << shift) | edge << shift + 1

    def irq_get_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, pe: int) -> bool:
        """The bit in the distributor or redistributor."""
        frame, intid = self.frame(data.hwirq, pe), data.hwirq
        if which == MASKED:
            return not frame.ISENABLER.read_bit(intid)
        return (frame.ISPENDR if which == PENDING else frame.ISACTIVER).read_bit(intid)

    def irq_set_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, state: bool, pe: int) -> None:
        """Writes the bit; an active state that was set is read back, so that it is there when this returns."""
        frame, intid = self.frame(data.hwirq, pe), data.hwirq
        if which == MASKED and state:
            self.irq_mask(desc, data, pe)
        elif which == MASKED:
            frame.ISENABLER.write_bit(intid)
        elif which == PENDING:
            (frame.ISPENDR if state else frame.ICPENDR).write_bit(intid)
        elif state:
            frame.ISACTIVER.write_bit(intid)
            frame.ISACTIVER.read_bit(intid)
        else:
            frame.ICACTIVER.write_bit(intid)

    def irq_set_vcpu_affinity(self, desc: IrqDesc, data: IrqData, info: object | None, pe: int) -> None:
        """Marks the descriptor, so that irq_eoi leaves it active. Needs EOImode 1. CannotForward without."""
        if info is not None and not self.split_eoi:
            raise CannotForward("an interrupt can only be forwarded with EOImode 1")
        desc.forwarded = info is not None

    def irq_retrigger(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """Makes it pending at the chip: ISPENDR."""
        self.frame(data.hwirq, pe).ISPENDR.write_bit(data.hwirq)
