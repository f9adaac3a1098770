"""Bao's virtual GIC."""

from vgic.designs.bao.vgic import Bao

__all__ = ["Bao"]
