"""The kernel that owns the chip: interrupt descriptors, domains, irq chips, flow handlers, the GIC drivers.

`Kernel` is what the rest talks to. It reaches the chip through registers only.
"""

from vgic.host.descriptor import CannotForward, IrqDesc
from vgic.host.kernel import Kernel
from vgic.host.work import SoftTimer

__all__ = ["CannotForward", "IrqDesc", "Kernel", "SoftTimer"]
