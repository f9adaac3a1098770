"""Emulated GICs that did not do what the architecture says: the chip below today's KVM has one rule flipped."""

from __future__ import annotations

from vgic.arch.intid import LPI_START, PRIVATE
from vgic.designs.bugs.bug import Bug, BugBuild
from vgic.designs.kvm import Kvm
from vgic.silicon import GicV2, GicV2Options, GicV3, GicV3Options
from vgic.silicon.gich import VirtualInterfaceV2
from vgic.silicon.gicv2 import MapV2
from vgic.silicon.gicv3 import MapV3
from vgic.silicon.ich import VirtualInterfaceV3
from vgic.silicon.report import OnNotice
from vgic.silicon.virtual_interface import VirtualInterface


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
        self.virtual = tuple(LpiStays(v.options, v.distributor, v.pe, v.report) for v in self.virtual)


B106 = BugBuild(Kvm, gicv3=LpiStaysV3, name="B106", entry=Bug(
    2021, "QEMU 6.2", "QEMU 82a65e3188ab", "an LPI stays active in its list register",
    "with split EOIs EOIR of an LPI drops the priority alone", "lpi-split", (15,)))
"""An LPI in a list register waits for a DIR that never comes."""


class OfOwnPe(VirtualInterface):
    """A guest's deactivation of an SPI counts only on the PE that the SPI goes to, which took it."""

    def deactivate_physical(self, pintid: int) -> None:
        """Of an SPI that goes elsewhere nothing."""
        irq = self.distributor.find(pintid, self.pe)
        if irq is None or pintid < PRIVATE or self.distributor.targets(irq, self.pe):
            super().deactivate_physical(pintid)


class OwnActiveInterfaceV2(OfOwnPe, VirtualInterfaceV2):
    """That of a GICv2."""


class OwnActiveInterfaceV3(OfOwnPe, VirtualInterfaceV3):
    """That of a GICv3."""


class OwnActiveV2(GicV2):
    """A GICv2 whose SPIs are active for a PE."""

    def __init__(
        self, options: GicV2Options | None = None, memory_map: MapV2 | None = None, report: OnNotice | None = None,
    ) -> None:
        super().__init__(options, memory_map, report)
        self.virtual = tuple(OwnActiveInterfaceV2(v.options, v.distributor, v.pe, v.report) for v in self.virtual)


class OwnActiveV3(GicV3):
    """A GICv3 whose SPIs are active for a PE."""

    def __init__(
        self, options: GicV3Options | None = None, memory_map: MapV3 | None = None, report: OnNotice | None = None,
    ) -> None:
        super().__init__(options, memory_map, report)
        self.virtual = tuple(OwnActiveInterfaceV3(v.options, v.distributor, v.pe, v.report) for v in self.virtual)


B109 = BugBuild(Kvm, gicv2=OwnActiveV2, gicv3=OwnActiveV3, name="B109", entry=Bug(
    2024, "QEMU 9.1", "QEMU 7175a562f157", "a guest can't deactivate its interrupt once its vCPU has moved",
    "a deactivation clears the active state for the PE that does it, of an SPI too", "v2-level-moved", (8,)))
"""The active state of an SPI is a PE's own."""
