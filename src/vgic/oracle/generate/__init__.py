"""Episodes from a seed: one kind of generator for each side of the chip."""

from __future__ import annotations

from vgic.oracle.generate.base import Generator
from vgic.oracle.generate.secure import SecureV2, SecureV3
from vgic.oracle.generate.v2 import PhysicalV2
from vgic.oracle.generate.v2_virtual import VirtualV2
from vgic.oracle.generate.v3 import PhysicalV3
from vgic.oracle.generate.v3_virtual import VirtualV3

KINDS: dict[str, type[Generator]] = {
    "v2": PhysicalV2,
    "v2-virtual": VirtualV2,
    "v2-secure": SecureV2,
    "v3": PhysicalV3,
    "v3-virtual": VirtualV3,
    "v3-secure": SecureV3,
}
"""Generators by the name that `vgic oracle run --kind` takes."""

__all__ = ["KINDS", "Generator"]
