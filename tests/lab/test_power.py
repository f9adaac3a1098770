"""PSCI: vCPUs that are switched off and on, and suspended; designs that err about them."""
from __future__ import annotations

import pytest

from vgic.designs.kvm import Kvm
from vgic.designs.vm import Vcpu
from vgic.explore.check import check
from vgic.lab.errors import ScenarioError
from vgic.lab.guest import OFF, START
from vgic.lab.loader import find_scenario
from vgic.lab.machine import Machine
from vgic.lab.perform import perform
from vgic.lab.scenario import parse_scenario

HEAD = 'name = "p"\ntitle = "Power, off and on."\nteaches = "Power, off and on."\n'


class KickWakes(Kvm):
    """A kick brings back one that is off."""

    def kick(self, vcpu: Vcpu) -> None:
        super().kick(vcpu)
        vcpu.off = False


class NeverOff(Kvm):
    """CPU_OFF returns."""

    def psci_cpu_off(self, vcpu: Vcpu) -> None:
        """Nothing."""


class NeverOn(Kvm):
    """CPU_ON says SUCCESS, and does nothing."""

    def psci_cpu_on(self, vcpu: Vcpu) -> bool:
        return vcpu.off


class AlwaysOn(Kvm):
    """CPU_ON says ALREADY_ON of one that is off."""

    def psci_cpu_on(self, vcpu: Vcpu) -> bool:
        super().psci_cpu_on(vcpu)
        return False


class AlwaysOff(Kvm):
    """CPU_ON starts one that runs anew."""

    def psci_cpu_on(self, vcpu: Vcpu) -> bool:
        super().psci_cpu_on(vcpu)
        return True


class Forgets(Kvm):
    """What came while a vCPU was off is forgotten."""

    def psci_cpu_on(self, vcpu: Vcpu) -> bool:
        for irq in tuple(self.cpus[vcpu].ap_list):
            irq.pending_latch = irq.line_level = False
        self.prune_ap_list(vcpu)
        return super().psci_cpu_on(vcpu)


class TimerWakes(KickWakes):
    """The timer of one that is off brings it back."""

    def psci_cpu_off(self, vcpu: Vcpu) -> None:
        super().psci_cpu_off(vcpu)
        self.vcpu_blocking(vcpu)


class MovesWhatIsOff(Kvm):
    """What is for a vCPU that is off moves when it is sent elsewhere: what would mend finding 25."""

    def finish(self, vcpu: Vcpu) -> None:
        for other in vcpu.vm.vcpus:
            if other.off:
                self.prune_ap_list(other)

    def mmio_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        super().mmio_write(vcpu, address, size, value)
        self.finish(vcpu)


class SuspendForEver(Kvm):
    """Whoever waits finds nothing to take."""

    def pending(self, vcpu: Vcpu) -> bool:
        return False


@pytest.mark.parametrize(("scenario", "design", "rules"), [
    ("psci-hotplug", KickWakes, {43}), ("psci-hotplug", NeverOff, {43}), ("psci-hotplug", NeverOn, {43}),
    ("psci-hotplug", AlwaysOn, {43}), ("psci-hotplug", AlwaysOff, {43}), ("psci-hotplug", Forgets, {1}),
    ("psci-off-spi", Forgets, {1, 8}), ("psci-off-spi", KickWakes, {43}), ("psci-off-timer", TimerWakes, {43}),
    ("psci-off-rerouted", Kvm, {20}),
    ("psci-off-rerouted", MovesWhatIsOff, set()), ("psci-suspend", SuspendForEver, {19}),
])
def test_a_design_that_errs_is_told(scenario: str, design: type[Kvm], rules: set[int]) -> None:
    verdict = check(find_scenario(scenario), design, liveness=False)
    if rules:
        assert verdict.rule is not None
        assert verdict.rule.id in rules, (verdict.what, verdict.schedule)
    else:
        assert verdict.result.verdict == "HOLDS"


def machine(first: str, second: str = "off = true", more: str = "") -> Machine:
    text = f"{HEAD}[machine]\npes = 2\n[[vm]]\n[[vm.vcpu]]\n{first}\n[[vm.vcpu]]\npe = 1\n{second}\n{more}"
    return Machine(parse_scenario(text), Kvm)


def off(m: Machine) -> bool:
    """Whether vCPU 1 is off."""
    return m.vcpus[1].vcpu.off


def does(m: Machine, *actions: str) -> None:
    for action in actions:
        assert m.actions[action].do(), action


def test_one_that_begins_off_is_loaded_when_it_is_switched_on() -> None:
    m = machine('program = ["CPU_ON 1", "CPU_ON 1"]', 'off = true\nprogram = ["PMR 0x80", "MASK", "CPU_OFF"]')
    run = m.vcpus[1]
    assert off(m)
    assert run.guest.state.pc == OFF
    assert not m.actions["vcpu1 loaded"].possible()
    does(m, "vcpu0 steps")
    assert not off(m)
    assert run.guest.state.pc == START
    assert run.guest.state.masked
    does(m, "vcpu1 loaded", "vcpu1 enters", "vcpu1 steps")
    assert (run.guest.state.pc, run.guest.state.masked, run.guest.state.pmr) == (0, False, 0xF0)
    does(m, "vcpu1 steps", "vcpu1 steps", "vcpu0 enters", "vcpu0 steps")
    assert (run.guest.state.pc, run.guest.state.pmr) == (2, 0x80), "ALREADY_ON changes nothing"
    does(m, "vcpu1 steps")
    assert off(m)
    assert run.vcpu.pe is None
    assert not run.guest.state.stack
    assert not m.faults.told


def test_what_a_guest_has_not_ended_stays_so_when_it_goes_off() -> None:
    ends_nothing = 'program = ["AWAIT 1", "CPU_OFF"]\nhandlers = {1 = ["MASK"]}'
    m = machine('program = ["SGI 1 to 1", "CPU_ON 1"]', ends_nothing)
    run = m.vcpus[1]
    does(m, "vcpu0 steps", "vcpu1 kicked out", "vcpu1 enters", "vcpu1 acks", *3 * ["vcpu1 steps"])
    assert off(m)
    assert run.guest.state.owing == (1,)
    does(m, "vcpu0 enters", "vcpu0 steps", "vcpu1 loaded", "vcpu1 enters", "vcpu1 steps")
    assert run.irqs[1].active == 1
    assert not m.faults.told


def test_a_handler_does_not_switch_off() -> None:
    with pytest.raises(ScenarioError, match=r'"CPU_OFF": a handler can\'t do this: expected it in a program'):
        machine("", 'handlers = {1 = ["CPU_OFF", "EOI"]}')


def test_cpu_suspend_goes_on_where_something_is_pending() -> None:
    m = machine('program = ["MASK", "CPU_SUSPEND"]', 'program = ["SGI 1 to 0"]')
    does(m, "vcpu0 steps", "vcpu1 steps", "vcpu0 kicked out", "vcpu0 enters", "vcpu0 steps")
    assert m.vcpus[0].sched.blocking, "it traps though an interrupt is signalled"
    does(m, "vcpu0 blocks")
    assert not m.vcpus[0].vcpu.blocked
    does(m, "vcpu0 enters")


@pytest.mark.parametrize("design", ["kvm", "trap", "timer-mask", "userspace-irqchip"])
def test_the_timer_of_one_that_is_off_is_forgotten(design: str) -> None:
    run = perform(find_scenario("psci-off-timer"), design)
    assert run.broken == (), run.breaches
    assert run.at_rest


def test_kvm_resets_the_timer_and_what_its_guest_had_of_it() -> None:
    m = machine('program = ["CPU_ON 1"]', 'program = ["CNTV_CVAL +1"]', '[[device]]\nname = "t"\nkind = "timer"\n')
    run, design = m.vcpus[1], m.design
    assert isinstance(design, Kvm)
    (timer,) = design.arch_timers.of(run.vcpu)
    irq = design.private[run.vcpu][27]
    does(m, "vcpu1 steps", "time passes", "pe1 takes IRQ", "vcpu1 enters", "vcpu1 acks", "vcpu1 exits")
    assert design.map_is_active(run.vcpu, 27)
    m.guests.switch_off(run)
    assert timer.state.ctl == 1
    does(m, "vcpu0 steps")
    assert (timer.state.ctl, timer.state.level) == (0, False)
    assert not design.map_is_active(run.vcpu, 27)
    assert not irq.pending()
    guests = [run.timers["CNTV"].enable]
    does(m, "vcpu1 loaded", "vcpu1 enters", "vcpu1 steps")
    assert [*guests, run.timers["CNTV"].enable] == [False, True]
    assert m.timers.sysreg_read("CNTV_CTL_EL0", 1) == 1
    ppi = m.gic.distributor.find(27, 1)
    assert ppi is not None
    assert not ppi.active


def test_a_kick_of_one_that_is_off_wakes_nobody() -> None:
    run = perform(find_scenario("psci-hotplug"))
    told = [str(step) for step in run.steps]
    assert any("calls CPU_OFF" in words for words in told)
    assert any("vcpu1 starts" in words for words in told)
    assert any("vcpu1 is on already" in words for words in told)
