"""Operations, one by one and in batches, on every kind of machine."""

from __future__ import annotations

import pytest
from tests.oracle.conftest import Machines

from vgic.arch.register import Encoding
from vgic.oracle import stub
from vgic.oracle.a64 import Assembler
from vgic.oracle.errors import OracleError
from vgic.oracle.mailbox import Level, Mailbox, Memory, System

GICD, GICC, GICR, GICR_SIZE = 0x0800_0000, 0x0801_0000, 0x080A_0000, 0x2_0000

pytestmark = pytest.mark.oracle

MPIDR = stub.SYSTEM["MPIDR_EL1"]
ICC_PMR, ICC_IAR1, ICC_EOIR1 = (3, 0, 4, 6, 0), (3, 0, 12, 12, 0), (3, 0, 12, 12, 1)
ICC_IGRPEN1, ICC_RPR, ISR = (3, 0, 12, 12, 7), (3, 0, 12, 11, 3), (3, 0, 12, 1, 0)
ICH_HCR, ICH_VMCR, ICH_LR0, ICH_LR9 = (3, 4, 12, 11, 0), (3, 4, 12, 11, 7), (3, 4, 12, 12, 0), (3, 4, 12, 13, 1)
EL1, EL2, EL3, S_EL1 = Level(1), Level(2), Level(3), Level(1, True)
UNMAPPED = 0x0F00_0000


class Hand:
    """One operation at a time, by hand."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.home = Level(mailbox.machine.options.resident)

    def _one(self, routine: int, pe: int, level: Level | None, a0: int = 0, a1: int = 0) -> int:
        m = self.mailbox
        result = m.post(routine, pe, m.flags(level or self.home), a0, a1)
        m.go()
        m.wait()
        self.status = m.status(result)
        return m.value(result)

    def load(self, address: int, size: int = 4, pe: int = 0, level: Level | None = None) -> int:
        return self._one(self.mailbox.load(size), pe, level, address)

    def store(self, address: int, value: int, size: int = 4, pe: int = 0, level: Level | None = None) -> None:
        self._one(self.mailbox.store(size), pe, level, value, address)

    def mrs(self, encoding: Encoding, pe: int = 0, level: Level | None = None) -> int:
        return self._one(self.mailbox.read_system(encoding), pe, level)

    def msr(self, encoding: Encoding, value: int, pe: int = 0, level: Level | None = None) -> None:
        self._one(self.mailbox.write_system(encoding), pe, level, value)


@pytest.mark.parametrize("gic", [2, 3])
@pytest.mark.parametrize("security", [False, True])
def test_every_place_of_every_pe(machines: Machines, gic: int, security: bool) -> None:
    hand = Hand(machines(gic=gic, pes=2, security=security))
    for level in (EL1, EL2, S_EL1, EL3) if security else (EL1, EL2):
        for pe in (0, 1):
            assert hand.mrs(MPIDR, pe, level) & 0xFF == pe
            assert hand.status == 0
            assert hand.load(GICD + 4, 4, pe, level) >> 10 & 1 == security


@pytest.mark.parametrize(
    ("level", "security"), [(EL3, False), (S_EL1, False), (Level(2, True), True), (Level(4), True), (Level(0), False)]
)
def test_places_that_the_machine_lacks(machines: Machines, level: Level, security: bool) -> None:
    with pytest.raises(ValueError, match=str(level)):
        machines(security=security).flags(level)


def test_faults_become_results(machines: Machines) -> None:
    hand = Hand(machines(security=False))
    assert hand.mrs(ICH_LR9, level=EL2) == 0
    assert hand.status == 1 << 62 | 0x0200_0000
    assert hand.mrs(ICH_LR0, level=EL1) == 0
    assert hand.status == 1 << 63 | 0x0200_0000
    hand.load(UNMAPPED, level=EL2)
    assert hand.status >> 26 == 1 << 36 | 0x25
    hand.load(UNMAPPED, level=EL1)
    assert hand.status >> 26 == 1 << 37 | 0x25
    hand.msr(ICH_HCR, 1 << 12, level=EL2)
    assert hand.mrs(ICC_IAR1, level=EL1) == 0
    assert (hand.status >> 26, hand.status >> 62) == (0x18, 0)
    hand.msr(ICH_HCR, 0, level=EL2)
    assert hand.mrs(ICC_IAR1, level=EL1) == 1023
    assert hand.status == 0


def test_faults_of_lower_levels_name_their_level(machines: Machines) -> None:
    hand = Hand(machines(security=True))
    for level, mark in ((EL1, 63), (S_EL1, 63), (EL2, 61), (EL3, 62)):
        hand.load(UNMAPPED, level=level)
        assert hand.status >> 26 & ~1 == 1 << mark - 26 | 0x24, level


def test_sizes(machines: Machines) -> None:
    hand = Hand(machines())
    hand.store(GICD + 0x420, 0x8060_4020)
    assert [hand.load(GICD + 0x420 + i, 1) for i in range(4)] == [0x20, 0x40, 0x60, 0x80]
    hand.store(GICD + 0x421, 0x88, 1)
    assert hand.load(GICD + 0x420) == 0x8060_8820
    hand.store(GICD + 0x6000 + 8 * 40, 0x1_0000_0000 | 1, 8)
    assert hand.load(GICD + 0x6000 + 8 * 40, 8) == 0x1_0000_0001
    hand.load(GICD + 0x420, 2)
    assert hand.status == 0


def test_banked_by_pe(machines: Machines) -> None:
    hand = Hand(machines(gic=2, pes=2))
    hand.store(GICC + 4, 0xF0, pe=0)
    hand.store(GICC + 4, 0x80, pe=1)
    assert (hand.load(GICC + 4, pe=0), hand.load(GICC + 4, pe=1)) == (0xF0, 0x80)


def test_the_virtual_interface_lives_at_el1_and_a_physical_interrupt_does_not_disturb_it(machines: Machines) -> None:
    hand = Hand(machines())
    hand.msr(ICC_PMR, 0xF0)
    hand.msr(ICC_IGRPEN1, 1)
    hand.store(GICD, 0x12)
    hand.store(GICD + 0x84, 0xFFFF_FFFF)
    hand.store(GICD + 0x104, 1 << 8)
    hand.store(GICD + 0x204, 1 << 8)
    assert hand.mrs(ISR) == 0x80, "the physical line is up"
    hand.msr(ICH_HCR, 1)
    hand.msr(ICH_VMCR, 0xF0 << 24 | 2)
    assert hand.mrs(ISR, level=EL1) == 0
    hand.msr(ICH_LR0, 1 << 62 | 1 << 60 | 0x80 << 48 | 40)
    assert hand.mrs(ISR, level=EL1) == 0x80
    assert hand.mrs(ICC_PMR, level=EL1) == 0xF0
    assert hand.mrs(ICC_IAR1, level=EL1) == 40
    assert hand.mrs(ICC_RPR, level=EL1) == 0x80
    assert (hand.mrs(ICC_PMR), hand.mrs(ICC_RPR), hand.mrs(ISR)) == (0xF0, 0xFF, 0x80)
    assert hand.mrs(ICC_IAR1) == 40


@pytest.mark.parametrize("fiq_to_el3", [False, True])
def test_a_pending_fiq_of_el3_comes_first(machines: Machines, fiq_to_el3: bool) -> None:
    hand = Hand(machines(security=True, fiq_to_el3=fiq_to_el3))
    hand.msr(ICC_PMR, 0xF0, level=EL3)
    hand.msr((3, 0, 12, 12, 6), 1, level=EL3)
    hand.store(GICD, 0x1)
    hand.store(GICD + 0x104, 1 << 8)
    hand.store(GICD + 0x204, 1 << 8)
    assert hand.mrs(ISR, level=EL3) == 0x40
    assert hand.mrs(ISR, level=S_EL1) == 0x40
    hand.mrs(MPIDR, level=EL2)
    assert hand.status == (stub.PREEMPTED if fiq_to_el3 else 0)
    assert hand.mrs((3, 0, 12, 8, 0), level=S_EL1) == 40
    assert hand.mrs(MPIDR, level=EL2) & 0xFF == 0
    assert hand.status == 0


def test_a_result_is_the_operand_of_a_later_operation(machines: Machines) -> None:
    m = machines()
    hand = Hand(m)
    for encoding, value in ((ICC_PMR, 0xF0), (ICC_IGRPEN1, 1)):
        hand.msr(encoding, value)
    hand.store(GICD, 0x12)
    hand.store(GICD + 0x84, 0xFFFF_FFFF)
    hand.store(GICD + 0x104, 1 << 9)
    hand.store(GICD + 0x204, 1 << 9)
    iar = m.post(m.read_system(ICC_IAR1), 0, 0)
    active = m.post(m.load(4), 0, 0, GICD + 0x304)
    eoi = m.post(m.write_system(ICC_EOIR1), 0, 1 << stub.SHIFT_REFERENCE0, m.value_address(iar))
    after = m.post(m.load(4), 0, 0, GICD + 0x304)
    m.go()
    m.wait()
    assert [m.status(r) for r in (iar, active, eoi, after)] == [0] * 4
    assert (m.value(iar), m.value(active), m.value(after)) == (41, 1 << 9, 0)


def test_a_probe_reads_many_registers_at_once(machines: Machines) -> None:
    m = machines(pes=2)
    probe: list[System | Memory] = [System(MPIDR), Memory(GICD + 4), Memory(GICR + GICR_SIZE + 8, 8), System(ICC_RPR)]
    result = m.post(m.probe(probe), 1, 0, values=4)
    m.go()
    m.wait()
    assert m.status(result) == 0
    values = m.values(result, 4)
    assert (values[0] & 0xFF, values[2] >> 32, values[3]) == (1, 1, 0xFF)
    assert m.probe(probe) == m.probe(list(probe)), "one routine for one probe"


def test_pes_take_turns_in_one_order(machines: Machines) -> None:
    m = machines(pes=2)
    scratch = stub.RESULTS - 8

    def count_up(a: Assembler) -> None:
        a.load(1, 0)
        a.add(1, 1, 1)
        a.store(1, 0)
        a.mov_reg(0, 1)

    step = m.routine("count", count_up)
    count = 20_000
    results = [m.post(step, i * 7 // 3 & 1, 0, scratch) for i in range(count)]
    m.go()
    m.wait()
    assert [m.value(r) for r in results] == list(range(1, count + 1))


def test_more_than_the_ring_holds(machines: Machines) -> None:
    m = machines()
    rpr = m.read_system(ICC_RPR)
    for _ in range(stub.RING_SIZE):
        m.post(rpr, 0, 0)
    with pytest.raises(OracleError, match="more than 65536 operations"):
        m.post(rpr, 0, 0)
    m.go()
    m.wait()
    for _ in range(3):
        wide = m.post(m.probe([System(ICC_RPR)] * 300), 0, 0, values=300)
        for _ in range(2000):
            m.post(m.probe([System(ICC_RPR)] * 300), 0, 0, values=300)
        m.go()
        m.wait()
        assert m.values(wide, 300) == [0xFF] * 300


@pytest.mark.parametrize("gic", [2, 3])
@pytest.mark.parametrize("security", [False, True])
def test_reset_restores_the_gic_and_the_stub(machines: Machines, gic: int, security: bool) -> None:
    m = machines(gic=gic, pes=2, security=security)
    hand = Hand(m)
    hand.store(GICD + 0x104, 0xFF00)
    assert hand.load(GICD + 0x104, pe=1) == 0xFF00
    m.reset()
    assert hand.load(GICD + 0x104, pe=1) == 0
    assert m.done() == 1
