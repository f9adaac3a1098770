"""What the designs of Xen and Bao share: list registers that stay with a vCPU, timers, no userspace that restores."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vgic.designs.base import Unsupported
from vgic.lab.loader import designs, find_scenario
from vgic.lab.schedule import Schedule

USERSPACE = ("saved-restored", "saved-restored-dropped", "saved-while-other-runs", "saved-sgi-v2")


@pytest.mark.parametrize(("name", "scenario"), [
    (name, scenario) for name in ("xen", "bao") for scenario in USERSPACE
    if (name, scenario) != ("bao", "saved-while-other-runs")])          # two vCPUs on a PE
def test_a_restore_is_refused(name: str, scenario: str) -> None:
    schedule = Schedule(find_scenario(scenario), designs()[name], lenient=True)
    with pytest.raises(Unsupported, match=f"{name}: uaccess_write: this design's guests can't be restored"):
        schedule.run(["vcpu0 put", "vm0 saved"])
    design, vcpu = schedule.machine.design, schedule.machine.vcpus[0].vcpu
    with pytest.raises(Unsupported, match="uaccess_sysreg_write"):
        design.uaccess_sysreg_write(vcpu, "ICC_PMR_EL1", 0)


def played(scenario: str, design: str, steps: Sequence[str]) -> Schedule:
    """A scenario's machine after these steps, not brought to rest."""
    found = find_scenario(scenario)
    unfinished = found.model_copy(update={"run": found.run.model_copy(update={"finish": False})})
    schedule = Schedule(unfinished, designs()[design], lenient=True)
    schedule.run(list(steps))
    return schedule


@pytest.mark.parametrize("scenario", ["level-software", "v2-level-forwarded"])
def test_bao_does_not_look_into_list_registers_for_a_read(scenario: str) -> None:
    """vgic_int_get_pend."""
    device = find_scenario(scenario).device[0].name
    pending = [f"{device} raises", "pe0 takes IRQ", "vcpu0 kicked out", "vcpu0 enters"]
    machine = played(scenario, "bao", [*pending, "vcpu0 exits"]).machine
    vcpu, vintid = machine.vcpus[0].vcpu, machine.devices[0].vintid
    assert vintid is not None
    assert machine.gic.virq(0) or machine.design.pending(vcpu)
    assert machine.design.mmio_read(vcpu, vcpu.vm.map.gicd + 0x200 + vintid // 32 * 4, 4) == 0


@pytest.mark.parametrize("scenario", ["ptimer-wfi", "ptimer-masked"])
def test_an_emulated_timer_goes_on_while_its_vcpu_is_put(scenario: str) -> None:
    schedule = Schedule(find_scenario(scenario), designs()["xen"], lenient=True)
    steps = ["vcpu0 steps", "vcpu0 steps", "time passes", "vcpu0 put", "vcpu0 loaded", "vcpu0 enters", "vcpu0 steps"]
    run = schedule.run(steps)
    assert run.broken == ()
    assert [s.action for s in run.steps].count("vcpu0 acks") == 1


def test_an_emulated_timer_is_not_masked_in_its_guests_register() -> None:
    run = Schedule(find_scenario("ptimer-rearmed"), designs()["xen"]).run()
    assert run.broken == ()
    assert [s.action for s in run.steps].count("vcpu0 acks") == 2
