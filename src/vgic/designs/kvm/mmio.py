"""What the guest's distributor registers do, interrupt by interrupt (M10).

A guest's access acts on the virtual state, and for an interrupt with a physical twin on that too: its pending state
reads as the twin's line, ISPENDR makes the twin active (or the guest would deactivate one that is not), ICPENDR clears
the twin's pending state and, unless the interrupt is active in the guest, its active state (or it would block every
later one). Userspace, which saves and restores, touches virtual state alone.

The active state of an interrupt in a list register of a running vCPU can't be seen or changed from outside, so such
accesses take the VM's vCPUs out of the guest first; not those to a vCPU's own private interrupts, for it is out itself.
"""

from __future__ import annotations

from vgic.arch.intid import PRIVATE
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.kvm.lrs import ListRegisters
from vgic.designs.vm import Vcpu
from vgic.parts import step


class GuestDistributor(ListRegisters):
    """The operations behind the guest's registers (`vgic.designs.vgic.registers`)."""

    iidr = 0x4B << 24 | 3 << 12 | 0x43B     # product "K", revision 3, implementer Arm
    aff3 = range_selector = False

    @step
    def set_enabled(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """ISENABLER. The guest may have quietened the device while the interrupt was disabled: a mapped level is
        sampled, and if it fell the physical interrupt must be able to arrive again."""
        if irq.mapped_level() and not user:
            pe = self.here(vcpu)
            was_high = irq.line_level
            irq.line_level = self.phys_line_level(vcpu, irq, pe)
            if not irq.active and was_high and not irq.line_level:
                self.set_phys_active(irq, False, pe)
        irq.enabled = True
        self.queue_irq(vcpu.vm, irq)

    @step
    def clear_enabled(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """ICENABLER. What is in a list register stays there until the exit."""
        irq.enabled = False

    @step
    def read_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> bool:
        """ISPENDR, ICPENDR. For the guest a mapped level reads as its line; for userspace a GICv3 guest's level reads
        as its latch."""
        if irq.mapped_level() and not user:
            return self.phys_line_level(vcpu, irq, self.here(vcpu))
        if user and vcpu.vm.gic == 3:
            return irq.pending_latch
        return irq.pending()

    @step
    def set_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """ISPENDR. The guest can't pend a GICv2 SGI so; userspace can't tell its source, and names the vCPU itself."""
        if self.v2_sgi(vcpu.vm, irq):
            if not user:
                return
            irq.source |= 1 << vcpu.index
        irq.pending_latch = True
        if irq.hw and not user:
            self.set_phys_active(irq, True, self.here(vcpu))
        self.queue_irq(vcpu.vm, irq)

    @step
    def clear_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """ICPENDR. The twin's pending state goes, too, and unless the interrupt is active, the twin's active state."""
        if self.v2_sgi(vcpu.vm, irq):
            if not user:
                return
            irq.source = 0
        irq.pending_latch = False
        if irq.hw and not user:
            pe = self.here(vcpu)
            self.set_phys_pending(irq, False, pe)
            if not irq.active:
                self.set_phys_active(irq, False, pe)

    @step
    def assign_pending(self, vcpu: Vcpu, irq: VgicIrq, pending: bool) -> None:
        """Userspace's ISPENDR of a GICv3 guest: a zero clears."""
        irq.pending_latch = pending
        if pending:
            self.queue_irq(vcpu.vm, irq)

    def prepare_active(self, accessor: Vcpu, owner: Vcpu, intid: int) -> None:
        """Before the active state is read or changed: no vCPU of the VM may hold it in a list register."""
        if self.stops_vcpus(accessor, owner, intid):
            self.halt_guest(owner.vm, accessor)

    def finish_active(self, accessor: Vcpu, owner: Vcpu, intid: int) -> None:
        """After it was changed: the vCPUs go on, and one that slept looks whether it has something to take now."""
        if self.stops_vcpus(accessor, owner, intid):
            for vcpu in owner.vm.vcpus:
                if self.pending(vcpu):
                    self.wake(vcpu)

    def stops_vcpus(self, accessor: Vcpu, owner: Vcpu, intid: int) -> bool:
        """Whether another vCPU may hold the interrupt in a list register."""
        return intid >= PRIVATE or accessor is not owner

    def write_cactive(self, vcpu: Vcpu, irq: VgicIrq) -> None:
        """vgic_mmio_write_cactive for one interrupt: with the vCPUs stopped."""
        self.prepare_active(vcpu, vcpu, irq.intid)
        self.mmio_write_cactive(vcpu, irq)
        self.finish_active(vcpu, vcpu, irq.intid)

    @step
    def read_active(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> bool:
        """ISACTIVER, ICACTIVER, once no vCPU holds the interrupt in a list register."""
        return irq.active

    @step
    def set_active(self, vcpu: Vcpu, irq: VgicIrq, active: bool, user: bool) -> None:
        """The change itself, once no vCPU can hold the interrupt in a list register."""
        if irq.hw:
            if user:
                return
            irq.active = active
            self.set_phys_active(irq, active, self.here(vcpu))
        else:
            irq.active = active
            if self.v2_sgi(vcpu.vm, irq):
                irq.active_source = 0 if user else vcpu.index
        if irq.active:
            self.queue_irq(vcpu.vm, irq)

    @step
    def set_group(self, vcpu: Vcpu, irq: VgicIrq, group: int) -> None:
        """IGROUPR. What is pending is queued anew."""
        irq.group = group
        self.queue_irq(vcpu.vm, irq)

    @step
    def pend_sgi(self, source: Vcpu, target: Vcpu, intid: int, group1: bool) -> None:
        """An SGI from one vCPU to another. A GICv3's arrives if its group there may be asked for: group 1 requests may
        reach group 0 too (`group1`), group 0 requests only group 0."""
        irq = self.get_irq(target.vm, target, intid)
        if irq.group and not group1:
            return
        irq.pending_latch = True
        if target.vm.gic == 2:
            irq.source |= 1 << source.index
        self.queue_irq(target.vm, irq)

    def read_sgi_sources(self, irq: VgicIrq) -> int:
        """SPENDSGIR or CPENDSGIR is read: the sources that were not served."""
        return irq.source

    @step
    def set_sgi_sources(self, vcpu: Vcpu, irq: VgicIrq, sources: int) -> None:
        """SPENDSGIR: pending from these sources, too."""
        irq.source |= sources
        if irq.source:
            irq.pending_latch = True
            self.queue_irq(vcpu.vm, irq)

    @step
    def clear_sgi_sources(self, irq: VgicIrq, sources: int) -> None:
        """CPENDSGIR: no longer pending from these sources."""
        irq.source &= ~sources
        if not irq.source:
            irq.pending_latch = False
