"""What GICD_NSACR permits (IHI 0069, GICD_NSACR<n>), register by register."""

from __future__ import annotations

import pytest
from tests.silicon.board import V3

SPI = 40


def board(nsacr: int, group: int) -> V3:
    """SPI 40 in Group 0 (group 0) or Secure Group 1 (1), with its NSACR field."""
    b = V3(security=True, one_of_n="lowest", message_spis=True)
    b.put("IGRPMODR", SPI, group, secure=True)
    b.w("GICD_NSACR2", nsacr << 16, secure=True)
    return b


LEAST = {      # the least NSACR value from which a Non-secure access works; 4: never
    "ISPENDR write": 1, "ISPENDR read": 1, "SETSPI": 1, "ICPENDR write": 2, "ICPENDR read": 2, "CLRSPI": 2,
    "ISACTIVER read": 2, "ICACTIVER read": 2, "IROUTER write": 3, "IROUTER read": 3, "ISACTIVER write": 4,
    "ICACTIVER write": 4, "ISENABLER write": 4, "ICENABLER write": 4, "ISENABLER read": 4, "ICENABLER read": 4,
    "IPRIORITYR write": 4, "IPRIORITYR read": 4, "ICFGR write": 4, "ICFGR read": 4,
}


def works(b: V3, access: str) -> bool:
    """Does the Non-secure access to a Secure interrupt whose bits are all set, or for a set register all clear."""
    name, _, verb = access.partition(" ")
    bit = 1 << SPI % 32
    if name == "SETSPI":
        b.w("GICD_SETSPI_NSR", SPI)
        return b.state(SPI, secure=True) == "P"
    if name == "CLRSPI":
        b.w("GICD_SETSPI_NSR", SPI, secure=True)
        b.w("GICD_CLRSPI_NSR", SPI)
        return b.state(SPI, secure=True) == "I"
    if name == "IROUTER":
        b.w("GICD_IROUTER40", 1, secure=verb == "read")
        return b.r("GICD_IROUTER40", secure=verb == "write") == 1
    if name == "IPRIORITYR":
        b.prioritize(SPI, 0xC0, secure=verb == "read")
        return b.priority(SPI, secure=verb == "write") != 0
    if name == "ICFGR":
        b.w("GICD_ICFGR2", 2 << 16, secure=verb == "read")
        return b.r("GICD_ICFGR2", secure=verb == "write") == 2 << 16
    set_, clear = "IS" + name[2:], "IC" + name[2:]
    if verb == "write" and name == set_:
        b.w(f"GICD_{set_}1", bit)
        return b.r(f"GICD_{set_}1", secure=True) == bit
    b.w(f"GICD_{set_}1", bit, secure=True)
    if verb == "read":
        return b.r(f"GICD_{name}1") == bit
    b.w(f"GICD_{clear}1", bit)
    return b.r(f"GICD_{set_}1", secure=True) == 0


@pytest.mark.parametrize("nsacr", range(4))
@pytest.mark.parametrize("group", [0, 1], ids=["group 0", "secure group 1"])
@pytest.mark.parametrize("access", LEAST)
def test_nsacr(access: str, group: int, nsacr: int) -> None:
    assert works(board(nsacr, group), access) == (nsacr >= LEAST[access])


def test_nsacr_is_secure_and_gone_with_a_single_security_state() -> None:
    b = board(3, 0)
    assert b.r("GICD_NSACR2") == 0
    b.w("GICD_NSACR2", 0)
    assert b.r("GICD_NSACR2", secure=True) == 3 << 16
    b.w("GICD_CTLR", 0x70, secure=True)
    assert b.r("GICD_NSACR2") == b.r("GICD_NSACR2", secure=True) == 0


def test_groups_and_modifiers_make_three_groups() -> None:
    """IHI 0069, GICD_IGRPMODR<n>: group 1 with the modifier is reserved and acts as Non-secure Group 1."""
    b = V3(security=True)
    for igroup, modifier, visible, rank in ((0, 0, False, 0), (1, 0, True, 2), (0, 1, False, 1), (1, 1, True, 2)):
        b.put("IGROUPR", SPI, igroup, secure=True)
        b.put("IGRPMODR", SPI, modifier, secure=True)
        assert (b.bit("IGROUPR", SPI, secure=True), b.bit("IGRPMODR", SPI, secure=True)) == (igroup, modifier)
        irq = b.gic.distributor.find(SPI, 0)
        assert irq is not None
        assert irq.group == rank
        b.w("GICD_ICENABLER1", 0xFFFF_FFFF, secure=True)
        b.w("GICD_ISENABLER1", 1 << 8)
        assert b.bit("ISENABLER", SPI, secure=True) == visible
        b.put("IGRPMODR", SPI, 0, secure=True)


def test_nonsecure_accesses_can_not_change_groups() -> None:
    b = V3(security=True)
    for name in ("GICD_IGROUPR1", "GICD_IGRPMODR1", "GICR_IGROUPR0", "GICR_IGRPMODR0", "GICR_NSACR", "GICD_NSACR2"):
        b.w(name, 0xFFFF_FFFF)
        assert b.r(name, secure=True) == 0
        b.w(name, 0xFFFF_FFFF, secure=True)
        assert b.r(name) == 0
        assert b.r(name, secure=True) == 0xFFFF_FFFF


def test_private_interrupts_have_the_nonsecure_view_too() -> None:
    b = V3(security=True)
    b.put("IGROUPR", 27, 1, secure=True)
    b.w("GICR_ISENABLER0", 0xFFFF_FFFF)
    assert b.r("GICR_ISENABLER0", secure=True) == 1 << 27
    b.w("GICR_ISENABLER0", 0xFFFF_FFFF, secure=True)
    assert b.r("GICR_ISENABLER0") == 1 << 27
    b.w("GICR_ICENABLER0", 0xFFFF_FFFF)
    assert b.r("GICR_ISENABLER0", secure=True) == 0xFFFF_FFFF & ~(1 << 27)
    for name in ("PENDR0", "ACTIVER0"):
        b.w(f"GICR_IS{name}", 0xFFFF_FFFF)
        assert b.r(f"GICR_IC{name}", secure=True) == 1 << 27
        b.w(f"GICR_IS{name}", 0xFFFF_FFFF, secure=True)
        b.w(f"GICR_IC{name}", 0xFFFF_FFFF)
        assert b.r(f"GICR_IC{name}", secure=True) == 0xFFFF_FFFF & ~(1 << 27)
    b.prioritize(27, 0x40)
    b.prioritize(28, 0x40)
    assert (b.priority(27, secure=True), b.priority(28, secure=True)) == (0xA0, 0)
    assert (b.priority(27), b.priority(28)) == (0x40, 0)
    b.edge(27)
    b.edge(28)
    assert b.r("GICR_ICFGR1", secure=True) == 2 << 22


@pytest.mark.parametrize("nsacr", range(3))
def test_gicr_nsacr_is_about_sending_sgis_alone(nsacr: int) -> None:
    """IHI 0069, GICR_NSACR: it permits Non-secure accesses to generate an SGI, not to change its pending state."""
    b = V3(security=True)
    b.w("GICR_NSACR", nsacr * 0x5555_5555, secure=True)
    b.w("GICR_ISPENDR0", 0xFFFF)
    assert b.r("GICR_ISPENDR0", secure=True) == 0
    b.w("GICR_ISPENDR0", 0xFFFF, secure=True)
    b.w("GICR_ISACTIVER0", 0xFFFF, secure=True)
    b.w("GICR_ICPENDR0", 0xFFFF)
    assert [b.r(f"GICR_{name}0") for name in ("ISPENDR", "ICPENDR", "ISACTIVER", "ICACTIVER")] == [0] * 4
    assert b.r("GICR_ISPENDR0", secure=True) == 0xFFFF
