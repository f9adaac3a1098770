"""Each deviation of QEMU's is shown by its script; where one doesn't show any more, QEMU has mended it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vgic.oracle.deviations import DEVIATIONS, Deviation
from vgic.oracle.episode import parse
from vgic.oracle.errors import OracleDied
from vgic.oracle.lockstep import STALE_AFTER, Lockstep, Mismatch
from vgic.oracle.machine import MachineOptions
from vgic.oracle.qemu import Qemu, _clear_aprs
from vgic.silicon.options_v2 import GicV2Options
from vgic.silicon.options_v3 import GicV3Options
from vgic.silicon.profile import PROFILE

BY_ID = {d.id: d for d in DEVIATIONS}


class Machines:
    """Machines by their options, started when first asked for."""

    def __init__(self) -> None:
        self.started: dict[MachineOptions, Qemu] = {}

    def __call__(self, options: MachineOptions) -> Qemu:
        if options not in self.started:
            self.started[options] = Qemu(options)
        return self.started[options]


@pytest.fixture(scope="module")
def qemus() -> Iterator[Machines]:
    machines = Machines()
    yield machines
    for qemu in machines.started.values():
        qemu.close()


def of_kind(*kinds: str) -> list[str]:
    return [d.id for d in DEVIATIONS if d.kind in kinds]


def run(qemus: Machines, deviation: Deviation, **how: object) -> Mismatch | None:
    episode = parse(deviation.episode_text(), deviation.id)
    qemu = qemus(episode.options)
    if not deviation.concerns(deviation.gic, qemu.machine.version):
        pytest.skip(f"QEMU {qemu.machine.version} is not known to have {deviation.id}")
    return Lockstep(qemu, **how).run(episode)  # type: ignore[arg-type]  # each test names what it passes


def must_show(deviation: Deviation, difference: Mismatch | None) -> None:
    mended = f"{deviation.id} does not show: QEMU has mended it? Narrow its versions. {deviation.sentence}"
    assert difference is not None, mended
    assert difference.what == deviation.shows, difference


@pytest.mark.oracle
@pytest.mark.parametrize("name", of_kind("option"))
def test_an_option_makes_the_model_follow(qemus: Machines, name: str) -> None:
    deviation = BY_ID[name]
    assert deviation.option is not None
    option, architecture = deviation.option
    must_show(deviation, run(qemus, deviation, changes={option: architecture}))
    assert run(qemus, deviation) is None


@pytest.mark.oracle
@pytest.mark.parametrize("name", of_kind("tolerance"))
def test_a_tolerance_is_needed_and_is_enough(qemus: Machines, name: str) -> None:
    deviation = BY_ID[name]
    must_show(deviation, run(qemus, deviation, deviations=tuple(d for d in DEVIATIONS if d is not deviation)))
    assert run(qemus, deviation) is None


@pytest.mark.oracle
@pytest.mark.parametrize("name", of_kind("avoided"))
def test_what_generators_keep_away_from(qemus: Machines, name: str) -> None:
    must_show(BY_ID[name], run(qemus, BY_ID[name]))


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["v2-stale-twin", "v3-stale-config"])
def test_the_driver_makes_qemu_look_again(qemus: Machines, name: str) -> None:
    must_show(BY_ID[name], run(qemus, BY_ID[name], nudge=False))
    assert run(qemus, BY_ID[name]) is None


@pytest.mark.oracle
def test_the_driver_clears_what_a_reset_leaves(qemus: Machines) -> None:
    deviation = BY_ID["v2-apr-not-reset"]
    episode = parse(deviation.episode_text())
    qemu = qemus(episode.options)
    qemu.reset()
    qemu.run(episode.operations)
    read = parse(f"machine {episode.options}\npe0 el2 read {deviation.shows}\n").operations
    qemu.mailbox.reset()
    assert qemu.run(read)[0].value == 0x10, "QEMU resets GICC_APR<n> now: narrow the versions of v2-apr-not-reset"
    qemu.mailbox.post(qemu.mailbox.routine("APRs", _clear_aprs), 0, qemu.mailbox.flags(qemu.home))
    assert qemu.run(read)[0].value == 0


@pytest.mark.oracle
@pytest.mark.parametrize("name", of_kind("hazard"))
def test_what_kills_qemu(name: str) -> None:
    episode = parse(BY_ID[name].episode_text())
    with Qemu(episode.options) as qemu, pytest.raises(OracleDied, match=r"SIGABRT at operation \d+\n.*Assertion"):
        qemu.run(episode.operations)


def test_names_are_unique_and_scripts_can_be_read() -> None:
    assert len(BY_ID) == len(DEVIATIONS)
    for deviation in DEVIATIONS:
        assert deviation.id.startswith(f"v{deviation.gic}-")
        assert parse(deviation.episode_text()).options.gic == deviation.gic
        assert deviation.section.startswith("IHI")
        assert deviation.sentence.endswith(".")
        assert (deviation.kind == "tolerance") == (deviation.explains is not None)
        assert (deviation.kind == "option") == (deviation.option is not None)


def test_every_option_of_the_profile_is_shown() -> None:
    """QEMU's departures that the chip follows (vgic.silicon.profile) each have a script here."""
    chosen = {d.option[0] for d in DEVIATIONS if d.option is not None}
    tolerated_instead = {"typer_lines_of_spis"}
    assert {p.option for p in PROFILE} - tolerated_instead <= chosen


@pytest.mark.parametrize("name", of_kind("option"))
def test_the_architectures_value_is_the_default(name: str) -> None:
    deviation = BY_ID[name]
    assert deviation.option is not None
    option, architecture = deviation.option
    default, qemu = (
        (GicV2Options(), GicV2Options.qemu()) if deviation.gic == 2 else (GicV3Options(), GicV3Options.qemu())
    )
    assert default.choices()[option] == architecture
    assert qemu.choices()[option] != architecture


@pytest.mark.parametrize(
    ("version", "known"),
    [("7.1.0", False), ("7.2.22", True), ("9.2.1", True), ("10.0.2", False), ("11.0.0", False)],
)
def test_a_deviation_ends_with_its_last_version(version: str, known: bool) -> None:
    assert BY_ID["v3-typer-lines"].concerns(3, version) is known


def test_a_later_qemu_is_taken_to_be_like_the_newest_seen() -> None:
    assert BY_ID["v3-irouter-res0"].concerns(3, "12.0.0")
    assert not BY_ID["v3-irouter-res0"].concerns(2, "10.0.2")


def test_nudges_name_registers() -> None:
    assert set(STALE_AFTER) == {2, 3}
