"""Emulated GICs that did not do what the architecture says: the chip below today's KVM has one rule flipped."""

from __future__ import annotations

from vgic.arch.icc import INTID
from vgic.arch.intid import LPI_START, PRIVATE
from vgic.designs.bugs.bug import Bug, BugBuild
from vgic.designs.kvm import Kvm
from vgic.silicon import GicV2, GicV3
from vgic.silicon.distributor_v2 import DistributorV2
from vgic.silicon.distributor_v3 import DistributorV3
from vgic.silicon.ich import VirtualInterfaceV3


class LpiStays(VirtualInterfaceV3):
    """EOIR of an LPI as that of any other interrupt."""

    def write_eoir(self, group: int, value: int) -> None:
        """With split EOIs the priority drop, and nothing else."""
        if self.state.eoimode and value & INTID >= LPI_START:
            self.drop()
        else:
            super().write_eoir(group, value)


class LpiStaysV3(GicV3):
    """A GICv3 whose virtual CPU interfaces are these."""

    virtual_type = LpiStays


B106 = BugBuild(Kvm, gicv3=LpiStaysV3, name="B106", entry=Bug(
    2021, "QEMU 6.2", "QEMU 82a65e3188ab", "an LPI stays active in its list register",
    "with split EOIs EOIR of an LPI drops the priority alone", "lpi-split", (15,)))
"""An LPI in a list register waits for a DIR that never comes."""


class OwnActiveGicdV2(DistributorV2):
    """A guest's deactivation of an SPI counts only on the PE that the SPI goes to, which took it."""

    def deactivate_twin(self, intid: int, pe: int) -> None:
        """Of an SPI: by the PE that it goes to alone."""
        irq = self.find(intid, pe)
        if irq is None or intid < PRIVATE or self.targets(irq, pe):
            super().deactivate_twin(intid, pe)


class OwnActiveGicdV3(DistributorV3):
    """The same of a GICv3."""

    def deactivate_twin(self, intid: int, pe: int) -> None:
        """Of an SPI: by the PE that it goes to alone."""
        irq = self.find(intid, pe)
        if irq is None or intid < PRIVATE or self.targets(irq, pe):
            super().deactivate_twin(intid, pe)


class OwnActiveV2(GicV2):
    """A GICv2 whose SPIs are active for a PE."""

    distributor_type = OwnActiveGicdV2


class OwnActiveV3(GicV3):
    """A GICv3 whose SPIs are active for a PE."""

    distributor_type = OwnActiveGicdV3


B109 = BugBuild(Kvm, gicv2=OwnActiveV2, gicv3=OwnActiveV3, name="B109", entry=Bug(
    2024, "QEMU 9.1", "QEMU 7175a562f157", "a guest can't deactivate its interrupt once its vCPU has moved",
    "a deactivation clears the active state for the PE that does it, of an SPI too", "v2-level-moved", (8,)))
"""The active state of an SPI is a PE's own."""
