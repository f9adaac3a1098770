"""The host kernel: it boots the GIC, takes interrupts, and lends its descriptors to drivers and hypervisors.

    kernel = Kernel(gic)                        # boots every PE's interface
    desc = kernel.irq(33)                       # SPI 33's descriptor
    kernel.request_irq(desc, handler)           # handler(desc, pe) -> whether it was the device's
    kernel.enable_irq(desc)
    if gic.irq(0): kernel.handle_irq(0)         # PE 0 takes one interrupt

With EOImode 1, which a kernel that runs at EL2 uses, taking an interrupt is: acknowledge, priority drop, flow handler,
deactivate. The deactivation is left to the guest for a forwarded interrupt, so that its line cannot interrupt the host
again before the guest has dealt with it.

The kernel object never changes; what changes are the descriptors and the chip. Methods that reach banked registers
take the PE that executes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vgic.arch.intid import MAINTENANCE, PRIVATE, SGIS, TIMER_PPIS, special
from vgic.host import flow
from vgic.host.chip import MASKED
from vgic.host.descriptor import Handler, IrqDesc
from vgic.host.domain import IrqDomain
from vgic.host.gic import GicDriver
from vgic.host.gic_v2 import GicV2Driver
from vgic.host.gic_v3 import GicV3Driver
from vgic.host.work import Work
from vgic.silicon import Gic, GicV2, GicV3

Notifier = Callable[[str, int, int], None]
"""Told what the kernel does: a word (take, ipi, spurious), the INTID, the PE."""


class Kernel:
    """The kernel of a machine.

    Args:
        gic: the chip, just reset.
        irqs: the INTIDs of PPIs and SPIs that the kernel uses: only these get descriptors.
        split_eoi: EOImode 1: EOIR drops the priority, DIR deactivates. A kernel that can't run at EL2 has it off.
        maintenance: the INTID of the PPI that GIC maintenance interrupts arrive as. It needs no work in its handler:
            the exit that it caused is what it is for.
        observer: told what happens; None for none.

    Attributes:
        descs: the descriptors, in the order of `irqs`.
        driver: the GIC driver, the root chip. gicv2_driver, gicv3_driver: its class. Class attributes.
    """

    gicv2_driver: type[GicV2Driver] = GicV2Driver
    gicv3_driver: type[GicV3Driver] = GicV3Driver

    def __init__(
        self, gic: Gic, irqs: Sequence[int] = (MAINTENANCE, TIMER_PPIS["CNTV"]), *, split_eoi: bool = True,
        maintenance: int = MAINTENANCE, observer: Notifier | None = None,
    ) -> None:
        self.gic = gic
        self.pes = gic.options.pes
        self.observer = observer
        self.driver = self._driver(split_eoi)
        self.domain = IrqDomain("GIC", self.driver)
        self.maintenance = maintenance
        self.driver.dist_init()
        for pe in range(self.pes):
            self.driver.cpu_init(pe)
        self.descs = tuple(
            IrqDesc(n, self.domain.irq_data(i), self.pes if i < PRIVATE else 0)
            for n, i in enumerate(dict.fromkeys((*irqs, maintenance))))
        self._by_intid = {desc.pintid: desc for desc in self.descs}
        desc = self.irq(maintenance)
        self.request_irq(desc, self._maintenance_handler, "GIC maintenance")
        for pe in range(self.pes):
            self.enable_percpu_irq(desc, pe)

    def _driver(self, split_eoi: bool) -> GicDriver:
        """The driver of the chip."""
        gic = self.gic
        if isinstance(gic, GicV3):
            return self.gicv3_driver(gic, split_eoi)
        if isinstance(gic, GicV2):
            return self.gicv2_driver(gic, split_eoi)
        raise TypeError(f"the kernel has no driver for a {type(gic).__name__}")

    # -- descriptors

    def irq(self, intid: int) -> IrqDesc:
        """The descriptor of a physical INTID. LookupError where the kernel has none (see `irqs`)."""
        desc = self._by_intid.get(intid)
        if desc is None:
            raise LookupError(f"the kernel has no descriptor for INTID {intid}; it was built with "
                              f"{', '.join(str(i) for i in self._by_intid)}")
        return desc

    def request_irq(
        self, desc: IrqDesc, handler: Handler, name: str = "", *, edge: bool | None = None, unlazy: bool = False,
        pe: int = 0,
    ) -> None:
        """A driver's handler for the interrupt; it stays disabled until enable_irq or enable_percpu_irq.

        Args:
            edge: the trigger, None to leave it. unlazy: IRQ_DISABLE_UNLAZY.
        """
        desc.handler, desc.name, desc.unlazy = handler, name, unlazy
        if edge is not None:
            self.irq_set_irq_type(desc, edge, pe)

    def enable_irq(self, desc: IrqDesc, pe: int = 0) -> None:
        """Undoes one disable_irq; at depth 0 the interrupt is unmasked, and an edge that came meanwhile is replayed."""
        flow.enable_irq(desc, pe)

    def disable_irq(self, desc: IrqDesc, pe: int = 0) -> None:
        """Disables (nests). Lazily: the chip is left alone until the interrupt arrives, unless `unlazy`."""
        flow.disable_irq(desc, pe)

    def enable_percpu_irq(self, desc: IrqDesc, pe: int) -> None:
        """Enables a PPI on one PE."""
        flow.enable_percpu_irq(desc, pe)

    def disable_percpu_irq(self, desc: IrqDesc, pe: int) -> None:
        """Disables a PPI on one PE, at the chip at once."""
        flow.disable_percpu_irq(desc, pe)

    # -- what the chip can be asked and told

    def irq_set_irq_type(self, desc: IrqDesc, edge: bool, pe: int = 0) -> None:
        """Sets the trigger."""
        desc.edge = edge
        desc.data.chip.irq_set_type(desc, desc.data, edge, pe)

    def irq_set_affinity(self, desc: IrqDesc, target: int, pe: int = 0) -> None:
        """Sends a shared interrupt to a PE."""
        desc.affinity = target
        desc.data.chip.irq_set_affinity(desc, desc.data, target, pe)

    def irq_get_irqchip_state(self, desc: IrqDesc, which: str, pe: int) -> bool:
        """PENDING, ACTIVE or MASKED (`vgic.host.chip`) of the physical interrupt; of a PPI: that of the PE."""
        return desc.data.chip.irq_get_irqchip_state(desc, desc.data, which, pe)

    def irq_set_irqchip_state(self, desc: IrqDesc, which: str, state: bool, pe: int) -> None:
        """Changes PENDING, ACTIVE or MASKED of the physical interrupt; of a PPI: that of the PE."""
        if which == MASKED:
            desc.masked = state
        desc.data.chip.irq_set_irqchip_state(desc, desc.data, which, state, pe)

    def irq_set_vcpu_affinity(self, desc: IrqDesc, info: object | None, pe: int = 0) -> None:
        """Forwards the interrupt to a guest (`info`: whatever the chip wants to know of it), or ends that (None)."""
        desc.data.chip.irq_set_vcpu_affinity(desc, desc.data, info, pe)

    # -- interrupts

    def handle_irq(self, pe: int) -> int:
        """The PE takes one interrupt: acknowledge, drop, flow handler. Returns its INTID, or 1020 to 1023 where there
        was none. The PE must be in the host."""
        iar = self.driver.acknowledge(pe)
        intid = self.driver.intid(iar)
        if special(intid):
            self._tell("spurious", intid, pe)
            return intid
        self.priority_drop(iar, pe)
        desc = self._by_intid.get(intid)
        if desc is None:
            self._tell("ipi" if intid < SGIS else "unexpected", intid, pe)
            self.driver.deactivate(iar, pe)
            return intid
        self._tell("take", intid, pe)
        if desc.percpu:
            flow.handle_percpu_devid_irq(desc, pe)
        else:
            flow.handle_fasteoi_irq(desc, pe)
        return intid

    def priority_drop(self, iar: int, pe: int) -> None:
        """What was acknowledged no longer holds back others of its priority: EOIR."""
        self.driver.drop(iar, pe)

    def send_ipi(self, sgi: int, target: int, pe: int) -> None:
        """An SGI from one PE to another."""
        self.driver.send_sgi(sgi, target, pe)

    def _maintenance_handler(self, desc: IrqDesc, pe: int) -> bool:
        return True

    def _tell(self, what: str, intid: int, pe: int) -> None:
        if self.observer is not None:
            self.observer(what, intid, pe)

    def work(self) -> Sequence[Work]:
        """The work that it may put off, each piece run by whoever runs the machine. These handlers put
        nothing off."""
        return ()

    def parts(self) -> tuple[object, ...]:
        """Every object that changes; the chip has its own."""
        return (*self.descs, *(state for desc in self.descs for state in desc.percpu))
