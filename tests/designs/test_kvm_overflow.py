"""KVM with more interrupts than list registers (M6): what is armed, what is shown, what ends outside."""

from __future__ import annotations

from typing import Any

import pytest
from tests.designs.conftest import Build
from tests.designs.rig import NIC, SPI2, SPI3, SPI4, Rig

from vgic.arch.ich import LRENPIE, NPIE, TC, TDIR, UIE
from vgic.arch.intid import SPURIOUS
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.history import Kvm612
from vgic.designs.kvm.queue import FEW_SPIS

SPIS = (NIC, SPI2, SPI3, SPI4)


def busy(build: Build, lrs: int, priorities: tuple[int, ...], **arguments: Any) -> Rig:
    """A guest with edges of these priorities, none pending."""
    rig = build(lrs=lrs, **arguments)
    rig.boot(rig.v0, 0, *SPIS[:len(priorities)])
    for intid, priority in zip(SPIS, priorities, strict=False):
        rig.edge(rig.v0, intid)
        rig.prioritize(rig.v0, intid, priority)
    return rig


def pend(rig: Rig, *intids: int) -> None:
    for intid in intids:
        rig.design.inject(rig.vm, None, intid, True)


def test_the_most_urgent_get_the_list_registers(build: Build) -> None:
    rig = busy(build, 2, (0x80, 0x60, 0x40))
    pend(rig, NIC, SPI2, SPI3)
    rig.cycle(rig.v0)
    assert [rig.lr(n) for n in range(2)] == [f"P {SPI3}", f"P {SPI2}"]
    assert rig.hcr() & (UIE | NPIE | LRENPIE) == UIE | NPIE
    assert rig.ack(rig.v0) == SPI3
    rig.eoi(rig.v0, SPI3)
    assert rig.maintained(), "UIE: one register in use"
    assert rig.ack(rig.v0) == SPI2
    rig.eoi(rig.v0, SPI2)
    assert rig.ack(rig.v0) == NIC
    rig.eoi(rig.v0, NIC)
    rig.cycle(rig.v0)
    assert rig.hcr() & (UIE | NPIE | LRENPIE) == 0


def test_nothing_is_armed_nor_sorted_while_all_fit(build: Build) -> None:
    rig = busy(build, 3, (0x80, 0x60, 0x40))
    pend(rig, NIC, SPI2, SPI3)
    rig.cycle(rig.v0)
    assert [rig.lr(n) for n in range(3)] == [f"P {NIC}", f"P {SPI2}", f"P {SPI3}"]
    assert rig.hcr() & (UIE | NPIE | LRENPIE) == 0


def test_an_end_outside_list_registers_is_replayed(build: Build) -> None:
    """B029: without the replay the first acknowledged would stay active for ever."""
    rig = busy(build, 1, (0x80, 0x40))
    pend(rig, NIC)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    pend(rig, SPI2)
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"P {SPI2}", "what is pending comes before what is active"
    assert rig.hcr() & LRENPIE
    assert rig.ack(rig.v0) == SPI2
    rig.eoi(rig.v0, SPI2)
    rig.eoi(rig.v0, NIC)
    assert rig.maintained()
    rig.exit(rig.v0)
    assert rig.design.cpus[rig.v0].ap_list == []
    assert ("replay", NIC) in rig.told


def test_the_replay_spares_what_is_in_list_registers(build: Build) -> None:
    """B032: the maintenance interrupt comes late, and the guest has acknowledged what is in the register."""
    rig = busy(build, 1, (0x80, 0x80))
    pend(rig, NIC)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    pend(rig, SPI2)
    rig.cycle(rig.v0)
    rig.eoi(rig.v0, NIC)
    assert rig.ack(rig.v0) == SPI2
    rig.exit(rig.v0)
    assert [irq.intid for irq in rig.design.cpus[rig.v0].ap_list] == [SPI2]
    rig.enter(rig.v0)
    assert rig.lr(0) == f"A {SPI2}"


def test_replays_go_in_list_order_and_count(build: Build) -> None:
    rig = busy(build, 1, (0x80, 0x60, 0x40))
    for intid in (NIC, SPI2, SPI3):
        pend(rig, intid)
        rig.cycle(rig.v0)
        assert rig.ack(rig.v0) == intid
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"A {SPI3}"
    rig.eoi(rig.v0, SPI3)
    rig.eoi(rig.v0, SPI2)
    rig.exit(rig.v0)
    assert [irq.intid for irq in rig.design.cpus[rig.v0].ap_list] == [NIC]


def test_the_twin_of_what_ends_outside_is_deactivated(build: Build) -> None:
    rig = build(lrs=1)
    rig.design.assign_irq(rig.vm, rig.kernel.irq(NIC), NIC)
    rig.boot(rig.v0, 0, NIC, SPI2)
    rig.edge(rig.v0, SPI2)
    for intid, priority in ((NIC, 0x80), (SPI2, 0x40)):
        rig.prioritize(rig.v0, intid, priority)
    rig.line(NIC, True)
    rig.interrupts()
    assert rig.ack(rig.v0) == NIC
    rig.line(NIC, False)
    pend(rig, SPI2)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPI2
    rig.eoi(rig.v0, SPI2)
    assert rig.physical(NIC) == "A"
    rig.eoi(rig.v0, NIC)
    rig.exit(rig.v0)
    assert rig.physical(NIC) == "I"


def test_active_ones_leave_room_for_pending_ones(build: Build) -> None:
    """B031: with split EOIs a guest may hold any number active, and must still be shown the next."""
    rig = busy(build, 1, (0x80, 0x80, 0x80))
    rig.split(rig.v0)
    for intid in (NIC, SPI2, SPI3):
        pend(rig, intid)
        rig.cycle(rig.v0)
        assert rig.ack(rig.v0) == intid
        rig.eoi(rig.v0, intid)
    for intid in (SPI2, NIC, SPI3):
        rig.dir(rig.v0, intid)
    rig.exit(rig.v0)
    assert rig.design.cpus[rig.v0].ap_list == []


def test_split_ends_trap_while_one_is_outside() -> None:
    rig = Rig(True, lrs=1)
    rig.boot(rig.v0, 0)
    for sgi in (1, 2):
        rig.design.pend_sgi(rig.v0, rig.v0, sgi, True)
        rig.cycle(rig.v0)
        assert rig.ack(rig.v0) == sgi or sgi == 2
    assert rig.hcr() & TDIR
    rig.design.cpus[rig.v0].ap_list[:] = []
    rig.cycle(rig.v0)
    assert not rig.hcr() & TDIR


def test_what_ended_by_a_trap_leaves_the_list_before_the_next_entry() -> None:
    rig = Rig(True)
    rig.boot(rig.v0, 0, NIC)
    rig.split(rig.v0)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.design.inject(rig.vm, None, NIC, False)
    rig.eoi(rig.v0, NIC)
    rig.exit(rig.v0)
    cpu = rig.design.cpus[rig.v0]
    rig.design.sysreg_write(rig.v0, "ICC_DIR_EL1", NIC)
    assert [irq.intid for irq in cpu.ap_list] == [NIC]
    rig.design.flush(rig.v0)
    assert cpu.ap_list == []


def test_split_ends_trap_while_any_spi_is_about() -> None:
    """It may be deactivated on another vCPU, which has it in no list register; the first SPI makes all enter anew."""
    rig = Rig(True, vcpus=2, pes=2)
    rig.boot(rig.v0, 0, NIC)
    rig.boot(rig.v1, 1)
    rig.cycle(rig.v1)
    assert not rig.hcr(1) & TDIR
    rig.design.inject(rig.vm, None, NIC, True)
    assert rig.kicked(rig.v1)
    rig.cycle(rig.v0)
    rig.cycle(rig.v1)
    assert rig.hcr(1) & TDIR
    rig.split(rig.v0)
    rig.split(rig.v1)
    assert rig.ack(rig.v0) == NIC
    rig.eoi(rig.v0, NIC)
    rig.design.inject(rig.vm, None, NIC, False)
    rig.dir(rig.v1, NIC)
    assert not rig.v0.in_guest, "it was in a list register there: stopped"
    rig.enter(rig.v0)
    rig.exit(rig.v0)
    assert rig.design.cpus[rig.v0].ap_list == []


def test_a_trapped_dir_without_split_eois_or_of_nothing_does_nothing() -> None:
    rig = Rig(True)
    rig.boot(rig.v0, 0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.exit(rig.v0)
    for intid in (NIC, SPI2, 9000, 777):
        rig.design.sysreg_write(rig.v0, "ICC_DIR_EL1", intid)
    assert rig.design.get_irq(rig.vm, None, NIC).active


def test_without_tdir_all_common_registers_trap() -> None:
    rig = Rig(True, options={"tdir": False})
    rig.boot(rig.v0, 0, NIC)
    assert rig.hcr() & TC
    assert not rig.hcr() & TDIR
    assert rig.design.cpus[rig.v0].vmcr >> 24 == 0xF0, "the guest's PMR, written by a trap"
    rig.split(rig.v0)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.design.inject(rig.vm, None, NIC, False)
    rig.eoi(rig.v0, NIC)
    rig.dir(rig.v0, NIC)
    rig.exit(rig.v0)
    assert rig.design.cpus[rig.v0].ap_list == []


def test_the_count_of_spis_ends_with_their_ends_and_sticks_when_high() -> None:
    rig = Rig(True, implemented=(NIC, SPI2))
    rig.boot(rig.v0, 0, NIC, SPI2)
    dist = rig.design.dists[rig.vm]
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert dist.active_spis == 1
    assert rig.ack(rig.v0) == NIC
    rig.design.inject(rig.vm, None, NIC, False)
    rig.cycle(rig.v0)
    rig.eoi(rig.v0, NIC)
    rig.cycle(rig.v0)
    assert dist.active_spis == 0
    rig.edge(rig.v0, SPI2)
    for _ in range(FEW_SPIS + 3):
        pend(rig, SPI2)
        rig.cycle(rig.v0)
        rig.eoi(rig.v0, rig.ack(rig.v0))
        rig.cycle(rig.v0)
    assert dist.active_spis == FEW_SPIS


def end_while_high(rig: Rig, intid: int) -> None:
    """A level is taken and ended, with an exit between so that software knows of it; its line stays high."""
    assert rig.ack(rig.v0) == intid
    rig.cycle(rig.v0)
    rig.eoi(rig.v0, intid)
    rig.cycle(rig.v0)


def test_the_count_of_spis_reaches_all_that_a_vm_has_and_falls_from_there() -> None:
    rig = Rig(True, implemented=(NIC, SPI2, SPI3, SPI4))
    rig.boot(rig.v0, 0, NIC, SPI2, SPI3, SPI4)
    dist = rig.design.dists[rig.vm]
    for intid in (NIC, SPI2, SPI3, SPI4):
        rig.design.inject(rig.vm, None, intid, True)
    rig.cycle(rig.v0)
    assert dist.active_spis == 4
    for left in (3, 2, 1, 0, 0):
        end_while_high(rig, NIC)
        assert dist.active_spis == left, "one that stays high is counted once, and down at each of its ends"
    assert not rig.hcr() & TDIR
    assert len(rig.design.cpus[rig.v0].ap_list) == 4


def test_without_levels_a_few_spis_are_as_good_as_any_number() -> None:
    rig = Rig(True, implemented=(NIC, SPI2, SPI3, SPI4))
    rig.boot(rig.v0, 0, NIC, SPI2, SPI3, SPI4)
    for intid in (NIC, SPI2, SPI3, SPI4):
        rig.edge(rig.v0, intid)
        rig.design.inject(rig.vm, None, intid, True)
    assert rig.design.dists[rig.vm].active_spis == FEW_SPIS


def test_without_tdir_spis_are_not_counted() -> None:
    rig = Rig(True, options={"tdir": False}, implemented=(NIC, SPI2))
    rig.boot(rig.v0, 0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    assert rig.design.dists[rig.vm].active_spis == 0


def test_the_guests_group_enables_are_watched(build: Build) -> None:
    rig = build()
    rig.load(rig.v0)
    rig.enter(rig.v0)
    if rig.v3:
        rig._icc(rig.v0, "ICC_IGRPEN1_EL1", 1)
    else:
        rig._gicc(rig.v0, 0, 1)
    assert rig.maintained()
    assert not rig.gic.maintenance(0), "and not again until the next change"


def test_disabled_groups_come_last() -> None:
    rig = Rig(True, lrs=1)
    rig.boot(rig.v0, 0, NIC, SPI2)
    rig.edge(rig.v0, NIC)
    rig.edge(rig.v0, SPI2)
    rig.mmio(rig.v0, rig.vm.map.gicd + 0x84, 0xFFFF_FFFF & ~2)
    pend(rig, NIC, SPI2)
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"P {SPI2}", f"{NIC} is of group 0, which the guest has off"


@pytest.mark.parametrize("design", [Kvm, Kvm612])
def test_multi_source_sgis_one_source_at_a_time(design: type[Kvm]) -> None:
    """M3, M6: a GICv2 SGI from two vCPUs: two deliveries, each with its source (rule 39)."""
    rig = Rig(False, vcpus=3, design=design)
    rig.boot(rig.v0, 0)
    for source in rig.vm.vcpus[1:]:
        rig.design.pend_sgi(source, rig.v0, 5, True)
    rig.cycle(rig.v0)
    assert rig.lr(0) == "P 5 EOI", "the EOI bit: there is another source"
    assert rig.ack(rig.v0) == 1 << 10 | 5
    rig.cycle(rig.v0)
    assert rig.lr(0) == "A 5 EOI", "active, and not pending meanwhile"
    rig.eoi(rig.v0, 1 << 10 | 5)
    assert rig.maintained()
    assert rig.ack(rig.v0) == 2 << 10 | 5
    rig.eoi(rig.v0, 2 << 10 | 5)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS


def test_the_source_of_an_active_sgi_is_kept() -> None:
    """B022: its end must name the source that was acknowledged, although another has sent it since."""
    rig = Rig(False, vcpus=3, options={"eoi_checks_cpuid": True})
    rig.boot(rig.v0, 0)
    rig.design.pend_sgi(rig.vm.vcpus[2], rig.v0, 5, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == 2 << 10 | 5
    rig.design.pend_sgi(rig.vm.vcpus[1], rig.v0, 5, True)
    rig.cycle(rig.v0)
    rig.eoi(rig.v0, 2 << 10 | 5)
    assert rig.maintained()
    assert rig.ack(rig.v0) == 1 << 10 | 5


def test_6_12_shows_active_ones_first_and_arms_uie_alone(build: Build) -> None:
    rig = busy(build, 1, (0x80, 0x40), design=Kvm612)
    pend(rig, NIC)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    pend(rig, SPI2)
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"A {NIC}"
    assert rig.hcr() & (UIE | NPIE | LRENPIE) == UIE


def test_6_12_shows_nothing_less_urgent_beside_a_multi_source_sgi() -> None:
    """What comes after the next source must not be taken before it."""
    rig = Rig(False, vcpus=3, design=Kvm612)
    rig.boot(rig.v0, 0, NIC)
    rig.edge(rig.v0, NIC)
    rig.prioritize(rig.v0, NIC, 0x80)
    for source in rig.vm.vcpus[1:]:
        rig.design.pend_sgi(source, rig.v0, 5, True)
    pend(rig, NIC)
    rig.cycle(rig.v0)
    assert [rig.lr(n) for n in range(2)] == ["P 5 EOI", "I 0"]


def test_6_12_leaves_the_interface_off_without_interrupts(build: Build) -> None:
    rig = busy(build, 1, (0x80,), design=Kvm612)
    rig.cycle(rig.v0)
    assert rig.hcr() == 0
    pend(rig, NIC)
    rig.cycle(rig.v0)
    assert rig.hcr() == 1
