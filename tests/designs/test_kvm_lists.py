"""KVM: where interrupts belong (M4), list registers filled and read back (M2, M3, M5), on GICv2 and GICv3."""

from __future__ import annotations

import pytest
from tests.designs.conftest import Build
from tests.designs.rig import ICENABLER, ISENABLER, NIC, SPI2, Rig

from vgic.arch.intid import SPURIOUS
from vgic.designs.base import NoInterrupt, Unsupported
from vgic.designs.vgic.irq import Lr


def test_a_software_level_is_told_when_its_guest_ends_it(build: Build) -> None:
    """M3: HW=0, the EOI bit, a maintenance interrupt, the notifier."""
    rig = build()
    acked: list[int] = []
    rig.design.on_ack(rig.vm, NIC, lambda vm, intid: acked.append(intid))
    rig.boot(rig.v0, 0, NIC)
    assert rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"P {NIC} EOI"
    assert rig.ack(rig.v0) == NIC
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"A {NIC} EOI", "never pending and active, although the line is high"
    assert rig.design.inject(rig.vm, None, NIC, False)
    rig.eoi(rig.v0, NIC)
    assert rig.maintained()
    assert acked == [NIC]
    assert rig.ack(rig.v0) == SPURIOUS


def test_a_level_is_delivered_again_while_its_line_is_high(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    for _ in range(3):
        rig.cycle(rig.v0)
        assert rig.ack(rig.v0) == NIC
        rig.eoi(rig.v0, NIC)
        assert rig.maintained()
    rig.design.inject(rig.vm, None, NIC, False)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS


def test_a_level_that_falls_unseen_is_not_delivered(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    rig.design.inject(rig.vm, None, NIC, False)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS


def test_an_edge_while_active_is_pending_and_active(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    rig.edge(rig.v0, NIC)
    assert rig.design.inject(rig.vm, None, NIC, True)
    assert not rig.design.inject(rig.vm, None, NIC, False), "an edge does not fall"
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"P {NIC}"
    assert rig.ack(rig.v0) == NIC
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"PA {NIC}"
    rig.eoi(rig.v0, NIC)
    assert rig.ack(rig.v0) == NIC
    rig.eoi(rig.v0, NIC)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS, "two edges, two deliveries"


def test_an_edge_survives_an_exit_before_it_is_taken(build: Build) -> None:
    """The latch moves into the register at the entry, and back at the exit."""
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    rig.edge(rig.v0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    irq = rig.design.get_irq(rig.vm, None, NIC)
    rig.cycle(rig.v0)
    assert not irq.pending_latch
    rig.exit(rig.v0)
    assert irq.pending_latch
    rig.put(rig.v0)
    rig.start(rig.v0)
    assert rig.ack(rig.v0) == NIC


def test_entries_that_are_given_up_lose_nothing(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0, NIC, SPI2, enter=False)
    rig.edge(rig.v0, SPI2)
    for intid in (NIC, SPI2):
        rig.design.inject(rig.vm, None, intid, True)
    for _ in range(2):
        rig.design.flush(rig.v0)
        rig.design.sync(rig.v0)
    rig.enter(rig.v0)
    assert sorted(rig.ack(rig.v0) for _ in range(1)) == [NIC]
    rig.eoi(rig.v0, NIC)
    assert rig.ack(rig.v0) == SPI2


def test_an_lpi_is_never_active_in_memory() -> None:
    """Rule 15, B028: its end outside a list register would not be counted."""
    rig = Rig(True, lpis=(8192,))
    rig.boot(rig.v0)
    assert rig.design.inject(rig.vm, None, 8192, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == 8192
    rig.exit(rig.v0)
    assert not rig.design.get_irq(rig.vm, None, 8192).active
    assert rig.design.cpus[rig.v0].ap_list == []
    rig.enter(rig.v0)
    rig.eoi(rig.v0, 8192)
    assert rig.design.inject(rig.vm, None, 8192, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == 8192


def test_an_end_within_one_run_is_told_on_gicv2_alone(build: Build) -> None:
    """As Linux has it: on a GICv3 the notifier asks that memory knew the interrupt active."""
    rig = build()
    acked: list[int] = []
    rig.design.on_ack(rig.vm, NIC, lambda vm, intid: acked.append(intid))
    rig.boot(rig.v0, 0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    rig.eoi(rig.v0, rig.ack(rig.v0))
    assert rig.maintained()
    assert acked == ([] if rig.v3 else [NIC])


def test_injections_are_accepted_only_where_something_changes(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    inject = rig.design.inject
    assert [inject(rig.vm, None, NIC, level) for level in (False, True, True, False)] == [False, True, False, True]
    assert [name for name, intid in rig.told if intid == NIC and name in ("inject", "refused")] == [
        "refused", "inject", "refused", "inject"]


def test_only_the_owner_injects(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    mine = object()
    rig.design.set_owner(rig.v0, NIC, mine)
    assert not rig.design.inject(rig.vm, None, NIC, True)
    assert not rig.design.inject(rig.vm, None, NIC, True, object())
    assert rig.design.inject(rig.vm, None, NIC, True, mine)
    with pytest.raises(Unsupported, match="has an owner"):
        rig.design.set_owner(rig.v0, NIC, object())
    with pytest.raises(Unsupported, match="no PPI or SPI"):
        rig.design.set_owner(rig.v0, 3, mine)


def test_what_the_guest_has_not_is_refused(build: Build) -> None:
    rig = build()
    with pytest.raises(NoInterrupt, match="no interrupt 500"):
        rig.design.inject(rig.vm, None, 500, True)
    with pytest.raises(NoInterrupt, match="it is private"):
        rig.design.inject(rig.vm, None, 20, True)


def test_a_disabled_interrupt_waits_and_is_looked_at_on_enable(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0)
    rig.edge(rig.v0, NIC)
    assert rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS
    rig.enable(rig.v0, NIC)
    assert rig.ack(rig.v0) == NIC
    rig.poke(rig.v0, ICENABLER, NIC)
    assert rig.lr(0) == f"A {NIC}", "active although disabled: it stays until it is ended"
    rig.eoi(rig.v0, NIC)
    rig.exit(rig.v0)
    assert rig.design.get_irq(rig.vm, None, NIC).vcpu is None


def test_one_that_is_listed_already_kicks_all_the_same(build: Build) -> None:
    """B023: the guest may have completed it since; without a kick the second edge would wait."""
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    rig.edge(rig.v0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.eoi(rig.v0, NIC)
    assert not rig.kicked(rig.v0)
    rig.design.inject(rig.vm, None, NIC, True)
    assert rig.kicked(rig.v0)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC


def test_retargeting_moves_what_is_pending_and_leaves_what_is_active(build: Build) -> None:
    rig = build(vcpus=2, pes=2)
    rig.boot(rig.v0, 0, NIC, SPI2)
    rig.boot(rig.v1, 1)
    for intid in (NIC, SPI2):
        rig.edge(rig.v0, intid)
        rig.design.inject(rig.vm, None, intid, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.exit(rig.v0)
    for intid in (NIC, SPI2):
        if rig.v3:
            rig.design.mmio_write(rig.v0, rig.vm.map.gicd + 0x6000 + 8 * intid, 8, 1)
        else:
            rig.design.mmio_write(rig.v0, rig.vm.map.gicd + 0x800 + intid, 1, 2)
    rig.enter(rig.v0)
    rig.exit(rig.v0)
    irqs = [rig.design.get_irq(rig.vm, None, intid) for intid in (NIC, SPI2)]
    assert [irq.vcpu for irq in irqs] == [rig.v0, rig.v1]
    assert rig.v1.kicked
    rig.cycle(rig.v1)
    assert rig.ack(rig.v1) == SPI2
    rig.enter(rig.v0)
    rig.eoi(rig.v0, NIC)


def test_an_interrupt_routed_to_nobody_waits() -> None:
    rig = Rig(True)
    rig.boot(rig.v0, 0, NIC)
    rig.mmio(rig.v0, rig.vm.map.gicd + 0x6000 + 8 * NIC, 0x77, size=8)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS
    rig.mmio(rig.v0, rig.vm.map.gicd + 0x6000 + 8 * NIC, 0, size=8)
    rig.poke(rig.v0, ISENABLER, NIC)
    assert rig.ack(rig.v0) == NIC


def test_the_distributor_switched_off_holds_interrupts_back(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.mmio(rig.v0, rig.vm.map.gicd, 0)
    assert rig.ack(rig.v0) == SPURIOUS
    rig.exit(rig.v0)
    assert not rig.design.pending(rig.v0)


def test_the_distributor_switched_on_kicks_who_has_something(build: Build) -> None:
    rig = build(vcpus=2, pes=2)
    rig.boot(rig.v0, 0, NIC)
    rig.boot(rig.v1, 1)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.exit(rig.v1)
    rig.design.mmio_write(rig.v1, rig.vm.map.gicd, 4, 0)
    rig.v0.kicked = rig.v1.kicked = False
    rig.design.mmio_write(rig.v1, rig.vm.map.gicd, 4, 3)
    assert rig.kicked(rig.v0)
    assert not rig.kicked(rig.v1)


def test_pending_asks_for_what_the_guest_could_take(build: Build) -> None:
    """kvm_vgic_vcpu_pending_irq: enabled, pending, not active, let through by the priority mask of the last exit."""
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    rig.prioritize(rig.v0, NIC, 0xA0)
    rig.design.inject(rig.vm, None, NIC, True)
    assert rig.design.pending(rig.v0)
    if rig.v3:
        rig._icc(rig.v0, "ICC_PMR_EL1", 0x80)
    else:
        rig._gicc(rig.v0, 4, 0x80)
    rig.exit(rig.v0)
    assert not rig.design.pending(rig.v0)
    rig.enter(rig.v0)
    if rig.v3:
        rig._icc(rig.v0, "ICC_PMR_EL1", 0xF0)
    else:
        rig._gicc(rig.v0, 4, 0xF0)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.exit(rig.v0)
    assert not rig.design.pending(rig.v0), "active"


def test_a_kick_wakes_a_blocked_vcpu(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    assert rig.block(rig.v0)
    rig.design.inject(rig.vm, None, NIC, True)
    assert not rig.blocked(rig.v0)
    assert ("wake", -1) in rig.told
    rig.wake(rig.v0)
    assert rig.ack(rig.v0) == NIC


def test_two_vcpus_share_a_pe(build: Build) -> None:
    """Active priorities and VMCR are the vCPU's: what one has acknowledged does not mask the other."""
    rig = build(vcpus=2)
    rig.boot(rig.v0, 0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.exit(rig.v0)
    rig.put(rig.v0)
    rig.boot(rig.v1, 0, 20)
    rig.design.inject(rig.vm, rig.v1, 20, True)
    rig.cycle(rig.v1)
    assert rig.ack(rig.v1) == 20
    rig.eoi(rig.v1, 20)
    rig.exit(rig.v1)
    rig.put(rig.v1)
    rig.start(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS, "its running priority came back"
    rig.eoi(rig.v0, NIC)
    assert rig.maintained()
    assert rig.ack(rig.v0) == NIC


def test_an_interrupt_is_in_one_list_register_of_one_vcpu(build: Build) -> None:
    rig = build(vcpus=2, pes=2)
    rig.boot(rig.v0, 0, NIC)
    rig.boot(rig.v1, 1, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    rig.cycle(rig.v1)
    assert rig.ack(rig.v1) == SPURIOUS
    assert rig.ack(rig.v0) == NIC


@pytest.mark.parametrize("lr", [
    Lr(27, True, False, True, 27, 1, 0xC0), Lr(33, False, True, False, 0, 0, 0xA0, True),
    Lr(40, True, True, False, 0, 1),
    Lr(3, True, False, False, 0, 0, 0x80, True, 5),
])
def test_list_registers_encode_and_decode(build: Build, lr: Lr) -> None:
    rig = build(guest=2)
    hw = rig.design.hw
    assert hw.decode(hw.encode(lr), True) == lr


def test_list_registers_as_linux_writes_them() -> None:
    """Values of recordings of Linux 6.12: a forwarded timer, an SGI; ICH_LR<n>_EL2 and GICH_LR<n>."""
    v3, v2 = Rig(True).design.hw, Rig(False).design.hw
    assert v3.encode(Lr(27, True, False, True, 27, 1, 0xC0)) == 0x70C0_001B_0000_001B
    assert v3.encode(Lr(1, True, False, False, 0, 1, 0xC0)) == 0x50C0_0000_0000_0001
    assert v3.encode(Lr(33, False, True, False, 0, 1, 0xA0, True)) == 0x90A0_0200_0000_0021
    assert v2.encode(Lr(27, True, False, True, 27, 0, 0xA0)) == 0x9A00_6C1B
    assert v2.encode(Lr(2, False, True, False, 0, 0, 0xA0, False, 1)) == 0x2A00_0402
