"""The design `bao`: the virtual GIC of the Bao hypervisor, which gives each vCPU a PE of its own for ever.

Nothing happens at entries and exits: an injection writes a list register. Where all are taken it *spills*: of the
pending ones the least urgent leaves, if more than one is pending, else the least urgent active one; or the newcomer
itself waits. What was spilled comes back by maintenance interrupts: NPIE when nothing pending is left in list
registers, UIE when they become free, and LRENPIE for the end of one that was spilled while active.

An interrupt has an *owner*, the vCPU that has it in a list register or active; only there it can change. A register
write by another vCPU is a message to the owner's PE, and takes effect when that PE takes the message's IPI. A write
takes the interrupt out of its list register, changes it, and routes it: to a list register here, or by a message to the
PE of its target. With a twin the physical state follows: pending is physically active.

The rules are those of July 2026 (commit 738e3dc), with what was merged since for writes to another vCPU's interrupts.

Two things of Bao's are left out: that it hangs where an interrupt that is the last of the spilled list is put there
once more (list_push), or where another vCPU owns the most urgent spilled one (vgic_refill_lrs). See docs/designs.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from vgic.arch.affinity import text
from vgic.arch.intid import PRIVATE, SGIS
from vgic.arch.register import Register
from vgic.designs.bao.irq import BaoIrq
from vgic.designs.bao.lists import ACT, CONFIG, ENABLE, INJECT, PEND, PRIORITY, ROUTE, TARGET, BaoLists
from vgic.designs.base import Unsupported
from vgic.designs.vm import Vcpu, Vm
from vgic.parts import step

WHOLE = frozenset(("GICD_IROUTER<n>", "GICR_TYPER", "GICD_SPENDSGIR<n>", "GICD_CPENDSGIR<n>"))
"""Registers that it lets be accessed at their full width alone."""


class Bao(BaoLists):
    """Bao's virtual GIC: what the guest's registers do."""

    name = "bao"

    # -- accesses

    def permits(self, register: Register, size: int) -> bool:
        """A doubleword is not to be had by halves, and SPENDSGIR and CPENDSGIR not by bytes."""
        return super().permits(register, size) and (register.name not in WHOLE or size == register.width // 8)

    def bad_width(self, vcpu: Vcpu, register: str, size: int) -> None:
        """Unsupported: Bao itself stops."""
        raise Unsupported(f"bao: a guest accesses {register} by {size} bytes: Bao stops with an error for that")

    def dispatch_sgi(self, vcpu: Vcpu, value: int, group1: bool) -> None:
        """Unsupported where it is not ICC_SGI1R_EL1: Bao emulates no other."""
        if not group1:
            raise Unsupported("bao: a guest asks for an SGI of group 0: Bao stops with an error for that")
        super().dispatch_sgi(vcpu, value, group1)

    def named_by_sgi(self, vm: Vm, value: int) -> Sequence[Vcpu]:
        """vgic_icc_sgir_handler: by the list alone, as if all vCPUs were of one cluster."""
        return super().named_by_sgi(vm, value & 0xFFFF)

    def check_affinity(self, vm: Vm, affinity: int) -> None:
        """Unsupported for others than Bao gives its vCPUs: by Aff0 alone."""
        if affinity >= len(vm.vcpus):
            raise Unsupported(f"bao: {vm.name}: affinity {text(affinity)}: Bao numbers vCPUs itself, by Aff0 alone")

    # -- the guest's distributor

    def set_field(self, vcpu: Vcpu, irq: BaoIrq, what: str, value: int) -> None:
        """vgic_int_set_field. Where another vCPU owns the interrupt it is told; a target is changed at once, and its
        owner only routes anew."""
        if what == TARGET and self.update(vcpu, irq, what, value) and irq.hw:
            self.update_hw(vcpu, irq, what)
        if not self.owns(vcpu, irq):
            owner = irq.vcpu
            assert owner is not None
            self.send(owner, what, irq, value)
            return
        self.remove_lr(vcpu, irq)
        if what != TARGET and self.update(vcpu, irq, what, value) and irq.hw:
            self.update_hw(vcpu, irq, what)
        self.route(vcpu, irq)
        self.yield_ownership(vcpu, irq)

    def update(self, vcpu: Vcpu, irq: BaoIrq, what: str, value: int) -> bool:
        """Sets a field of an interrupt. Returns whether it changed."""
        before = (irq.enabled, irq.pending_latch, irq.active, irq.priority, irq.edge, irq.targets, irq.mpidr)
        v2_sgi = self.v2_sgi(vcpu.vm, irq)
        if what == ENABLE and not v2_sgi:
            irq.enabled = bool(value)
        elif what == PEND and not v2_sgi:
            irq.pending_latch = bool(value)
        elif what == ACT:
            irq.active = bool(value)
        elif what == PRIORITY:
            self.set_priority(irq, value)
        elif what == CONFIG and irq.intid >= SGIS:
            irq.edge = bool(value)
        elif what == TARGET and irq.intid >= PRIVATE:
            (super().set_targets if vcpu.vm.gic == 2 else super().set_route)(vcpu, irq, value)
        return before != (irq.enabled, irq.pending_latch, irq.active, irq.priority, irq.edge, irq.targets, irq.mpidr)

    def update_hw(self, vcpu: Vcpu, irq: BaoIrq, what: str) -> None:
        """The twin follows: what is pending in the guest is active there, what is pending and active is both. That of a
        private one is in its own PE's redistributor, whoever writes (phys.redist)."""
        desc = irq.host_irq
        assert desc is not None
        owner = self.redistributor(vcpu.vm, irq) if self.v3_host and irq.intid < PRIVATE else vcpu
        home = self.cpus[owner].home
        pe = self.here(vcpu) if home is None else home
        if what in (PEND, ACT):
            self.set_phys_active(irq, irq.pending_latch or irq.active, pe)
            self.set_phys_pending(irq, irq.pending_latch and irq.active, pe)
        elif what == ENABLE and irq.intid >= PRIVATE:
            self.set_phys_enabled(irq, pe)
        elif what == ENABLE:
            (self.kernel.enable_percpu_irq if irq.enabled else self.kernel.disable_percpu_irq)(desc, pe)
        elif what == CONFIG:
            self.kernel.irq_set_irq_type(desc, irq.edge, pe)
        elif what == TARGET:
            homes = [h for v in self.targets_of(vcpu.vm, irq) if (h := self.cpus[v].home) is not None]
            if homes:
                self.kernel.irq_set_affinity(desc, homes[0], pe)

    def route(self, vcpu: Vcpu, irq: BaoIrq) -> None:
        """vgic_route: to a list register here, or a message to its targets. One that is active, and has another
        target, gets neither."""
        if not irq.enabled or not (irq.pending_latch or irq.active):
            return
        targets = self.targets_of(vcpu.vm, irq)
        if vcpu in targets:
            self.add_lr(vcpu, irq)
        others = [v for v in targets if v is not vcpu]
        if not irq.on_lr and others:
            self.yield_ownership(vcpu, irq)
            for other in others:
                self.send(other, ROUTE, irq)

    @step
    def set_enabled(self, vcpu: Vcpu, irq: BaoIrq, user: bool) -> None:
        """ISENABLER, carried out by the owner."""
        self.set_field(vcpu, irq, ENABLE, 1)

    @step
    def clear_enabled(self, vcpu: Vcpu, irq: BaoIrq, user: bool) -> None:
        """ICENABLER, carried out by the owner."""
        self.set_field(vcpu, irq, ENABLE, 0)

    @step
    def set_pending(self, vcpu: Vcpu, irq: BaoIrq, user: bool) -> None:
        """ISPENDR, carried out by the owner."""
        self.set_field(vcpu, irq, PEND, 1)

    @step
    def clear_pending(self, vcpu: Vcpu, irq: BaoIrq, user: bool) -> None:
        """ICPENDR, carried out by the owner."""
        self.set_field(vcpu, irq, PEND, 0)

    @step
    def read_pending(self, vcpu: Vcpu, irq: BaoIrq, user: bool) -> bool:
        """vgic_int_get_pend: what is in a list register is not looked at."""
        return irq.pending_latch

    @step
    def set_active(self, vcpu: Vcpu, irq: BaoIrq, active: bool, user: bool) -> None:
        """ISACTIVER and ICACTIVER, carried out by the owner."""
        self.set_field(vcpu, irq, ACT, int(active))

    @step
    def read_active(self, vcpu: Vcpu, irq: BaoIrq, user: bool) -> bool:
        """vgic_int_get_act: what is in a list register is not looked at."""
        return irq.active

    @step
    def write_priority(self, vcpu: Vcpu, irq: BaoIrq, priority: int) -> None:
        """IPRIORITYR: what is in a list register is written there anew."""
        self.set_field(vcpu, irq, PRIORITY, priority)

    @step
    def write_config(self, vcpu: Vcpu, irq: BaoIrq, edge: bool) -> None:
        """ICFGR, of PPIs too: what is in a list register is written there anew, and the twin's trigger follows."""
        self.set_field(vcpu, irq, CONFIG, int(edge))

    @step
    def set_targets(self, vcpu: Vcpu, irq: BaoIrq, targets: int) -> None:
        """ITARGETSR: changed at once, and routed anew by the owner."""
        self.set_field(vcpu, irq, TARGET, targets)

    @step
    def set_route(self, vcpu: Vcpu, irq: BaoIrq, mpidr: int) -> None:
        """IROUTER: changed at once, and routed anew by the owner."""
        self.set_field(vcpu, irq, TARGET, mpidr)

    @step
    def pend_sgi(self, source: Vcpu, target: Vcpu, intid: int, group1: bool) -> None:
        """vgic_send_sgi_msg: an injection on the target's PE, be it the sender's own."""
        irq = self.find_irq(target.vm, target, intid)
        if irq is not None:
            self.send(target, INJECT, irq, source.index)
