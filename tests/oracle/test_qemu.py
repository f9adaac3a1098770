"""Operations done by QEMU alone: outcomes, lines, resets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vgic.oracle import lines, stub
from vgic.oracle.episode import parse
from vgic.oracle.errors import OracleDied, OracleError
from vgic.oracle.machine import MachineOptions
from vgic.oracle.qemu import How, Outcome, Qemu, how_of

pytestmark = pytest.mark.oracle

MACHINES = [MachineOptions(gic, 2, security) for gic in (2, 3) for security in (False, True)]


@pytest.fixture(scope="module", params=MACHINES, ids=str)
def qemu(request: pytest.FixtureRequest) -> Iterator[Qemu]:
    with Qemu(request.param) as q:
        yield q


def run(qemu: Qemu, script: str) -> list[Outcome]:
    qemu.reset()
    return qemu.run(parse(f"machine {qemu.options}\n{script}").operations)


def pending_register(qemu: Qemu, intid: int, pe: int) -> str:
    if intid >= 32 or qemu.options.gic == 2:
        return f"GICD_ISPENDR{intid // 32}"
    return f"GICR_ISPENDR0@{pe}"


@pytest.mark.parametrize("intid", [*lines.PPIS, *lines.SPIS, 20, 77, 287])
def test_every_line_rises_and_falls(qemu: Qemu, intid: int) -> None:
    for pe in (0, 1) if intid < 32 else (0,):
        at, el = f"@{pe}" if intid < 32 else "", qemu.options.resident
        read = f"pe{pe} el{el} read {pending_register(qemu, intid, pe)}"
        other = f"pe{1 - pe} el{el} read {pending_register(qemu, intid, 1 - pe)}" if intid < 32 else read
        script = f"{read}\nline {intid}{at} high\n{read}\n{other}\nline {intid}{at} low\n{read}"
        values = [o.value for o in run(qemu, script)]
        both = 1 << intid % 32 if intid >= 32 else 0
        assert values == [0, 0, 1 << intid % 32, both, 0, 0]


@pytest.mark.parametrize("intid", [33, 77])
def test_lines_are_low_after_a_reset(qemu: Qemu, intid: int) -> None:
    register, el = pending_register(qemu, intid, 0), qemu.options.resident
    run(qemu, f"line {intid} high")
    assert run(qemu, f"pe0 el{el} read {register}")[0].value == 0
    assert run(qemu, f"line {intid} high\npe0 el{el} read {register}")[1].value == 1 << intid % 32


def test_outcomes() -> None:
    with Qemu(MachineOptions(3)) as q:
        outcomes = run(
            q,
            "pe0 el2 write ICH_HCR_EL2 0x1000\npe0 el1 read ICV_IAR1_EL1\npe0 el1 read ICH_HCR_EL2\n"
            "pe0 el2 read ICH_LR4_EL2\npe0 el2 read ICH_HCR_EL2",
        )
    assert [o.how for o in outcomes] == [How.DONE, How.TRAPPED, How.UNDEFINED, How.UNDEFINED, How.DONE]
    assert [str(o) for o in outcomes] == ["0x0", "trapped to EL2", "UNDEFINED", "UNDEFINED", "0x1000"]


def test_group_0_traps_to_el3_where_scr_fiq_says_so() -> None:
    with Qemu(MachineOptions(3, security=True)) as q:
        assert run(q, "pe0 el2 read ICC_BPR0_EL1")[0].how is How.TRAPPED_EL3
        q.reset(fiq_to_el3=False)
        script = "machine gicv3 pes=1 security=on\npe0 el2 read ICC_BPR0_EL1"
        assert q.run(parse(script).operations)[0].how is How.DONE


@pytest.mark.parametrize(
    ("status", "resident", "how"),
    [
        (0, 2, How.DONE),
        (0x18 << 26, 2, How.TRAPPED),
        (0x18 << 26, 3, How.TRAPPED_EL3),
        (stub.AT_EL2 | 0x18 << 26, 3, How.TRAPPED),
        (1 << 63 | 0x25 << 26, 2, How.ABORTED),
        (1 << 62 | 0x24 << 26, 3, How.ABORTED),
        (stub.PREEMPTED, 3, How.PREEMPTED),
        (1 << 63 | 1 << 25, 2, How.UNDEFINED),
    ],
)
def test_status_in_words(status: int, resident: int, how: How) -> None:
    assert how_of(status, resident) is how


def test_a_status_that_makes_no_sense_is_an_error() -> None:
    with pytest.raises(OracleError, match="no GIC access causes: status 0xffffffffffffffff"):
        how_of((1 << 64) - 1, 2)


def test_another_qemu_takes_the_place_of_a_dead_one() -> None:
    with Qemu(MachineOptions(3)) as q:
        assert q.machine._process is not None
        q.machine._process.kill()
        with pytest.raises(OracleDied):
            run(q, "pe0 el2 read GICD_CTLR")
        q.restart()
        assert run(q, "pe0 el2 read GICD_CTLR") == [Outcome(How.DONE, 0x50)]
