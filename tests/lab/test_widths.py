"""Accesses narrower than a register, or to more of it than one interrupt: what guests say, and designs that err."""
from __future__ import annotations

import pytest
from tests.designs.rig import Rig

from vgic.arch.register import Register
from vgic.designs.base import Unsupported
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.vm import GuestMap, Vcpu
from vgic.explore.check import check
from vgic.lab.errors import NotOffered
from vgic.lab.loader import find_design, find_scenario
from vgic.lab.machine import Machine
from vgic.lab.program import parse
from vgic.lab.scenario import parse_scenario

GICD = GuestMap().gicd
V2 = 'name = "v"\ntitle = "Widths, narrow and wide."\nteaches = "Widths, narrow and wide."\n[machine]\ngic = 2\n'
V3 = V2.replace("gic = 2", "gic = 3")


class ByteLost(Kvm):
    """A byte of IPRIORITYR that is not the first of its word is lost."""

    def write_priority(self, vcpu: Vcpu, irq: VgicIrq, priority: int) -> None:
        if irq.intid % 4 == 0:
            super().write_priority(vcpu, irq, priority)


class NoWords(Kvm):
    """Only the byte is known of registers with a byte for each interrupt."""

    def permits(self, register: Register, size: int) -> bool:
        return size == 1 if 1 in register.sizes else super().permits(register, size)


class NoBytes(Kvm):
    """Only words are known of them."""

    def permits(self, register: Register, size: int) -> bool:
        return size != 1 and super().permits(register, size)


class AnyWidth(Kvm):
    """Whatever width comes is taken."""

    def permits(self, register: Register, size: int) -> bool:
        return True


class HalvesAreWhole(Kvm):
    """What writes a half of IROUTER clears the other half."""

    aff3 = True

    def mmio_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        if address >= GICD + 0x6000 and size == 4:
            address, size, value = address & ~7, 8, value << 8 * (address & 4)
        super().mmio_write(vcpu, address, size, value)


class AllSources(Kvm):
    """A byte of CPENDSGIR clears all sources."""

    def clear_sgi_sources(self, irq: VgicIrq, sources: int) -> None:
        super().clear_sgi_sources(irq, 0xFF)


class NoSources(Kvm):
    """CPENDSGIR is ignored."""

    def clear_sgi_sources(self, irq: VgicIrq, sources: int) -> None:
        """Nothing."""


@pytest.mark.parametrize(("scenario", "design", "rules"), [
    ("priority-byte", ByteLost, {16, 22}), ("priority-byte", NoWords, {1, 16, 19, 20, 22}),
    ("priority-byte", NoBytes, {16, 22}), ("priority-halfword", AnyWidth, {16, 22}),
    ("route-halves", HalvesAreWhole, {1, 19, 20, 35}), ("route-halves", NoBytes, {14}),
    ("v2-targets-byte", NoBytes, {1, 20, 35}), ("v2-targets-byte", NoWords, {1, 20, 35}),
    ("v2-sgi-sources-byte", NoBytes, {14, 39}), ("v2-sgi-sources-byte", NoSources, {39}),
    ("v2-sgi-sources-byte", NoWords, {39}), ("v2-sgi-sources-byte", AllSources, {39}),
])
def test_a_design_that_errs_is_told(scenario: str, design: type[Kvm], rules: set[int]) -> None:
    verdict = check(find_scenario(scenario), design, engine="plain")
    assert verdict.rule is not None
    assert verdict.rule.id in rules, (verdict.what, verdict.schedule)


@pytest.mark.parametrize("design", ["xen", "bao"])
@pytest.mark.parametrize("scenario", ["priority-halfword", "v2-sgi-sources-byte"])
def test_what_a_hypervisor_does_not_offer_is_refused(scenario: str, design: str) -> None:
    with pytest.raises(NotOffered, match=r"Xen gives it a data abort|Bao stops"):
        check(find_scenario(scenario), find_design(design), engine="plain")


@pytest.mark.parametrize("v3", [False, True])
def test_a_word_gives_all_that_are_in_it_the_priority(v3: bool) -> None:
    m = Machine(parse_scenario((V3 if v3 else V2) + """
[[vm]]
disabled = [40, 42]
[[vm.vcpu]]
program = ["IPRIORITYR 41 0x48 by word", "IPRIORITYR 42 0x20", "IPRIORITYR 40 0x10 by halfword"]
"""), Kvm)
    run = m.vcpus[0]
    for _ in range(3):
        m.actions["vcpu0 steps"].do()
        m.actions["vcpu0 enters"].do()
    assert {i: run.irqs[i].priority for i in (40, 41, 42)} == {40: 0x48, 41: 0x48, 42: 0x20}
    assert m.design.mmio_read(run.vcpu, GICD + 0x400 + 40, 4) == 0x204848, "43 does not exist, a halfword is none"
    assert m.design.mmio_read(run.vcpu, GICD + 0x400 + 42, 1) == 0x20
    assert m.design.mmio_read(run.vcpu, GICD + 0x400 + 42, 2) == 0


def test_halves_of_irouter() -> None:
    rig = Rig(True, vcpus=2, design=HalvesAreWhole)
    rig.boot(rig.v0)
    at = GICD + 0x6000 + 8 * 40
    Kvm.mmio_write(rig.design, rig.v0, at, 4, 1)
    Kvm.mmio_write(rig.design, rig.v0, at + 4, 4, 7)
    assert rig.design.mmio_read(rig.v0, at, 8) == 7 << 32 | 1, "each leaves the other alone"
    assert rig.design.mmio_read(rig.v0, at + 4, 4) == 7
    rig = Rig(True, vcpus=2)
    rig.boot(rig.v0)
    rig.design.mmio_write(rig.v0, at, 8, 7 << 32 | 1)
    assert rig.design.mmio_read(rig.v0, at, 8) == 1, "KVM has no Aff3"
    rig.design.mmio_write(rig.v0, at + 4, 4, 7)
    assert rig.design.mmio_read(rig.v0, at, 4) == 1


@pytest.mark.parametrize(("design", "address", "size", "fine"), [
    ("xen", GICD + 0x6000 + 8 * 40, 4, True), ("bao", GICD + 0x6000 + 8 * 40, 4, False),
    ("bao", GICD + 0x6000 + 8 * 40, 8, True), ("xen", GICD + 0x104, 1, False), ("bao", GICD + 0x104, 2, False),
    ("xen", GICD + 0x104, 4, True), ("xen", GICD + 0x401, 1, True), ("xen", GICD + 0x402, 4, False),
])
def test_widths_that_a_hypervisor_has(design: str, address: int, size: int, fine: bool) -> None:
    rig = Rig(True, design=find_design(design).design)
    rig.load(rig.v0)
    if fine:
        rig.design.mmio_write(rig.v0, address, size, 0)
    else:
        with pytest.raises(Unsupported, match=f"by {size} bytes"):
            rig.design.mmio_write(rig.v0, address, size, 0)


@pytest.mark.parametrize(("text", "says"), [
    ("IPRIORITYR 40 0x40 by nibble", "'nibble': expected a width, byte, halfword, word, doubleword"),
    ("IPRIORITYR 40 0x40 at byte", "'at': expected by"), ("IPRIORITYR 40 0x40 by", 'or "IPRIORITYR INTID PRIORITY by'),
])
def test_a_width_that_is_none(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as told:
        parse(text)
    assert says in str(told.value)


def test_a_gicv3_guest_has_no_sources() -> None:
    with pytest.raises(Exception, match=r"SGIs have sources only for a GICv2 guest"):
        parse_scenario(V3 + '[[vm]]\n[[vm.vcpu]]\nprogram = ["SPENDSGIR 1 from 0"]\n')
