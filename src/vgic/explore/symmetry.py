"""Parts that can be exchanged: one state stands for all that differ only by an exchange.

A model names exchanges: a permutation of parts (of the vCPUs with all that is theirs, of interrupts of one
kind), under which references to parts in slots are renamed along. All compositions of them form a group;
the search keeps of each orbit only the least state, and judges all states of the orbit by the rules.

This is exact, if the first state is its own image, and if every action of a state has its counterpart in
the exchanged state. The first is checked. The second is a claim on the model. Where an exchange says which action
comes in the place of which, the claim is proved for all that the search has learned (see `vgic.explore.mirror`).
Else it is tested: on sampled states the successors of the image must be the images of the successors. What fails is
refused.

An image is computed from tables: for each element of the group and each chunk of bits, what it becomes.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vgic.explore.layout import Layout
from vgic.explore.learning import Units
from vgic.explore.mirror import Job, Mirror, NoSymmetry, Proof
from vgic.explore.paths import Row, Varies
from vgic.explore.reach import Named
from vgic.explore.values import UNSET, ModelError, freeze

Array = npt.NDArray[Any]

_CHUNK: Final = 8
_MOST: Final = 5040
MOST_PROVED: Final = 24
"""Each element is proved by itself."""


@dataclass(frozen=True)
class Exchange:
    """Parts that change places: `moves` are pairs (part, the part whose place it takes).

    `rename(part, slot, value)` gives the value after the exchange where a value names what moves by
    anything but a reference to a part (a vCPU's number, say); it returns the value itself elsewhere.
    `names`: for each action that changes places the one whose place it takes; {} if none does. With it the exchange
    is proved, else (None) only tested. `others` and `numbers` help the proof to find which call of a step is
    another's counterpart: objects that are no parts and change places, and by the name of an argument what a number
    becomes.
    """
    name: str
    moves: Sequence[tuple[object, object]]
    rename: Callable[[Any, str, Any], Any] | None = None
    names: Mapping[str, str] | None = None
    others: Sequence[tuple[object, object]] = ()
    numbers: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


class Group:
    """All compositions of the exchanges of a model, on the units of its state."""

    def __init__(self, units: Units, exchanges: Sequence[Exchange], actions: Sequence[Named] = (),
                 judges: Sequence[Named] = ()) -> None:
        self.units, self.exchanges = units, exchanges
        self._actions = {name for name, _ in actions}
        self._maps = [self._map(e) for e in exchanges]
        self.words = self._compose()
        self._closed = -1
        self._image: list[dict[int, tuple[int, list[int]]]] = []
        self._images: dict[tuple[tuple[int, ...], int], tuple[int, list[int]]] = {}
        self._tables: tuple[Array, ...] = _no_tables(1)
        self._tables_of: tuple[Any, ...] = ()
        self._owed = False
        self.on_growth: Callable[[], None] = lambda: None
        """Called where an image was a value, or made a slot vary, that no run has met."""
        units.close = self._close_quietly
        self._close_quietly()
        self.proof: Proof | None = None
        if exchanges and all(e.names is not None for e in exchanges):
            self._check_names()
            if self.order > MOST_PROVED:
                raise NoSymmetry(f"the exchanges make a group of {self.order} elements, more than are proved",
                                 [exchanges[-1].name])
            self.proof = Proof(units, actions, judges, [self._element(word) for word in self.words])

    def __bool__(self) -> bool:
        return bool(self.words)

    @property
    def order(self) -> int:
        """How many elements the group has; no orbit is larger."""
        return len(self.words) + 1

    def _map(self, exchange: Exchange) -> Mapping[int, Any]:
        moves = {id(a): b for a, b in exchange.moves}
        known = {id(p) for p in self.units.reach.parts}
        if {id(b) for b in moves.values()} != set(moves) or len(moves) != len(exchange.moves):
            raise ModelError(f"exchange {exchange.name!r}: each part that moves must have its place taken by one other")
        for a, b in exchange.moves:
            if id(a) not in known or id(b) not in known:
                raise ModelError(f"exchange {exchange.name!r} moves an object that is no part of the machine")
            if type(a) is not type(b):
                raise ModelError(f"exchange {exchange.name!r} puts a {type(a).__qualname__} in the place of a"
                                 f" {type(b).__qualname__}")
        return moves

    def _compose(self) -> list[tuple[int, ...]]:
        """Each element but the identity, as a sequence of exchanges."""
        parts = [id(p) for p in self.units.reach.parts]
        steps = [[id(m[p]) if p in m else p for p in parts] for m in self._maps]
        place = {p: i for i, p in enumerate(parts)}
        seen: dict[tuple[int, ...], tuple[int, ...]] = {tuple(parts): ()}
        todo = [tuple(parts)]
        for at in todo:
            for g, goes in enumerate(steps):
                new = tuple(goes[place[p]] for p in at)
                if new not in seen:
                    seen[new] = (*seen[at], g)
                    todo.append(new)
                    if len(todo) > _MOST:
                        raise ModelError(f"the exchanges make a group of more than {_MOST} elements")
        return [word for word in seen.values() if word]

    # -- images of values
    def _value(self, g: int, part: Any, slot: str, value: Any) -> Any:
        rename = self.exchanges[g].rename
        if rename is not None and value is not UNSET:
            value = rename(part, slot, value)
        return self._renamed(self._maps[g], freeze(value))

    def _renamed(self, moves: Mapping[int, Any], value: Any) -> Any:
        if id(value) in moves:
            return moves[id(value)]
        if isinstance(value, tuple) and type(value).__new__ is not tuple.__new__:
            return type(value)._make(self._renamed(moves, v) for v in value)  # type: ignore[attr-defined]  # a namedtuple
        if isinstance(value, tuple):
            return type(value)(self._renamed(moves, v) for v in value)
        if isinstance(value, frozenset):
            return frozenset(self._renamed(moves, v) for v in value)
        return value

    def close(self) -> None:
        """Number the images of all values, and let vary the slots that vary in an exchanged part.

        Raises Varies where that met new slots.
        """
        self._close_quietly()
        if self._owed:
            self._owed = False
            raise Varies

    def _close_quietly(self) -> None:
        """The same, and Varies is raised by who calls `close` next."""
        units = self.units
        if not self or self._closed == units.grown:
            return
        before = units.grown
        while self._closed != units.grown:
            self._closed = units.grown
            self._image = [{} for _ in self.exchanges]
            self._images.clear()
            for g, moves in enumerate(self._maps):
                for u in list(units.vary.values()):
                    part, slot = units.slot[u]
                    to = units.home[id(moves.get(id(part), part)), slot]
                    if (id(units.slot[to][0]), slot) not in units.vary:
                        units.vary_slot(to)
                        self._owed = True
                    self._image[g][u] = to, [units.number(to, self._value(g, part, slot, v)) for v in units.values[u]]
        if units.grown != before:
            self.on_growth()

    def image(self, g: int, row: Sequence[int]) -> Row:
        """A row after exchange g."""
        out = list(row)
        for u, (to, values) in self._image[g].items():
            out[to] = values[row[u]]
        return out

    def along(self, word: Sequence[int], row: Sequence[int]) -> Row:
        """A row after one exchange after another."""
        for g in word:
            row = self.image(g, row)
        return list(row)

    # -- tables for the kernels
    def tables(self, layout: Layout) -> tuple[Array, ...]:
        """(chunks: word, shift, mask, base; for each element and word, what the chunks' values become; for each
        element and word, how many chunks matter to it, and which)."""
        if not self:
            if self._tables[1].shape[1] != layout.W:
                self._tables = _no_tables(layout.W)
            return self._tables
        now = (self._closed, layout.W, tuple(layout.at), tuple(layout.width))
        if now != self._tables_of:
            self._tables_of = now
            self._tables = self._build(layout)
        return self._tables

    def _build(self, layout: Layout) -> tuple[Array, ...]:
        chunks: list[list[int]] = []
        for u, _, _, _ in sorted(layout.fields, key=lambda f: layout.at[f[0]]):
            last = chunks[-1] if chunks else []
            first = layout.at[last[0]] if last else 0
            if last and first >> 6 == layout.at[u] >> 6 and layout.at[u] + layout.width[u] - first <= _CHUNK:
                last.append(u)
            else:
                chunks.append([u])
        heads, base = [], 0
        for us in chunks:
            bits = layout.at[us[-1]] + layout.width[us[-1]] - layout.at[us[0]]
            heads.append((layout.at[us[0]] >> 6, layout.at[us[0]] & 63, (1 << bits) - 1, base))
            base += 1 << bits
        tables = np.zeros((len(self.words), layout.W, base), np.uint64)
        for e, word in enumerate(self.words):
            for us, (_, _, mask, at) in zip(chunks, heads, strict=True):
                v = np.arange(mask + 1)
                for u in us:
                    to, values = self._along(word, u)
                    w, shift = layout.at[to] >> 6, layout.at[to] & 63
                    goes = np.zeros(1 << layout.width[u], np.uint64)
                    goes[:len(values)] = [x << shift for x in values]
                    digit = v >> layout.at[u] - layout.at[us[0]] & (1 << layout.width[u]) - 1
                    tables[e, w, at:at + mask + 1] |= goes[digit]
        which = np.zeros((len(self.words), layout.W, 1 + len(chunks)), np.int64)
        for e, w in np.ndindex(*which.shape[:2]):
            matter = [c for c, (_, _, mask, at) in enumerate(heads) if tables[e, w, at:at + mask + 1].any()]
            which[e, w, :1 + len(matter)] = len(matter), *matter
        return np.array(heads, np.int64).reshape(-1, 4), tables, which

    def _along(self, word: tuple[int, ...], u: int) -> tuple[int, list[int]]:
        if len(word) == 1:
            return self._image[word[0]][u]
        known = self._images.get((word, u))
        if known is None:
            to, goes = self._along(word[:-1], u)
            last, further = self._image[word[-1]][to]
            known = self._images[word, u] = last, [further[v] for v in goes]
        return known

    # -- is it one? The proof
    def _element(self, word: tuple[int, ...]) -> Mirror:
        """All that the proof wants to know of an element."""
        counterpart = {name: name for name in self._actions}
        for g in word:
            names = self.exchanges[g].names or {}
            counterpart = {name: names.get(other, other) for name, other in counterpart.items()}
        titles = [self.exchanges[g].name for g in word]
        return Mirror(self.units, titles, partial(self._along, word), partial(self.along, word), self._moved(word),
                      partial(self._number, word), counterpart)

    def _check_names(self) -> None:
        for e in self.exchanges:
            names = e.names or {}
            odd = next((n for n in (*names, *names.values()) if n not in self._actions), None)
            if odd is not None or set(names) != set(names.values()):
                raise NoSymmetry(f"exchange {e.name!r} is no symmetry of the model: {odd or 'an action'!r} has no"
                                 " counterpart among the actions", [e.name])

    def _moved(self, word: Sequence[int]) -> dict[int, Any]:
        """What moves, or could: all parts, and the other objects that an exchange names."""
        others = [{id(a): b for a, b in self.exchanges[g].others} for g in word]
        out = {}
        for thing in (*self.units.reach.parts, *(a for e in self.exchanges for a, _ in e.others)):
            to = thing
            for g, more in zip(word, others, strict=True):
                to = self._maps[g].get(id(to)) or more.get(id(to), to)
            out[id(thing)] = to
        return out

    def _number(self, word: Sequence[int], argument: str, value: int) -> int | None:
        if not any(argument in self.exchanges[g].numbers for g in word):
            return None
        for g in word:
            value = self.exchanges[g].numbers.get(argument, {}).get(value, value)
        return value

    def prove(self, final: bool = False) -> None:
        """Prove the exchanges for what was learned since. `final`: nothing more will be learned. Raises NoSymmetry."""
        if self.proof is None:
            return
        self._close_quietly()
        self.proof.prove(final)
        if final:
            self.check_start([0] * len(self.units.slot))

    def learned(self) -> list[Job]:
        """What a later run has to prove again: it begins with no knowledge."""
        return self.proof.learned() if self.proof is not None else []

    def learned_before(self, jobs: Sequence[Any]) -> None:
        """What an earlier run had learned, as it was saved."""
        if self.proof is not None:
            self.proof.before(jobs)

    # -- is it one? Tests
    def check_start(self, row: Row) -> None:
        """Raise NoSymmetry if an exchange changes the first state: then its images would not be reachable."""
        if not self:
            return
        with suppress(Varies):
            self.close()
        for g, exchange in enumerate(self.exchanges):
            for u, (to, values) in self._image[g].items():
                if values[row[u]] != row[to]:
                    raise NoSymmetry(f"exchange {exchange.name!r} is no symmetry of the model: at the start"
                                     f" {self.units.where(u)} differs from {self.units.where(to)}", [exchange.name])

    def check(self, actions: Sequence[Named], row: Row) -> None:
        """Raise NoSymmetry if a successor of this state has no counterpart in an image of it. What is proved needs no
        test."""
        if self.proof is not None:
            return
        here = self._successors(actions, row)
        self.close()
        for g, exchange in enumerate(self.exchanges):
            there = self._successors(actions, self.image(g, row))
            self.close()
            want = {tuple(self.image(g, list(r))): name for r, name in here.items()}
            odd = [name for r, name in want.items() if r not in there]
            odd += [name for r, name in there.items() if r not in want]
            if odd:
                raise NoSymmetry(f"exchange {exchange.name!r} is no symmetry of the model: {odd[0]!r} has no"
                                 f" counterpart after it. The state: {self.units.describe(row)}")

    def _successors(self, actions: Sequence[Named], row: Row) -> dict[tuple[int, ...], str]:
        out = {}
        for name, call in actions:
            path = self.units.run(call, row)
            if path.value is not False and path.raised is None:
                out[tuple(path.end())] = name
        return out


def _no_tables(words: int) -> tuple[Array, ...]:
    return np.zeros((0, 4), np.int64), np.zeros((0, words, 1), np.uint64), np.zeros((0, words, 1), np.int64)
