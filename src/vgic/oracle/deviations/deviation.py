"""Where QEMU is known to do otherwise than the architecture, each by name.

What is done about a deviation is its `kind`:

- *option*: it changes state, so the model has to follow it. `GicV2Options.qemu()` and `GicV3Options.qemu()` set the
  option, `vgic.silicon.profile` tells its sentence, the architecture's value is the default.
- *tolerance*: a value that QEMU alone shows, recognised by a predicate; state stays the same.
- *avoided*: it changes state, and generators keep away from it.
- *driver*: the driver makes it harmless (it rewrites a register, so that QEMU looks at its state again).
- *hazard*: QEMU aborts or corrupts itself; generators keep away from it.

Each has a script that shows it (tests/oracle/test_deviations.py runs them all), so that a QEMU that mends it is
noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vgic.silicon.profile import SENTENCES

if TYPE_CHECKING:
    from vgic.oracle.episode import Operation
    from vgic.oracle.model import Model

Kind = Literal["option", "tolerance", "avoided", "driver", "hazard"]


class Sight(NamedTuple):
    """A difference to be explained: after which operation, in which register, what each side says, and the model."""

    operation: Operation
    register: str
    qemu: int
    model: int
    chip: Model


@dataclass(frozen=True, slots=True)
class Deviation:
    """One deviation of QEMU's.

    Args:
        id: its name. kind: what is done about it.
        sentence: what QEMU does, and what the architecture says. section: where it says so.
        gic: which GIC. versions: QEMU's, the first seen with it (7.2) and the last that may have it: 10.0, the newest
            looked at, or 9.2 where 10.0 has mended it.
        machine: the rest of the machine that shows it.
        script: an episode's operations that show it, one a line. shows: the register, or the operation, that differs.
        option: of kind option: the model's option and its architectural value.
        explains: of kind tolerance: whether it explains a difference.
    """

    id: str
    kind: Kind
    sentence: str
    section: str
    gic: int
    script: str
    shows: str = ""
    machine: str = "pes=1 security=off"
    versions: tuple[str, str] = ("7.2", "10.0")
    option: tuple[str, Any] | None = None
    explains: Callable[[Sight], bool] | None = None

    def concerns(self, gic: int, version: str) -> bool:
        """Whether a QEMU of this version has it; an unknown later version is taken to have what the last seen had."""
        first, last = (tuple(map(int, v.split("."))) for v in self.versions)
        here = tuple(map(int, version.split(".")))[:2]
        newest = tuple(map(int, NEWEST_SEEN.split(".")))
        return self.gic == gic and first <= here and (here <= last or last >= newest)

    def episode_text(self) -> str:
        """The script with its machine."""
        return f"machine gicv{self.gic} {self.machine}\n{self.script}\n"


NEWEST_SEEN = "10.0"
"""The newest QEMU whose deviations were looked at."""


def option(
    name: str,
    value: object,
    script: str,
    shows: str,
    machine: str = "pes=1 security=off",
    versions: tuple[str, str] = ("7.2", "10.0"),
) -> Deviation:
    """An option of the model; `value` is the architecture's."""
    told = SENTENCES[name]
    return Deviation(
        f"v{told.gic}-{name.replace('_', '-')}",
        "option",
        told.sentence,
        told.section,
        told.gic,
        script,
        shows,
        machine,
        versions,
        (name, value),
    )
