"""KVM: the guest's distributor registers, SGIs, and what userspace saves and restores, for GICv2 and GICv3 guests."""

from __future__ import annotations

import pytest
from tests.designs.conftest import Build
from tests.designs.rig import ICENABLER, ICPENDR, ISACTIVER, ISENABLER, ISPENDR, NIC, SPI2, Rig

from vgic.arch.intid import SPURIOUS
from vgic.designs.base import Unsupported
from vgic.designs.vm import GuestMap, Vm

GICD = GuestMap().gicd


def v2(vcpus: int = 2) -> Rig:
    rig = Rig(False, vcpus=vcpus, pes=vcpus)
    for vcpu in rig.vm.vcpus:
        rig.boot(vcpu, vcpu.index)
    return rig


def test_identification(build: Build) -> None:
    rig = build(vcpus=2)
    rig.boot(rig.v0)
    typer = rig.mmio(rig.v0, GICD + 4)
    assert typer & 31 == 1, "64 interrupts"
    assert rig.mmio(rig.v0, GICD + 8) >> 24 == 0x4B
    if rig.v3:
        assert rig.mmio(rig.v0, GICD) == 0x52, "one Security state, affinity routing, group 1 on"
        assert rig.mmio(rig.v0, rig.vm.map.gicr + 8, size=8) == 0
        assert rig.mmio(rig.v0, rig.vm.map.gicr + 0x2_0008, size=8) == 1 << 32 | 1 << 8 | 1 << 4
        assert rig.mmio(rig.v0, GICD + 0xFFE8) == 0x3B
        assert rig.mmio(rig.v0, rig.vm.map.gicr + 0x14) == 0, "awake"
    else:
        assert typer >> 5 & 7 == 1, "two CPU interfaces"
        assert rig.mmio(rig.v0, GICD) == 1


def test_configuration_is_read_back(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0)
    rig.enable(rig.v0, NIC)
    assert rig.peek(rig.v0, ICENABLER, NIC)
    rig.poke(rig.v0, ICENABLER, NIC)
    assert not rig.peek(rig.v0, ISENABLER, NIC)
    rig.prioritize(rig.v0, NIC, 0xA7)
    assert rig.mmio(rig.v0, GICD + 0x400 + NIC, size=1) == 0xA0, "five bits"
    assert rig.mmio(rig.v0, GICD + 0x400 + NIC - 1) == 0xA000
    rig.edge(rig.v0, NIC)
    assert rig.mmio(rig.v0, GICD + 0xC08) == 8
    assert rig.mmio(rig.v0, GICD + 0x84) == (0xFFFF_FFFF if rig.v3 else 0)
    rig.mmio(rig.v0, GICD + 0x84, 2)
    assert rig.mmio(rig.v0, GICD + 0x84) == 2


def test_private_configuration_is_fixed(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0)
    base = rig.address(0xC00, 0, rig.v0)
    for word, value in ((0, 0xAAAA_AAAA), (4, 0)):
        rig.mmio(rig.v0, base + word, 0x5555_5555 ^ 0xFFFF_FFFF)
        assert rig.mmio(rig.v0, base + word) == value
    assert rig.mmio(rig.v0, rig.address(ISENABLER, 0, rig.v0)) == 0xFFFF, "SGIs are on"


def test_word_0_of_a_gicv3s_distributor_is_its_redistributors() -> None:
    rig = Rig(True)
    rig.boot(rig.v0)
    for offset in (ISENABLER, ISPENDR, 0x400, 0xC00, 0x80):
        rig.mmio(rig.v0, GICD + offset, 0xFFFF_FFFF)
        assert rig.mmio(rig.v0, GICD + offset) == 0
    assert not rig.peek(rig.v0, ISENABLER, 20)


def test_odd_accesses_read_as_zero_and_do_nothing(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0)
    for address, size in ((GICD + 0x104, 1), (GICD + 0x105, 4), (GICD + 0x50, 4), (0x0700_0000, 4), (GICD + 0x104, 3)):
        rig.mmio(rig.v0, address, 0xFF, size=size)
        assert rig.mmio(rig.v0, address, size=size) == 0
    assert not rig.peek(rig.v0, ISENABLER, NIC)
    rig.mmio(rig.v0, GICD + 8, 0)
    assert rig.mmio(rig.v0, GICD + 8), "read-only"


def test_pending_by_the_guest(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0, NIC)
    rig.poke(rig.v0, ISPENDR, NIC)
    assert rig.peek(rig.v0, ISPENDR, NIC)
    rig.poke(rig.v0, ICPENDR, NIC)
    assert rig.ack(rig.v0) == SPURIOUS
    rig.poke(rig.v0, ISPENDR, NIC)
    assert rig.ack(rig.v0) == NIC
    rig.eoi(rig.v0, NIC)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS, "once: a level's latch ends when it was taken"


def test_clearing_pending_leaves_a_level_with_a_high_line(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.poke(rig.v0, ICPENDR, NIC)
    assert rig.peek(rig.v0, ISPENDR, NIC)


def test_v3_sgis_by_affinity_and_group() -> None:
    rig = Rig(True, vcpus=3, pes=3)
    for vcpu in rig.vm.vcpus:
        rig.boot(vcpu, vcpu.index)
    rig._icc(rig.v0, "ICC_SGI1R_EL1", 5 << 24 | 0b010)
    rig.cycle(rig.v1)
    assert rig.ack(rig.v1) == 5
    rig.eoi(rig.v1, 5)
    rig._icc(rig.v0, "ICC_SGI1R_EL1", 1 << 40 | 6 << 24)
    for vcpu in rig.vm.vcpus:
        rig.cycle(vcpu)
    assert [rig.ack(vcpu) for vcpu in rig.vm.vcpus] == [SPURIOUS, 6, 6]
    rig._icc(rig.v0, "ICC_SGI0R_EL1", 7 << 24 | 0b001)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS, "group 0 asked for, configured as group 1"
    rig._icc(rig.v0, "ICC_SGI1R_EL1", 8 << 24 | 1 << 16 | 0b001)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS, "no such cluster"
    with pytest.raises(Unsupported, match="not emulated"):
        rig.design.sysreg_write(rig.v0, "ICC_IGRPEN1_EL1", 1)


@pytest.mark.parametrize(("value", "delivered"), [
    (2 << 16 | 5, [SPURIOUS, 5]), (1 << 24 | 5, [SPURIOUS, 5]), (2 << 24 | 5, [5, SPURIOUS]),
    (3 << 24 | 3 << 16 | 5, [SPURIOUS, SPURIOUS]), (3 << 16 | 5, [5, 5]),
])
def test_v2_sgis_by_filter(value: int, delivered: list[int]) -> None:
    rig = v2()
    rig.mmio(rig.v0, GICD + 0xF00, value)
    for vcpu in rig.vm.vcpus:
        rig.cycle(vcpu)
    assert [rig.ack(vcpu) & 0x3FF for vcpu in rig.vm.vcpus] == delivered


def test_v2_sgi_pending_by_source() -> None:
    rig = v2()
    rig.exit(rig.v0)
    rig.mmio(rig.v0, GICD + 0xF25, 0b11, size=1)
    assert rig.mmio(rig.v0, GICD + 0xF24) == 0x300
    rig.mmio(rig.v0, GICD + 0xF15, 0b01, size=1)
    assert rig.mmio(rig.v0, GICD + 0xF14) == 0x200
    rig.poke(rig.v0, ICPENDR, 5)
    rig.poke(rig.v0, ISPENDR, 6)
    assert rig.mmio(rig.v0, GICD + ISPENDR) == 1 << 5, "SGI bits of ISPENDR0 and ICPENDR0 ignore writes"
    rig.enter(rig.v0)
    assert rig.ack(rig.v0) == 1 << 10 | 5
    rig.exit(rig.v0)
    rig.mmio(rig.v0, GICD + 0xF25, 0b01, size=1)
    rig.mmio(rig.v0, GICD + 0xF15, 0xFF, size=1)
    assert not rig.design.private[rig.v0][5].pending_latch


def test_v2_targets() -> None:
    rig = v2()
    assert rig.mmio(rig.v1, GICD + 0x800) == 0x0202_0202, "one's own, read-only"
    rig.mmio(rig.v1, GICD + 0x800, 0)
    assert rig.mmio(rig.v1, GICD + 0x800) == 0x0202_0202
    rig.mmio(rig.v0, GICD + 0x800 + NIC, 0xFE, size=1)
    assert rig.mmio(rig.v0, GICD + 0x800 + NIC, size=1) == 2, "as many as there are vCPUs"
    rig.enable(rig.v0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v1)
    assert rig.ack(rig.v1) == NIC


def test_v3_routes() -> None:
    rig = Rig(True, vcpus=2, pes=2)
    rig.boot(rig.v0, 0, NIC)
    rig.boot(rig.v1, 1)
    address = GICD + 0x6000 + 8 * NIC
    rig.mmio(rig.v0, address, 1, size=8)
    assert rig.mmio(rig.v0, address, size=8) == 1
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v1)
    assert rig.ack(rig.v1) == NIC
    rig.mmio(rig.v0, address, 0, size=4)
    assert rig.mmio(rig.v0, address, size=4) == 0


def test_a_v2_guests_cpu_interface_is_gicv_but_for_dir() -> None:
    rig = Rig(False)
    gicc = rig.vm.map.gicc
    assert rig.design.translate(rig.v0, gicc + 0xC) == 0x0804_000C
    assert rig.design.translate(rig.v0, gicc + 0x1000) is None
    assert rig.design.translate(rig.v0, GICD) is None
    assert Rig(True).design.translate(Rig(True).v0, gicc) is None


def test_a_v2_guest_on_a_gicv3_host() -> None:
    """Its CPU interface traps, and is carried out at the virtual one; SGIs have sources, levels ends, timers twins."""
    rig = Rig(True, guest=2, vcpus=2, pes=2)
    rig.design.assign_timer(rig.vm)
    rig.boot(rig.v0, 0, NIC, 27)
    rig.boot(rig.v1, 1)
    gicc = rig.vm.map.gicc
    assert rig.design.translate(rig.v0, gicc) is None
    assert rig._gicc(rig.v0, 4) == 0xF0
    assert rig._gicc(rig.v0, 0) == 1
    assert rig._gicc(rig.v0, 0xFC) >> 20 == 0x4B
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"P {NIC} EOI"
    assert rig.design.virq(rig.v0)
    assert rig.ack(rig.v0) == NIC
    assert not rig.design.virq(rig.v0)
    rig.design.inject(rig.vm, None, NIC, False)
    rig.eoi(rig.v0, NIC)
    assert rig.ack(rig.v0) == SPURIOUS
    rig.mmio(rig.v1, GICD + 0xF00, 1 << 16 | 5)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == 1 << 10 | 5
    rig.eoi(rig.v0, 1 << 10 | 5)
    assert rig._gicc(rig.v0, 0x14) == 0xFF, "no priority is active"
    rig.timers.sysreg_write("CNTV_CTL_EL0", 1, 0)
    assert rig.interrupts() == [27]
    rig.split(rig.v0)
    assert rig._gicc(rig.v0, 0) & 0x200
    assert rig.ack(rig.v0) == 27
    rig.timers.sysreg_write("CNTV_CTL_EL0", 0, 0)
    rig.eoi(rig.v0, 27)
    assert rig.physical(27) == "A"
    rig.dir(rig.v0, 27)
    assert rig.physical(27) == "I"
    rig.put_away()
    assert not rig.design.virq(rig.v0)


def state(rig: Rig) -> list[int]:
    """All that a VMM saves, of both vCPUs."""
    design, m = rig.design, rig.vm.map
    values = []
    for vcpu in rig.vm.vcpus:
        base = m.gicr + 0x2_0000 * vcpu.index + 0x1_0000 if rig.v3 else m.gicd
        private = [base + o for o in (0x80, ISENABLER, ISPENDR, ISACTIVER, 0x400, 0x414)]
        shared = [m.gicd + o for o in (0x84, 0x104, 0x204, 0x304, 0x420, 0xC08, 0)]
        values += [design.uaccess_read(vcpu, a, 4) for a in (*private, *shared)]
        if rig.v3:
            values += [design.uaccess_sysreg_read(vcpu, r) for r in ICC]
            values.append(design.uaccess_read(vcpu, m.gicd + 0x6000 + 8 * NIC, 8))
        else:
            values += [design.uaccess_read(vcpu, m.gicc + o, 4) for o in (0, 4, 8, 0x1C, 0xD0)]
            values.append(design.uaccess_read(vcpu, m.gicd + 0x820, 4))
    return values


ICC = ("ICC_PMR_EL1", "ICC_BPR0_EL1", "ICC_BPR1_EL1", "ICC_IGRPEN0_EL1", "ICC_IGRPEN1_EL1", "ICC_CTLR_EL1",
       "ICC_AP0R0_EL1", "ICC_AP1R0_EL1")


def restore(rig: Rig, values: list[int]) -> None:
    """The same registers, in an order that Linux's VMMs use: configuration before pending and active."""
    design, m, todo = rig.design, rig.vm.map, iter(values)
    for vcpu in rig.vm.vcpus:
        base = m.gicr + 0x2_0000 * vcpu.index + 0x1_0000 if rig.v3 else m.gicd
        for a in (base + o for o in (0x80, ISENABLER, ISPENDR, ISACTIVER, 0x400, 0x414)):
            design.uaccess_write(vcpu, a, 4, next(todo))
        for a in (m.gicd + o for o in (0x84, 0x104, 0x204, 0x304, 0x420, 0xC08, 0)):
            design.uaccess_write(vcpu, a, 4, next(todo))
        if rig.v3:
            for r in ICC:
                design.uaccess_sysreg_write(vcpu, r, next(todo))
            design.uaccess_write(vcpu, m.gicd + 0x6000 + 8 * NIC, 8, next(todo))
        else:
            for o in (0, 4, 8, 0x1C, 0xD0):
                design.uaccess_write(vcpu, m.gicc + o, 4, next(todo))
            design.uaccess_write(vcpu, m.gicd + 0x820, 4, next(todo))


def test_save_and_restore(build: Build) -> None:
    """Rule 21: what is pending, active and configured goes on in the restored guest."""
    old = build(vcpus=2, pes=2)
    old.boot(old.v0, 0, NIC, SPI2, 20)
    old.boot(old.v1, 1)
    for intid in (NIC, SPI2):
        old.edge(old.v0, intid)
        old.prioritize(old.v0, intid, 0x80)
    old.design.inject(old.vm, None, NIC, True)
    old.cycle(old.v0)
    assert old.ack(old.v0) == NIC
    old.design.inject(old.vm, None, SPI2, True)
    old.design.pend_sgi(old.v0, old.v1, 3, True)
    for vcpu in old.vm.vcpus:
        old.exit(vcpu)
        old.put(vcpu)
    saved = state(old)
    new = build(vcpus=2, pes=2)
    restore(new, saved)
    assert state(new) == saved
    new.start(new.v0)
    new.start(new.v1, 1)
    assert new.ack(new.v0) == SPURIOUS, "its running priority, too"
    new.eoi(new.v0, NIC)
    assert new.ack(new.v0) == SPI2
    sgi = new.ack(new.v1)
    assert sgi & 0x3FF == 3


def test_userspace_clears_pending_its_own_way(build: Build) -> None:
    rig = build()
    rig.boot(rig.v0, 0, enter=False)
    irq = rig.design.private[rig.v0][5]
    set_, clear = rig.address(ISPENDR, 5, rig.v0), rig.address(ICPENDR, 5, rig.v0)
    rig.design.uaccess_write(rig.v0, set_, 4, 1 << 5)
    assert irq.pending_latch
    if rig.v3:
        rig.design.uaccess_write(rig.v0, clear, 4, 1 << 5)
        assert irq.pending_latch, "ICPENDR ignores writes"
        assert rig.design.uaccess_read(rig.v0, clear, 4) == 0
        rig.design.uaccess_write(rig.v0, set_, 4, 0)
    else:
        assert irq.source == 1, "from itself, for want of better"
        rig.design.uaccess_write(rig.v0, clear, 4, 1 << 5)
    assert (irq.pending_latch, irq.source) == (False, 0)


def test_registers_that_userspace_hasnt(build: Build) -> None:
    rig = build()
    with pytest.raises(Unsupported, match="ICC_AP0R<n>_EL1"):
        rig.design.uaccess_sysreg_read(rig.v0, "ICC_HPPIR1_EL1")
    assert rig.design.uaccess_sysreg_read(rig.v0, "ICC_AP1R3_EL1") == 0, "five bits of preemption: one word"
    rig.design.uaccess_sysreg_write(rig.v0, "ICC_AP1R3_EL1", 1)


def test_machines_that_cant_be() -> None:
    with pytest.raises(ValueError, match="expected 2 or 3"):
        Vm("x", 1, gic=4)
    with pytest.raises(ValueError, match="serves 1 to 8"):
        Vm("x", 9, gic=2)
    with pytest.raises(ValueError, match="multiple of 32"):
        Vm("x", 1, spis=33)
    with pytest.raises(Unsupported, match="needs a GICv3 host"):
        Rig(False, guest=3)
    assert not Vm("x", 1, implemented=(27, 33)).exists(34)
    assert Vm("x", 1, lpis=(8192,)).exists(8192)
