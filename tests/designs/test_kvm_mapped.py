"""KVM: interrupts with a physical twin (M2, M8), resampling (M9), the guest's distributor (M10), M29."""

from __future__ import annotations

import pytest
from tests.designs.conftest import Build
from tests.designs.rig import ICACTIVER, ICENABLER, ICPENDR, ISACTIVER, ISENABLER, ISPENDR, NIC, Rig

from vgic.arch.intid import SPURIOUS
from vgic.designs.base import Unsupported
from vgic.host.chip import ACTIVE


def forwarded(build: Build, *, edge: bool = False, enable: bool = True, **arguments: object) -> Rig:
    """A guest that owns the NIC's interrupt."""
    rig = build(**arguments)
    if edge:
        rig.kernel.irq_set_irq_type(rig.kernel.irq(NIC), True)
    rig.design.assign_irq(rig.vm, rig.kernel.irq(NIC), NIC)
    rig.boot(rig.v0, 0, *([NIC] if enable else []))
    return rig


def take(rig: Rig) -> None:
    """The device asserts, the host takes it, the guest is shown it."""
    rig.line(NIC, True)
    assert rig.interrupts() == [NIC]


def test_the_guests_end_deactivates_both(build: Build) -> None:
    rig = forwarded(build)
    take(rig)
    assert rig.physical(NIC) == "PA"
    assert rig.lr(0) == f"P {NIC} -> {NIC}"
    assert rig.ack(rig.v0) == NIC
    rig.line(NIC, False)
    assert rig.physical(NIC) == "A"
    rig.eoi(rig.v0, NIC)
    assert rig.physical(NIC) == "I"
    assert not rig.gic.maintenance(0), "no exit to complete it"
    assert rig.interrupts() == []


def test_a_line_still_high_at_the_end_comes_by_the_host_again(build: Build) -> None:
    rig = forwarded(build)
    take(rig)
    assert rig.ack(rig.v0) == NIC
    assert rig.interrupts() == [], "active: the host is left alone"
    rig.eoi(rig.v0, NIC)
    assert rig.interrupts() == [NIC]
    assert rig.ack(rig.v0) == NIC


def test_the_list_register_is_never_pending_and_active(build: Build) -> None:
    rig = forwarded(build, edge=True)
    take(rig)
    assert rig.ack(rig.v0) == NIC
    rig.line(NIC, False)
    rig.line(NIC, True)
    assert rig.physical(NIC) == "PA", "the second edge waits in the physical distributor"
    assert rig.interrupts() == []
    rig.cycle(rig.v0)
    assert rig.lr(0) == f"A {NIC} -> {NIC}"
    rig.eoi(rig.v0, NIC)
    assert rig.interrupts() == [NIC]
    assert rig.ack(rig.v0) == NIC


def test_a_mapped_one_that_is_active_and_pending_again_is_shown_active(build: Build) -> None:
    """Rule 7: the line is known to be high at the load of a vCPU that has its timer active."""
    rig = build()
    rig.design.assign_timer(rig.vm)
    rig.boot(rig.v0, 0, 27)
    rig.timers.sysreg_write("CNTV_CTL_EL0", 1)
    assert rig.interrupts() == [27]
    assert rig.ack(rig.v0) == 27
    rig.exit(rig.v0)
    rig.put(rig.v0)
    rig.load(rig.v0)
    assert rig.design.get_irq(rig.vm, rig.v0, 27).line_level
    rig.enter(rig.v0)
    assert rig.lr(0) == "A 27 -> 27"
    rig.timers.sysreg_write("CNTV_CTL_EL0", 0)
    rig.eoi(rig.v0, 27)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS, "B014: sampled, for it was active and its line known to be high"


def test_split_ends_deactivate_at_dir(build: Build) -> None:
    rig = forwarded(build)
    rig.split(rig.v0)
    take(rig)
    assert rig.ack(rig.v0) == NIC
    rig.line(NIC, False)
    rig.eoi(rig.v0, NIC)
    assert rig.physical(NIC) == "A"
    rig.dir(rig.v0, NIC)
    rig.cycle(rig.v0)
    assert rig.physical(NIC) == "I"


def test_a_line_that_fell_before_it_was_taken_frees_the_twin(build: Build) -> None:
    """M9: only rises are seen, so a falling line is found at the exit; else the next rise would never arrive."""
    rig = forwarded(build)
    take(rig)
    rig.line(NIC, False)
    rig.cycle(rig.v0)
    assert rig.physical(NIC) == "I"
    assert rig.ack(rig.v0) == SPURIOUS
    take(rig)
    assert rig.ack(rig.v0) == NIC


def test_a_line_that_fell_while_active_is_not_delivered_again(build: Build) -> None:
    """B014: it was active and known to be high again when it was loaded; then it fell, and the guest ended it."""
    rig = forwarded(build)
    irq = rig.design.get_irq(rig.vm, None, NIC)
    take(rig)
    assert rig.ack(rig.v0) == NIC
    rig.exit(rig.v0)
    irq.line_level = True
    rig.enter(rig.v0)
    rig.line(NIC, False)
    rig.eoi(rig.v0, NIC)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == SPURIOUS


def test_a_line_that_fell_while_disabled_is_noticed_at_enable(build: Build) -> None:
    """B013."""
    rig = forwarded(build, enable=False)
    take(rig)
    assert rig.physical(NIC) == "PA"
    rig.line(NIC, False)
    rig.poke(rig.v0, ISENABLER, NIC)
    assert rig.physical(NIC) == "I"
    assert rig.ack(rig.v0) == SPURIOUS


def test_the_guest_reads_the_line_as_pending(build: Build) -> None:
    """M10: for a mapped level the physical line counts, not the latch."""
    rig = forwarded(build, enable=False)
    assert not rig.peek(rig.v0, ISPENDR, NIC)
    rig.line(NIC, True)
    assert rig.peek(rig.v0, ISPENDR, NIC)
    rig.line(NIC, False)
    rig.poke(rig.v0, ISPENDR, NIC)
    assert rig.design.get_irq(rig.vm, None, NIC).pending_latch
    assert not rig.peek(rig.v0, ICPENDR, NIC)


def test_pending_by_the_guest_makes_the_twin_active(build: Build) -> None:
    """B011: the guest will deactivate it, so it must be active; and a cleared one must not block the next."""
    rig = forwarded(build)
    rig.poke(rig.v0, ISPENDR, NIC)
    assert rig.physical(NIC) == "A"
    assert rig.ack(rig.v0) == NIC
    rig.eoi(rig.v0, NIC)
    assert rig.physical(NIC) == "I"


def test_cleared_by_the_guest_frees_the_twin(build: Build) -> None:
    rig = forwarded(build, enable=False)
    rig.poke(rig.v0, ISPENDR, NIC)
    rig.poke(rig.v0, ICPENDR, NIC)
    assert rig.physical(NIC) == "I"
    rig.enable(rig.v0, NIC)
    take(rig)
    assert rig.ack(rig.v0) == NIC
    rig.line(NIC, False)
    rig.poke(rig.v0, ICPENDR, NIC)
    assert rig.physical(NIC) == "A", "the guest is handling it"
    rig.eoi(rig.v0, NIC)
    assert rig.physical(NIC) == "I"


def test_cleared_by_the_guest_clears_the_twins_edge(build: Build) -> None:
    rig = forwarded(build, edge=True)
    take(rig)
    assert rig.ack(rig.v0) == NIC
    rig.line(NIC, False)
    rig.line(NIC, True)
    assert rig.physical(NIC) == "PA"
    rig.poke(rig.v0, ICPENDR, NIC)
    assert rig.physical(NIC) == "A"


def test_active_by_the_guest_goes_through(build: Build) -> None:
    rig = forwarded(build, enable=False)
    rig.poke(rig.v0, ISACTIVER, NIC)
    assert rig.physical(NIC) == "A"
    assert rig.peek(rig.v0, ISACTIVER, NIC)
    assert rig.lr(0) == f"A {NIC} -> {NIC}"
    rig.poke(rig.v0, ICACTIVER, NIC)
    assert rig.physical(NIC) == "I"
    assert not rig.peek(rig.v0, ICACTIVER, NIC)


def test_userspace_touches_no_physical_state(build: Build) -> None:
    """Rule 21; and the active bit of a mapped interrupt does not change at all."""
    rig = forwarded(build, enable=False)
    rig.exit(rig.v0)
    before = rig.physical(NIC)
    for register in (ISENABLER, ISPENDR, ISACTIVER, ICACTIVER, ICENABLER):
        rig.design.uaccess_write(rig.v0, rig.address(register, NIC, rig.v0), 4, 1 << NIC % 32)
        assert rig.physical(NIC) == before
        assert not rig.design.get_irq(rig.vm, None, NIC).active
    assert rig.design.uaccess_read(rig.v0, rig.address(ISPENDR, NIC, rig.v0), 4) == 1 << NIC % 32
    rig.line(NIC, True)
    irq = rig.design.get_irq(rig.vm, None, NIC)
    irq.pending_latch = False
    assert not rig.design.uaccess_read(rig.v0, rig.address(ISPENDR, NIC, rig.v0), 4), "not the physical line"


def test_unmapping_leaves_physical_state_alone(build: Build) -> None:
    rig = forwarded(build)
    take(rig)
    rig.exit(rig.v0)
    rig.design.unmap_phys_irq(rig.v0, NIC)
    assert rig.physical(NIC) == "PA"
    irq = rig.design.get_irq(rig.vm, None, NIC)
    assert (irq.hw, irq.hwintid) == (False, 0)
    rig.enter(rig.v0)
    assert rig.design.compute_lr(rig.vm, irq).eoi


def test_a_reset_forgets_a_mapped_interrupt(build: Build) -> None:
    rig = forwarded(build)
    take(rig)
    assert rig.ack(rig.v0) == NIC
    rig.exit(rig.v0)
    rig.design.reset_mapped_irq(rig.v0, NIC)
    assert not rig.design.map_is_active(rig.v0, NIC)


def test_another_vintid_deactivates_the_right_pintid(build: Build) -> None:
    """B099: the twin's number, not the guest's."""
    rig = build()
    rig.design.assign_irq(rig.vm, rig.kernel.irq(NIC), 50)
    rig.boot(rig.v0, 0, 50)
    rig.kernel.irq_set_irqchip_state(rig.kernel.irq(34), ACTIVE, True, 0)
    take(rig)
    assert rig.lr(0) == f"P 50 -> {NIC}"
    assert rig.ack(rig.v0) == 50
    rig.line(NIC, False)
    rig.eoi(rig.v0, 50)
    assert rig.physical(NIC) == "I"
    assert rig.physical(34) == "A"


def test_without_hardware_deactivation_software_does_it(build: Build) -> None:
    """M29: no HW bit; the completion is told by the EOI bit, and the twin freed at the exit."""
    rig = forwarded(build, hw_deactivation=False)
    take(rig)
    assert rig.lr(0) == f"P {NIC} EOI"
    assert rig.ack(rig.v0) == NIC
    rig.line(NIC, False)
    rig.cycle(rig.v0)
    assert rig.physical(NIC) == "A"
    rig.eoi(rig.v0, NIC)
    assert rig.physical(NIC) == "A", "not yet"
    assert rig.maintained()
    assert rig.physical(NIC) == "I"


def test_without_hardware_deactivation_an_edge_is_not_forwarded(build: Build) -> None:
    """Software deactivates where it samples the line: a level."""
    with pytest.raises(Unsupported, match=r"edge .*: nobody would deactivate physical interrupt"):
        forwarded(build, edge=True, hw_deactivation=False)


@pytest.mark.parametrize("private", [False, True])
def test_active_state_is_read_and_changed_with_the_others_stopped(private: bool) -> None:
    """B017: else the list register of the vCPU that runs would write the old state back at its exit."""
    rig = Rig(True, vcpus=2, pes=2)
    intid = 20 if private else 32
    rig.boot(rig.v0, 0, intid)
    rig.boot(rig.v1, 1)
    rig.design.inject(rig.vm, rig.v0, intid, True)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == intid
    rig.design.inject(rig.vm, rig.v0, intid, False)
    assert rig.peek(rig.v1, ISACTIVER, intid, of=rig.v0), "true now, although only the list register knew"
    assert not rig.v0.in_guest
    rig.enter(rig.v0)
    rig.poke(rig.v1, ICACTIVER, intid, of=rig.v0)
    rig.enter(rig.v0)
    assert rig.lr(0) == "I 0"


def test_a_vcpus_own_private_interrupts_stop_nobody() -> None:
    rig = Rig(True, vcpus=2, pes=2)
    rig.boot(rig.v0, 0)
    rig.boot(rig.v1, 1)
    rig.poke(rig.v0, ISACTIVER, 20)
    assert rig.v1.in_guest
    rig.poke(rig.v0, ISACTIVER, NIC)
    assert not rig.v1.in_guest
