"""The line of a model's source that changes what must not change: by running a call once more, watched line by line.

Only for messages: it is slow, and used where a model is refused.
"""
from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

from vgic.engine.model.seal import Seal

_OWN: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
"""The engine's own files: no model's line is there."""


def line_of(seal: Seal, i: int, call: Callable[[], object]) -> str:
    """Where in a source the call changes constant i: file, line, function and text; "" where that can't be seen.

    The constant is put back first, so far as it can be. Whatever the call raises is dropped.
    """
    seal.restore()
    before, place = seal.change(i), ""
    at: tuple[Any, int] | None = None

    def look(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal at, place
        if frame.f_code.co_filename.startswith(_OWN):
            return None
        if not place and seal.change(i) != before:
            place = _told(at)
        if event == "line":
            at = frame.f_code, frame.f_lineno
        elif event == "return" and frame.f_back is not None:
            at = frame.f_back.f_code, frame.f_back.f_lineno
        return None if place else look
    tracing = sys.gettrace()
    sys.settrace(look)
    try:
        with suppress(Exception):
            call()
    finally:
        sys.settrace(tracing)
    if not place and seal.change(i) != before:
        place = _told(at)
    seal.restore()
    return place


def here() -> str:
    """The line of the model's source that is running."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    return _told(None if frame is None else (frame.f_code, frame.f_lineno))


def _told(at: tuple[Any, int] | None) -> str:
    if at is None:
        return ""
    code, line = at
    text = linecache.getline(code.co_filename, line).strip()
    return f"{os.path.basename(code.co_filename)}:{line}, in {code.co_name}: {text}"
