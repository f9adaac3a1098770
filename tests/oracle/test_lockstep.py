"""QEMU and the model side by side: they agree, and a rule that is flipped is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vgic.oracle.campaign import campaign
from vgic.oracle.episode import Episode, parse
from vgic.oracle.lockstep import BATCH, Lockstep, Mismatch
from vgic.oracle.machine import MachineOptions
from vgic.oracle.probes import SPI_WORDS, SWEEP_EVERY, Plan
from vgic.oracle.qemu import Qemu
from vgic.oracle.registers import target
from vgic.silicon.interrupt import Interrupt

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def v3() -> Iterator[Qemu]:
    with Qemu(MachineOptions(3, 2)) as qemu:
        yield qemu


TAKE_33 = """\
machine gicv3 pes=2 security=off
pe0 el2 write GICD_CTLR 0x12
pe0 el2 write GICD_IGROUPR1 0xffffffff
pe1 el2 write ICC_PMR_EL1 0xf0
pe1 el2 write ICC_IGRPEN1_EL1 1
pe0 el2 write GICR_WAKER@1 0
pe0 el2 write GICD_ISENABLER1 0xff
pe0 el2 write GICD_IROUTER33 1
line 33 high
9: pe1 el2 read ICC_IAR1_EL1
line 33 low
pe1 el2 write ICC_EOIR1_EL1 result 9
"""


def test_agreement(v3: Qemu) -> None:
    lockstep = Lockstep(v3)
    assert lockstep.run(parse(TAKE_33)) is None
    assert lockstep.tally.operations == 11
    assert lockstep.tally.compared > 800


def _no_deactivation(irq: Interrupt) -> None:
    pass


def test_a_flipped_rule_is_told_where_it_shows(v3: Qemu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interrupt, "deactivate", _no_deactivation)
    difference = Lockstep(v3).run(parse(TAKE_33))
    assert difference is not None
    assert (difference.index, difference.what) == (10, "GICD_ISACTIVER1")
    assert str(difference) == "after operation 11: GICD_ISACTIVER1 (PE 0, el2): QEMU 0x0, model 0x2"


def test_an_operations_own_result_is_compared(v3: Qemu) -> None:
    text = "machine gicv3 pes=2 security=off\npe0 el2 read GICD_TYPER\n"
    difference = Lockstep(v3, changes={"id_bits": 15}).run(parse(text))
    assert difference is not None
    assert difference.what == "pe0 el2 read GICD_TYPER"


def test_an_spi_far_from_the_probes_is_swept(v3: Qemu) -> None:
    assert 130 // 32 not in SPI_WORDS
    text = "machine gicv3 pes=2 security=off\npe0 el2 write.b GICD_IPRIORITYR32+2 0x7\n"
    difference = Lockstep(v3, changes={"priority_stores_low_bits": False}).run(parse(text))
    assert difference is not None
    assert difference.what == "GICD_IPRIORITYR32"


def test_a_line_that_no_pe_can_move_is_in_order(v3: Qemu) -> None:
    text = TAKE_33.replace("line 33 high", "line 35 high").replace("IROUTER33", "IROUTER35")
    lockstep = Lockstep(v3)
    seen: list[int] = []
    lockstep.watcher = lambda operation, outcome, probes: seen.append(outcome.value)
    assert lockstep.run(parse(text)) is None
    assert seen[8] == 35


def test_long_episodes_refer_far_back(v3: Qemu) -> None:
    """A result that QEMU's ring no longer holds is still known."""
    lines = TAKE_33.splitlines()[:10]
    lines += ["pe1 el2 read ICC_RPR_EL1"] * 5000
    lines += ["pe1 el2 write ICC_EOIR1_EL1 result 9", "pe1 el2 read ICC_RPR_EL1"]
    lockstep = Lockstep(v3)
    outcomes: list[int] = []
    lockstep.watcher = lambda operation, outcome, probes: outcomes.append(outcome.value)
    assert lockstep.run(parse("\n".join(lines))) is None
    assert outcomes[-3:] == [0, 0, 0xFF]


def test_the_episodes_machine_must_be_this_one(v3: Qemu) -> None:
    with pytest.raises(ValueError, match="the episode is for gicv2 pes=1 security=off, this QEMU is gicv3 pes=2"):
        Lockstep(v3).run(Episode(MachineOptions(2)))


@pytest.mark.parametrize("gic", [2, 3])
@pytest.mark.parametrize("security", [False, True])
def test_the_sweep_covers_the_probes_of_each_operation(gic: int, security: bool) -> None:
    plan = Plan(MachineOptions(gic, 2, security))
    swept = {(p.pe, r) for p in plan.sweep for r in p.registers}
    for probes in plan._families.values():
        for probe in probes:
            assert {(probe.pe, r) for r in probe.registers} <= swept
    for probe in plan.sweep:
        for register in probe.registers:
            if register != "ISR_EL1":
                target(gic, register)
    assert SWEEP_EVERY <= 4 * BATCH


Flip = Callable[[pytest.MonkeyPatch], None]


def _flip(module: str, name: str, replacement: Callable[..., Any]) -> Flip:
    return lambda patch: patch.setattr(f"vgic.silicon.{module}.{name}", replacement)


def _never(*_: object, **__: object) -> bool:
    return False


def _nothing(*_: object, **__: object) -> None:
    pass


FLIPS: dict[str, tuple[str, Flip]] = {
    "maintenance never asserts": ("v3-virtual", _flip("virtual_interface", "VirtualInterface.maintenance", _never)),
    "EOIs are not counted": ("v3-virtual", _flip("virtual_interface", "VirtualInterface.count_eoi", _nothing)),
    "EISR stays empty": ("v3-virtual", _flip("virtual_interface", "ListRegister.ended", _never)),
    "a full list register is free": (
        "v2-virtual", _flip("virtual_interface", "ListRegister.empty", lambda lr: lr.state == 0),
    ),
    "twins stay active": ("v2-virtual", _flip("distributor_v2", "DistributorV2.deactivate_twin", _nothing)),
    "priority masks let equals pass": (
        "v3", _flip("cpu_interface", "CpuInterface.signals", lambda i, irq: irq.priority <= i.state.pmr),
    ),
    "SGIs go nowhere": ("v3", _flip("icc", "CpuInterfaceV3.generate_sgi", _nothing)),
    "acknowledges leave the priority": (
        "v2", _flip("cpu_interface", "CpuInterface.acknowledge", lambda i, candidate: candidate.acknowledge()),
    ),
    "Non-secure sees all priorities": ("v3-secure", _flip("icc", "CpuInterfaceV3._restricted", _never)),
    "Secure interrupts show to all": ("v2-secure", _flip("distributor_v2", "DistributorV2.ns", _never)),
}  # fmt: skip


@pytest.mark.parametrize("name", FLIPS)
def test_flipped_rules_are_found_and_shrunk(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, flip = FLIPS[name]
    flip(monkeypatch)
    report = campaign(kind, 20_000, 1)
    assert report.finding is not None, f"{name} was not found in 20,000 operations"
    difference = report.finding.difference
    assert isinstance(difference, Mismatch)
    assert len(report.finding.episode.operations) <= 12, report.finding.text()
    assert parse(report.finding.text()).operations == report.finding.episode.operations
