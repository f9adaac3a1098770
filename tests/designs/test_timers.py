"""The guest's timers: KVM's (M7), with VHE and without, with a userspace irqchip (M28), without HW deactivation (M29),
and the older ways."""

from __future__ import annotations

from typing import Any

import pytest
from tests.designs.conftest import Build
from tests.designs.rig import ICENABLER, ISENABLER, Rig

from vgic.arch.intid import SPURIOUS
from vgic.designs.base import Design, Unsupported
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.history import Kvm612, Kvm2015, Kvm2018
from vgic.designs.timer_mask import TimerMask
from vgic.designs.trap import Trap
from vgic.designs.userspace_irqchip import UserspaceIrqchip
from vgic.designs.vm import Vcpu

VTIMER, PTIMER = 27, 30
MAPPED: list[type[Design]] = [Kvm, Kvm612, Kvm2018, Kvm2015]
ALL: list[type[Design]] = [*MAPPED, Trap, TimerMask]


def timed(build: Build, *names: str, pe: int = 0, **arguments: Any) -> Rig:
    """A guest with timers, running."""
    rig = build(**arguments)
    for name in names or ("CNTV",):
        rig.design.assign_timer(rig.vm, name, VTIMER if name == "CNTV" else PTIMER)
    rig.boot(rig.v0, pe, VTIMER, PTIMER)
    return rig


def program(rig: Rig, cval: int, ctl: int = 1, name: str = "CNTV", pe: int = 0) -> None:
    """The guest sets its timer."""
    rig.timers.sysreg_write(f"{name}_CVAL_EL0", cval, pe)
    rig.timers.sysreg_write(f"{name}_CTL_EL0", ctl, pe)


def served(rig: Rig, vcpu: Vcpu, pe: int = 0) -> int:
    """The host does what is due, the guest acknowledges."""
    rig.interrupts(pe)
    return rig.ack(vcpu)


@pytest.mark.parametrize("design", ALL)
def test_a_timer_interrupts_its_guest_again_and_again(build: Build, design: type[Design]) -> None:
    rig = timed(build, design=design)
    for n in range(1, 4):
        program(rig, 100 * n)
        rig.advance(99)
        assert served(rig, rig.v0) == SPURIOUS
        rig.advance(1)
        assert served(rig, rig.v0) == VTIMER
        program(rig, 0, ctl=0)
        rig.eoi(rig.v0, VTIMER)
        assert served(rig, rig.v0) == SPURIOUS
    rig.exit(rig.v0)


@pytest.mark.parametrize("design", [d for d in ALL if d is not TimerMask])
def test_a_guest_that_leaves_its_timer_expired_is_interrupted_again(build: Build, design: type[Design]) -> None:
    rig = timed(build, design=design)
    program(rig, 10)
    rig.advance(10)
    for _ in range(3):
        assert served(rig, rig.v0) == VTIMER
        rig.eoi(rig.v0, VTIMER)


def test_imask_in_the_guests_register_stays_there(build: Build) -> None:
    """B001: the guest that only sets a new CVAL never hears of it again."""
    rig = timed(build, design=TimerMask)
    program(rig, 10)
    rig.advance(10)
    assert served(rig, rig.v0) == VTIMER
    assert rig.timers.sysreg_read("CNTV_CTL_EL0") & 2, "set by the hypervisor"
    rig.timers.sysreg_write("CNTV_CVAL_EL0", 20)
    rig.eoi(rig.v0, VTIMER)
    rig.advance(20)
    assert served(rig, rig.v0) == SPURIOUS


@pytest.mark.parametrize("design", ALL)
def test_two_vcpus_on_one_pe_have_a_timer_each(build: Build, design: type[Design]) -> None:
    """M7: the PPI's active state is switched with the vCPU, and the timer with its registers."""
    rig = timed(build, design=design, vcpus=2)
    program(rig, 100)
    rig.advance(100)
    assert served(rig, rig.v0) == VTIMER
    rig.exit(rig.v0)
    rig.put(rig.v0)
    rig.boot(rig.v1, 0, VTIMER)
    assert served(rig, rig.v1) == SPURIOUS
    program(rig, 150)
    rig.advance(50)
    assert served(rig, rig.v1) == VTIMER, "although the first vCPU has its own active"
    program(rig, 1000)
    rig.eoi(rig.v1, VTIMER)
    rig.exit(rig.v1)
    rig.put(rig.v1)
    rig.start(rig.v0)
    if design in MAPPED:
        assert rig.physical(VTIMER) in ("A", "PA")
    assert served(rig, rig.v0) == SPURIOUS
    program(rig, 1000)
    rig.eoi(rig.v0, VTIMER)
    assert rig.physical(VTIMER) == "I"


def test_a_timer_that_is_pending_does_not_interrupt_the_host_again(build: Build) -> None:
    """Rule 9, B012: preempted with the line high, loaded again: the PPI is active, since its line is known."""
    rig = timed(build, vcpus=2)
    program(rig, 10)
    rig.advance(10)
    assert rig.interrupts() == [VTIMER]
    rig.exit(rig.v0)
    rig.put(rig.v0)
    assert rig.physical(VTIMER) in ("A", "I")
    rig.load(rig.v0)
    assert rig.physical(VTIMER) == "PA"
    rig.enter(rig.v0)
    assert rig.interrupts() == []
    assert rig.ack(rig.v0) == VTIMER


def test_an_active_timer_stays_active_with_its_line_low(build: Build) -> None:
    """M7: active in the guest is enough, for its deactivation goes through."""
    rig = timed(build, vcpus=2)
    program(rig, 10)
    rig.advance(10)
    assert served(rig, rig.v0) == VTIMER
    program(rig, 1000)
    rig.exit(rig.v0)
    rig.put(rig.v0)
    rig.load(rig.v1)
    assert rig.physical(VTIMER) == "I"
    rig.put(rig.v1)
    rig.load(rig.v0)
    assert rig.physical(VTIMER) == "A"


def test_an_interrupt_whose_cause_has_gone_is_not_told(build: Build) -> None:
    rig = timed(build)
    rig.exit(rig.v0)
    rig.line(VTIMER, True, 0)
    rig.told.clear()
    assert rig.kernel.handle_irq(0) == VTIMER
    assert ("inject", VTIMER) not in rig.told


def test_the_rule_of_2018_takes_it_again(build: Build) -> None:
    rig = timed(build, design=Kvm2018)
    program(rig, 10)
    rig.advance(10)
    assert rig.interrupts() == [VTIMER]
    for _ in range(2):
        rig.exit(rig.v0)
        rig.put(rig.v0)
        rig.load(rig.v0)
        assert rig.physical(VTIMER) == "P"
        rig.enter(rig.v0)
        assert rig.interrupts() == [VTIMER]


def test_a_timer_that_expires_while_put_is_pending_at_the_load(build: Build) -> None:
    rig = timed(build)
    program(rig, 10)
    rig.exit(rig.v0)
    rig.put(rig.v0)
    assert rig.timers.sysreg_read("CNTV_CTL_EL0") == 0
    rig.advance(10)
    assert not rig.gic.irq(0)
    rig.start(rig.v0)
    assert rig.interrupts() == []
    assert rig.ack(rig.v0) == VTIMER


def test_a_late_interrupt_after_the_put_is_nobodys(build: Build) -> None:
    """B038: the handler finds no vCPU, or a line that is low, and changes nothing."""
    rig = timed(build)
    rig.line(VTIMER, True, 0)
    rig.exit(rig.v0)
    rig.line(VTIMER, True, 0)
    rig.put(rig.v0)
    assert rig.kernel.handle_irq(0) == VTIMER
    state = rig.design.arch_timers.of(rig.v0)[0].state
    assert (state.ctl, state.level) == (0, False)


def test_a_timer_disabled_at_the_gic_does_not_scream(build: Build) -> None:
    """B004: the line has been told, so the PPI is active, although the guest will not take it."""
    rig = timed(build)
    rig.poke(rig.v0, ICENABLER, VTIMER)
    program(rig, 10)
    rig.advance(10)
    assert rig.interrupts() == [VTIMER]
    assert rig.interrupts() == []
    rig.enable(rig.v0, VTIMER)
    assert rig.ack(rig.v0) == VTIMER


def test_a_timer_disabled_before_it_is_taken_is_not_delivered(build: Build) -> None:
    """B007."""
    rig = timed(build)
    program(rig, 10)
    rig.advance(10)
    rig.interrupts()
    program(rig, 10, ctl=0)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS
    assert rig.physical(VTIMER) == "I"


@pytest.mark.parametrize("design", ALL)
def test_a_blocked_vcpu_is_woken_by_its_timer(build: Build, design: type[Design]) -> None:
    rig = timed(build, design=design)
    program(rig, 100)
    assert rig.block(rig.v0)
    rig.advance(99)
    assert rig.blocked(rig.v0)
    rig.advance(1)
    assert not rig.blocked(rig.v0)
    rig.wake(rig.v0)
    assert served(rig, rig.v0) == VTIMER


def test_nothing_wakes_a_vcpu_whose_timer_is_off_or_masked(build: Build) -> None:
    rig = timed(build)
    for ctl in (0, 3):
        program(rig, 100, ctl=ctl)
        assert rig.block(rig.v0)
        assert rig.design.arch_timers.wake_ups[rig.v0].soft.deadline is None
        rig.wake(rig.v0)


def test_both_timers_are_direct_at_el2(build: Build) -> None:
    rig = timed(build, "CNTV", "CNTP")
    program(rig, 10)
    program(rig, 20, name="CNTP")
    rig.advance(20)
    assert sorted(rig.interrupts()) == [VTIMER, PTIMER]
    first = rig.ack(rig.v0)
    rig.eoi(rig.v0, first)
    assert {first, rig.ack(rig.v0)} == {VTIMER, PTIMER}


def test_the_physical_timer_is_emulated_below_el2(build: Build) -> None:
    rig = timed(build, "CNTV", "CNTP", vhe=False)
    rig.exit(rig.v0)
    rig.design.sysreg_write(rig.v0, "CNTP_CVAL_EL0", 50)
    rig.design.sysreg_write(rig.v0, "CNTP_CTL_EL0", 1)
    assert rig.design.sysreg_read(rig.v0, "CNTP_CTL_EL0") == 1
    rig.enter(rig.v0)
    rig.advance(50)
    assert rig.kicked(rig.v0)
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"P {PTIMER} EOI"
    assert rig.ack(rig.v0) == PTIMER
    rig.exit(rig.v0)
    assert rig.design.sysreg_read(rig.v0, "CNTP_CTL_EL0") == 5
    assert rig.design.sysreg_read(rig.v0, "CNTP_CVAL_EL0") == 50
    rig.design.sysreg_write(rig.v0, "CNTP_TVAL_EL0", 30)
    assert rig.design.sysreg_read(rig.v0, "CNTP_TVAL_EL0") == 30
    rig.enter(rig.v0)
    rig.eoi(rig.v0, PTIMER)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS
    rig.advance(30)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == PTIMER, "armed again at the write (B041)"


def test_an_emulated_timer_goes_on_after_a_put(build: Build) -> None:
    rig = timed(build, "CNTP", vhe=False)
    rig.exit(rig.v0)
    rig.design.sysreg_write(rig.v0, "CNTP_CVAL_EL0", 50)
    rig.design.sysreg_write(rig.v0, "CNTP_CTL_EL0", 1)
    rig.put(rig.v0)
    rig.advance(50)
    rig.start(rig.v0)
    assert rig.ack(rig.v0) == PTIMER, "B039"
    with pytest.raises(Unsupported, match="CNTV_CTL_EL0 is not emulated"):
        rig.design.sysreg_read(rig.v0, "CNTV_CTL_EL0")


def test_an_emulated_timer_fired_early_is_armed_again(build: Build) -> None:
    rig = timed(build, "CNTP", vhe=False)
    rig.exit(rig.v0)
    rig.design.sysreg_write(rig.v0, "CNTP_CVAL_EL0", 50)
    rig.design.sysreg_write(rig.v0, "CNTP_CTL_EL0", 1)
    timer = rig.design.arch_timers.of(rig.v0)[0]
    timer.soft.run()
    assert timer.soft.deadline == 50
    assert not timer.state.level


def test_only_the_timer_injects_its_interrupt(build: Build) -> None:
    rig = timed(build)
    assert not rig.design.inject(rig.vm, rig.v0, VTIMER, True)


def test_timers_that_cant_be(build: Build) -> None:
    with pytest.raises(Unsupported, match="expected CNTV or CNTP"):
        timed(build, "CNTHV")
    with pytest.raises(Unsupported, match="without timers"):
        timed(build, timers=False)


def test_no_hw_deactivation_for_a_timer(build: Build) -> None:
    """M29: the EOI bit, and software frees the PPI."""
    rig = timed(build, hw_deactivation=False)
    program(rig, 10)
    rig.advance(10)
    assert rig.interrupts() == [VTIMER]
    assert rig.lr(0) == f"P {VTIMER} EOI"
    assert rig.ack(rig.v0) == VTIMER
    program(rig, 1000)
    rig.eoi(rig.v0, VTIMER)
    assert rig.physical(VTIMER) == "A"
    assert rig.maintained()
    assert rig.physical(VTIMER) == "I"
    assert rig.ack(rig.v0) == SPURIOUS


@pytest.mark.parametrize("active_state", [True, False])
def test_the_vmm_emulates_the_gic(active_state: bool) -> None:
    """M28: the line is exported, the PPI hidden from the host while it is high, by its active state or by its mask."""
    rig = Rig(False, design=UserspaceIrqchip, active_state=active_state)
    rig.design.assign_timer(rig.vm)
    rig.boot(rig.v0, 0, VTIMER)
    program(rig, 10)
    rig.advance(10)
    assert rig.interrupts() == [VTIMER]
    assert rig.design.virq(rig.v0)
    rig.exit(rig.v0)
    assert rig.design.pending(rig.v0)
    rig.enter(rig.v0)
    assert rig.interrupts() == [], "the guest can run"
    assert rig.kernel.irq(VTIMER).percpu[0].enabled == active_state
    assert rig.ack(rig.v0) == VTIMER
    program(rig, 1000)
    rig.cycle(rig.v0)
    assert not rig.design.virq(rig.v0)
    rig.eoi(rig.v0, VTIMER)
    rig.advance(1000)
    assert rig.interrupts() == [VTIMER]
    rig.exit(rig.v0)
    rig.put(rig.v0)
    rig.start(rig.v0)
    assert rig.interrupts() == []
    assert rig.ack(rig.v0) == VTIMER


def test_what_a_vmms_gic_cant_do() -> None:
    rig = Rig(False, design=UserspaceIrqchip)
    with pytest.raises(Unsupported, match="can't be forwarded"):
        rig.design.assign_irq(rig.vm, rig.kernel.irq(33), 33)
    with pytest.raises(Unsupported, match="the VMM has the state"):
        rig.design.uaccess_read(rig.v0, 0, 4)
    with pytest.raises(Unsupported, match="the VMM has the state"):
        rig.design.uaccess_write(rig.v0, 0, 4, 0)
    rig.boot(rig.v0, 0, 33)
    rig.design.inject(rig.vm, None, 33, True)
    assert rig.kicked(rig.v0)
    assert rig.ack(rig.v0) == 33
    assert rig.mmio(rig.v0, 0x1234) == 0
    with pytest.raises(Unsupported, match="emulates a GICv2"):
        Rig(True, design=UserspaceIrqchip)


def test_the_line_that_is_sampled_is_that_of_the_vcpu_that_runs() -> None:
    """kvm_arch_timer_get_input_level asks kvm_get_running_vcpu, whosever redistributor was written."""
    rig = Rig(True, pes=2, vcpus=2)
    rig.design.assign_timer(rig.vm)
    rig.boot(rig.v0, 0, enter=False)
    rig.boot(rig.v1, 1, enter=False)
    rig.timers.sysreg_write("CNTV_CTL_EL0", 1, 1)
    rig.interrupts(1)
    irq = rig.design.get_irq(rig.vm, rig.v0, 27)
    rig.poke(rig.v0, ISENABLER, 27)
    assert not irq.line_level, "its own timer is off"
    rig.poke(rig.v1, ISENABLER, 27, of=rig.v0)
    assert irq.line_level, "and that of the writer has expired"
    assert rig.design.private[rig.v0][27] in rig.design.cpus[rig.v0].ap_list
    assert rig.physical(27, 0) == "I"
