"""What hypervisors share, and what they don't: registers without a rule of their own, hooks with a default."""

from __future__ import annotations

from typing import Any

import pytest
from tests.designs.conftest import Build
from tests.designs.rig import NIC, SPI2, Rig
from tests.designs.test_other_designs import Bare

from vgic.arch.intid import SPURIOUS
from vgic.designs.bao import Bao
from vgic.designs.base import Design, Unsupported
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.history import Kvm2018
from vgic.designs.trap import Trap
from vgic.designs.userspace_irqchip import UserspaceIrqchip
from vgic.designs.vm import Vcpu
from vgic.designs.xen import Xen

SPENDSGIR, CPENDSGIR, IIDR = 0xF20, 0xF10, 0x8


@pytest.mark.parametrize(("design", "iidr"), [(Kvm, 0x4B00_343B), (Trap, 0x4B00_343B), (Xen, 0x43B), (Bao, 0x43B)])
def test_who_made_the_distributor(build: Build, design: type[Design], iidr: int) -> None:
    rig = build(design=design)
    rig.load(rig.v0)
    assert rig.mmio(rig.v0, rig.vm.map.gicd + IIDR) == iidr
    if rig.v3:
        assert rig.mmio(rig.v0, rig.vm.map.gicr + 4) == iidr


@pytest.mark.parametrize(("design", "kept"), [(Kvm, 0b10), (Bao, 0)])
def test_whose_sgi_it_was_is_kept_by_some(design: type[Design], kept: int) -> None:
    rig = Rig(False, design=design, vcpus=2)
    rig.boot(rig.v0, 0)
    sources = rig.vm.map.gicd + SPENDSGIR + 4
    rig.mmio(rig.v0, sources, 0b10 << 8)        # SGI 5, sent by vCPU 1
    assert rig.mmio(rig.v0, sources) == kept << 8
    rig.mmio(rig.v0, rig.vm.map.gicd + CPENDSGIR + 4, 0b10 << 8)
    assert rig.mmio(rig.v0, sources) == 0
    assert rig.ack(rig.v0) == SPURIOUS


def test_xen_lets_no_guest_say_whose_sgi_it_was() -> None:
    rig = Rig(False, design=Xen, vcpus=2)
    rig.boot(rig.v0, 0)
    for register in (SPENDSGIR, CPENDSGIR):
        with pytest.raises(Unsupported, match="gives it a data abort"):
            rig.mmio(rig.v0, rig.vm.map.gicd + register + 4, 0b10 << 8)
    assert rig.mmio(rig.v0, rig.vm.map.gicd + SPENDSGIR + 4) == 0


@pytest.mark.parametrize("design", [Kvm, Xen, Bao])
def test_a_gicv2_guest_deactivates_by_dir_on_a_gicv3(design: type[Design]) -> None:
    rig = Rig(guest=2, design=design)
    rig.boot(rig.v0, 0)
    rig.split(rig.v0)
    for intid in (NIC, SPI2):
        rig.edge(rig.v0, intid)
        rig.mmio(rig.v0, rig.vm.map.gicd + 0x800 + intid, 1, size=1)
        rig.enable(rig.v0, intid)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.design.virq(rig.v0), "a group 0 interrupt is a virtual FIQ, which the guest takes for its IRQ"
    assert rig.ack(rig.v0) == NIC
    assert not rig.design.virq(rig.v0)
    rig.eoi(rig.v0, NIC)
    rig.cycle(rig.v0)
    assert rig.lr(0)[0] == "A", "an EOI alone does not deactivate"
    rig.dir(rig.v0, NIC)
    rig.cycle(rig.v0)
    assert rig.lr(0)[0] == "I"


def test_the_defaults_of_hooks(build: Build) -> None:
    class Counts(Bare):
        """How often it was told of an exit."""

        synced = 0

        def sync(self, vcpu: Vcpu) -> None:
            Counts.synced += 1

    rig = build(design=Counts)
    assert not rig.design.virq(rig.v0), "it is not loaded"
    rig.load(rig.v0)
    rig.design.flush(rig.v0)
    rig.design.abandon_entry(rig.v0)
    assert Counts.synced == 1
    assert rig.design.here(rig.v0) == 0
    assert rig.design.running(0) is rig.v0
    assert rig.design.trapped_timers == frozenset()
    rig.put(rig.v0)
    assert rig.design.running(0) is None
    with pytest.raises(RuntimeError, match="<vcpu0 of vm0> is not loaded"):
        rig.design.here(rig.v0)


@pytest.mark.parametrize(("design", "arguments", "trapped"), [
    (Kvm, {}, set()), (Kvm, {"vhe": False}, {"CNTP"}), (Kvm2018, {"vhe": True}, {"CNTP"}),
    (Xen, {"vhe": True}, {"CNTP"}),
    (Bao, {"vhe": False}, set()), (UserspaceIrqchip, {}, set()), (UserspaceIrqchip, {"vhe": False}, {"CNTP"}),
])
def test_whose_timers_trap(design: type[Design], arguments: dict[str, Any], trapped: set[str]) -> None:
    rig = Rig(False, design=design, **arguments)
    assert rig.design.trapped_timers == trapped
    rig.design.assign_timer(rig.vm, "CNTP", 30)
    rig.load(rig.v0)
    if "CNTP" in trapped:
        assert rig.design.sysreg_read(rig.v0, "CNTP_CTL_EL0") & 1 == 0
    else:
        with pytest.raises(Unsupported, match="CNTP_CTL_EL0 is not emulated"):
            rig.design.sysreg_read(rig.v0, "CNTP_CTL_EL0")


def test_a_save_of_what_has_no_restore_is_refused(build: Build) -> None:
    for design in (Xen, Bao):
        rig = build(design=design)
        with pytest.raises(Unsupported, match="uaccess_sysreg_read: this design's guests can't be saved"):
            rig.design.uaccess_sysreg_read(rig.v0, "ICC_PMR_EL1")
