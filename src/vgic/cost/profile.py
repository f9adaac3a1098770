"""Cost profiles: cycles by event, each with its source.

A profile is a TOML file. A cost that it does not name is not priced, and a comparison says so: a guess would look like
a measurement.

    name = "mine"
    title = "my board"
    source = "perf, 2026-11-20"
    [cycles.exit]
    value = 900
    basis = "published"         # or "derived" from published figures, or "assumed"
    source = "where it comes from"
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vgic.lab.errors import ScenarioError
from vgic.lab.validate import read_toml, validated

EVENTS = {
    "exit": "an exit from the guest and the entry after it, without accesses to the GIC",
    "trap": "emulating a trapped access, beyond the exit",
    "switch": "a put of one vCPU and a load of another, without accesses to the GIC: half at each",
    "mmio_read": "a host's load from a frame of the GIC", "mmio_write": "a host's store to one",
    "sysreg_read": "a host's read of a system register of the GIC", "sysreg_write": "a host's write of one",
    "completion": "a guest's acknowledge and EOI, with no exit",
}
"""What can be priced."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Cost(_Table):
    """The cycles of one event, and where they come from."""

    value: int = Field(ge=0, le=10_000_000)
    basis: Literal["published", "derived", "assumed"]
    source: str = Field(min_length=3)


class Cycles(_Table):
    """The costs of a profile; see EVENTS."""

    exit: Cost | None = None
    trap: Cost | None = None
    switch: Cost | None = None
    mmio_read: Cost | None = None
    mmio_write: Cost | None = None
    sysreg_read: Cost | None = None
    sysreg_write: Cost | None = None
    completion: Cost | None = None


class Profile(_Table):
    """One profile. `confirmed`: whether somebody compared the figures with the source."""

    name: str = Field(min_length=1, max_length=40)
    title: str = Field(min_length=3)
    source: str = Field(min_length=3)
    confirmed: bool = True
    note: str = ""
    cycles: Cycles

    def cost(self, event: str) -> int:
        """Cycles of an event, 0 where it is not priced."""
        found: Cost | None = getattr(self.cycles, event)
        return found.value if found is not None else 0

    def priced(self, event: str) -> bool:
        """Whether it names an event."""
        return getattr(self.cycles, event) is not None

    def unpriced(self) -> tuple[str, ...]:
        """The events that it does not name."""
        return tuple(event for event in EVENTS if not self.priced(event))


def usual(gic: int) -> str:
    """The name of the profile for a machine with this GIC, 2 or 3: measured on one."""
    return {2: "xgene-kvm", 3: "vhe"}[gic]


def profile_dir() -> Path:
    """The folder of the profiles that come with vgic."""
    return Path(__file__).resolve().parent / "profiles"


def load_profile(path: Path | str) -> Profile:
    """Reads a profile. ScenarioError where it can't be used."""
    text = read_toml(path, "a cost profile: a TOML file, or the name of one of ours")
    tables: dict[tuple[str, ...], type[BaseModel]] = {(): Profile, ("cycles",): Cycles}
    tables |= {("cycles", event): Cost for event in EVENTS}
    return validated(Profile, text, str(path), tables)[0]


def profiles() -> list[Profile]:
    """The profiles that come with vgic, in the order of their names."""
    return [load_profile(path) for path in sorted(profile_dir().glob("*.toml"))]


def find_profile(name: str) -> Profile:
    """A profile by name, or from a file. ScenarioError where there is none."""
    if name.endswith(".toml") or "/" in name:
        return load_profile(name)
    path = profile_dir() / f"{name}.toml"
    if path.is_file():
        return load_profile(path)
    names = [p.stem for p in sorted(profile_dir().glob("*.toml"))]
    close = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(names)}, or a file.toml"
    raise ScenarioError(f"cost profile {name!r}: there is none of that name: {hint}")
