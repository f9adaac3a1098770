"""Rules of Xen, Bao and old KVMs that differ from today's KVM, each as its source has it."""

from __future__ import annotations

import pytest
from tests.designs.conftest import Build
from tests.designs.rig import ICACTIVER, ICENABLER, ICPENDR, ISACTIVER, ISPENDR, NIC, SPI2, SPI3, SPI4, Rig

from vgic.arch.intid import SPURIOUS
from vgic.designs.bao import Bao
from vgic.designs.base import Design, Unsupported
from vgic.designs.kvm.history import Kvm612, Kvm2015, Kvm2018
from vgic.designs.timer_mask import TimerMask
from vgic.designs.xen import Xen
from vgic.lab.actions import Moved
from vgic.lab.loader import designs, find_scenario
from vgic.lab.machine import Machine


def two(build: Build, design: type[Design], *assigned: int, **arguments: object) -> Rig:
    """Two vCPUs on PEs of their own; what is assigned, and SPIs 34 to 36, are enabled, and sent to vCPU 0."""
    rig = build(design=design, vcpus=2, pes=2, **arguments)
    for intid in assigned:
        rig.design.assign_irq(rig.vm, rig.kernel.irq(intid), intid)
    rig.boot(rig.v0, 0)
    rig.boot(rig.v1, 1)
    for intid in {*assigned, SPI2, SPI3, SPI4}:
        send(rig, intid, 0)
        rig.enable(rig.v0, intid)
    rig.cycle(rig.v0)
    return rig


def send(rig: Rig, intid: int, to: int, by: int = 0) -> None:
    """A vCPU of the guest's sends an SPI to another."""
    vcpu = rig.vm.vcpus[by]
    if rig.v3:
        rig.mmio(vcpu, rig.vm.map.gicd + 0x6000 + 8 * intid, to, size=8)
    else:
        rig.mmio(vcpu, rig.vm.map.gicd + 0x800 + intid, 1 << to, size=1)


def lists(rig: Rig, pe: int = 0) -> list[str]:
    return [lr for n in range(rig.design.hw.nr_lr) if (lr := rig.lr(n, pe))[0] != "I"]


# -- Xen

def test_xen_a_software_interrupt_stays_where_it_is_in_flight(build: Build) -> None:
    """vgic_migrate_irq has nothing to do for it; the next cause looks at the list register of its number elsewhere."""
    rig = two(build, Xen)
    rig.design.inject(rig.vm, None, SPI2, True)
    rig.cycle(rig.v0)
    send(rig, SPI2, 1)
    irq = rig.design.get_irq(rig.vm, None, SPI2)
    assert irq.vcpu is rig.v0
    assert irq.target_vcpu is rig.v1
    rig.v0.kicked = rig.v1.kicked = False
    rig.design.inject(rig.vm, None, SPI2, True)
    assert (rig.v0.kicked, rig.v1.kicked) == (False, True), "the wrong one is kicked"


def test_xen_the_physical_interrupt_follows_its_vcpu(build: Build) -> None:
    rig = two(build, Xen, NIC)
    desc = rig.kernel.irq(NIC)
    send(rig, NIC, 1)
    assert desc.affinity == 1
    send(rig, NIC, 0)
    assert desc.affinity == 0
    rig.line(NIC, True)
    assert rig.interrupts() == [NIC]
    send(rig, NIC, 1)
    assert desc.affinity == 0, "not while it is in a list register"
    assert rig.ack(rig.v0) == NIC
    rig.line(NIC, False)
    rig.eoi(rig.v0, NIC)
    rig.cycle(rig.v0)
    assert desc.affinity == 1


def test_xen_a_waiting_one_with_a_twin_moves_at_once(build: Build) -> None:
    rig = two(build, Xen, NIC, lrs=2)
    for intid in (SPI2, SPI3):
        rig.design.inject(rig.vm, None, intid, True)
    rig.cycle(rig.v0)
    rig.line(NIC, True)
    assert rig.interrupts() == [NIC]
    send(rig, NIC, 1)
    rig.cycle(rig.v1)
    assert rig.ack(rig.v1) == NIC


def test_xen_ispendr_injects_and_with_a_twin_pends_that(build: Build) -> None:
    rig = two(build, Xen, NIC)
    rig.poke(rig.v0, ISPENDR, SPI2)
    assert lists(rig) == [f"P {SPI2}"]
    rig.exit(rig.v0)
    rig.design.mmio_write(rig.v0, rig.address(ISPENDR, NIC, rig.v0), 4, 1 << NIC % 32)
    assert rig.physical(NIC) == "P"
    rig.enter(rig.v0)
    assert rig.interrupts() == [NIC]
    assert f"P {NIC} -> {NIC}" in lists(rig)


def test_xen_does_without_the_other_registers(build: Build) -> None:
    rig = two(build, Xen)
    rig.design.inject(rig.vm, None, SPI2, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPI2
    rig.cycle(rig.v0)
    assert not rig.peek(rig.v0, ISACTIVER, SPI2)
    for register in (ICACTIVER, ICPENDR):
        rig.poke(rig.v0, register, SPI2)
    assert lists(rig) == [f"A {SPI2}"]
    with pytest.raises(Unsupported, match="data abort"):
        rig.poke(rig.v0, ISACTIVER, SPI2)


def test_xen_a_priority_is_that_of_the_injection(build: Build) -> None:
    rig = two(build, Xen)
    rig.prioritize(rig.v0, SPI2, 0x80)
    rig.exit(rig.v0)
    rig.design.inject(rig.vm, None, SPI2, True)
    rig.design.set_priority(rig.design.get_irq(rig.vm, None, SPI2), 0x40)
    rig.enter(rig.v0)
    assert rig.design.hw.decode(rig.design.hw.read_lr(0, 0), rig.vm.gic == 2).priority == 0x80


def test_xen_an_active_one_of_the_same_urgency_lets_its_vcpu_wait(build: Build) -> None:
    """vgic_vcpu_pending_irq looks at the active priority, not at what is active."""
    rig = two(build, Xen)
    rig.design.inject(rig.vm, None, SPI2, True)
    rig.cycle(rig.v0)
    assert rig.design.pending(rig.v0)
    assert rig.ack(rig.v0) == SPI2
    rig.cycle(rig.v0)
    assert not rig.design.pending(rig.v0)


def test_xen_the_physical_timer_is_emulated_on_every_host(build: Build) -> None:
    rig = build(design=Xen, vhe=True)
    rig.design.assign_timer(rig.vm, "CNTP", 30)
    rig.boot(rig.v0, 0, 30, enter=False)
    for register, value in (("CNTP_CVAL_EL0", 10), ("CNTP_CTL_EL0", 3)):
        rig.design.sysreg_write(rig.v0, register, value)
    rig.advance(10)
    assert lists(rig) == [], "masked"
    rig.design.sysreg_write(rig.v0, "CNTP_CTL_EL0", 1)
    rig.advance(0)
    assert lists(rig) == ["P 30"], "no write of CVAL is needed"


# -- Bao

def test_bao_a_twin_follows_what_the_guest_writes(build: Build) -> None:
    """vgic_int_state_hw."""
    rig = two(build, Bao, NIC)
    rig.poke(rig.v0, ISPENDR, NIC)
    assert rig.physical(NIC) == "A"
    assert lists(rig) == [f"P {NIC} -> {NIC}"]
    rig.poke(rig.v0, ICPENDR, NIC)
    assert rig.physical(NIC) == "I"
    assert lists(rig) == []


def test_bao_a_write_to_what_another_owns_goes_to_its_pe(build: Build) -> None:
    rig = two(build, Bao)
    rig.design.inject(rig.vm, None, SPI2, True)
    rig.cycle(rig.v0)
    rig.poke(rig.v1, ICPENDR, SPI2)
    assert lists(rig) == [f"P {SPI2} EOI"], "its PE has not taken the message"
    assert rig.v0.kicked
    rig.cycle(rig.v0)
    assert lists(rig) == []


def test_bao_an_active_one_that_is_sent_elsewhere_has_no_list_register(build: Build) -> None:
    """vgic_route."""
    rig = two(build, Bao, NIC)
    rig.line(NIC, True)
    assert rig.interrupts() == [NIC]
    assert rig.ack(rig.v0) == NIC
    send(rig, NIC, 1)
    assert lists(rig) == []
    rig.line(NIC, False)
    rig.eoi(rig.v0, NIC)
    rig.interrupts()
    assert rig.physical(NIC) == "A", "the end is lost"


def test_bao_a_second_injection_between_an_end_and_its_maintenance(build: Build) -> None:
    """vgic_handle_trapped_eoir forgets the list register that the interrupt has by then."""
    rig = two(build, Bao)
    rig.design.inject(rig.vm, None, SPI2, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPI2
    rig.eoi(rig.v0, SPI2)
    rig.design.inject(rig.vm, None, SPI2, True)
    rig.exit(rig.v0)                    # the message's IPI first
    rig.design.maintain(rig.v0)
    rig.design.inject(rig.vm, None, SPI2, True)
    rig.enter(rig.v0)
    assert lists(rig) == [f"P {SPI2} EOI"] * 2


def test_bao_the_end_of_the_spilled_list_is_cut(build: Build) -> None:
    """list_rm keeps the removed node as the list's tail."""
    rig = two(build, Bao, lrs=1)
    design = rig.design
    first, second, third = (design.get_irq(rig.vm, None, i) for i in (SPI2, SPI3, SPI4))
    rig.exit(rig.v0)
    for irq in (first, second):
        design.add_spilled(rig.v0, irq)
    design.unspill(rig.v0, second)
    design.add_spilled(rig.v0, third)
    dist = design.dists[rig.vm]
    assert dist.spilled == [first]
    design.unspill(rig.v0, first)
    design.add_spilled(rig.v0, third)
    assert dist.spilled == [third], "an empty list is whole again"


def test_bao_an_sgi_that_its_source_sends_twice_is_lost(build: Build) -> None:
    """vgic_inject_sgi, of a GICv2."""
    rig = two(build, Bao)
    for _ in range(2):
        rig.design.pend_sgi(rig.v1, rig.v0, 1, True)
        rig.cycle(rig.v0)
    assert rig.ack(rig.v0) & 0x3FF == (1 if rig.v3 else SPURIOUS)


def test_bao_keeps_its_vcpus_where_they_are(build: Build) -> None:
    rig = build(design=Bao, vcpus=2, pes=2)
    rig.load(rig.v0, 0)
    rig.put(rig.v0)
    with pytest.raises(Unsupported, match="moves from PE 0 to PE 1"):
        rig.load(rig.v0, 1)
    with pytest.raises(Unsupported, match="gives each vCPU a PE of its own"):
        rig.load(rig.v1, 0)


def test_no_schedule_moves_a_vcpu_of_baos() -> None:
    scenario = find_scenario("timer-migrated")
    moves = {name: [str(a) for a in Machine(scenario, designs()[name]).alphabet() if isinstance(a, Moved)]
             for name in ("kvm", "bao")}
    assert moves == {"kvm": ["vcpu0 loaded on pe1"], "bao": []}


# -- old KVMs

@pytest.mark.parametrize(("design", "waits"), [(Kvm612, (True, False)), (Kvm2018, (False, False))])
def test_what_wfi_asks_for(build: Build, design: type[Design], waits: tuple[bool, bool]) -> None:
    """Linux 6.12 reads the mask in WFI; 4.18 asked for no priority."""
    rig = build(design=design)
    rig.boot(rig.v0, 0, SPI2)
    for mask, expected in zip((0, 0xF0), waits, strict=True):
        if rig.v3:
            rig._icc(rig.v0, "ICC_PMR_EL1", mask)
        else:
            rig._gicc(rig.v0, 4, mask)
        rig.design.inject(rig.vm, None, SPI2, True)
        rig.v0.in_guest = False
        assert rig.design.pending(rig.v0) is not expected
        rig.v0.in_guest = True


@pytest.mark.parametrize("design", [Kvm2015, TimerMask])
def test_the_physical_timer_came_later(build: Build, design: type[Design]) -> None:
    rig = build(design=design)
    with pytest.raises(Unsupported, match=r"since 4\.11"):
        rig.design.assign_timer(rig.vm, "CNTP", 30)


@pytest.mark.parametrize("name", ["xen", "bao"])
def test_the_guest_masks_its_physical_interrupt_and_the_host_does_not(name: str) -> None:
    """Xen's gicv3_irq_disable, Bao's gicd_set_enable: the active state stays. KVM's host clears it."""
    with pytest.raises(Unsupported, match=f"{name}: nic: its host disables no interrupt"):
        Machine(find_scenario("host-masks-forwarded"), designs()[name])


@pytest.mark.parametrize("design", [Xen, Bao])
def test_a_disabled_one_stays_physically_active(build: Build, design: type[Design]) -> None:
    rig = two(build, design, NIC)
    rig.line(NIC, True)
    assert rig.interrupts() == [NIC]
    rig.poke(rig.v0, ICENABLER, NIC)
    assert "A" in rig.physical(NIC)


@pytest.mark.parametrize("design", [Xen, Bao])
def test_without_deactivation_by_hardware_they_are_not(build: Build, design: type[Design]) -> None:
    with pytest.raises(Unsupported, match="knows no other way"):
        build(design=design, hw_deactivation=False)


def test_bao_has_no_lpis(build: Build) -> None:
    if build(design=Xen).v3:
        with pytest.raises(Unsupported, match="emulates no ITS"):
            build(design=Bao, lpis=[8192])


@pytest.mark.parametrize("name", ["level-irqfd", "level-irqfd-held"])
def test_a_vmms_own_gic_tells_no_irqfd(name: str) -> None:
    with pytest.raises(Unsupported, match="irqfd needs KVM's own virtual GIC"):
        Machine(find_scenario(name), designs()["userspace-irqchip"])
