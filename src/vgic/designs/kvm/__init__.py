"""KVM's virtual GIC."""

from vgic.designs.kvm.vgic import Kvm

__all__ = ["Kvm"]
