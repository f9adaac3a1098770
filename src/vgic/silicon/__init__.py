"""What the chip does: GICv2 and GICv3 as devices, the generic timers, and the parts that they are made of.

The rules are those of IHI 0048B (GICv2) and IHI 0069 (GICv3), nothing else: no hypervisor and no kernel stands behind
them. It needs the standard library alone, so that an emulator can embed it.
"""

from vgic.silicon.gic import Gic
from vgic.silicon.gicv2 import GicV2
from vgic.silicon.gicv3 import GicV3
from vgic.silicon.options import OptionError
from vgic.silicon.options_v2 import GicV2Options
from vgic.silicon.options_v3 import GicV3Options
from vgic.silicon.report import Notice, Trap, Undefined
from vgic.silicon.snapshot import Snapshot, SnapshotError
from vgic.silicon.timer import GenericTimers

__all__ = [
    "GenericTimers", "Gic", "GicV2", "GicV2Options", "GicV3", "GicV3Options", "Notice", "OptionError", "Snapshot",
    "SnapshotError", "Trap", "Undefined",
]
