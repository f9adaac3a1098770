"""Rules of states: each is broken by a design that does what it forbids, and by nothing else that holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vgic.arch.state import ACTIVE, PENDING
from vgic.designs.bao.vgic import Bao
from vgic.designs.bugs import bugs
from vgic.designs.build import Build, Buildable
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.vgic.irq import Lr
from vgic.designs.vm import Vcpu, Vm
from vgic.designs.xen import Xen
from vgic.host import IrqDesc, Kernel
from vgic.lab.loader import find_scenario
from vgic.lab.machine import Machine
from vgic.lab.scenario import parse_scenario
from vgic.lab.schedule import Run, Schedule
from vgic.rules.catalogue import RULES
from vgic.rules.checks import CHECKS, MACHINE_RULES, anytime, awaits, broken
from vgic.rules.checks import judged as judged_where
from vgic.rules.world import on_its_way
from vgic.silicon import GicV3
from vgic.silicon.ends import is_physical
from vgic.silicon.ich import VirtualInterfaceV3
from vgic.silicon.report import Notice


def judged(scenario: str, design: Buildable) -> Run:
    return Schedule(find_scenario(scenario), design, lenient=True).run()


class RetakesLine(Kvm):
    """Rule 9: the host deactivates what it has handed on, so that the line interrupts it again."""

    def _forwarded_handler(self, desc: IrqDesc, pe: int) -> bool:
        done = super()._forwarded_handler(desc, pe)
        self.kernel.driver.deactivate(desc.pintid, pe)
        return done


class EndsTwice(Kvm):
    """Rule 41: what was handed on is deactivated twice."""

    def _forwarded_handler(self, desc: IrqDesc, pe: int) -> bool:
        done = super()._forwarded_handler(desc, pe)
        for _ in range(2):
            self.kernel.driver.deactivate(desc.pintid, pe)
        return done


class DropsAnother(Kernel):
    """Rule 41: EOIR names another interrupt than IAR."""

    def priority_drop(self, iar: int, pe: int) -> None:
        super().priority_drop(iar + 1, pe)


class DropsNoSource(Kernel):
    """Rule 41: EOIR names a GICv2's SGI without its source."""

    def priority_drop(self, iar: int, pe: int) -> None:
        super().priority_drop(self.driver.intid(iar), pe)


class PendingAndActive(Kvm):
    """Rule 7: a mapped interrupt that is active is shown pending, too."""

    def compute_lr(self, vm: Vm, irq: VgicIrq) -> Lr:
        lr = super().compute_lr(vm, irq)
        return lr._replace(pending=True) if lr.hw else lr


class ForgetsPriorities(Kvm):
    """Rule 14: the active priorities are not switched."""

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        super().vcpu_load(vcpu, pe)
        self.hw.write_apr(tuple(0 for _ in self.cpus[vcpu].apr), pe)


class ShiftsPriorities(Kvm):
    """Rule 14: the active priorities come back as others."""

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        super().vcpu_load(vcpu, pe)
        self.hw.write_apr(tuple(word << 1 for word in self.cpus[vcpu].apr), pe)


class ForgetsActive(Kvm):
    """Rule 12: an exit ends what is active."""

    def keeps_active(self, irq: VgicIrq) -> bool:
        return False


class MasksTheHosts(Kvm):
    """Rule 33: when its own interrupt arrives, it masks the host's."""

    def _forwarded_handler(self, desc: IrqDesc, pe: int) -> bool:
        other = self.kernel.irq(41)
        other.data.chip.irq_mask(other, other.data, pe)
        return super()._forwarded_handler(desc, pe)


class NeverRetargets(Kvm):
    """Rule 35: IROUTER is stored, and has no effect."""

    def set_route(self, vcpu: Vcpu, irq: VgicIrq, mpidr: int) -> None:
        irq.mpidr = mpidr


class ReadsStale(Kvm):
    """Rule 22: nobody is stopped for a read of the active state."""

    def prepare_active(self, accessor: Vcpu, owner: Vcpu, intid: int) -> None:
        pass


class PendingReadsZero(Kvm):
    """Rule 22: ISPENDR reads as zero."""

    def read_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> bool:
        return user and super().read_pending(vcpu, irq, user)


class LevelsReadZero(Kvm):
    """Rule 22: ISPENDR shows what is latched alone."""

    def read_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> bool:
        return irq.pending_latch


class DisablesNone(Kvm):
    """Rule 22: what is disabled reads as enabled."""

    def clear_enabled(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        pass


class ClearsNone(Kvm):
    """Rule 4: ICPENDR is ignored."""

    def clear_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        pass


class PriorityLost(Kvm):
    """Rule 22: a byte of IPRIORITYR stores zero."""

    def set_priority(self, irq: VgicIrq, priority: int) -> None:
        super().set_priority(irq, 0)


class OneSource(Kvm):
    """Rule 39: an SGI is delivered once for all its sources."""

    def consume_pending(self, vm: Vm, irq: VgicIrq) -> None:
        irq.source = 0
        irq.pending_latch = False


class TakesDisabled(Kvm):
    """Rule 34: what the guest disabled is delivered."""

    def clear_enabled(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        pass


class SkipsQueued(Kvm):
    """Rule 1: the edge is dropped at the injection."""

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        return True if vintid == 40 else super().inject(vm, vcpu, vintid, level, owner)


class Doubles(Kvm):
    """Rule 4: an edge that was taken is pending again."""

    def fold(self, vcpu: Vcpu, irq: VgicIrq, lr: Lr, pe: int) -> None:
        super().fold(vcpu, irq, lr, pe)
        if irq.edge and not lr.pending and not lr.active:
            irq.pending_latch = True


class TouchesTimer(Kvm):
    """Rule 23: an entry clears the guest's ENABLE."""

    def flush(self, vcpu: Vcpu) -> None:
        assert self.timers is not None
        self.timers.sysreg_write("CNTV_CTL_EL0", 0, vcpu.pe or 0)
        super().flush(vcpu)


@pytest.mark.parametrize(("rule", "design", "scenario"), [
    (1, SkipsQueued, "edge-again"), (4, Doubles, "edge-again"), (4, ClearsNone, "cleared-then-enabled"),
    (7, PendingAndActive, "timer-preempted-active"), (12, ForgetsActive, "timer-preempted-active"),
    (14, ForgetsPriorities, "timer-preempted-active"), (14, ShiftsPriorities, "timer-preempted-active"),
    (22, ReadsStale, "active-read-elsewhere"), (22, PendingReadsZero, "pending-read"),
    (22, LevelsReadZero, "pending-read"), (22, DisablesNone, "registers-read"), (22, PriorityLost, "registers-read"),
    (23, TouchesTimer, "timer-forwarded"), (33, MasksTheHosts, "host-interrupt-between"),
    (34, TakesDisabled, "disabled-keeps-pending"), (35, NeverRetargets, "retarget-pending"),
    (39, OneSource, "sgi-v2-sources"), (41, EndsTwice, "level-forwarded"),
    (41, Build(Kvm, kernel=DropsAnother), "level-forwarded"),
])
def test_is_broken_by_what_it_forbids(rule: int, design: Buildable, scenario: str) -> None:
    assert rule in judged(scenario, design).broken
    assert judged(scenario, Kvm).broken == ()


def test_rule_41_wants_the_source_of_a_gicv2s_sgi() -> None:
    for kernel, told in ((Kernel, []), (DropsNoSource, [41])):
        m = Machine(find_scenario("sgi-v2-sources"), Build(Xen, kernel=kernel))
        m.kernel.send_ipi(1, 0, 1)
        assert m.actions["pe0 takes IRQ"].do()
        assert [rule for rule, _ in m.faults.told] == told


def test_rule_41_is_of_unpredictable_ends_at_the_physical_interface_alone() -> None:
    notices = [Notice(kind, register, "") for kind in ("unpredictable", "reserved")
               for register in ("ICC_DIR_EL1", "GICC_EOIR", "ICV_DIR_EL1", "GICV_EOIR")]
    assert [is_physical(notice) for notice in notices] == [True, True, False, False, False, False, False, False]


@pytest.mark.parametrize("scenario", ["sgi", "sgi-v2-while-active", "level-forwarded"])
def test_a_host_that_ends_what_it_took_breaks_nothing_of_rule_41(scenario: str) -> None:
    assert 41 not in judged(scenario, Xen).broken


@pytest.mark.parametrize("between", [[], ["vcpu0 put", "vcpu0 loaded"]])
def test_rule_9_is_broken_whatever_lies_between_two_takes(between: list[str]) -> None:
    script = ["nic raises", "pe0 takes IRQ", *between, "pe0 takes IRQ"]
    scenario = find_scenario("level-forwarded")
    found = Schedule(scenario, RetakesLine, lenient=True).run(script).breaches
    assert [(b.rule.id, b.place) for b in found if b.rule.id == 9] == [(9, len(script))]
    assert 9 not in Schedule(scenario, Kvm, lenient=True).run(script).broken


def test_rule_22_says_nothing_of_what_may_be_on_its_way() -> None:
    m = Machine(find_scenario("level-held"), Kvm)
    (run,) = m.vcpus
    vintid = next(v for v in run.irqs if v >= 32)
    assert not on_its_way(m, run, vintid)
    assert m.actions["nic raises"].do()
    assert on_its_way(m, run, vintid)
    m.tell.guest_read(run, "ISPENDR", run, vintid, 0)
    assert not m.faults.told
    assert m.actions["pe0 takes IRQ"].do()
    assert run.vcpu.kicked
    assert on_its_way(m, run, vintid)
    assert m.actions["vcpu0 enters"].do()
    assert not on_its_way(m, run, vintid)
    m.tell.guest_read(run, "ISPENDR", run, vintid, 0)
    assert list(m.faults.told) == [(22, f"vcpu0 reads ISPENDR of {vintid} as 0")]


def test_rule_22_wants_the_sgis_of_a_gicv2_to_read_as_pending() -> None:
    m = Machine(find_scenario("sgi-v2-sources"), Kvm)
    run, sender = m.vcpus[0], m.vcpus[1]
    m.tell.guest_sends_sgi(sender, run, 1)
    m.tell.guest_read(run, "ISPENDR", run, 1, 1)
    assert not m.faults.told
    m.tell.guest_read(run, "ISPENDR", run, 1, 0)
    assert list(m.faults.told) == [(22, "vcpu0 reads ISPENDR of 1 as 0")]


def test_rule_11_waits_for_the_maintenance_interrupt_that_tells_of_an_end() -> None:
    script = ["net0 pulses", "vcpu0 kicked out", "vcpu0 enters", "vcpu0 acks", "vcpu0 steps", "net1 pulses",
              "vcpu0 kicked out", "net2 pulses", "vcpu0 enters", "vcpu0 steps", "vcpu0 exits"]
    m = Machine(find_scenario("overflow-nested"), Bao)
    for name in script:
        assert m.actions[name].do(), name
    assert m.gic.maintenance(0)
    assert broken(11, m) is None


def test_rule_5_wants_one_list_register_whatever_the_source() -> None:
    m = Machine(find_scenario("sgi-v2-sources"), Kvm)
    run = m.vcpus[0]
    assert run.vcpu.in_guest
    assert run.vcpu.pe is not None
    for n, lr in enumerate(m.gic.virtual[run.vcpu.pe].lrs[:2]):
        lr.vintid, lr.cpuid, lr.state = 1, n + 1, PENDING
    assert broken(5, m) == "vcpu0: vINTID 1 is in two list registers"


class NeverSleeps(Kvm):
    """Rule 42: what is queued is something to take, whether it is active, disabled or masked."""

    def pending(self, vcpu: Vcpu) -> bool:
        return bool(self.cpus[vcpu].ap_list)


@pytest.mark.parametrize(("scenario", "script"), [
    ("dir-elsewhere-asleep", None),
    ("disabled-elsewhere-asleep", ["vcpu0 steps", "net pulses", "vcpu1 steps", "vcpu0 blocks"]),
    ("pmr-masked-at-wfi", None)])
def test_rule_42_is_broken_where_a_vcpu_stays_awake_for_nothing(scenario: str, script: list[str] | None) -> None:
    assert 42 in Schedule(find_scenario(scenario), NeverSleeps, lenient=True).run(script).broken
    assert 42 not in Schedule(find_scenario(scenario), Kvm, lenient=True).run(script).broken


def test_rule_42_lets_a_vcpu_stay_awake_for_what_it_has_masked() -> None:
    """WFI ends for an interrupt that PSTATE.I masks."""
    script = ["vcpu0 steps", "vcpu0 steps", "net pulses", "vcpu0 blocks"]
    assert "vcpu0 does not block: it has an interrupt to take" in " ".join(
        step.what for step in Schedule(parse_scenario(ASLEEP_MASKED), Kvm).run(script).steps)
    assert Schedule(parse_scenario(ASLEEP_MASKED), Kvm).run(script).holds


ASLEEP_MASKED = """
name = "asleep-masked"
title = "A guest waits with its interrupts masked."
teaches = "It is woken all the same."
[[vm]]
[[vm.vcpu]]
program = ["MASK", "WFI", "UNMASK"]
[[device]]
name = "net"
kind = "edge"
vintid = 40
wiring = "irqfd"
"""


@pytest.mark.parametrize("gic", [2, 3])
@pytest.mark.parametrize("on", [True, False])
def test_rule_34_wants_nothing_of_a_distributor_that_is_off(gic: int, on: bool) -> None:
    """A design that forwards all the same breaks it; one that does not forward once it is on again breaks 19."""
    class Always(Kvm):
        def distributor_enabled(self, vm: Vm) -> bool:
            return True

        def enable_distributor(self, vcpu: Vcpu, enabled: bool) -> None:
            super().enable_distributor(vcpu, True)
    base = find_scenario("distributor-off")
    scenario = base.model_copy(update={"machine": base.machine.model_copy(update={"gic": gic})})
    script = ["vcpu0 steps", "vcpu0 enters", "net pulses", *(["vcpu0 steps"] if on else []), "vcpu0 kicked out",
              "vcpu0 enters", "vcpu0 acks"]
    assert (34 in Schedule(scenario, Always, lenient=True).run(script).broken) is not on
    assert 34 not in Schedule(scenario, Kvm, lenient=True).run(script).broken


class PriorityByteLost(Kvm):
    """Rule 16: a byte write at an address that is no multiple of four stores zero."""

    def set_priority(self, irq: VgicIrq, priority: int) -> None:
        super().set_priority(irq, priority if irq.intid % 4 == 0 else 0)


MASKED = """
name = "priority-below-the-mask"
title = "A guest lowers the priority of an interrupt below its mask, and later opens the mask."
teaches = "What IPRIORITYR says decides."
[[vm]]
[[vm.vcpu]]
program = ["IPRIORITYR 41 0xd0", "PMR 0xc0", "AWAIT 40", "PMR 0xf0"]
idle = "spin"
[[device]]
name = "net"
kind = "edge"
vintid = 41
wiring = "irqfd"
[[device]]
name = "go"
kind = "edge"
vintid = 40
wiring = "irqfd"
[run]
script = ["vcpu0 steps", "vcpu0 enters", "vcpu0 steps", "net pulses", "vcpu0 kicked out", "vcpu0 enters", "vcpu0 acks"]
finish = false
"""


def test_rule_16_is_broken_where_the_guests_own_mask_holds_an_interrupt_back() -> None:
    scenario = parse_scenario(MASKED)
    found = Schedule(scenario, PriorityByteLost, lenient=True).run().breaches
    assert [(b.rule.id, b.what) for b in found] == [
        (14, "vcpu0: active priorities 0x1; those acknowledged and not dropped are 0x4000000"),
        (16, "vcpu0 acknowledges 41 of priority 0xd0, and its guest's mask is 0xc0")]
    assert Schedule(scenario, Kvm, lenient=True).run().broken == ()


def test_rule_16_says_nothing_of_a_priority_that_may_not_have_arrived() -> None:
    m = Machine(parse_scenario(MASKED), Kvm)
    (run,) = m.vcpus
    ghost = run.irqs[41]
    ghost.active = 0
    m.tell.guest_writes(run, "IPRIORITYR", run, 41, 0xF0)
    assert ghost.stale
    m.tell.guest_acknowledged(run, 41, None, 0)
    assert m.faults.told == ((4, "vcpu0 acknowledges 41, which is active: vCPU 0 has not deactivated it"),
                             (4, "vcpu0 acknowledges 41 once more than edges came and were not cleared"))
    m.tell.guest_deactivates(run, 41)
    assert not ghost.stale


class VirqStays(GicV3):
    """Rule 40: the virtual interrupt's line falls at EOIR, not at IAR."""

    def virq(self, pe: int) -> bool:
        return super().virq(pe) or any(lr.state & ACTIVE for lr in self.virtual[pe].lrs)


UNMASKS = """
name = "unmask-in-handler"
title = "A handler opens PSTATE.I before it serves its device."
teaches = "What is acknowledged is not signalled again."
[[vm]]
[[vm.vcpu]]
idle = "spin"
[vm.vcpu.handlers]
40 = ["UNMASK", "HANDLE", "EOI"]
[[device]]
name = "net"
kind = "edge"
vintid = 40
wiring = "irqfd"
[run]
script = ["net pulses", "rest"]
"""


def test_rule_40_is_broken_where_a_guest_is_signalled_for_nothing() -> None:
    scenario = parse_scenario(UNMASKS)
    assert 40 in Schedule(scenario, Build(Kvm, gicv3=VirqStays)).run().broken
    assert Schedule(scenario, Kvm).run().broken == ()


def test_rule_16_is_broken_where_a_spurious_read_changes_something(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[[VirtualInterfaceV3, int], int] = VirtualInterfaceV3.read_iar

    def counts(interface: VirtualInterfaceV3, group: int) -> int:
        value = real(interface, group)
        if value == 1023:
            interface.count_eoi()
        return value
    assert judged("spurious-iar", Kvm).broken == ()
    monkeypatch.setattr("vgic.silicon.ich.VirtualInterfaceV3.read_iar", counts)
    assert 16 in judged("spurious-iar", Kvm).broken


def test_the_rules_that_bugs_break() -> None:
    broken = {n for cls in bugs().values() for n in Schedule(
        find_scenario(cls.entry.scenario), cls, lenient=True).run().broken}
    assert {1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 15, 17, 18, 19, 20, 21, 23, 34, 39} <= broken


def test_what_is_not_seen_is_told_of_every_rule_that_is_judged_but_one() -> None:
    assert [n for n, rule in RULES.items() if not rule.unseen and n in CHECKS] == [7]
    assert [n for n, rule in RULES.items() if rule.unseen and n not in CHECKS] == []


def test_every_rule_is_judged_or_says_what_it_awaits() -> None:
    assert set(MACHINE_RULES) == set(CHECKS) == {*range(1, 24), 33, 34, 35, 39, 40, 41, 42, 43}
    assert {n: awaits(n) for n in RULES if awaits(n)} == {n: rule.needs for n, rule in RULES.items() if rule.needs}
    assert {rule.needs for rule in RULES.values()} == {"", "ITS", "VFIO", "x86"}
    assert all(bool(judged_where(n)) != bool(awaits(n)) for n in RULES)


def test_each_form_is_of_the_rule_that_it_stands_for() -> None:
    for n, forms in CHECKS.items():
        assert {form.rule_id for form in (*forms.moment, forms.recording, forms.kernel) if form is not None} <= {n}
    assert judged_where(17) == ("in scenarios", "on QEMU traces")
    assert judged_where(23) == ("in scenarios", "on ftrace")
    assert judged_where(24) == ()


def test_rules_only_read() -> None:
    schedule = Schedule(find_scenario("timer-shared"), Kvm)
    schedule.run()
    machine = schedule.machine

    def state() -> list[Any]:
        return [getattr(part, slot, None) for part in machine.parts() for cls in type(part).__mro__
                for slot in getattr(cls, "__slots__", ())]
    before = state()
    for n in MACHINE_RULES:
        broken(n, machine)
        for call in anytime(n, machine):
            call()
    assert state() == before
