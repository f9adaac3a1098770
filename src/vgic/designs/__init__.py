"""How a hypervisor hands interrupts to guests.

    from vgic.designs import Design, Kvm, Xen, Bao

`Design` is the contract, in `base`; `vgic` is the toolbox that designs with a virtual GIC are made of; beside it stand
the hypervisors, `kvm`, `xen`, `bao` and others, none made of another. `bugs` are historical ones, each a design with
one rule flipped back.

What is imported from here is loaded when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vgic.designs.bao import Bao
    from vgic.designs.base import Design
    from vgic.designs.kvm import Kvm
    from vgic.designs.xen import Xen

__all__ = ["Bao", "Design", "Kvm", "Xen"]

_HOMES = {"Bao": "bao", "Design": "base", "Kvm": "kvm", "Xen": "xen"}


def __getattr__(name: str) -> Any:
    """A class, from the module that it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
