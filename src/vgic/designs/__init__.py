"""How a hypervisor hands interrupts to guests.

    from vgic.designs import Build, Design, Kvm, Xen, Bao

`Design` is the contract, in `base`; `vgic` is the toolbox that designs with a virtual GIC are made of, and beside it
stand the hypervisors: `kvm`, `xen`, `bao` and others, none made of another. `Build`, in `build`, is what a machine is
built of: a design, and what is below it. `bugs` are historical ones, each with one rule flipped back.

What is imported from here is loaded when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vgic.designs.bao import Bao
    from vgic.designs.base import Design
    from vgic.designs.build import Build
    from vgic.designs.kvm import Kvm
    from vgic.designs.xen import Xen

__all__ = ["Bao", "Build", "Design", "Kvm", "Xen"]

_HOMES = {"Bao": "bao", "Build": "build", "Design": "base", "Kvm": "kvm", "Xen": "xen"}


def __getattr__(name: str) -> Any:
    """A class, from the module that it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
