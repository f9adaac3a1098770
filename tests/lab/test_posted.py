"""Writes that reach the chip late: what they wait for, and the drivers that do not wait."""

from __future__ import annotations

import pytest

from vgic.arch.gicd import GICD_V3
from vgic.arch.gicr import GICR
from vgic.arch.located import FrameAt
from vgic.designs import Build, Kvm
from vgic.explore.check import Verdict, check
from vgic.host import IrqDesc, Kernel
from vgic.host.chip import ACTIVE
from vgic.host.descriptor import IrqData
from vgic.host.gic_v3 import GicV3Driver
from vgic.host.mmio import BoundFrame
from vgic.lab.loader import find_scenario
from vgic.lab.machine import Machine
from vgic.lab.posted import MOST, Posting, posting_v2, posting_v3
from vgic.silicon import Gic, GicV2, GicV2Options, GicV3, GicV3Options

SPI, PPI = 40, 27


def chip(version: int = 3) -> tuple[Posting, BoundFrame]:
    gic: Gic
    if version == 3:
        gic = posting_v3(GicV3)(GicV3Options(pes=2, intids=64))
    else:
        gic = posting_v2(GicV2)(GicV2Options(pes=2, intids=64))
    assert isinstance(gic, Posting)
    base = gic.base("GICD", 0)
    assert base is not None
    return gic, BoundFrame(FrameAt(gic.tables["GICD"], base), gic, 0)


def enabled(gic: Gic, intid: int = SPI) -> bool:
    irq = gic.distributor.find(intid, 0)
    assert irq is not None
    return irq.enabled


@pytest.mark.parametrize("version", [2, 3])
def test_a_write_is_on_its_way_until_its_frame_is_read(version: int) -> None:
    gic, gicd = chip(version)
    gicd.ISENABLER.write_bit(SPI)
    assert not enabled(gic)
    assert gicd.ISENABLER.read_bit(SPI), "the read is answered after the write"
    assert enabled(gic)


def test_a_read_of_another_frame_or_by_another_pe_says_nothing() -> None:
    gic, gicd = chip()
    gicd.ISENABLER.write_bit(SPI)
    gicr = gic.base("GICR", 0)
    assert gicr is not None
    assert BoundFrame(FrameAt(GICR, gicr), gic, 0).ISENABLER[0] == 0
    assert not BoundFrame(FrameAt(GICD_V3, gicd.at.base), gic, 1).ISENABLER.read_bit(SPI)
    assert not enabled(gic)


def test_writes_arrive_in_order_and_a_disable_later_than_that() -> None:
    gic, gicd = chip()
    gicd.ISENABLER.write_bit(SPI)
    gicd.ISPENDR.write_bit(SPI)
    gic.arrive_all()
    gicd.ICENABLER.write_bit(SPI)
    gicd.ICPENDR.write_bit(SPI)
    assert gicd.ISPENDR.read_bit(SPI) is False
    assert enabled(gic), "what was written behind it has arrived"
    assert gicd.CTLR.read() >> 31 == 0, "RWP is polled until it is clear"
    assert not enabled(gic)


def test_a_gicv2s_disable_is_a_write_as_others() -> None:
    gic, gicd = chip(2)
    gicd.ISENABLER.write_bit(SPI)
    gic.arrive_all()
    gicd.ICENABLER.write_bit(SPI)
    assert not gicd.ISPENDR.read_bit(SPI)
    assert not enabled(gic)


def test_only_so_many_are_on_their_way() -> None:
    gic, gicd = chip()
    for n in range(MOST + 1):
        gicd.ISENABLER.write_bit(SPI + n)
    assert [enabled(gic, SPI + n) for n in range(MOST + 1)] == [True] + [False] * MOST


def test_an_arrival_is_an_action_and_a_machine_is_not_at_rest_before() -> None:
    m = Machine(find_scenario("posted-disable"), Kvm)
    writes, disables = m.actions["pe0's write arrives"], m.actions["pe0's disable takes effect"]
    assert (writes.possible(), disables.possible()) == (False, False), "all of the boot has arrived"
    assert m.actions["host disables nic"].do()
    assert (writes.possible(), disables.possible(), m.quiescent()) == (True, False, False), "the driver has polled RWP"
    assert writes.do()
    assert not writes.possible()
    plain = find_scenario("posted-disable")
    plain = plain.model_copy(update={"machine": plain.machine.model_copy(update={"posted": False})})
    assert "pe0's write arrives" not in Machine(plain, Kvm).actions


class DoesNotWait(GicV3Driver):
    """It does not poll RWP."""

    def wait_for_rwp(self, intid: int, pe: int) -> None:
        pass


class ReadsBack(GicV3Driver):
    """It reads back what it clears, too."""

    def irq_set_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, state: bool, pe: int) -> None:
        super().irq_set_irqchip_state(desc, data, which, state, pe)
        if which == ACTIVE:
            self.frame(data.hwirq, pe).ISACTIVER.read_bit(data.hwirq)


class ReadsBackClears(ReadsBack):
    """It does not read back what it sets."""

    def irq_set_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, state: bool, pe: int) -> None:
        if which == ACTIVE and state:
            self.frame(data.hwirq, pe).ISACTIVER.write_bit(data.hwirq)
        else:
            super().irq_set_irqchip_state(desc, data, which, state, pe)


def with_driver(driver: type[GicV3Driver]) -> Build:
    return Build(Kvm, kernel=type("Flipped", (Kernel,), {"gicv3_driver": driver}))


def verdict(scenario: str, driver: type[GicV3Driver], *beyond: int) -> Verdict:
    rules = [n for n in range(1, 24) if n not in beyond]
    return check(find_scenario(scenario), with_driver(driver), rules=rules)


def test_a_disable_that_is_not_waited_for_leaves_a_dead_device() -> None:
    held = verdict("posted-disable", GicV3Driver, 6)
    assert held.result.verdict == "HOLDS", held.what
    broken = verdict("posted-disable", DoesNotWait, 6)
    assert broken.rule is not None
    assert broken.rule.id == 8
    assert "host disables nic" in broken.schedule


def test_an_active_state_that_is_not_read_back_may_come_too_late() -> None:
    held = verdict("posted-timer", ReadsBack)
    assert held.result.verdict == "HOLDS", held.what
    for driver in (GicV3Driver, ReadsBackClears):
        broken = verdict("posted-timer", driver)
        assert broken.rule is not None, driver
        assert broken.rule.id in (6, 9)
