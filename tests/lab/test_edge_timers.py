"""Timers whose PPI is edge-triggered, by the chip or as their guest would have it."""
from __future__ import annotations

import pytest

from vgic.arch.intid import PRIVATE
from vgic.designs.bao import Bao
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.kvm.timer import ArchTimer
from vgic.explore.check import check
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import find_scenario
from vgic.lab.machine import Machine
from vgic.lab.scenario import parse_scenario

HEAD = 'name = "e"\ntitle = "Timers and edges."\nteaches = "Timers and edges."\n'


class AsItComes(ArchTimer):
    """The PPI's trigger is left as firmware has it."""

    makes_level = False


class Trusting(Kvm):
    """Firmware is believed."""

    timer_class = AsItComes


class Obeying(Kvm):
    """A guest may choose the trigger of its PPIs."""

    def set_config(self, irq: VgicIrq, edge: bool) -> None:
        irq.edge = edge


@pytest.mark.parametrize(("scenario", "design", "rules"), [
    ("timer-edge-tree", Kvm, set()), ("timer-edge-tree", Trusting, {2, 8}), ("timer-edge-fixed", Kvm, {2, 8}),
    ("timer-guest-edge", Kvm, set()), ("timer-guest-edge", Obeying, {2, 3, 6, 8, 9, 23}),
])
def test_a_timers_line_is_a_level(scenario: str, design: type[Kvm], rules: set[int]) -> None:
    verdict = check(find_scenario(scenario), design)
    if rules:
        assert verdict.rule is not None
        assert verdict.rule.id in rules, (verdict.what, verdict.schedule)
    else:
        assert verdict.result.verdict == "HOLDS"


@pytest.mark.parametrize(("writable", "edge"), [("true", False), ("false", True)])
def test_kvm_makes_the_ppi_a_level_where_the_chip_lets_it(writable: str, edge: bool) -> None:
    m = Machine(parse_scenario(
        f"{HEAD}[machine]\npes = 2\noptions = {{ppi_config_writable = {writable}}}\n[[vm]]\n[[vm.vcpu]]\n[[device]]\n"
        'name = "t"\nkind = "timer"\ntrigger = "edge"\n'), Kvm)
    assert [irq.edge for pe in range(2) if (irq := m.gic.distributor.find(27, pe)) is not None] == [edge, edge]


@pytest.mark.parametrize(("design", "chip"), [(Kvm, False), (Bao, True)])
def test_what_a_guest_says_of_its_ppi(design: type[Kvm] | type[Bao], chip: bool) -> None:
    m = Machine(parse_scenario(f'{HEAD}[[vm]]\n[[vm.vcpu]]\nprogram = ["ICFGR 27 edge"]\n[[device]]\nname = "t"\n'
                               'kind = "timer"\n'), design)
    run = m.vcpus[0]
    m.actions["vcpu0 steps"].do()
    icfgr = run.vcpu.vm.frame(27, run.vcpu)["ICFGR1"]
    assert m.design.mmio_read(run.vcpu, icfgr.address, 4) == (2 << 2 * (27 - PRIVATE // 2) if chip else 0)
    irq = m.gic.distributor.find(27, 0)
    assert irq is not None
    assert irq.edge == chip


@pytest.mark.parametrize(("text", "says"), [
    ('[[vm]]\n[[vm.vcpu]]\nprogram = ["ICFGR 40 edge"]\n', "40: expected a PPI, 16 to 31"),
    ('[[vm]]\n[[vm.vcpu]]\nprogram = ["ICFGR 27 both"]\n', "'both': expected edge or level"),
    ('[[vm]]\n[[vm.vcpu]]\n[[device]]\nname = "n"\nkind = "level"\nintid = 40\ntrigger = "edge"\n',
     "only a timer has one"),
])
def test_what_is_wrong_is_told(text: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=r".") as told:
        parse_scenario(HEAD + text)
    assert says in str(told.value)
