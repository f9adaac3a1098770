"""The words for what lanes show: a line, an interrupt of the chip, a list register."""

from __future__ import annotations

from vgic.arch.state import INACTIVE, STATE_NAMES
from vgic.silicon.states import InterruptState, LineState, LrState

NOTHING = "-"
"""Said of what there is none of."""


def line(state: LineState | None) -> str:
    """high, low; - where there is no line."""
    return NOTHING if state is None else "high" if state.high else "low"


def interrupt(state: InterruptState | None) -> str:
    """I, P, A or PA, and whether it is disabled."""
    return NOTHING if state is None else STATE_NAMES[state.state] + ("" if state.enabled else " masked")


def list_register(state: LrState) -> str:
    """P  27 -> 27 HW: the state, the vINTID, the twin; - for one that was never written."""
    if state.state == INACTIVE:
        return STATE_NAMES[INACTIVE] if state.vintid else NOTHING
    twin = f" -> {state.pintid} HW" if state.pintid is not None else " EOI" if state.eoi else ""
    source = f" from {state.source}" if state.source else ""
    return f"{STATE_NAMES[state.state]:<2} {state.vintid}{source}{twin}"
