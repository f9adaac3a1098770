"""vCPUs and PEs whose affinities differ in more than Aff0: what is sent to one reaches that one, or nobody."""
from __future__ import annotations

import pytest
from tests.designs.rig import Rig

from vgic.arch import affinity
from vgic.designs.base import Unsupported
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.vm import GuestMap, Vcpu, Vm
from vgic.explore.check import check
from vgic.host import Kernel
from vgic.lab.errors import NotOffered, ScenarioError
from vgic.lab.loader import find_design, find_scenario
from vgic.lab.machine import Machine
from vgic.lab.operations.operands import OTHERS
from vgic.lab.program import parse
from vgic.lab.scenario import parse_scenario
from vgic.silicon import GicV3

HEAD = 'name = "a"\ntitle = "Affinities of all levels."\nteaches = "Affinities of all levels."\n'
GICD, GICR = GuestMap().gicd, GuestMap().gicr


class ByAff0(Kvm):
    """SGIs go by the target list alone."""

    def named_by_sgi(self, vm: Vm, value: int) -> list[Vcpu]:
        return [vcpu for vcpu in vm.vcpus if value >> (vm.affinity(vcpu) & 15) & 1]


class ByNumber(Kvm):
    """SGIs go by the number of a vCPU."""

    def named_by_sgi(self, vm: Vm, value: int) -> list[Vcpu]:
        return [vcpu for vcpu in vm.vcpus if value >> vcpu.index & 1]


class RouteByAff0(Kvm):
    """SPIs go by Aff0 alone."""

    def set_route(self, vcpu: Vcpu, irq: VgicIrq, mpidr: int) -> None:
        super().set_route(vcpu, irq, mpidr)
        irq.target_vcpu = next(v for v in vcpu.vm.vcpus if vcpu.vm.affinity(v) & 0xFF == mpidr & 0xFF)


class QueuesAtRoute(Kvm):
    """A new target gets what is pending for nobody: what would mend finding 24."""

    def set_route(self, vcpu: Vcpu, irq: VgicIrq, mpidr: int) -> None:
        super().set_route(vcpu, irq, mpidr)
        if irq.vcpu is None:
            self.queue_irq(vcpu.vm, irq)


class Wide(Kvm):
    """Guests may name all affinities."""

    aff3 = range_selector = True


@pytest.mark.parametrize(("scenario", "design", "rules"), [
    ("affinity-clusters", ByAff0, {4}), ("affinity-clusters", ByNumber, {1, 4, 19}), ("affinity-nobody", ByAff0, {4}),
    ("affinity-nobody", RouteByAff0, {35}), ("route-from-nobody", QueuesAtRoute, set()),
    ("route-from-nobody", Kvm, {19}),
])
def test_a_design_that_errs_is_told(scenario: str, design: type[Kvm], rules: set[int]) -> None:
    verdict = check(find_scenario(scenario), design, engine="plain")
    if rules:
        assert verdict.rule is not None
        assert verdict.rule.id in rules, (verdict.what, verdict.schedule)
    else:
        assert verdict.result.verdict == "HOLDS"


def machine(vcpus: str, design: type[Kvm] = Wide, pes: str = "") -> Machine:
    return Machine(parse_scenario(f"{HEAD}[machine]\npes = 2\n{pes}\n[[vm]]\n{vcpus}"), design)


FAR = """
[[vm.vcpu]]
affinity = "1.2.3.20"
program = ["ICC_SGI1R 1 9.8.7.33,47", "ICC_SGI1R 1 9.8.7.17", "IROUTER 40 9.8.7.33", "IROUTER 40 1.2.3.20 by word",
    "IROUTER 40 9.2.3.20", "ICC_SGI1R 2 others"]
[[vm.vcpu]]
pe = 1
affinity = "9.8.7.33"
"""


def test_every_level_counts() -> None:
    m = machine(FAR)
    v0, v1 = m.vcpus
    design = m.design
    assert isinstance(design, Wide)
    irq = design.get_irq(v0.vcpu.vm, None, 40)
    seen = []
    for _ in range(6):
        m.actions["vcpu0 steps"].do()
        m.actions["vcpu0 enters"].do()
        seen.append((irq.target_vcpu, v1.irqs[40].target, v1.irqs[1].credit, v1.irqs[2].credit, v0.irqs[2].credit))
    assert seen == [
        (v0.vcpu, 0, 1, 0, 0), (v0.vcpu, 0, 1, 0, 0), (v1.vcpu, 1, 1, 0, 0), (v0.vcpu, 0, 1, 0, 0), (None, -1, 1, 0, 0),
        (None, -1, 1, 1, 0)]
    assert design.private[v1.vcpu][1].pending_latch
    assert design.mmio_read(v0.vcpu, GICR + 8, 8) == 0x0102_0314 << 32
    assert design.mmio_read(v0.vcpu, GICR + 0x2_0008, 8) == 0x0908_0721 << 32 | 1 << 8 | 1 << 4
    assert design.mmio_read(v0.vcpu, GICD + 4, 4) & (1 << 24 | 1 << 26) == 1 << 24 | 1 << 26, "A3V, RSS"


def test_kvms_guests_know_no_aff3_and_no_aff0_above_15() -> None:
    for far, why in (("1.0.0.0", "A3V"), ("0.0.0.16", "RSS")):
        with pytest.raises(Unsupported, match=rf"kvm: vm0: affinity {far}: .*{why}"):
            machine(f'[[vm.vcpu]]\naffinity = "{far}"\n', Kvm)
    rig = Rig(True)
    rig.load(rig.v0)
    assert not rig.design.mmio_read(rig.v0, GICD + 4, 4) & (1 << 24 | 1 << 26)


@pytest.mark.parametrize("design", ["xen", "bao"])
def test_others_number_their_vcpus_themselves(design: str) -> None:
    with pytest.raises(NotOffered, match="numbers vCPUs itself"):
        check(find_scenario("affinity-clusters"), find_design(design), engine="plain")


def test_pes_have_affinities() -> None:
    m = machine("[[vm.vcpu]]\n", pes='affinities = ["0.0.1.0", "2.0.0.17"]')
    assert isinstance(m.gic, GicV3)
    assert [m.gic.options.affinity(pe) for pe in range(2)] == [0x100, 0x0200_0011]
    kernel = m.kernel
    assert isinstance(kernel, Kernel)
    kernel.driver.send_sgi(3, 1, 0)
    assert m.gic.distributor.banked[1][3].latch
    assert not m.gic.distributor.banked[0][3].latch


@pytest.mark.parametrize(("text", "says"), [
    ('[[vm]]\n[[vm.vcpu]]\naffinity = "0.0.1"\n', 'affinity: "0.0.1": expected an affinity, A.B.C.D, each 0 to 255'),
    ('[[vm]]\n[[vm.vcpu]]\n[[vm.vcpu]]\naffinity = "0.0.0.0"\n', '"0.0.0.0": another vCPU has that affinity'),
    ('[[vm]]\ngic = 2\n[[vm.vcpu]]\naffinity = "0.0.0.1"\n', "a GICv2 guest knows no affinities: expected a GICv3"),
    ('[machine]\naffinities = ["0.0.0.0", "0.0.0.1"]\n[[vm]]\n[[vm.vcpu]]\n', "expected 1 different ones, one of each"),
    ('[machine]\npes = 2\naffinities = ["0.0.0.1", "0.0.0.1"]\n[[vm]]\n[[vm.vcpu]]\n', "expected 2 different ones"),
    ('[machine]\ngic = 2\naffinities = ["0.0.0.0"]\n[[vm]]\n[[vm.vcpu]]\n', "a GICv2 knows no affinities"),
    ('[[vm]]\ngic = 2\n[[vm.vcpu]]\nprogram = ["IROUTER 40 0.0.0.0"]\n', "knows no affinities: expected ROUTE"),
])
def test_what_is_wrong_is_told(text: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=r".") as told:
        parse_scenario(HEAD + text)
    assert says in str(told.value)


def test_who_gets_an_sgi_is_written_by_affinity() -> None:
    assert parse("ICC_SGI1R 1 0.0.1.16,17").values == (1, affinity.to_sgi(0x110) | 2)
    assert parse("ICC_SGI1R 1 others").values == (1, OTHERS)
    for text, says in (("ICC_SGI1R 1 0.0.1.15,16", "16: expected an Aff0 of the same sixteen as 15"),
                       ("ICC_SGI1R 1 0.0.1", "expected an affinity"),
                       ("ICC_SGI1R 1 0.0.0.1,x", "'x': expected an Aff0")):
        with pytest.raises(ValueError, match=r".") as told:
            parse(text)
        assert says in str(told.value)
