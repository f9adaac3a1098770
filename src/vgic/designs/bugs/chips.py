"""Emulated GICs that did not do what the architecture says: the chip below today's KVM has one rule flipped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vgic.arch.intid import LPI_START, PRIVATE
from vgic.designs.bugs.bug import Bug, BugBuild
from vgic.designs.kvm import Kvm
from vgic.silicon import GicV2, GicV2Options, GicV3, GicV3Options
from vgic.silicon.gicv2 import MapV2
from vgic.silicon.gicv3 import MapV3
from vgic.silicon.ich import VirtualInterfaceV3
from vgic.silicon.report import OnNotice


class LpiStays(VirtualInterfaceV3):
    """EOIR of an LPI as that of any other interrupt."""

    def write_eoir(self, group: int, value: int) -> None:
        """With split EOIs the priority drop, and nothing else."""
        if self.state.eoimode and value & 0xFFFFFF >= LPI_START:
            self.drop()
        else:
            super().write_eoir(group, value)


class LpiStaysV3(GicV3):
    """A GICv3 whose virtual CPU interfaces are these."""

    def __init__(
        self, options: GicV3Options | None = None, memory_map: MapV3 | None = None, report: OnNotice | None = None,
    ) -> None:
        super().__init__(options, memory_map, report)
        self.virtual = tuple(LpiStays(v.options, v.deactivate_physical, v.report) for v in self.virtual)


B106 = BugBuild(Kvm, gicv3=LpiStaysV3, name="B106", entry=Bug(
    2021, "QEMU 6.2", "QEMU 82a65e3188ab", "an LPI stays active in its list register",
    "with split EOIs EOIR of an LPI drops the priority alone", "lpi-split", (15,)))
"""An LPI in a list register waits for a DIR that never comes."""


def _of_own_pe(gic: GicV2 | GicV3) -> None:
    """From now on a guest's deactivation of an SPI counts only on the PE that the SPI goes to, which took it."""
    for pe, interface in enumerate(gic.virtual):
        interface.deactivate_physical = partial(_deactivate, gic, interface.deactivate_physical, pe)


def _deactivate(gic: GicV2 | GicV3, deactivate: Callable[[int], None], pe: int, pintid: int) -> None:
    irq = gic.distributor.find(pintid, pe)
    if irq is None or pintid < PRIVATE or gic.distributor.targets(irq, pe):
        deactivate(pintid)


class OwnActiveV2(GicV2):
    """A GICv2 whose SPIs are active for a PE."""

    def __init__(
        self, options: GicV2Options | None = None, memory_map: MapV2 | None = None, report: OnNotice | None = None,
    ) -> None:
        super().__init__(options, memory_map, report)
        _of_own_pe(self)


class OwnActiveV3(GicV3):
    """A GICv3 whose SPIs are active for a PE."""

    def __init__(
        self, options: GicV3Options | None = None, memory_map: MapV3 | None = None, report: OnNotice | None = None,
    ) -> None:
        super().__init__(options, memory_map, report)
        _of_own_pe(self)


B109 = BugBuild(Kvm, gicv2=OwnActiveV2, gicv3=OwnActiveV3, name="B109", entry=Bug(
    2024, "QEMU 9.1", "QEMU 7175a562f157", "a guest can't deactivate its interrupt once its vCPU has moved",
    "a deactivation clears the active state for the PE that does it, of an SPI too", "v2-level-moved", (8,)))
"""The active state of an SPI is a PE's own."""
