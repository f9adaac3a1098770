"""The kernel that owns the chip: interrupt descriptors, domains, irq chips, flow handlers, the GIC drivers,
work that is put off.

`Kernel` is what the rest talks to. It reaches the chip through registers only.
"""

from vgic.host.descriptor import CannotForward, IrqDesc
from vgic.host.kernel import Kernel
from vgic.host.work import KernelTimer, Lock, Work, WorkItem

__all__ = ["CannotForward", "IrqDesc", "Kernel", "KernelTimer", "Lock", "Work", "WorkItem"]
