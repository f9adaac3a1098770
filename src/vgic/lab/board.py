"""What guests need of the machine that they run on."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from vgic.designs.base import Design
from vgic.lab.vcpus import GuestVm, VcpuRun
from vgic.rules.ghost import Faults
from vgic.silicon import GenericTimers, GicV2, GicV3


class Serviced(Protocol):
    """A device, as its guest's driver reaches it."""

    @property
    def name(self) -> str:
        """As the scenario calls it."""

    def traps(self) -> bool:
        """Whether each access of the guest to it leaves the guest."""

    def served(self) -> None:
        """Its driver handles it: a level line drops."""


class Board(Protocol):
    """The machine of a guest: `vgic.lab.machine.Machine` is one.

    Attributes:
        gic, timers: the chip. design: what emulates accesses. faults: breaches of rules that are seen in a moment.
        vm_of: a vCPU's VM, by the vCPU's name. device_of: devices, by the id of their VM and the vINTID.
        trapped_timers: the timers whose registers the design emulates.
    """

    @property
    def gic(self) -> GicV2 | GicV3: ...
    @property
    def timers(self) -> GenericTimers: ...
    @property
    def design(self) -> Design: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def vm_of(self) -> Mapping[str, GuestVm]: ...
    @property
    def device_of(self) -> Mapping[tuple[int, int], Serviced]: ...
    @property
    def trapped_timers(self) -> frozenset[str]: ...

    def tell(self, what: str, run: VcpuRun | None = None, **more: Any) -> None:
        """Tells the observer."""

    def settle(self) -> None:
        """The lines between blocks of the machine follow what was done."""

    def calm(self) -> None:
        """Something happened that may let the host take an interrupt again."""

    def timers_moved(self) -> None:
        """Notes the lines of all guests' timers."""

    def virq(self, run: VcpuRun) -> bool:
        """Whether a virtual interrupt is signalled to a vCPU that is loaded."""

    def enter(self, run: VcpuRun) -> bool:
        """Flush and entry."""

    def leave(self, run: VcpuRun, reason: str) -> None:
        """The guest is left: exit and sync."""
