"""Several designs on one machine: what they share on a PE, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from vgic.designs import Bao, Kvm, Xen
from vgic.designs.base import Unsupported
from vgic.designs.build import Buildable
from vgic.designs.mixed import Mixed
from vgic.designs.trap import Trap
from vgic.designs.userspace_irqchip import UserspaceIrqchip
from vgic.explore.check import check
from vgic.explore.export import scenario_text
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import find_design, find_scenario
from vgic.lab.machine import Machine
from vgic.lab.scenario import Scenario, load, parse_scenario

LEAVES = '''
from vgic.designs import Xen

class LeavesLists(Xen):
    """Its list registers stay on the PE when it is put."""

    def vcpu_put(self, vcpu):
        pe = vcpu.pe
        held = [self.hw.read_lr(n, pe) for n in range(self.hw.nr_lr)]
        super().vcpu_put(vcpu)
        for n, value in enumerate(held):
            self.hw.write_lr(n, value, pe)
'''


def of(name: str, design: str) -> Scenario:
    """The scenario with another design for its second VM."""
    s = find_scenario(name)
    return s.model_copy(update={"vm": [s.vm[0], s.vm[1].model_copy(update={"design": design})]})


def test_each_vm_has_its_design_and_default_is_the_machines() -> None:
    m = Machine(find_scenario("vms-xen-beside"), Kvm)
    assert isinstance(m.design, Mixed)
    assert [type(m.design.of(vm.vm)) for vm in m.vms] == [Kvm, Xen]
    assert m.design.name == "kvm, xen"
    same = Machine(find_scenario("vms-xen-beside"), Xen)
    assert [type(same.design.of(vm.vm)) for vm in same.vms] == [Xen, Xen]
    alone = Machine(find_scenario("vms-two-devices"), Kvm)
    assert type(alone.design) is Kvm
    assert alone.design.of(alone.vms[0].vm) is alone.design


@pytest.mark.parametrize("design", [Kvm, Xen, Trap])
def test_what_one_leaves_on_a_pe_does_not_reach_the_other(design: Buildable) -> None:
    verdict = check(find_scenario("vms-xen-beside"), design)
    assert verdict.result.verdict == "HOLDS", verdict.what


def test_list_registers_that_stay_reach_the_other_guest(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LEAVES)
    verdict = check(of("vms-xen-beside", f"{tmp_path / 'mine.py'}:LeavesLists"), Kvm)
    assert verdict.rule is not None
    assert "vm0" in verdict.what


def test_a_ppi_that_two_designs_share_goes_to_whoever_runs() -> None:
    m = Machine(find_scenario("vms-two-designs"), Kvm)
    ours, theirs = m.vms[0].vcpus[0], m.vms[1].vcpus[0]
    for step in ("vm0.vcpu0 put", "vm1.vcpu0 loaded", "vm1.vcpu0 enters", "vm1.vcpu0 steps", "time passes",
                 "pe0 takes IRQ", "vm1.vcpu0 enters"):
        while not m.actions[step].possible():
            next(action for action in m.fair if action.possible()).happens()
        assert m.actions[step].do(), step
    design = m.design.of(theirs.vcpu.vm)
    assert isinstance(design, UserspaceIrqchip)
    assert design.virq(theirs.vcpu)
    assert not m.design.pending(ours.vcpu)
    desc = m.kernel.irq(27)
    twin = m.gic.distributor.find(27, 0)
    assert twin is not None

    def active() -> bool:
        return twin.active
    assert active()
    assert m.actions["vm1.vcpu0 put"].do()
    assert not active(), "free for whoever comes next"
    assert desc.percpu[0].enabled
    assert check(find_scenario("vms-two-designs"), Kvm).result.verdict == "HOLDS"


def test_a_ppi_can_not_be_forwarded_and_not() -> None:
    with pytest.raises(Unsupported, match="userspace-irqchip has its interrupt forwarded, trap has not"):
        Machine(find_scenario("vms-two-designs"), Trap)


def test_a_pinned_vcpu_has_its_pe_for_itself() -> None:
    with pytest.raises(Unsupported, match="bao: vm0 and vm1 share PE 0"):
        Machine(find_scenario("vms-xen-beside"), Bao)
    s = of("vms-xen-beside", "bao")
    apart = s.vm[1].model_copy(update={"vcpu": [s.vm[1].vcpu[0].model_copy(update={"pe": 1})]})
    two = s.model_copy(update={"machine": s.machine.model_copy(update={"pes": 2}), "vm": [s.vm[0], apart]})
    moves = [str(action) for action in Machine(two, Kvm).alphabet() if " on pe" in str(action)]
    assert moves == [], "nobody moves onto its PE, nor it away"


@pytest.mark.parametrize(("design", "what"), [
    ("kvn", "did you mean kvm"), ("B109", "exchanges the chip or the kernel"), ("no.py:Mine", "no file no.py")])
def test_a_design_that_a_vm_can_not_have_is_refused_with_its_line(design: str, what: str) -> None:
    text = scenario_text(of("vms-xen-beside", "xen")).replace('design = "xen"', f'design = "{design}"')
    with pytest.raises(ScenarioError, match=what) as e:
        Machine(parse_scenario(text, "two.toml"), Kvm)
    line = text.splitlines().index(f'design = "{design}"') + 1
    assert str(e.value).startswith(f"two.toml:{line}: vm 1: design: ")


def test_a_file_beside_the_scenario_names_a_vms_design(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LEAVES)
    text = scenario_text(of("vms-xen-beside", "xen")).replace('design = "xen"', 'design = "mine.py:LeavesLists"')
    (tmp_path / "two.toml").write_text(text)
    scenario = load(tmp_path / "two.toml")
    assert scenario.vm[1].design == f"{tmp_path / 'mine.py'}:LeavesLists"
    assert Machine(scenario, find_design("kvm")).design.name == "kvm, mine.py:LeavesLists"
