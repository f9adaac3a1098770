"""What firmware leaves in the chip: the kernel finds it there, and rules count it."""
from __future__ import annotations

import pytest

from vgic.designs.build import Build
from vgic.designs.kvm import Kvm
from vgic.explore.check import check
from vgic.host import Kernel
from vgic.lab.assembly import leave_behind
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import find_scenario
from vgic.lab.machine import Machine
from vgic.lab.scenario import Scenario, parse_scenario
from vgic.silicon import Gic
from vgic.silicon.interrupt import G0, G1NS

HEAD = 'name = "f"\ntitle = "What firmware left."\nteaches = "What firmware left."\n'
NIC = ('\n[[vm]]\n[[vm.vcpu]]\n[[device]]\nname = "nic"\nkind = "{}"\nintid = 40\n'
       '[[device]]\nname = "t"\nkind = "timer"\n')


def scenario(left: str, kind: str = "edge", head: str = "") -> Scenario:
    return parse_scenario(HEAD + head + "".join(f"[[firmware]]\n{one}\n" for one in left.split(";")) + NIC.format(kind))


def test_it_is_there_before_the_kernel_boots() -> None:
    seen = []

    class Looks(Kernel):
        def __init__(self, gic: Gic, *args: object, **kwargs: object) -> None:
            spi, ppi = gic.distributor.find(40, 0), gic.distributor.find(27, 1)
            assert spi is not None
            assert ppi is not None
            seen.append((spi.active, spi.latch, spi.enabled, spi.group, spi.priority, spi.edge, ppi.active))
            super().__init__(gic, *args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    spi = "intid = 40\nactive = true\npending = true\nenabled = true\ngroup = 1\npriority = 0x20\nedge = true"
    left = scenario(spi + ";intid = 27\npe = 1\nactive = true", head="[machine]\npes = 2\n")
    Machine(left, Build(Kvm, kernel=Looks))
    assert seen == [(True, True, True, G1NS, 0x20, True, True)]


@pytest.mark.parametrize(("gic", "group"), [(2, 0), (3, 1)])
def test_what_is_not_said_is_as_after_a_reset(gic: int, group: int) -> None:
    m = Machine(scenario(f"intid = 40\ngroup = {group}", head=f"[machine]\ngic = {gic}\n"), Kvm)
    irq = m.gic.distributor.find(40, 0)
    assert irq is not None
    m.gic.reset()
    before = [getattr(irq, name) for name in irq.__slots__]
    leave_behind(m.gic, scenario("intid = 40").firmware)
    assert [getattr(irq, name) for name in irq.__slots__] == before
    leave_behind(m.gic, scenario(f"intid = 40\ngroup = {group}").firmware)
    assert irq.group == (G1NS if group else G0)


@pytest.mark.parametrize(("kind", "times"), [("edge", 1), ("level", 0)])
def test_what_is_pending_may_be_taken_once(kind: str, times: int) -> None:
    """An edge is; of a level the line is asked, and it is low."""
    m = Machine(scenario("intid = 40\npending = true\nenabled = true", kind), Kvm)
    run = m.vcpus[0]
    taken = 0
    for _ in range(40):
        action = next((a for a in m.fair if a.possible()), None)
        if action is None:
            break
        taken += str(action) == "vcpu0 acks"
        action.do()
    assert taken == times
    assert not m.faults.told
    assert run.irqs[40].active is None


def test_what_firmware_left_pending_of_a_level_is_not_its_guests() -> None:
    """The host takes it while the line is low, and its guest gets nothing; that it takes the interrupt again once the
    line is high is no second time."""
    left = scenario("intid = 40\npending = true\nenabled = true", "level")
    assert check(left, Build(Kvm), engine="plain").result.verdict == "HOLDS"


class Keeps(Kernel):
    """A kernel that deactivates nothing when it boots."""

    def __init__(self, gic: Gic, *args: object, **kwargs: object) -> None:
        found = [irq for irq in (gic.distributor.find(40, 0), gic.distributor.find(27, 0)) if irq is not None]
        before = [irq.active for irq in found]
        super().__init__(gic, *args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        for irq, active in zip(found, before, strict=True):
            irq.active = active


def test_what_a_kernel_leaves_active_is_told() -> None:
    verdict = check(find_scenario("firmware-left-active"), Build(Kvm, kernel=Keeps), engine="plain")
    assert verdict.rule is not None
    assert verdict.rule.id == 8
    assert "40 stays active" in verdict.what


@pytest.mark.parametrize(("left", "says"), [
    ("intid = 41", "firmware 0: intid: 41: the chip has none of that: expected a device's, or an SGI"),
    ("intid = 40\npe = 1", "firmware 0: pe: 1: expected 0 to 0, of a private interrupt"),
    ("intid = 27\npe = 1", "firmware 0: pe: 1: expected 0 to 0"),
    ("intid = 40\ngroup = 2", "group: 2: expected 0 or 1"),
    ("intid = 40\nactve = true", "actve: no such key: did you mean active?"), ("active = true", "intid: missing"),
    ("intid = 40\npriority = 256", "priority: 256: expected at most 255"),
    ("intid = 40\nactive = true;intid = 40\npending = true", "firmware 1: intid: 40: another table is of that"),
])
def test_what_is_wrong_is_told(left: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=r".") as told:
        scenario(left)
    assert says in str(told.value)
