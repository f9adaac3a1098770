"""What the guest's distributor registers do, interrupt by interrupt (M10).

A guest's access acts on the virtual state, and for an interrupt with a physical twin on that too: its pending state
reads as the twin's line, ISPENDR makes the twin active (or the guest would deactivate one that is not), ICPENDR clears
the twin's pending state and, unless the interrupt is active in the guest, its active state (or it would block every
later one). Userspace, which saves and restores, touches virtual state alone.

The active state of an interrupt in a list register of a running vCPU can't be seen or changed from outside, so such
accesses take the VM's vCPUs out of the guest first; not those to a vCPU's own private interrupts, for it is out itself.
"""

from __future__ import annotations

from vgic.designs.kvm.irq import PRIVATE, SGIS, VirtualIrq
from vgic.designs.kvm.lrs import ListRegisters
from vgic.designs.vgic import legacy
from vgic.designs.vm import Vcpu
from vgic.parts import step
from vgic.silicon import GicV3

PRIORITY_MASK = 0xF8
"""Five priority bits are implemented (VGIC_PRI_BITS)."""


class GuestDistributor(ListRegisters):
    """The operations behind the guest's registers. `user`: userspace accesses, not the guest."""

    def v2_sgi(self, vcpu: Vcpu, irq: VirtualIrq) -> bool:
        """An SGI of a GICv2 guest: pending by source."""
        return irq.intid < SGIS and vcpu.vm.gic == 2

    @step
    def set_enabled(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
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
    def clear_enabled(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """ICENABLER. What is in a list register stays there until the exit."""
        irq.enabled = False

    @step
    def read_pending(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> bool:
        """ISPENDR, ICPENDR. For the guest a mapped level reads as its line; for userspace a GICv3 guest's level reads
        as its latch."""
        if irq.mapped_level() and not user:
            return self.phys_line_level(vcpu, irq, self.here(vcpu))
        if user and vcpu.vm.gic == 3:
            return irq.pending_latch
        return irq.pending()

    @step
    def set_pending(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """ISPENDR. The guest can't pend a GICv2 SGI so; userspace can't tell its source, and names the vCPU itself."""
        if self.v2_sgi(vcpu, irq):
            if not user:
                return
            irq.source |= 1 << vcpu.index
        irq.pending_latch = True
        if irq.hw and not user:
            self.set_phys_active(irq, True, self.here(vcpu))
        self.queue_irq(vcpu.vm, irq)

    @step
    def clear_pending(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """ICPENDR."""
        if self.v2_sgi(vcpu, irq):
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
    def assign_pending(self, vcpu: Vcpu, irq: VirtualIrq, pending: bool) -> None:
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
                if vcpu.blocked and self.pending(vcpu):
                    self.event("wake", vcpu)
                    vcpu.blocked = False

    def stops_vcpus(self, accessor: Vcpu, owner: Vcpu, intid: int) -> bool:
        """Whether another vCPU may hold the interrupt in a list register."""
        return intid >= PRIVATE or (accessor is not owner and owner.vm.gic == 3)

    def change_active(self, vcpu: Vcpu, irq: VirtualIrq, active: bool, user: bool = False) -> None:
        """ISACTIVER and ICACTIVER. Userspace can't change it where there is a twin."""
        if not user:
            self.prepare_active(vcpu, vcpu, irq.intid)
        self.set_active(vcpu, irq, active, user)
        if not user:
            self.finish_active(vcpu, vcpu, irq.intid)

    @step
    def read_active(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> bool:
        """ISACTIVER, ICACTIVER, once no vCPU holds the interrupt in a list register."""
        return irq.active

    @step
    def set_active(self, vcpu: Vcpu, irq: VirtualIrq, active: bool, user: bool) -> None:
        """The change itself, once no vCPU can hold the interrupt in a list register."""
        if irq.hw:
            if user:
                return
            irq.active = active
            self.set_phys_active(irq, active, self.here(vcpu))
        else:
            irq.active = active
            if active and self.v2_sgi(vcpu, irq):
                irq.active_source = 0 if user else vcpu.index
        if irq.active:
            self.queue_irq(vcpu.vm, irq)

    @step
    def set_group(self, vcpu: Vcpu, irq: VirtualIrq, group: int) -> None:
        """IGROUPR."""
        irq.group = group
        self.queue_irq(vcpu.vm, irq)

    def write_priority(self, vcpu: Vcpu, irq: VirtualIrq, priority: int) -> None:
        """IPRIORITYR, written by a vCPU."""
        self.set_priority(irq, priority)

    @step
    def set_priority(self, irq: VirtualIrq, priority: int) -> None:
        """IPRIORITYR. A list register keeps the priority that it was written with."""
        irq.priority = priority & PRIORITY_MASK

    def write_config(self, vcpu: Vcpu, irq: VirtualIrq, edge: bool) -> None:
        """ICFGR, written by a vCPU."""
        self.set_config(irq, edge)

    @step
    def set_config(self, irq: VirtualIrq, edge: bool) -> None:
        """ICFGR. That of private interrupts is fixed."""
        if irq.intid >= PRIVATE:
            irq.edge = edge

    @step
    def set_targets(self, vcpu: Vcpu, irq: VirtualIrq, targets: int) -> None:
        """ITARGETSR: the lowest vCPU named takes it; vCPU 0 where none is."""
        vm = vcpu.vm
        irq.targets = targets & (1 << len(vm.vcpus)) - 1
        irq.target_vcpu = vm.vcpus[(irq.targets & -irq.targets).bit_length() - 1 if irq.targets else 0]

    @step
    def set_route(self, vcpu: Vcpu, irq: VirtualIrq, mpidr: int) -> None:
        """IROUTER: the vCPU of that affinity takes it; nobody where there is none."""
        vm = vcpu.vm
        irq.mpidr = mpidr
        irq.target_vcpu = next((v for v in vm.vcpus if vm.affinity(v) == mpidr), None)

    @step
    def pend_sgi(self, source: Vcpu, target: Vcpu, intid: int, group1: bool) -> None:
        """An SGI from one vCPU to another. A GICv3's arrives if its group there may be asked for: group 1 requests may
        reach group 0 too (`group1`), group 0 requests only group 0."""
        irq = self.find_irq(target.vm, target, intid)
        if irq is None or (irq.group and not group1):
            return
        irq.pending_latch = True
        if target.vm.gic == 2:
            irq.source |= 1 << source.index
        self.queue_irq(target.vm, irq)

    @step
    def set_sgi_sources(self, vcpu: Vcpu, irq: VirtualIrq, sources: int) -> None:
        """SPENDSGIR."""
        irq.source |= sources
        if irq.source:
            irq.pending_latch = True
            self.queue_irq(vcpu.vm, irq)

    @step
    def clear_sgi_sources(self, irq: VirtualIrq, sources: int) -> None:
        """CPENDSGIR."""
        irq.source &= ~sources
        if not irq.source:
            irq.pending_latch = False

    def enable_distributor(self, vcpu: Vcpu, enabled: bool) -> None:
        """GICD_CTLR: once on, whoever has something to take is kicked."""
        dist = self.dists[vcpu.vm]
        was, dist.enabled = dist.enabled, enabled
        if enabled and not was:
            self.kick_vcpus(vcpu.vm)

    def access_gicc(self, vcpu: Vcpu, name: str, value: int | None) -> int:
        """A GICv2 guest's trapped access to its CPU interface, on a GICv3 host; a load where there is no value."""
        if not isinstance(self.gic, GicV3):
            return 0
        pe = self.here(vcpu)
        self.flush_hwstate(vcpu)
        result = 0
        if value is None:
            result = legacy.read(self.gic, name, pe)
        else:
            legacy.write(self.gic, name, value, pe)
        self.sync_hwstate(vcpu)
        return result

    def here(self, vcpu: Vcpu) -> int:
        """The PE that executes the access."""
        pe = vcpu.pe
        if pe is None:
            raise RuntimeError(f"{vcpu!r} is not loaded: a guest's access can't come from it")
        return pe
