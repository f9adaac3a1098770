"""Rule 41 on recordings: the host ends what it acknowledged and has not ended; and what its ends are not."""

from __future__ import annotations

import pytest
from tests.rules.test_recordings import EOI_V2, told
from tests.trace.recordings import Scene


@pytest.fixture
def scene() -> Scene:
    s = Scene()
    s.start()
    return s


def test_41_what_the_host_never_acknowledged(scene: Scene) -> None:
    scene.write("ICC_EOIR1_EL1", 27)
    (what,) = told(scene, 41)
    assert what.startswith("the host's ICC_EOIR1_EL1 on pe0, write of 0x1b (INTID 27): expected nothing: no interrupt")


def test_41_the_register_of_another_group(scene: Scene) -> None:
    scene.raise_line(27)
    scene.read("ICC_IAR1_EL1", 27)
    scene.write("ICC_EOIR0_EL1", 27)
    assert "expected a write to the register of its group, 1" in told(scene, 41)[0]


def test_41_another_than_was_acknowledged_last(scene: Scene) -> None:
    scene.feed_byte(0x080B_0400 + 26, 0x80)
    scene.feed_byte(0x080B_0400 + 27, 0xA0)
    scene.raise_line(27)
    scene.read("ICC_IAR1_EL1", 27)
    scene.raise_line(26)
    scene.read("ICC_IAR1_EL1", 26)
    scene.write("ICC_EOIR1_EL1", 27)
    assert "expected 26, which was acknowledged last" in told(scene, 41)[0]


def test_41_a_second_dir(scene: Scene) -> None:
    scene.write("ICC_CTLR_EL1", 2)
    scene.raise_line(27)
    scene.read("ICC_IAR1_EL1", 27)
    scene.write("ICC_EOIR1_EL1", 27)
    scene.write("ICC_DIR_EL1", 27)
    assert scene.broken() == {}
    scene.write("ICC_DIR_EL1", 27)
    assert "was deactivated before" in told(scene, 41)[0]
    assert scene.judged(41) == 3


def test_41_nested_acknowledges_and_those_of_lpis_match(scene: Scene) -> None:
    scene.feed_byte(0x080B_0400 + 26, 0x80)
    scene.feed_byte(0x080B_0400 + 27, 0xC8)
    scene.raise_line(27)
    scene.read("ICC_IAR1_EL1", 27)
    scene.read("ICC_IAR1_EL1", 8195)
    scene.raise_line(26)
    scene.read("ICC_IAR1_EL1", 26)
    for intid in (26, 8195, 27):
        scene.write("ICC_EOIR1_EL1", intid)
    assert scene.broken() == {}
    assert scene.judged(41) == 3


def test_41_software_that_clears_the_active_priorities_begins_anew(scene: Scene) -> None:
    scene.raise_line(27)
    scene.read("ICC_IAR1_EL1", 27)
    scene.write("ICC_AP1R0_EL1", 0)
    scene.raise_line(26)
    scene.take(26)
    assert scene.broken() == {}


def test_41_a_special_intid_ends_nothing(scene: Scene) -> None:
    scene.write("ICC_EOIR1_EL1", 1023)
    assert scene.judged(41) == 0


def test_14_and_41_on_a_gicv2() -> None:
    s = Scene(2)
    s.store(0x0801_0010, 27, region="gic_cpu")
    s.store(EOI_V2, 27, region="gic_vcpu")
    assert s.broken() == {14: 1, 41: 1}
