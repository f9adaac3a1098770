"""Ends that match nothing: an EOIR or DIR of what was not acknowledged, in the wrong order, or without an SGI's source.

The architecture leaves their effect open, and the options decide it. That they happened is worth a notice, for they are
mistakes of software. To know them takes a memory of what was acknowledged, which hardware hasn't: it is kept only where
somebody takes notices (`report` is not `ignore`), so that an exploration of all schedules has no more state, and learns
no more, than without. What the architecture permits gives none: special INTIDs, an EOIR after ICACTIVER, interrupts
whose active priority software has restored.
"""

from __future__ import annotations

from vgic.arch.gicc import CPUID_SHIFT, INTID
from vgic.arch.intid import SGIS
from vgic.silicon.report import Notice

PHYSICAL = frozenset({"ICC_EOIR0_EL1", "ICC_EOIR1_EL1", "ICC_DIR_EL1", "GICC_EOIR", "GICC_AEOIR", "GICC_DIR"})
"""The registers that end interrupts at a physical CPU interface."""
UNKNOWN = (-1, -1)
"""An active priority that software has written: whose it is, is not known."""
MOST = 128
"""There are no more levels of priority to be active."""


def unmatched(register: str, value: int, expected: str) -> Notice:
    """A write to a register that ends interrupts, which matches nothing; `expected`: what would have."""
    return Notice("unpredictable", register, f"write of {value:#x} (INTID {value & 0xFFFFFF}): {expected}")


def is_physical(notice: Notice) -> bool:
    """Whether a notice tells of an end at a physical CPU interface that matches nothing."""
    return notice.kind == "unpredictable" and notice.register in PHYSICAL


def named(iar: int) -> str:
    """An acknowledged interrupt in words: the INTID, and of a GICv2's SGI its source."""
    if iar >> CPUID_SHIFT and iar & INTID < SGIS and iar < 1 << CPUID_SHIFT + 3:
        return f"{iar:#x} (SGI {iar & INTID} from CPU {iar >> CPUID_SHIFT})"
    return str(iar)


class Acknowledged:
    """What a physical CPU interface has acknowledged and its software has not ended.

    Attributes:
        running: what IAR has shown of each, with its group, the latest last; UNKNOWN of restored ones.
        dropped: GICv2's SGIs, with their sources, whose priority was dropped and which await DIR.
    """

    __slots__ = ("dropped", "running")

    def __init__(self) -> None:
        self.running: tuple[tuple[int, int], ...] = ()
        self.dropped: tuple[int, ...] = ()

    def take(self, iar: int, group: int) -> None:
        """It is acknowledged."""
        self.running = (*self.running[1 - MOST:], (iar, group))

    def restore(self, active: int) -> None:
        """Software has written the active priorities, `active` of them are set now."""
        self.running = (UNKNOWN,) * active

    def end(self, value: int, groups: tuple[int, ...]) -> str:
        """A write to an EOIR that ends interrupts of these groups. What was expected instead, "" if it matches."""
        running = self.running
        if not running:
            return "expected nothing: no interrupt that was acknowledged here is left"
        last = running[-1]
        if last == UNKNOWN or (last[0] == value and last[1] in groups):
            self.running = running[:-1]
            return ""
        expected = f"expected {named(last[0])}, which was acknowledged last"
        same = [n for n, (iar, _) in enumerate(running) if iar == value]
        if last[0] == value:
            return f"expected a write to the register of its group, {'1' if last[1] else '0'}"
        if same:
            self.running = running[:same[-1]] + running[same[-1] + 1:]
        elif UNKNOWN in running:
            n = running.index(UNKNOWN)
            self.running = running[:n] + running[n + 1:]
            return ""
        elif last[0] & INTID == value & INTID < SGIS:
            self.running = running[:-1]
        return expected

    def drop(self, iar: int) -> None:
        """The priority of a GICv2's SGI was dropped, and DIR is to follow."""
        self.dropped = (*self.dropped[1 - MOST:], iar)

    def deactivate(self, iar: int) -> str:
        """A write to DIR of a GICv2's SGI that is active. What was expected instead, "" if it matches."""
        waiting = [one for one in self.dropped if one & INTID == iar & INTID]
        self.dropped = tuple(one for one in self.dropped if one != iar)
        return f"expected {named(waiting[0])}, its source with it" if waiting and iar not in waiting else ""
