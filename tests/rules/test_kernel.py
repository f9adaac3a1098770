"""The rules on kernel events: each broken by a recording made for it, each left open where events don't tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.trace.ftrace_text import Text, analysed, counts

from vgic.trace.ftrace_analysis import FtraceAnalysis


def complete(text: Text) -> Text:
    """Every event that a rule needs, on a vCPU that does nothing else: its lines say nothing of the others."""
    text.load(9).enter(9).handler(9).leave(9).wfi(9).save(9).ipi(9, "CPU 9/KVM-109").load(9, 1).wake(9).enter(9)
    return text.event("kvm_timer_emulate", "arch_timer_ctx_index: 0 (should_fire: 0)", vcpu=9)


def verdicts(folder: Path, text: Text, rule: int) -> dict[str, int]:
    """The rule's verdicts on a text, less those of `complete` alone."""
    alone = counts(analysed(folder, complete(Text())), rule)
    found = counts(analysed(folder, str(complete(Text())) + str(text)), rule)
    return {v: found.get(v, 0) - alone.get(v, 0) for v in found if found.get(v, 0) != alone.get(v, 0)}


# -- rule 9


def test_9_a_retake_without_a_guest_run_is_broken(tmp_path: Path) -> None:
    text = Text().load().enter().handler().handler()
    assert verdicts(tmp_path, text, 9) == {"allowed": 1, "broken": 1}


def test_9_after_a_load_with_the_line_high(tmp_path: Path) -> None:
    assert verdicts(tmp_path, Text().enter().leave().load(level=1).handler(), 9) == {"broken": 1}


def test_9_a_handler_that_finds_nothing_has_taken_it_all_the_same(tmp_path: Path) -> None:
    assert verdicts(tmp_path, Text().load().enter().handler().handler(tells=None), 9) == {"allowed": 1, "broken": 1}


@pytest.mark.parametrize("between", ["run", "low", "write"])
def test_9_what_may_have_ended_it_allows_the_next(tmp_path: Path, between: str) -> None:
    text = Text().load().enter().handler().leave()
    if between == "run":
        text.enter()
    elif between == "low":
        text.load(level=0)
    else:
        text.event("kvm_mmio", "mmio write len 4 gpa 0x80b0380 val 0x8000000")
    assert verdicts(tmp_path, text.handler(), 9) == {"allowed": 2}


def test_9_another_vcpus_line_says_nothing(tmp_path: Path) -> None:
    text = Text().load(0).load(1).enter(0).enter(1).handler(0).handler(1)
    assert verdicts(tmp_path, text, 9) == {"allowed": 2}


def test_9_unknown_at_the_beginning_and_after_a_loss(tmp_path: Path) -> None:
    assert verdicts(tmp_path, Text().enter().handler(), 9) == {"unknown": 1}
    text = Text().load().enter().handler().raw("CPU:0 [LOST 3 EVENTS]").enter().handler()
    assert verdicts(tmp_path, text, 9) == {"allowed": 1, "unknown": 1}


def test_a_breach_near_a_loss_is_taken_back(tmp_path: Path) -> None:
    """CPU 0's events may have been lost from its last event on: what was judged on CPU 1 since then isn't certain."""
    text = Text().load(0).load(1).enter(0).enter(1).handler(1).handler(1)
    assert verdicts(tmp_path, text, 9) == {"allowed": 1, "broken": 1}
    lost = Text().load(0).load(1).enter(0).enter(1).handler(1).handler(1).raw("CPU:0 [LOST 1 EVENTS]")
    assert verdicts(tmp_path, lost, 9) == {"unknown": 2}


# -- rule 19


def blocked(enabled: bool = True) -> Text:
    text = Text().load().enter().leave()
    if enabled:
        text.enable()
    return text.load().enter().wfi().save()


def test_19_a_raised_interrupt_that_wakes_nobody_is_broken(tmp_path: Path) -> None:
    text = blocked().inject(0, 27, 1, task="main-55", cpu=3).wait(1_100_000).wake()
    assert verdicts(tmp_path, text, 19) == {"broken": 1}


def test_19_still_blocked_at_the_end(tmp_path: Path) -> None:
    text = blocked().inject(0, 27, 1, task="main-55", cpu=3).wait(1_100_000).event("kvm_entry", "PC: 0x1", vcpu=5)
    assert verdicts(tmp_path, text, 19) == {"broken": 1}


def test_19_woken_in_time_holds(tmp_path: Path) -> None:
    text = blocked().inject(0, 27, 1, task="main-55", cpu=3).wait(900_000).wake()
    assert verdicts(tmp_path, text, 19) == {"holds": 1}


def test_19_an_entry_is_an_end_too(tmp_path: Path) -> None:
    text = blocked().inject(0, 27, 1, task="main-55", cpu=3).wait(1_100_000).enter()
    assert verdicts(tmp_path, text, 19) == {"broken": 1}


def test_19_an_expired_timer_at_the_block(tmp_path: Path) -> None:
    late = Text().load().enter().leave().enable().load().enter().wfi().save(ctl=5).wait(1_100_000).wake()
    assert verdicts(tmp_path, late, 19) == {"broken": 1}
    masked = Text().load().enter().leave().enable().load().enter().wfi().save(ctl=7).wait(1_100_000).wake()
    assert verdicts(tmp_path, masked, 19) == {}


def test_19_whether_it_is_enabled_must_be_known(tmp_path: Path) -> None:
    text = blocked(enabled=False).inject(0, 27, 1, task="main-55", cpu=3).wait(1_100_000).wake()
    assert verdicts(tmp_path, text, 19) == {"unknown": 1}


def test_19_a_level_that_did_not_rise_needs_no_wake_up(tmp_path: Path) -> None:
    text = Text().load().enter().leave().enable().load(level=1).enter().wfi().save()
    text.inject(0, 27, 1, task="main-55", cpu=3).wait(1_100_000).wake()
    assert verdicts(tmp_path, text, 19) == {"unknown": 1}


def test_19_its_own_load_is_no_stimulus(tmp_path: Path) -> None:
    text = blocked().wait(1_100_000).load(level=1).wait(1_100_000).wake()
    assert verdicts(tmp_path, text, 19) == {}


def test_19_wfe_does_not_block(tmp_path: Path) -> None:
    text = Text().load().enter().leave().enable().load().enter().leave()
    text.event("kvm_wfx_arm64", "guest executed wfe at: 0x1").inject(0, 27, 1, task="main-55", cpu=3)
    assert verdicts(tmp_path, text.wait(1_100_000).enter(), 19) == {}


def test_19_where_a_shared_interrupt_goes_is_not_told(tmp_path: Path) -> None:
    assert verdicts(tmp_path, blocked().inject(0, 40, 1, task="main-55", cpu=3).wake(), 19) == {"unknown": 1}


# -- rule 20


def running(enabled: bool = True) -> Text:
    text = Text().load().enter().leave()
    if enabled:
        text.enable()
    return text.load().enter()


def test_20_nobody_kicks(tmp_path: Path) -> None:
    text = running().inject(0, 27, 1, task="main-55", cpu=3).wait(2_000).leave()
    assert verdicts(tmp_path, text, 20) == {"broken": 1}


def test_20_kicked(tmp_path: Path) -> None:
    text = running().inject(0, 27, 1, task="main-55", cpu=3).wait(2_000).ipi(0, "CPU 0/KVM-100").leave()
    assert verdicts(tmp_path, text, 20) == {"holds": 1}


def test_20_a_kick_on_another_cpu_does_not_count(tmp_path: Path) -> None:
    text = running().inject(0, 27, 1, task="main-55", cpu=3).ipi(2).wait(2_000).leave()
    assert verdicts(tmp_path, text, 20) == {"broken": 1}


def test_20_leaving_at_once(tmp_path: Path) -> None:
    assert verdicts(tmp_path, running().inject(0, 27, 1, task="main-55", cpu=3).leave(), 20) == {"holds": 1}


def test_20_whether_it_is_enabled_must_be_known(tmp_path: Path) -> None:
    text = running(enabled=False).inject(0, 27, 1, task="main-55", cpu=3).wait(2_000).leave()
    assert verdicts(tmp_path, text, 20) == {"unknown": 1}


def test_20_two_vcpus_with_one_number(tmp_path: Path) -> None:
    """Of two VMs: which of them is meant isn't told, unless the vCPU's own thread tells it."""
    text = running().event("kvm_get_timer_map", "VCPU: 0, dv: 1, dp: -1", task="CPU 0/KVM-777", cpu=5)
    text.event("kvm_entry", "PC: 0x1", task="CPU 0/KVM-777", cpu=5).inject(0, 27, 1, task="main-55", cpu=3)
    assert verdicts(tmp_path, text.wait(2_000).leave(), 20) == {"unknown": 1}


def test_20_without_any_ipi_in_the_recording(tmp_path: Path) -> None:
    text = running().inject(0, 27, 1, task="main-55", cpu=3).wait(2_000).leave()
    text.handler(name="arch_timer", tells=None)
    analysis = analysed(tmp_path, text)
    assert counts(analysis, 20) == {"unknown": 1}
    assert analysis.exit_status == 0


# -- rule 23


@pytest.mark.parametrize(
    ("level", "ctl", "verdict"),
    [(0, 0, "holds"), (1, 0, "broken"), (0, 3, "holds"), (1, 3, "broken"), (0, 1, "allowed"), (1, 1, "allowed"),
     (1, 7, "broken")],
)
def test_23_at_a_load(tmp_path: Path, level: int, ctl: int, verdict: str) -> None:
    assert verdicts(tmp_path, Text().load(level=level, ctl=ctl), 23) == {verdict: 1}


def test_23_an_expired_timer_stays_expired(tmp_path: Path) -> None:
    text = Text().load().enter().leave().save(ctl=5, cval=0x1000)
    assert verdicts(tmp_path, text.load(level=0, ctl=1, cval=0x1000), 23) == {"allowed": 1, "broken": 1}
    text = Text().load().enter().leave().save(ctl=5, cval=0x1000).load(level=1, ctl=5, cval=0xFFF)
    assert verdicts(tmp_path, text, 23) == {"allowed": 1, "holds": 1}
    text = Text().load().enter().leave().save(ctl=5, cval=0x1000).load(level=0, ctl=5, cval=0x1001)
    assert verdicts(tmp_path, text, 23) == {"allowed": 2}


def test_23_a_counter_set_back(tmp_path: Path) -> None:
    text = Text().load().enter().leave().save(ctl=5, cval=0x1000).load(level=1).enter().leave().save(ctl=1, cval=0x800)
    assert verdicts(tmp_path, text.load(level=0, cval=0x900), 23) == {"allowed": 2, "holds": 1}


def test_23_emulated_timers(tmp_path: Path) -> None:
    def look(text: Text, fires: int) -> Text:
        return text.event("kvm_timer_emulate", f"arch_timer_ctx_index: 0 (should_fire: {fires})")
    assert verdicts(tmp_path, look(Text().load(), 1).update(0, 30, 1), 23) == {"allowed": 1, "holds": 1}
    assert verdicts(tmp_path, look(Text().load(), 1).update(0, 30, 0), 23) == {"allowed": 1, "broken": 1}
    text = look(look(Text().load(), 1).update(0, 30, 1), 0)
    assert verdicts(tmp_path, text.enter(), 23) == {"allowed": 1, "holds": 1, "broken": 1}
    text = look(look(Text().load(), 1).update(0, 30, 1), 1)
    assert verdicts(tmp_path, text.enter(), 23) == {"allowed": 1, "holds": 2}


def test_23_an_interrupt_does_not_tell_the_loads_line(tmp_path: Path) -> None:
    """Without flags only the handlers' events tell whose doing an event is."""
    text = Text().load(flags="").enter().leave()
    text.event("kvm_get_timer_map", "VCPU: 0, dv: 1, dp: -1", flags="")
    text.event("irq_handler_entry", "irq=11 name=arch_timer", flags="").update(0, 30, 1, flags="")
    text.event("irq_handler_exit", "irq=11 ret=handled", flags="").update(0, 27, 0, flags="")
    text.event("kvm_timer_restore_state", "CTL: 0x000000 CVAL: 0x0 arch_timer_ctx_index: 1", flags="")
    assert verdicts(tmp_path, text, 23) == {"allowed": 1, "holds": 1}


# -- what is needed


def test_a_rule_without_its_events_is_not_judged(tmp_path: Path) -> None:
    analysis: FtraceAnalysis = analysed(tmp_path, Text().load().handler().handler())
    nine = next(c for c in analysis.checks if c.rule_id == 9)
    assert analysis.missing(nine.needs) == ["kvm_entry"]
    assert "kvm_exit" in analysis.all_missing()
    assert analysis.exit_status == 0


def test_times_that_are_no_seconds_judge_no_delay(tmp_path: Path) -> None:
    text = blocked().inject(0, 27, 1, task="main-55", cpu=3).wait(2_000_000).wake()
    analysis = analysed(tmp_path, re.sub(r" (\d+)\.(\d{6}): ", r" \1\2: ", str(text)))
    assert counts(analysis, 19) == {"unknown": 1}
