"""What a machine is built of: pieces that are exchanged, by classes of ours and of a user's file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vgic.designs.bao import Bao
from vgic.designs.base import Design
from vgic.designs.build import Build, build_of
from vgic.designs.kvm import Kvm
from vgic.designs.xen import Xen
from vgic.explore.differ import made_of
from vgic.host import Kernel
from vgic.lab.errors import DesignFailed, ScenarioError
from vgic.lab.loader import design_file, designs, find_design, find_scenario
from vgic.lab.machine import Machine
from vgic.lab.perform import perform
from vgic.lab.schedule import Schedule
from vgic.rules.moments import Moments
from vgic.rules.world import VcpuView
from vgic.silicon import GicV2, GicV3


class MyV2(GicV2):
    """A chip of its own."""


class MyV3(GicV3):
    """A chip of its own."""


class MyKernel(Kernel):
    """A kernel of its own."""


MINE = Build(Kvm, MyV2, MyV3, MyKernel, "mine")


@pytest.mark.parametrize("scenario", ["level-forwarded", "v2-level-forwarded"])
@pytest.mark.parametrize("heard", [False, True])
def test_a_machine_is_of_the_classes_that_its_build_names(scenario: str, heard: bool) -> None:
    listeners: list[Moments[VcpuView]] = [Moments()] if heard else []
    m = Machine(find_scenario(scenario), MINE, listeners)
    assert isinstance(m.gic, MyV2 if scenario.startswith("v2") else MyV3)
    assert type(m.kernel) is MyKernel
    assert type(m.design) is Kvm
    plain = Machine(find_scenario(scenario), Kvm, listeners)
    assert not isinstance(plain.gic, MyV2 | MyV3)
    assert type(plain.kernel) is Kernel


@pytest.mark.parametrize("scenario", ["level-forwarded", "v2-level-forwarded"])
def test_an_exchanged_chip_is_heard_too(scenario: str) -> None:
    told: list[str] = []

    class Hears(Moments[VcpuView]):
        def accessed(self, pe: int, kind: str, write: bool, place: str, value: int, guest: bool) -> None:
            told.append(place)
    Schedule(find_scenario(scenario), MINE, listeners=[Hears()]).run()
    of_mine = told[:]
    told.clear()
    Schedule(find_scenario(scenario), Kvm, listeners=[Hears()]).run()
    assert of_mine == told != []


def test_a_class_stands_for_its_build() -> None:
    assert build_of(Xen) == Build(Xen) == designs()["xen"]
    assert build_of(MINE) is MINE
    assert Build(Xen).name == "xen"
    assert (MINE.exchanged, Build(Kvm).exchanged) == (True, False)


# -- a user's

CHIP = """
from vgic.designs import Build, Design, Kvm
from vgic.silicon import GicV3

class Deaf(GicV3):
    def irq(self, pe):
        return False

class Half(Design):
    pass

DEAF = Build(Kvm, gicv3=Deaf)
NAMED = Build(Kvm, gicv3=Deaf, name="deaf")

class Raises(GicV3):
    def __init__(self, *args, **kwargs):
        raise TypeError("not so")

RAISES = Build(Kvm, gicv3=Raises)
HALF = Build(Half)
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(CHIP)
    return str(path)


def test_a_users_build_is_found_by_its_name(mine: str) -> None:
    run = perform(find_scenario("level-forwarded"), f"{mine}:DEAF")
    assert run.design == "mine.py:DEAF"
    assert 2 in run.broken
    assert design_file(find_design(f"{mine}:DEAF")) == Path(mine)
    assert find_design(f"{mine}:NAMED").name == "deaf"


def test_a_build_is_compared_with_the_same_design_above_plain_pieces(mine: str) -> None:
    assert made_of(find_design(f"{mine}:DEAF")) == Build(Kvm)
    assert made_of(find_design("B103")).name == "kvm-late-release"


@pytest.mark.parametrize(("name", "says"), [
    ("HALF", r"Half is half written: it has no flush, inject, pending, sync \(methods"),
    ("Deaf", "Deaf is no subclass of vgic.designs.base.Design, and no Build: .* has Half, DEAF, NAMED, RAISES, HALF"),
])
def test_what_is_no_build(mine: str, name: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        find_design(f"{mine}:{name}")


def test_a_build_that_fails_is_told_with_its_file(mine: str) -> None:
    with pytest.raises(DesignFailed, match=r"design mine\.py:RAISES failed: TypeError: not so") as told:
        perform(find_scenario("level-forwarded"), f"{mine}:RAISES")
    assert f'File "{mine}"' in str(told.value)


@pytest.mark.parametrize(("pieces", "says"), [
    ({"design": GicV3}, "design = .*GicV3'>: expected a subclass of Design"),
    ({"design": Kvm, "gicv3": GicV2}, "gicv3 = .*GicV2'>: expected a subclass of GicV3"),
    ({"design": Kvm, "kernel": None}, "kernel = None: expected a subclass of Kernel"),
])
def test_a_piece_is_what_it_stands_for(pieces: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        Build(**pieces)


# -- what is imported from where


def test_old_and_new_homes_are_the_same() -> None:
    import vgic.designs.kvm.vgic

    assert vgic.designs.Design is Design
    assert vgic.designs.Kvm is Kvm is vgic.designs.kvm.vgic.Kvm
    assert (vgic.designs.Xen, vgic.designs.Bao, vgic.designs.Build) == (Xen, Bao, Build)
    with pytest.raises(AttributeError, match="no attribute 'Hyper'"):
        _ = vgic.designs.Hyper


def test_the_package_loads_only_what_is_asked_for() -> None:
    code = ("import sys, vgic.designs\nassert 'vgic.designs.base' not in sys.modules\nvgic.designs.Design\n"
            "assert 'vgic.designs.base' in sys.modules\nassert 'vgic.designs.kvm' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_hypervisors_are_not_made_of_one_another() -> None:
    above = {cls for cls in (*Xen.__mro__, *Bao.__mro__) if "designs.kvm" in cls.__module__}
    assert above == set()
    assert not issubclass(Xen, Bao)
    assert not issubclass(Bao, Xen)


def test_a_half_written_design_fails_at_construction_by_name() -> None:
    class Nothing(Design):
        def flush(self, vcpu: object) -> None:
            """Nothing."""
    with pytest.raises(TypeError, match=r"abstract class Nothing .*inject, pending, sync"):
        Nothing(None, [])  # type: ignore[abstract, arg-type]  # that is the point
