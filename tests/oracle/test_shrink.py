"""The shrinker alone: what is left still fails, and nothing more can go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vgic.oracle.episode import Episode, Operation, Reference, parse
from vgic.oracle.lockstep import Mismatch
from vgic.oracle.machine import MachineOptions
from vgic.oracle.shrink import reduce

OPTIONS = MachineOptions(3)


def numbered(values: list[int]) -> Episode:
    return Episode(OPTIONS, tuple(Operation("write", "GICD_CTLR", size=4, value=v) for v in values))


def values(episode: Episode) -> list[int]:
    return [op.value for op in episode.operations if isinstance(op.value, int)]


def fails_when_all_stand(wanted: set[int], episode: Episode) -> Mismatch | None:
    """Fails at the first operation by which all wanted values have been written."""
    missing = set(wanted)
    for i, op in enumerate(episode.operations):
        if isinstance(op.value, int):
            missing.discard(op.value)
        if not missing:
            return Mismatch(i, "X", "", "", "")
    return None


@given(st.sets(st.integers(1, 200), min_size=1, max_size=6), st.lists(st.integers(0, 200), max_size=120), st.randoms())
def test_only_what_is_needed_is_left(wanted: set[int], others: list[int], source: object) -> None:
    shuffled = [*wanted, *(o for o in others if o not in wanted)]
    source.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    left = reduce(lambda e: fails_when_all_stand(wanted, e), numbered(shuffled))
    assert sorted(values(left)) == sorted(wanted)


def test_an_episode_that_does_not_fail_stays() -> None:
    episode = numbered([1, 2, 3])
    assert reduce(lambda e: None, episode) is episode


def test_values_lose_the_bits_that_are_not_needed() -> None:
    def fails(episode: Episode) -> Mismatch | None:
        for i, op in enumerate(episode.operations):
            if isinstance(op.value, int) and op.value & 0x81 == 0x81:
                return Mismatch(i, "X", "", "", "")
        return None

    assert values(reduce(fails, numbered([7, 0xFF, 9]))) == [0x81]


def test_references_stay_valid() -> None:
    episode = parse(
        "machine gicv3 pes=1 security=off\npe0 el2 read GICD_CTLR\n2: pe0 el2 read ICC_IAR1_EL1\n"
        "pe0 el2 read GICD_TYPER\npe0 el2 write ICC_EOIR1_EL1 result 2\npe0 el2 read GICD_CTLR\n"
    )

    def fails(candidate: Episode) -> Mismatch | None:
        for i, op in enumerate(candidate.operations):
            if isinstance(op.value, Reference):
                assert candidate.operations[op.value.index].register == "ICC_IAR1_EL1"
                return Mismatch(i, "X", "", "", "")
        return None

    left = reduce(fails, episode)
    assert [op.register for op in left.operations] == ["ICC_IAR1_EL1", "ICC_EOIR1_EL1"]


def test_another_difference_does_not_count() -> None:
    """Leaving an operation out may lead to a known deviation, which is not what was looked for."""

    def fails(episode: Episode) -> Mismatch | None:
        if 1 in values(episode):
            return Mismatch(len(episode.operations) - 1, "X" if 2 in values(episode) else "Y", "", "", "")
        return None

    assert values(reduce(fails, numbered([1, 2]))) == [1, 2]
