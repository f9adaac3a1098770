"""The designs beside KVM's: trap, Xen's, Bao's, and one of a user's own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.designs.conftest import Build
from tests.designs.rig import ICENABLER, NIC, SPI2, SPI3, Rig

from vgic.arch.ich import EN
from vgic.arch.intid import SPURIOUS
from vgic.designs.bao import Bao
from vgic.designs.base import EVENTS, Design, Unsupported
from vgic.designs.kvm import Kvm
from vgic.designs.timer_mask import TimerMask
from vgic.designs.trap import Trap
from vgic.designs.vm import Vcpu, Vm
from vgic.designs.xen import Xen
from vgic.host.chip import MASKED

OTHERS: list[type[Design]] = [Trap, TimerMask, Xen, Bao]


def owner(build: Build, design: type[Design], **arguments: object) -> Rig:
    """A guest that owns the NIC's interrupt."""
    rig = build(design=design, **arguments)
    rig.design.assign_irq(rig.vm, rig.kernel.irq(NIC), NIC)
    rig.boot(rig.v0, 0)
    target(rig, NIC)
    rig.enable(rig.v0, NIC)
    return rig


def target(rig: Rig, intid: int) -> None:
    """At vCPU 0, which a GICv2's distributor has to be told."""
    if not rig.v3:
        rig.mmio(rig.v0, rig.vm.map.gicd + 0x800 + intid, 1, size=1)


def take(rig: Rig) -> None:
    rig.line(NIC, True)
    assert NIC in rig.interrupts()


@pytest.mark.parametrize("design", [Kvm, *OTHERS])
def test_a_level_reaches_its_guest_each_time(build: Build, design: type[Design]) -> None:
    rig = owner(build, design)
    for _ in range(3):
        take(rig)
        assert rig.ack(rig.v0) == NIC
        rig.line(NIC, False)
        rig.eoi(rig.v0, NIC)
        rig.interrupts()
        assert rig.ack(rig.v0) == SPURIOUS
        assert rig.physical(NIC) == "I"


@pytest.mark.parametrize("design", [Kvm, *OTHERS])
def test_a_level_that_stays_high_comes_again(build: Build, design: type[Design]) -> None:
    rig = owner(build, design)
    take(rig)
    for _ in range(3):
        assert rig.ack(rig.v0) == NIC
        rig.eoi(rig.v0, NIC)
        assert NIC in rig.interrupts()


@pytest.mark.parametrize("design", [Kvm, *OTHERS])
def test_sgis_between_vcpus(build: Build, design: type[Design]) -> None:
    rig = build(vcpus=2, pes=2, design=design)
    rig.boot(rig.v0, 0)
    rig.boot(rig.v1, 1)
    if rig.v3:
        rig._icc(rig.v0, "ICC_SGI1R_EL1", 5 << 24 | 0b10)
    else:
        rig.mmio(rig.v0, rig.vm.map.gicd + 0xF00, 2 << 16 | 5)
    assert rig.kicked(rig.v1)
    rig.cycle(rig.v1)
    assert rig.ack(rig.v1) & 0x3FF == 5


@pytest.mark.parametrize("design", [Kvm, *OTHERS])
def test_more_interrupts_than_list_registers(build: Build, design: type[Design]) -> None:
    rig = build(lrs=2, design=design)
    intids = list(range(40, 46))
    rig.boot(rig.v0, 0)
    for intid in intids:
        rig.edge(rig.v0, intid)
        target(rig, intid)
        rig.enable(rig.v0, intid)
    for intid in intids:
        rig.design.inject(rig.vm, None, intid, True)
    seen = []
    rig.cycle(rig.v0)
    for _ in range(30):
        rig.interrupts()
        intid = rig.ack(rig.v0)
        if intid != SPURIOUS:
            seen.append(intid)
            rig.eoi(rig.v0, intid)
    assert sorted(seen) == intids, "each once, without a further kick"


def test_trap_masks_until_the_guest_has_ended_it(build: Build) -> None:
    """M12, M13."""
    rig = owner(build, Trap)
    desc = rig.kernel.irq(NIC)
    take(rig)
    assert rig.kernel.irq_get_irqchip_state(desc, MASKED, 0)
    assert rig.physical(NIC) == "P", "the host has deactivated it"
    assert rig.ack(rig.v0) == NIC
    assert rig.lr(0) == f"A {NIC} EOI"
    rig.line(NIC, False)
    rig.eoi(rig.v0, NIC)
    assert rig.maintained()
    assert not rig.kernel.irq_get_irqchip_state(desc, MASKED, 0)
    assert [name for name, intid in rig.told if intid == NIC and name in ("mask", "unmask", "ack")] == [
        "mask", "ack", "unmask"]


def test_trap_does_not_mask_edges(build: Build) -> None:
    rig = build(design=Trap)
    rig.kernel.irq_set_irq_type(rig.kernel.irq(NIC), True)
    rig.design.assign_irq(rig.vm, rig.kernel.irq(NIC), NIC)
    rig.boot(rig.v0, 0, NIC)
    rig.line(NIC, True)
    assert rig.interrupts() == [NIC]
    rig.line(NIC, False)
    rig.line(NIC, True)
    assert rig.interrupts() == [NIC]
    assert rig.ack(rig.v0) == NIC


def test_trap_masks_a_timer_per_pe_and_vcpu(build: Build) -> None:
    rig = build(design=Trap, vcpus=2)
    rig.design.assign_timer(rig.vm)
    rig.boot(rig.v0, 0, 27)
    rig.timers.sysreg_write("CNTV_CTL_EL0", 1)
    assert rig.interrupts() == [27]
    ppi = rig.kernel.irq(27).percpu[0]

    def masked() -> bool:
        return not ppi.enabled
    assert masked()
    rig.exit(rig.v0)
    rig.put(rig.v0)
    rig.load(rig.v1)
    assert not masked()
    rig.put(rig.v1)
    rig.load(rig.v0)
    assert masked()


def test_xen_a_second_cause_while_active(build: Build) -> None:
    """B097: pending and active without a twin."""
    rig = build(design=Xen)
    rig.boot(rig.v0, 0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"PA {NIC}"
    rig.eoi(rig.v0, NIC)
    assert rig.ack(rig.v0) == NIC


def test_xen_keeps_list_registers_across_exits_and_switches(build: Build) -> None:
    rig = build(design=Xen, vcpus=2)
    rig.boot(rig.v0, 0, NIC)
    assert rig.design.inject(rig.vm, None, NIC, True)
    rig.exit(rig.v0)
    assert not rig.design.inject(rig.vm, None, NIC, False), "a falling line is not heard"
    rig.enter(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.exit(rig.v0)
    assert rig.lr(0) == f"A {NIC}"
    rig.put(rig.v0)
    rig.load(rig.v1)
    assert rig.lr(0) == "I 0"
    rig.put(rig.v1)
    rig.start(rig.v0)
    assert rig.lr(0) == f"A {NIC}"
    rig.eoi(rig.v0, NIC)
    rig.cycle(rig.v0)
    assert rig.design.cpus[rig.v0].inflight == []


def test_xen_evicts_what_is_less_urgent_and_not_active(build: Build) -> None:
    rig = build(design=Xen, lrs=1)
    rig.boot(rig.v0, 0, NIC, SPI2, SPI3)
    for intid, priority in ((NIC, 0x80), (SPI2, 0x40), (SPI3, 0x20)):
        rig.prioritize(rig.v0, intid, priority)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    rig.design.inject(rig.vm, None, SPI2, True)
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"P {SPI2}"
    assert rig.hcr() & 2, "UIE: one waits"
    assert rig.ack(rig.v0) == SPI2
    rig.design.inject(rig.vm, None, SPI3, True)
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"A {SPI2}", "active ones stay"


def test_xen_disables_the_physical_interrupt_with_the_virtual(build: Build) -> None:
    rig = owner(build, Xen)
    rig.poke(rig.v0, ICENABLER, NIC)
    rig.line(NIC, True)
    assert rig.interrupts() == []
    rig.enable(rig.v0, NIC)
    assert rig.interrupts() == [NIC]
    assert rig.ack(rig.v0) == NIC


def test_xen_disabled_waits_are_dropped_from_the_queue(build: Build) -> None:
    """B100: what is in flight and in no list register is not looked for in one."""
    rig = build(design=Xen)
    rig.boot(rig.v0, 0, NIC, enter=False)
    rig.put(rig.v0)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.load(rig.v0)
    rig.poke(rig.v0, ICENABLER, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.enter(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS
    rig.enable(rig.v0, NIC)
    assert rig.ack(rig.v0) == NIC


def test_xen_masks_the_guests_timer(build: Build) -> None:
    rig = build(design=Xen)
    rig.design.assign_timer(rig.vm)
    rig.boot(rig.v0, 0, 27)
    rig.timers.sysreg_write("CNTV_CVAL_EL0", 10)
    rig.timers.sysreg_write("CNTV_CTL_EL0", 1)
    rig.advance(10)
    assert rig.interrupts() == [27]
    assert rig.timers.sysreg_read("CNTV_CTL_EL0") & 2
    assert rig.ack(rig.v0) == 27
    rig.timers.sysreg_write("CNTV_CVAL_EL0", 20)
    rig.timers.sysreg_write("CNTV_CTL_EL0", 1)
    rig.eoi(rig.v0, 27)
    assert rig.block(rig.v0)
    rig.advance(10)
    assert not rig.blocked(rig.v0)
    rig.wake(rig.v0)
    assert rig.ack(rig.v0) == 27


def test_bao_spills_and_refills(build: Build) -> None:
    """B111, B112."""
    rig = build(design=Bao, lrs=2)
    rig.boot(rig.v0, 0)
    for intid, priority in ((NIC, 0x80), (SPI2, 0x60), (SPI3, 0x40)):
        rig.edge(rig.v0, intid)
        rig.prioritize(rig.v0, intid, priority)
        target(rig, intid)
        rig.enable(rig.v0, intid)
        rig.design.inject(rig.vm, None, intid, True)
    rig.cycle(rig.v0)
    assert {rig.lr(0), rig.lr(1)} == {f"P {SPI3} EOI", f"P {SPI2} EOI"}
    for intid in (SPI3, SPI2):
        assert rig.ack(rig.v0) == intid
        rig.eoi(rig.v0, intid)
    assert rig.interrupts() == [25]
    assert rig.ack(rig.v0) == NIC
    rig.eoi(rig.v0, NIC)
    rig.interrupts()
    assert not rig.gic.maintenance(0), "no storm"


def test_bao_replays_the_end_of_a_spilled_one(build: Build) -> None:
    rig = build(design=Bao, lrs=1)
    rig.boot(rig.v0, 0)
    for intid, priority in ((NIC, 0x80), (SPI2, 0x40)):
        rig.edge(rig.v0, intid)
        rig.prioritize(rig.v0, intid, priority)
        target(rig, intid)
        rig.enable(rig.v0, intid)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.design.inject(rig.vm, None, SPI2, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPI2, "the active one was spilled for it"
    rig.eoi(rig.v0, SPI2)
    rig.interrupts()
    rig.eoi(rig.v0, NIC)
    rig.interrupts()
    assert not rig.design.get_irq(rig.vm, None, NIC).active


def test_bao_switches_other_virtual_cpu_interfaces_by_a_message(build: Build) -> None:
    rig = build(vcpus=2, pes=2, design=Bao)
    rig.boot(rig.v0, 0)
    rig.boot(rig.v1, 1)
    rig.mmio(rig.v0, rig.vm.map.gicd, 0x10 if rig.v3 else 0)
    assert (rig.hcr(0) & EN, rig.hcr(1) & EN) == (0, EN)
    assert rig.kicked(rig.v1)
    rig.cycle(rig.v1)
    assert rig.hcr(1) & EN == 0
    if rig.v3:
        rig._icc(rig.v0, "ICC_SGI1R_EL1", 5 << 24 | 0b10)
    else:
        rig.mmio(rig.v0, rig.vm.map.gicd + 0xF00, 2 << 16 | 5)
    rig.cycle(rig.v1)
    assert not rig.design.pending(rig.v1)
    assert rig.ack(rig.v1) & 0x3FF == SPURIOUS
    rig.mmio(rig.v0, rig.vm.map.gicd, 0x12 if rig.v3 else 1)
    rig.cycle(rig.v1)
    assert rig.design.pending(rig.v1)
    assert rig.ack(rig.v1) & 0x3FF == 5


@pytest.mark.parametrize("design", [Xen, Bao])
def test_they_know_no_sgi_of_group_0(build: Build, design: type[Design]) -> None:
    rig = build(design=design)
    rig.boot(rig.v0, 0)
    with pytest.raises(Unsupported, match="asks for an SGI of group 0"):
        rig.design.sysreg_write(rig.v0, "ICC_SGI0R_EL1", 5 << 24 | 1)


def test_what_they_cant_do(build: Build) -> None:
    for design in (Xen, Bao):
        rig = build(design=design)
        with pytest.raises(Unsupported, match="tells no completions"):
            rig.design.on_ack(rig.vm, NIC, lambda vm, intid: None)
        rig.load(rig.v0)
        assert not rig.design.inject(rig.vm, None, NIC, False)


class Bare(Design):
    """The least that a design can be."""

    name = "bare"

    def flush(self, vcpu: Vcpu) -> None:
        self.event("populate", vcpu)

    def sync(self, vcpu: Vcpu) -> None:
        self.event("fold", vcpu)

    def pending(self, vcpu: Vcpu) -> bool:
        return vcpu.kicked

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        self.kick(vm.vcpus[0])
        return True


def test_the_base_class_says_what_it_cant(build: Build) -> None:
    rig = build(design=Bare)
    d, v, desc = rig.design, rig.v0, rig.kernel.irq(NIC)
    rig.load(v)
    rig.enter(v)
    d.halt_guest(rig.vm)
    assert not v.in_guest
    assert d.inject(rig.vm, None, NIC, True)
    assert d.pending(v)
    assert d.parts() == rig.vm.vcpus
    assert d.work() == ()
    assert d.translate(v, 0) is None
    refused: Sequence[tuple[str, tuple[object, ...]]] = (
        ("map_phys_irq", (v, desc, 33)), ("unmap_phys_irq", (v, 33)), ("assign_irq", (rig.vm, desc, 33)),
        ("assign_timer", (rig.vm,)), ("set_owner", (v, 33, d)), ("on_ack", (rig.vm, 33, print)),
        ("mmio_read", (v, 0, 4)), ("mmio_write", (v, 0, 4, 0)), ("sysreg_read", (v, "X")),
        ("sysreg_write", (v, "X", 0)), ("uaccess_read", (v, 0, 4)), ("uaccess_write", (v, 0, 4, 0)),
        ("uaccess_sysreg_read", (v, "X")),
        ("uaccess_sysreg_write", (v, "X", 0)),
    )
    for method, arguments in refused:
        with pytest.raises(Unsupported, match=f"^bare: {method}: "):
            getattr(d, method)(*arguments)
    rig.put(v)
    assert v.pe is None


def test_a_rule_of_kvms_can_be_flipped_alone(build: Build) -> None:
    """How a historical bug is written: a subclass with one method."""

    class NeverResamples(Kvm):
        def handle_resampling(self, *arguments: object) -> None:
            """Forgotten."""

    for design, physical in ((Kvm, "I"), (NeverResamples, "A")):
        rig = owner(build, design)
        take(rig)
        rig.line(NIC, False)
        rig.cycle(rig.v0)
        assert rig.physical(NIC) == physical


@pytest.mark.parametrize("design", [Kvm, *OTHERS])
def test_every_event_is_a_known_one(build: Build, design: type[Design]) -> None:
    rig = owner(build, design)
    take(rig)
    rig.ack(rig.v0)
    rig.line(NIC, False)
    rig.eoi(rig.v0, NIC)
    rig.interrupts()
    assert {name for name, _ in rig.told} <= set(EVENTS)
    assert ("populate", NIC) in rig.told
