"""What guests need of the machine that they run on."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from vgic.designs.base import Design
from vgic.lab.vcpus import VcpuRun
from vgic.rules.moments import Teller
from vgic.rules.world import VcpuView
from vgic.silicon import GenericTimers, Gic


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
        gic, timers: the chip. design: what emulates accesses. tell: told what happens.
        device_of: devices, by the name of their VM and the vINTID.
    """

    @property
    def gic(self) -> Gic: ...
    @property
    def timers(self) -> GenericTimers: ...
    @property
    def design(self) -> Design: ...
    @property
    def tell(self) -> Teller[VcpuView]: ...
    @property
    def device_of(self) -> Mapping[tuple[str, int], Serviced]: ...

    def settle(self) -> None:
        """The lines between blocks of the machine follow what was done."""

    def timers_moved(self) -> None:
        """Tells the lines of all guests' timers that changed."""

    def virq(self, run: VcpuRun) -> bool:
        """Whether a virtual interrupt is signalled to a vCPU that is loaded."""

    def host_takes_all(self, pe: int) -> None:
        """The host takes whatever is signalled to a PE that runs no guest."""

    def can_enter(self, run: VcpuRun) -> bool:
        """Whether it is loaded and out of its guest, and there is nothing that its host takes first."""

    def enter(self, run: VcpuRun) -> None:
        """Flush and entry."""

    def leave(self, run: VcpuRun, reason: str) -> None:
        """The guest is left: exit and sync."""

    def put(self, run: VcpuRun) -> None:
        """Its thread leaves its PE; the guest is left first."""
