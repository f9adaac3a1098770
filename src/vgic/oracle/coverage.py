"""What episodes have met: each situation that the comparison must not miss, counted.

Counted on the model's side, from outcomes and probes, so a count says that the situation arose and was compared. What
an agreement is worth shows here: `missing` names the situations of a kind that never arose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vgic.arch.ich import MISR_NAMES
from vgic.arch.intid import special
from vgic.arch.state import STATE_NAMES
from vgic.oracle.episode import Operation
from vgic.oracle.probes import Probe
from vgic.oracle.qemu import How, Outcome

_OUTPUTS = ((7, "IRQ"), (6, "FIQ"))

_GUEST_MOVES = ("P>A", "A>I", "PA>P")
_PHYSICAL_MOVES = ("I>P", "P>I", "P>A", "P>PA", "A>I", "A>PA", "PA>P", "PA>A", "I>A")

PHYSICAL = (
    *(f"interrupt {m}" for m in _PHYSICAL_MOVES),
    "IRQ up",
    "IRQ down",
    "FIQ up",
    "FIQ down",
    "spurious 1023",
    "priority drop",
    "nested priority drop",
)
VIRTUAL = (
    *(f"MISR {name}" for name in MISR_NAMES), *(f"LR {m} HW={hw}" for m in _GUEST_MOVES for hw in (0, 1)),
    "maintenance up", "maintenance down", "EOIcount by EOIR", "EOIcount by DIR", "EOIcount wraps",
    "virtual IRQ up", "virtual IRQ down", "virtual FIQ up", "virtual FIQ down", "virtual spurious 1023",
    "virtual priority drop", "virtual nested priority drop", "twin deactivated", "twin already inactive",
)  # fmt: skip
V3_DROPS = ("drop of group 0", "drop of group 1", "drop of group 0 before group 1", "drop of group 1 before group 0")
TRAPS = ("trapped ICV_IAR0_EL1", "trapped ICV_IAR1_EL1", "trapped ICV_PMR_EL1", "trapped ICV_DIR_EL1", "trapped SGI")

REQUIRED: dict[str, tuple[str, ...]] = {
    "v2": (*PHYSICAL, "spurious 1022"),
    "v2-virtual": (*VIRTUAL, "virtual spurious 1022"),
    "v2-secure": (*PHYSICAL, "spurious 1022", "Non-secure acknowledge", "Secure acknowledge"),
    "v3": (*PHYSICAL, *V3_DROPS[:2], "UNDEFINED"),
    "v3-virtual": (
        *VIRTUAL, *(f"virtual {d}" for d in V3_DROPS), "virtual drop of group 0 on a tie", *TRAPS, "UNDEFINED",
        "LR P>I HW=0",
    ),
    "v3-secure": (
        *(p for p in PHYSICAL if not p.startswith("IRQ")), *V3_DROPS[:2], "UNDEFINED", "spurious 1020",
        "spurious 1021", "not done: a FIQ for EL3 came first", "trapped to EL3", "Non-secure acknowledge",
        "Secure acknowledge",
    ),
}  # fmt: skip
"""What each kind of generator must have met."""


class Coverage:
    """Counts of situations; a `Lockstep.watcher`. Call `begin` at each episode."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.begin()

    def begin(self) -> None:
        """Everything is at its reset again."""
        self._last: dict[tuple[str, int], Sequence[int]] = {}
        self._where: dict[Probe, dict[str, int]] = {}

    def missing(self, kind: str) -> list[str]:
        """The situations that this kind must have met and has not."""
        return [name for name in REQUIRED[kind] if not self.counts[name]]

    def __call__(self, operation: Operation, outcome: Outcome, seen: list[tuple[Probe, list[int]]]) -> None:
        self._outcome(operation, outcome)
        changed: list[tuple[Probe, Sequence[int], list[int]]] = []
        for probe, values in seen:
            key = probe.name, probe.pe
            old = self._last.get(key)
            if old is not None and old != values:
                changed.append((probe, old, values))
            self._last[key] = values
        moves = [move for probe, old, new in changed if probe.name == "state" for move in self._state(probe, old, new)]
        for probe, old, new in changed:
            if probe.name == "virtual":
                self._virtual(operation, probe, old, new, moves)
            elif probe.name == "outputs":
                self._lines("virtual ", old[0], new[0])

    def _outcome(self, operation: Operation, outcome: Outcome) -> None:
        register, counts = operation.register, self.counts
        if outcome.how is not How.DONE:
            counts[outcome.how.value] += 1
            if outcome.how is How.TRAPPED:
                counts[f"trapped {'SGI' if 'SGI' in register else register}"] += 1
        elif (operation.kind == "read" and "IAR" in register) or "HPPIR" in register:
            intid = outcome.value & 0x3FF if "GIC" in register else outcome.value
            who = "virtual " if register.startswith(("ICV", "GICV")) else ""
            if special(intid):
                counts[f"{who}spurious {intid}"] += 1
            elif "IAR" in register and not who:
                secure = operation.level.secure or operation.level.el == 3
                counts["Secure acknowledge" if secure else "Non-secure acknowledge"] += 1

    def _index(self, probe: Probe) -> dict[str, int]:
        where = self._where.get(probe)
        if where is None:
            where = self._where[probe] = {r.partition("@")[0]: i for i, r in enumerate(probe.registers)}
        return where

    def _lines(self, who: str, old: int, new: int) -> None:
        for bit, name in _OUTPUTS:
            if (old ^ new) >> bit & 1:
                self.counts[f"{who}{name} {'up' if new >> bit & 1 else 'down'}"] += 1

    def _state(self, probe: Probe, old: Sequence[int], new: Sequence[int]) -> list[tuple[int, str]]:
        """Counts what a PE's state probe shows; returns the moves of interrupts as (INTID, move)."""
        at = self._index(probe)
        self._lines("", old[at["ISR_EL1"]], new[at["ISR_EL1"]])
        self._drops("", at, old, new, ("ICC_AP0R0_EL1", "ICC_AP1R0_EL1"), ("GICC_APR", "GICC_NSAPR"))
        moves: list[tuple[int, str]] = []
        for register, i in at.items():
            name, _, n = register.rpartition("ISPENDR")
            if not name:
                continue
            j = at[f"{name}ISACTIVER{n}"]
            moved = old[i] ^ new[i] | old[j] ^ new[j]
            while moved:
                bit = (moved & -moved).bit_length() - 1
                moved &= moved - 1
                before = (old[i] >> bit & 1) | (old[j] >> bit & 1) << 1
                after = (new[i] >> bit & 1) | (new[j] >> bit & 1) << 1
                move = f"{STATE_NAMES[before]}>{STATE_NAMES[after]}"
                moves.append((int(n) * 32 + bit, move))
                self.counts[f"interrupt {move}"] += 1
        return moves

    def _drops(
        self,
        who: str,
        at: dict[str, int],
        old: Sequence[int],
        new: Sequence[int],
        v3: tuple[str, str],
        v2: tuple[str, ...],
    ) -> None:
        """Counts priority drops: an active priority that is gone, and what was active below or beside it."""
        if v3[0] in at:
            words = [(old[at[name]], new[at[name]]) for name in v3]
            for group, (before, after) in enumerate(words):
                other = words[1 - group][0]
                gone = before & ~after
                if gone and gone & (gone - 1) == 0:
                    self.counts[f"{who}drop of group {group}"] += 1
                    if other:
                        self.counts[f"{who}drop of group {group} before group {1 - group}"] += 1
                    if other & gone:
                        self.counts[f"{who}drop of group {group} on a tie"] += 1
        else:
            names = [n for n in at if n.startswith(v2)]
            words = [(old[at[n]], new[at[n]]) for n in names]
        before = sum(w[0].bit_count() for w in words)
        after = sum(w[1].bit_count() for w in words)
        if after == before - 1:
            self.counts[f"{who}priority drop"] += 1
            if after:
                self.counts[f"{who}nested priority drop"] += 1

    def _virtual(
        self, operation: Operation, probe: Probe, old: Sequence[int], new: Sequence[int], moves: list[tuple[int, str]]
    ) -> None:
        at, counts = self._index(probe), self.counts
        v3 = "ICH_HCR_EL2" in at
        hcr, misr = ("ICH_HCR_EL2", "ICH_MISR_EL2") if v3 else ("GICH_HCR", "GICH_MISR")
        risen = new[at[misr]] & ~old[at[misr]]
        for bit, name in enumerate(MISR_NAMES):
            if risen >> bit & 1:
                counts[f"MISR {name}"] += 1
        due = [bool(v[at[hcr]] & 1 and v[at[misr]]) for v in (old, new)]
        if due[0] != due[1]:
            counts[f"maintenance {'up' if due[1] else 'down'}"] += 1
        if not operation.register.startswith(("ICV", "GICV")):
            return
        self._drops("virtual ", at, old, new, ("ICH_AP0R0_EL2", "ICH_AP1R0_EL2"), ("GICH_APR",))
        counted = new[at[hcr]] >> 27 != old[at[hcr]] >> 27
        if counted:
            counts[f"EOIcount by {'DIR' if 'DIR' in operation.register else 'EOIR'}"] += 1
            if not new[at[hcr]] >> 27:
                counts["EOIcount wraps"] += 1
        for n in range(4):
            i = at[f"ICH_LR{n}_EL2" if v3 else f"GICH_LR{n}"]
            before, after = (_list_register(v[i], v3) for v in (old, new))
            if before[0] != after[0]:
                counts[f"LR {STATE_NAMES[before[0]]}>{STATE_NAMES[after[0]]} HW={before[1]}"] += 1
                if before[1] and before[0] & 2:
                    ended = any(intid == before[2] and move[0] != move.partition(">")[2][0] for intid, move in moves)
                    counts["twin deactivated" if ended else "twin already inactive"] += 1


def _list_register(value: int, v3: bool) -> tuple[int, int, int]:
    """State, HW and pINTID."""
    if v3:
        return value >> 62 & 3, value >> 61 & 1, value >> 32 & 0x1FFF
    return value >> 28 & 3, value >> 31 & 1, value >> 10 & 0x3FF
