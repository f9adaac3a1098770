"""The host kernel on both chips: taking interrupts, EOImode 1 and forwarding (M1), flow and lazy disabling (M11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vgic.host import IrqDesc, Kernel
from vgic.host.chip import ACTIVE, MASKED, PENDING, StackedChip
from vgic.host.domain import IrqDomain
from vgic.host.gic import GicDriver
from vgic.host.gic_v2 import GicV2Driver
from vgic.host.gic_v3 import GicV3Driver
from vgic.silicon import GicV2, GicV2Options, GicV3, GicV3Options

SPI, PPI = 40, 27
Boot = Callable[..., Kernel]


@pytest.fixture(params=[False, True], ids=["GICv2", "GICv3"])
def boot(request: pytest.FixtureRequest) -> Boot:
    def make(pes: int = 2, **arguments: Any) -> Kernel:
        gic = GicV3(GicV3Options(pes=pes, intids=64)) if request.param else GicV2(GicV2Options(pes=pes, intids=64))
        return Kernel(gic, (PPI, SPI), **arguments)
    return make


class Driver:
    """A device's driver: counts its interrupts, and quietens the line."""

    def __init__(self, kernel: Kernel, intid: int = SPI, **arguments: Any) -> None:
        self.kernel, self.desc = kernel, kernel.irq(intid)
        self.taken: list[int] = []
        self.quieten = True
        kernel.request_irq(self.desc, self.handle, "device", **arguments)

    def handle(self, desc: IrqDesc, pe: int) -> bool:
        self.taken.append(pe)
        if self.quieten:
            self.line(False, pe)
        return True

    def line(self, level: bool, pe: int = 0) -> None:
        self.kernel.gic.set_line(self.desc.pintid, level, pe if self.desc.pintid < 32 else None)

    def edge(self) -> None:
        self.line(True)
        self.line(False)

    def state(self, pe: int = 0) -> str:
        get = self.kernel.irq_get_irqchip_state
        return ("I", "P", "A", "PA")[get(self.desc, PENDING, pe) + 2 * get(self.desc, ACTIVE, pe)]


def test_taking_an_interrupt_runs_its_handler_and_deactivates(boot: Boot) -> None:
    kernel = boot()
    device = Driver(kernel)
    device.line(True)
    assert not kernel.gic.irq(0)
    kernel.enable_irq(device.desc)
    assert kernel.gic.irq(0)
    assert kernel.handle_irq(0) == SPI
    assert device.taken == [0]
    assert device.state() == "I"
    assert not kernel.gic.irq(0)


def test_a_line_that_stays_high_arrives_again(boot: Boot) -> None:
    kernel = boot()
    device = Driver(kernel)
    device.quieten = False
    kernel.enable_irq(device.desc)
    device.line(True)
    assert [kernel.handle_irq(0) for _ in range(3)] == [SPI] * 3


def test_a_forwarded_interrupt_stays_active_but_its_priority_is_dropped(boot: Boot) -> None:
    kernel = boot()
    device, other = Driver(kernel), Driver(kernel, PPI)
    device.quieten = False
    kernel.irq_set_vcpu_affinity(device.desc, object())
    kernel.enable_irq(device.desc)
    kernel.enable_percpu_irq(other.desc, 0)
    device.line(True)
    assert kernel.handle_irq(0) == SPI
    assert device.state() == "PA"
    assert not kernel.gic.irq(0), "active: it does not arrive again"
    other.line(True)
    assert kernel.handle_irq(0) == PPI, "the priority was dropped: an equal one arrives"
    kernel.irq_set_irqchip_state(device.desc, ACTIVE, False, 0)
    assert kernel.handle_irq(0) == SPI


def test_without_split_eois_nothing_can_be_forwarded(boot: Boot) -> None:
    kernel = boot(split_eoi=False)
    device = Driver(kernel)
    kernel.enable_irq(device.desc)
    device.line(True)
    assert kernel.handle_irq(0) == SPI
    assert device.state() == "I"
    with pytest.raises(RuntimeError, match="EOImode 1"):
        kernel.irq_set_vcpu_affinity(device.desc, object())


def test_masking_a_forwarded_interrupt_clears_its_active_state(boot: Boot) -> None:
    kernel = boot()
    for forwarded, left in ((True, "P"), (False, "PA")):
        device = Driver(kernel, unlazy=True)
        kernel.irq_set_vcpu_affinity(device.desc, object() if forwarded else None)
        kernel.enable_irq(device.desc)
        device.line(True)
        kernel.irq_set_irqchip_state(device.desc, ACTIVE, True, 0)
        kernel.disable_irq(device.desc)
        assert device.state() == left
        kernel.irq_set_irqchip_state(device.desc, ACTIVE, False, 0)


def test_disabling_is_lazy(boot: Boot) -> None:
    kernel = boot()
    device = Driver(kernel, edge=True)
    kernel.enable_irq(device.desc)
    kernel.disable_irq(device.desc)
    assert not kernel.irq_get_irqchip_state(device.desc, MASKED, 0), "not masked yet"
    device.edge()
    assert kernel.handle_irq(0) == SPI
    assert device.taken == []
    assert kernel.irq_get_irqchip_state(device.desc, MASKED, 0), "masked at the first that arrived"
    assert device.state() == "I", "swallowed"
    kernel.enable_irq(device.desc)
    assert kernel.handle_irq(0) == SPI, "replayed"
    assert device.taken == [0]


def test_a_swallowed_level_is_not_replayed_but_asks_again(boot: Boot) -> None:
    kernel = boot()
    device = Driver(kernel)
    kernel.enable_irq(device.desc)
    kernel.disable_irq(device.desc)
    device.line(True)
    kernel.handle_irq(0)
    device.line(False)
    kernel.enable_irq(device.desc)
    assert not kernel.gic.irq(0)
    device.line(True)
    assert kernel.handle_irq(0) == SPI


def test_unlazy_masks_at_once_and_keeps_the_edge_in_the_chip(boot: Boot) -> None:
    kernel = boot()
    device = Driver(kernel, edge=True, unlazy=True)
    kernel.enable_irq(device.desc)
    kernel.disable_irq(device.desc)
    device.edge()
    assert not kernel.gic.irq(0)
    assert device.state() == "P"
    kernel.enable_irq(device.desc)
    assert kernel.handle_irq(0) == SPI
    assert device.taken == [0]


def test_disables_nest(boot: Boot) -> None:
    kernel = boot()
    device = Driver(kernel, unlazy=True)
    kernel.enable_irq(device.desc)
    kernel.disable_irq(device.desc)
    kernel.disable_irq(device.desc)
    kernel.enable_irq(device.desc)
    device.line(True)
    assert not kernel.gic.irq(0)
    kernel.enable_irq(device.desc)
    assert kernel.gic.irq(0)
    with pytest.raises(RuntimeError, match="without a disable_irq"):
        kernel.enable_irq(device.desc)


def test_private_interrupts_are_each_pes_own(boot: Boot) -> None:
    kernel = boot()
    timer = Driver(kernel, PPI)
    kernel.enable_percpu_irq(timer.desc, 1)
    timer.line(True, 0)
    timer.line(True, 1)
    assert not kernel.gic.irq(0)
    assert kernel.handle_irq(1) == PPI
    assert timer.taken == [1]
    kernel.irq_set_irqchip_state(timer.desc, ACTIVE, True, 1)
    assert timer.state(1) == "A"
    assert timer.state(0) == "P"
    kernel.irq_set_irqchip_state(timer.desc, ACTIVE, False, 1)
    kernel.disable_percpu_irq(timer.desc, 1)
    timer.line(True, 1)
    assert not kernel.gic.irq(1)


def test_affinity_moves_an_interrupt(boot: Boot) -> None:
    kernel = boot()
    device = Driver(kernel)
    kernel.enable_irq(device.desc)
    kernel.irq_set_affinity(device.desc, 1)
    device.line(True)
    assert (kernel.gic.irq(0), kernel.gic.irq(1)) == (False, True)
    assert kernel.handle_irq(1) == SPI
    assert device.taken == [1]


def test_pending_can_be_set_and_cleared(boot: Boot) -> None:
    kernel = boot()
    device = Driver(kernel, edge=True)
    kernel.irq_set_irqchip_state(device.desc, PENDING, True, 0)
    assert device.state() == "P"
    kernel.irq_set_irqchip_state(device.desc, PENDING, False, 0)
    assert device.state() == "I"
    kernel.irq_set_irqchip_state(device.desc, MASKED, False, 0)
    assert not kernel.irq_get_irqchip_state(device.desc, MASKED, 0)


def test_spurious_and_unexpected_and_ipis(boot: Boot) -> None:
    said: list[tuple[str, int, int]] = []
    kernel = boot(observer=lambda *what: said.append(what))
    assert kernel.handle_irq(0) == 1023
    kernel.send_ipi(3, 1, 0)
    assert kernel.gic.irq(1)
    assert kernel.handle_irq(1) == 3
    assert not kernel.gic.irq(1)
    assert said == [("spurious", 1023, 0), ("ipi", 3, 1)]


def test_a_private_interrupt_without_a_handler_is_disabled(boot: Boot) -> None:
    kernel = boot()
    desc = kernel.irq(PPI)
    kernel.enable_percpu_irq(desc, 0)
    kernel.gic.set_line(PPI, True, 0)
    assert kernel.handle_irq(0) == PPI
    assert not kernel.gic.irq(0)


def test_an_unknown_interrupt_is_named(boot: Boot) -> None:
    with pytest.raises(LookupError, match="no descriptor for INTID 50"):
        boot().irq(50)


def test_a_chip_between_hands_on_to_its_parent(boot: Boot) -> None:
    """A hierarchy: MSI number 2 of a device is SPI 40."""
    kernel = boot()

    class Msi(IrqDomain):
        def translate(self, hwirq: int) -> int:
            return hwirq + 38

    data = Msi("MSI", StackedChip(), kernel.domain).irq_data(2)
    desc = IrqDesc(9, data, 0)
    assert (desc.hwirq, desc.pintid) == (2, SPI)
    chip = data.chip
    chip.irq_unmask(desc, data, 0)
    chip.irq_set_type(desc, data, True, 0)
    chip.irq_set_affinity(desc, data, 1, 0)
    chip.irq_retrigger(desc, data, 0)
    assert chip.irq_get_irqchip_state(desc, data, PENDING, 0)
    assert kernel.gic.irq(1)
    chip.irq_set_irqchip_state(desc, data, ACTIVE, True, 0)
    assert not kernel.gic.irq(1)
    chip.irq_set_vcpu_affinity(desc, data, object(), 0)
    chip.irq_mask(desc, data, 0)
    assert not chip.irq_get_irqchip_state(desc, data, ACTIVE, 0), "masked while forwarded"
    chip.irq_eoi(desc, data, 0)


def test_the_root_chip_has_no_parent() -> None:
    desc = IrqDesc(0, IrqDomain("x", StackedChip()).irq_data(1), 0)
    with pytest.raises(AssertionError, match="root chip"):
        desc.data.chip.irq_mask(desc, desc.data, 0)


# -- boot: whatever ran before has left its state behind

@pytest.fixture(params=[False, True], ids=["GICv2", "GICv3"])
def used(request: pytest.FixtureRequest) -> GicV2 | GicV3:
    """A chip whose SPI, PPI and SGI firmware left enabled, pending and active, with a priority active on PE 1."""
    gic = GicV3(GicV3Options(pes=2, intids=64)) if request.param else GicV2(GicV2Options(pes=2, intids=64))
    for pe in (0, 1):
        for intid in (SPI, PPI):
            irq = gic.distributor.find(intid, pe)
            assert irq is not None
            irq.enabled = irq.active = irq.latch = irq.edge = True
        sgi = gic.distributor.find(9, pe)
        assert sgi is not None
        sgi.active = True
    if isinstance(gic, GicV3):
        gic.sysreg_write("ICC_AP1R0_EL1", 1 << 4, 1)
    else:
        gic.write(gic.map.gicc + 0xD0, 4, 1 << 4, 1)
    return gic


def states(kernel: Kernel, intid: int, pe: int) -> tuple[bool, bool, bool]:
    frame = kernel.driver.frame(intid, pe)
    return frame.ISENABLER.read_bit(intid), frame.ISPENDR.read_bit(intid), frame.ISACTIVER.read_bit(intid)


def test_what_firmware_left_is_disabled_and_deactivated_and_what_is_pending_stays(used: GicV2 | GicV3) -> None:
    kernel = Kernel(used, (PPI, SPI))
    for pe in (0, 1):
        for intid in (SPI, PPI):
            assert states(kernel, intid, pe) == (False, True, False)
        assert not states(kernel, 9, pe)[2], "SGIs too"
        assert states(kernel, 3, pe)[0], "the kernel's own"
        frame = kernel.driver.frame(SPI, pe)
        assert not frame.ICFGR[SPI // 16] >> 2 * (SPI % 16) & 2, "level"
    desc = kernel.irq(SPI)
    kernel.request_irq(desc, lambda desc, pe: True, edge=True)
    kernel.irq_set_affinity(desc, 1)
    kernel.enable_irq(desc)
    assert used.irq(1), "no active priority is in its way"
    assert kernel.handle_irq(1) == SPI


def test_a_driver_that_leaves_active_ones_has_a_dead_device(used: GicV2 | GicV3) -> None:
    class NoDeactivationV2(GicV2Driver):
        def dist_config(self) -> None:
            _without_deactivation(self, super().dist_config)

    class NoDeactivationV3(GicV3Driver):
        def dist_config(self) -> None:
            _without_deactivation(self, super().dist_config)

    class Careless(Kernel):
        gicv2_driver, gicv3_driver = NoDeactivationV2, NoDeactivationV3

    kernel = Careless(used, (PPI, SPI))
    assert states(kernel, SPI, 0) == (False, True, True)
    assert states(kernel, PPI, 0) == (False, True, False), "what is private is another method's"
    desc = kernel.irq(SPI)
    kernel.request_irq(desc, lambda desc, pe: True, edge=True)
    kernel.enable_irq(desc)
    assert not used.irq(0)


def test_a_driver_that_leaves_active_priorities_takes_nothing(used: GicV2 | GicV3) -> None:
    class IfUpV2(GicV2Driver):
        def cpu_if_up(self, pe: int) -> None:
            self.gicc[pe].CTLR.write(1)

    class SysRegsV3(GicV3Driver):
        def cpu_sys_reg_init(self, pe: int) -> None:
            self.gic.sysreg_write("ICC_PMR_EL1", 0xF0, pe)
            self.gic.sysreg_write("ICC_IGRPEN1_EL1", 1, pe)

    class Careless(Kernel):
        gicv2_driver, gicv3_driver = IfUpV2, SysRegsV3

    kernel = Careless(used, (PPI, SPI))
    desc = kernel.irq(SPI)
    kernel.request_irq(desc, lambda desc, pe: True, edge=True)
    kernel.irq_set_affinity(desc, 1)
    kernel.enable_irq(desc)
    assert not used.irq(1)


def _without_deactivation(driver: GicDriver, dist_config: Callable[[], None]) -> None:
    gicd = driver.frame(SPI, 0)
    active = gicd.ISACTIVER[SPI // 32]
    dist_config()
    gicd.ISACTIVER[SPI // 32] = active
