"""Emulated GICs that did not do what the architecture says: the chip below today's KVM has one rule flipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from vgic.arch.intid import LPI_START
from vgic.designs.base import Observer, TimerRegisters
from vgic.designs.bugs.bug import Bug, Historical
from vgic.designs.kvm import Kvm
from vgic.designs.vgic.irq import PRIVATE
from vgic.designs.vm import Vm
from vgic.host import Kernel
from vgic.silicon import GicV3
from vgic.silicon.ich import VirtualInterfaceV3


class _LpiStays(VirtualInterfaceV3):
    """EOIR of an LPI as that of any other interrupt."""

    def write_eoir(self, group: int, value: int) -> None:
        if self.state.eoimode and value & 0xFFFFFF >= LPI_START:
            self.drop()
        else:
            super().write_eoir(group, value)


class B106(Historical, Kvm):
    """An LPI in a list register waits for a DIR that never comes."""

    name = "B106"
    entry = Bug(
        2021, "QEMU 6.2", "QEMU 82a65e3188ab", "an LPI stays active in its list register",
        "with split EOIs EOIR of an LPI drops the priority alone", "lpi-split", (15,))

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, vhe: bool = True, hw_deactivation: bool = True,
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer, vhe=vhe, hw_deactivation=hw_deactivation)
        if isinstance(self.gic, GicV3):
            self.gic.virtual = tuple(
                _LpiStays(v.options, v.deactivate_physical, v.report) for v in self.gic.virtual)


class B109(Historical, Kvm):
    """The active state of an SPI is a PE's own."""

    name = "B109"
    entry = Bug(
        2024, "QEMU 9.1", "QEMU 7175a562f157", "a guest can't deactivate its interrupt once its vCPU has moved",
        "a deactivation clears the active state for the PE that does it, of an SPI too", "v2-level-moved", (8,))

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, vhe: bool = True, hw_deactivation: bool = True,
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer, vhe=vhe, hw_deactivation=hw_deactivation)
        for pe, interface in enumerate(self.gic.virtual):
            interface.deactivate_physical = partial(self.deactivate_of_own, interface.deactivate_physical, pe)

    def deactivate_of_own(self, deactivate: Callable[[int], None], pe: int, pintid: int) -> None:
        """An SPI is active for the PE that it is routed to, which took it."""
        if pintid < PRIVATE or self.kernel.irq(pintid).affinity == pe:
            deactivate(pintid)
