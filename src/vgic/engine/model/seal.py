"""What must never change, remembered and compared: constants of the machine, of its classes and of its modules."""
from __future__ import annotations

import itertools
import random
import types
from collections import deque
from collections.abc import Callable, Iterable
from operator import is_, length_hint
from typing import Any, Final

from vgic.engine.model.inventory import CONTAINERS, COUNTERS, Inventory, attributes_of, content_of, slots_of
from vgic.engine.model.values import key_of, shown

_WITHOUT_CLASS: Final = (*CONTAINERS, type, types.ModuleType, types.CellType, types.FunctionType)


def _items(held: Any) -> dict[Any, Any]:
    """What a container or object holds, by place."""
    if isinstance(held, dict):
        return dict(held)
    if isinstance(held, (types.ModuleType, type, types.FunctionType)):
        return dict(vars(held))
    if isinstance(held, COUNTERS):
        return {"position": _position(held)}
    if isinstance(held, types.CellType):
        return {"value": content_of(held)}
    if isinstance(held, set):
        return dict.fromkeys(held)
    if isinstance(held, (list, deque, bytearray)):
        return dict(enumerate(held))
    return attributes_of(held)


def _position(held: Any) -> Any:
    """Where a generator, an iterator or a source of random numbers is."""
    if isinstance(held, random.Random):
        return hash(held.getstate())
    if isinstance(held, types.GeneratorType):
        frame = held.gi_frame
        return None if frame is None else (
            frame.f_lasti, _position(held.gi_yieldfrom), *(shown(x) for x in frame.f_locals.values()))
    return repr(held) if isinstance(held, itertools.count) else length_hint(held, -1) if held is not None else None


def _view(held: Any) -> Callable[[], Iterable[Any]]:
    """What reads, fast, all that a container or object holds."""
    if isinstance(held, dict):
        return held.values
    if isinstance(held, COUNTERS):
        return lambda: _items(held).values()
    if isinstance(held, (types.ModuleType, type, types.FunctionType)) or (
            hasattr(held, "__dict__") and not slots_of(type(held))):
        return lambda: vars(held).values()
    if isinstance(held, (list, deque, bytearray, set)):
        return lambda: held
    return lambda: _items(held).values()


class Seal:
    """Remembers what all constants hold, and tells which of them has changed since."""

    def __init__(self, inventory: Inventory) -> None:
        self._known = inventory.known
        self._bare: dict[types.FunctionType, int] = {}
        """Functions without attributes, most of all there is: looked at together."""
        self._saved: list[tuple[int, Callable[[], Iterable[Any]], list[Any]]] = []
        self._of: list[tuple[Any, str, dict[Any, Any]]] = []
        in_slots = {id(getattr(part, name, None)) for part, name in inventory.slots()}
        for obj in inventory.objects:
            self._keep(obj, inventory.name[id(obj)])
        for container, path in inventory.containers:
            if not isinstance(container, list) or id(container) not in in_slots:    # those the units watch
                self._keep(container, path)

    def _keep(self, container: Any, path: str) -> None:
        if isinstance(container, types.FunctionType) and not vars(container):
            self._bare[container] = len(self._of)
        else:
            view = _view(container)
            self._saved.append((len(self._of), view, list(view())))
        self._of.append((container, path, _items(container)))

    def suspect(self) -> int | None:
        """The number of a constant that has changed, or None."""
        if any(map(vars, self._bare)):
            return next(i for function, i in self._bare.items() if vars(function))
        for i, view, saved in self._saved:
            now = view()
            if len(now) != len(saved) or not all(map(is_, now, saved)):  # type: ignore[arg-type]  # views have a length
                try:
                    if self.change(i) is not None:
                        return i
                except RuntimeError:                 # it changes while we look
                    return i
        return None

    def change(self, i: int) -> str | None:
        """Where constant i has changed, and how; None if it has not."""
        container, path, was = self._of[i]
        now = _items(container)
        for place in (*was, *(p for p in now if p not in was)):
            if isinstance(container, (types.ModuleType, type)) and place.startswith(("__", "_abc_")):
                continue
            if not (place in was and place in now and self._same(was[place], now[place])):
                before = shown(was[place]) if place in was else "nothing"
                after = shown(now[place]) if place in now else "nothing"
                at = f".{place}" if isinstance(place, str) else f"[{shown(place)}]"
                of = "" if isinstance(container, _WITHOUT_CLASS) else f"class {type(container).__qualname__}, "
                return f"{path}{at} ({of}it held {before}, now {after})"
        return None

    def changed(self) -> str | None:
        """Where a constant has changed, and how. None if none has."""
        i = self.suspect()
        return None if i is None else self.change(i)

    def _same(self, a: Any, b: Any) -> bool:
        if a is b:
            return True
        try:
            return key_of(a, self._known) == key_of(b, self._known)
        except TypeError:
            return False

    def restore(self) -> None:
        """Put lists, dictionaries and attributes back as they were."""
        for container, _, was in self._of:
            if isinstance(container, list):
                container[:] = was.values()
            elif isinstance(container, dict):
                container.clear()
                container.update(was)
            elif hasattr(container, "__dict__") and not isinstance(container, (*_WITHOUT_CLASS, *COUNTERS)) and (
                    not slots_of(type(container))):
                held = vars(container)
                held.update(was)
                for name in held.keys() - was.keys():
                    del held[name]
