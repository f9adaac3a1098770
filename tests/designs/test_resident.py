"""What the designs of Xen and Bao share: list registers that stay with a vCPU, timers, no userspace that restores."""

from __future__ import annotations

import pytest

from vgic.designs.base import Unsupported
from vgic.lab.loader import designs, find_scenario
from vgic.lab.schedule import Schedule

USERSPACE = ("saved-restored", "saved-restored-dropped", "saved-while-other-runs", "saved-sgi-v2")


@pytest.mark.parametrize("scenario", USERSPACE)
@pytest.mark.parametrize("name", ["xen", "bao"])
def test_a_restore_is_refused(name: str, scenario: str) -> None:
    schedule = Schedule(find_scenario(scenario), designs()[name], lenient=True)
    with pytest.raises(Unsupported, match=f"{name}: uaccess_write: this design's guests can't be restored"):
        schedule.run(["vcpu0 put", "vm0 saved"])
    design, vcpu = schedule.machine.design, schedule.machine.vcpus[0].vcpu
    with pytest.raises(Unsupported, match="uaccess_sysreg_write"):
        design.uaccess_sysreg_write(vcpu, "ICC_PMR_EL1", 0)


@pytest.mark.parametrize("scenario", ["level-software", "v2-level-forwarded"])
def test_bao_tells_what_a_vcpu_that_is_not_loaded_has_pending(scenario: str) -> None:
    found = find_scenario(scenario)
    unfinished = found.model_copy(update={"run": found.run.model_copy(update={"finish": False})})
    schedule = Schedule(unfinished, designs()["bao"], lenient=True)
    device = schedule.machine.devices[0]
    schedule.run([f"{device.name} raises", "pe0 takes IRQ", "vcpu0 kicked out", "vcpu0 enters", "vcpu0 put"])
    vcpu = schedule.machine.vcpus[0].vcpu
    address = vcpu.vm.map.gicd + 0x200 + device.vintid // 32 * 4
    assert schedule.machine.design.uaccess_read(vcpu, address, 4) == 1 << device.vintid % 32


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
