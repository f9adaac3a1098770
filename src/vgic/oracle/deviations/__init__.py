"""Where QEMU is known to do otherwise than the architecture, each by name (see `deviation`)."""

from __future__ import annotations

from vgic.oracle.deviations.deviation import NEWEST_SEEN, Deviation, Sight
from vgic.oracle.deviations.v2 import DEVIATIONS_V2
from vgic.oracle.deviations.v3 import DEVIATIONS_V3

DEVIATIONS: tuple[Deviation, ...] = DEVIATIONS_V2 + DEVIATIONS_V3

__all__ = ["DEVIATIONS", "NEWEST_SEEN", "Deviation", "Sight"]
