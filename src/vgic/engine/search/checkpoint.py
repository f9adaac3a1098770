"""A search that can be killed and goes on from where it last was at rest.

A checkpoint is a directory. `states-G-R.bin` holds the states of region R in layout G, in the order found, as
little-endian words; states are never rewritten, so a save only appends the new ones. `paths-N.json.z` holds what was
learned, and is written where more was since. `search.json` says
how many of the states count, how they are laid out, and how far the search is; it is replaced atomically,
after the others have reached the disk. So whatever happens, the last complete save can be read: that of an earlier
search, too, until one of the search that began anew stands. Checksums tell what a disk has lost since.

Values are not stored. `history` lists the runs in which a new value, varying slot, step or result of a step was met;
they are repeated, in order, and meet the same ones again, so that paths hold as they stand. While it is judged what is
lost no paths are kept: there is little left to learn. The fingerprint covers the machine as it was built (all objects
reachable from it, the actions and the rules) and the source text of its modules: a search of another model is refused.
"""
from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

import numpy as np

from vgic.engine.learn.trail import Varies
from vgic.engine.model.contract import CheckpointError
from vgic.engine.model.inventory import Inventory, contents
from vgic.engine.search.forward import Search
from vgic.engine.search.store import Store
from vgic.engine.trie import saved

FORMAT: Final = 4
_META: Final = "search.json"
_PATHS: Final = "paths-{}.json.z"


def fingerprint(inventory: Inventory, start: dict[int, list[Any]]) -> str:
    """What tells this model from another. `start`: what its parts and their lists held at first, by id."""
    model = inventory.model
    text = hashlib.sha256(f"{FORMAT} {[n for n, _ in model.actions]} {[n for n, _ in model.rules]}".encode())
    place = {key: i for i, key in enumerate(inventory.everything)}
    for obj in inventory.everything.values():
        held = [f"#{place[id(v)]}" if id(v) in place else f"id #{place[v]}" if type(v) is int and v in place
                else _text(v) for v in (start[id(obj)] if id(obj) in start else contents(obj))]
        if isinstance(obj, (set, frozenset)):
            held.sort()
        code = _code(obj.__code__) if isinstance(obj, FunctionType) else ""
        text.update(f"{type(obj).__qualname__}({', '.join(held)}){code}\n".encode())
    for name in sorted(inventory.modules):
        source = getattr(sys.modules.get(name), "__file__", None)
        if source and os.path.exists(source):
            text.update(Path(source).read_bytes())
    return text.hexdigest()


def _text(value: Any) -> str:
    if isinstance(value, (FunctionType, type)):
        return value.__qualname__
    if isinstance(value, MethodType):
        return value.__func__.__qualname__
    return repr(value) if isinstance(value, (int, str, bytes, float, type(None))) else str(type(value))


def _code(code: CodeType) -> str:
    return f"{code.co_name} {code.co_names} {[c for c in code.co_consts if not isinstance(c, CodeType)]}"


def _sum_of(meta: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(meta, sort_keys=True).encode())


class Checkpoint:
    """The checkpoint of one search in a directory, made by the first save if it is missing. With `anew` what is there
    is not gone on with, whatever it is: it stays until the first save. `first`: what `held_now` said before anything
    ran."""

    def __init__(
        self, path: str | os.PathLike[str], inventory: Inventory, first: dict[int, list[Any]], anew: bool = False,
    ) -> None:
        self.path, self._inventory, self._start = Path(path), inventory, first
        self._saved: list[int] = []
        self._sums: list[int] = []
        self._generation = -1
        self._layout = -1
        self._paths: tuple[int, int] | None = None
        """The paths that were written last: how often all were forgotten before, and how many were learned."""
        self._paths_file: list[Any] | None = None
        """Its number, and the checksum of what it holds."""
        self.unsaved = ""
        """Why the last save failed, if it did."""
        self.meta: dict[str, Any] | None = None
        try:
            if anew:
                self._generation = self._last_generation()
            else:
                self.meta = self._read()
        except OSError as e:
            raise CheckpointError(f"{self.path}: can't be a checkpoint's directory: {e.strerror}") from None

    @cached_property
    def fingerprint(self) -> str:
        """What tells this search from those of other models. Looking at all of a model takes time: it is done for what
        is saved, or was."""
        return fingerprint(self._inventory, self._start)

    def _read(self) -> dict[str, Any] | None:
        meta = self.path / _META
        if not self.path.exists():
            return None
        if not meta.exists():
            if any(self.path.iterdir()) and not any(self.path.glob("states-*.bin")):
                raise CheckpointError(f"{self.path}: holds other files, but no {_META}: name an empty or new directory")
            return None
        try:
            held = json.loads(meta.read_bytes())
            found = held["format"], held["fingerprint"]
            if found[0] == FORMAT and held.pop("sum") != _sum_of(held):
                raise ValueError("its checksum differs")
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise CheckpointError(f"{meta}: can't be read ({e}): remove {self.path} to begin anew") from None
        if found[0] != FORMAT:
            raise CheckpointError(f"{meta}: has format {found[0]!r}, this is {FORMAT}: remove it to begin anew")
        if found[1] != self.fingerprint:
            raise CheckpointError(f"{meta}: is of another model, or of this one before it was changed. Name another"
                                  f" directory, or remove {self.path} to begin anew")
        assert isinstance(held, dict)
        return held

    # -- save
    def save(self, search: Search, warm: int) -> None:
        """Save a search that is at rest. `warm`: how many states plain Python expanded before it, or -1."""
        store, layout = search.store, search.layout
        if store.generation != self._layout:
            self._layout, self._generation = store.generation, self._generation + 1
            self._saved, self._sums = [0] * store.regions, [0] * store.regions
        starts = store.levels[0]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for r in range(store.regions):
                with open(self._states(r), "r+b" if self._saved[r] else "wb") as f:
                    f.seek(8 * layout.W * self._saved[r])
                    new = store.states[starts[r] + self._saved[r]:store.ends[r]].astype("<u8", copy=False).data
                    f.write(new)
                    f.truncate()
                    f.flush()
                    os.fsync(f.fileno())
                self._saved[r], self._sums[r] = store.ends[r] - starts[r], zlib.crc32(new, self._sums[r])
            self._save_paths(search)
            meta = {
                "format": FORMAT, "fingerprint": self.fingerprint, "generation": self._generation, "words": layout.W,
                "regions": [end - start for end, start in zip(store.ends, starts, strict=True)],
                "levels": [[at - start for at, start in zip(level, starts, strict=True)] for level in store.levels],
                "pending": [[lo // store.cap, lo % store.cap, hi - lo] for lo, hi in search.pending],
                "depth": search.depth, "transitions": search.transitions,
                "layout": saved.layout_held(layout),
                "values": {str(u): len(search.units.values[u]) for u in sorted(search.units.vary.values())},
                "warm": warm, "history": search.trie.history, "paths": self._paths_file, "sums": self._sums,
            }
            meta = json.loads(json.dumps(meta))          # as it will be read
            fresh = self.path / (_META + ".new")
            with open(fresh, "w") as text:
                json.dump(meta | {"sum": _sum_of(meta)}, text)
                text.flush()
                os.fsync(text.fileno())
            os.replace(fresh, self.path / _META)
        except OSError as e:
            raise CheckpointError(f"{self.path}: can't save: {e.strerror}") from None
        self._remove(keep=self._generation)

    def _save_paths(self, search: Search) -> None:
        """Write what was learned, if it is more than was written last."""
        trie = search.trie
        if len(trie.roots) > len(search.actions) + len(search.rules):
            self._paths = self._paths_file = None    # those of goals are among them
            return
        known = trie.cleared, trie.paths
        if known == self._paths:
            return
        held = zlib.compress(json.dumps(saved.paths_held(trie)).encode(), 1)
        n = 1 + max((int(old.name.split("-")[1].split(".")[0]) for old in self.path.glob("paths-*.json.z")), default=-1)
        with open(self.path / _PATHS.format(n), "wb") as f:
            f.write(held)
            f.flush()
            os.fsync(f.fileno())
        self._paths, self._paths_file = known, [n, zlib.crc32(held)]

    def _last_generation(self) -> int:
        """The last whose states are there, -1 for none: a new one must not write over them."""
        numbers = [old.name.split("-")[1] for old in self.path.glob("states-*.bin")]
        return max((int(n) for n in numbers if n.isdigit()), default=-1)

    def _states(self, region: int) -> Path:
        return self.path / f"states-{self._generation}-{region}.bin"

    def _remove(self, keep: int | None) -> None:
        paths = None if keep is None or self._paths_file is None else _PATHS.format(self._paths_file[0])
        for old in self.path.glob("states-*.bin"):
            if old.name.split("-")[1] != str(keep):
                old.unlink(missing_ok=True)
        for old in self.path.glob("paths-*.json.z"):
            if old.name != paths:
                old.unlink(missing_ok=True)

    def remove(self) -> None:
        """The search has come to its end: nothing is left to go on with."""
        if self.path.is_dir():
            (self.path / _META).unlink(missing_ok=True)
            self._remove(keep=None)
            if not any(self.path.iterdir()):
                self.path.rmdir()

    # -- load
    def load(self, search: Search) -> None:
        """Bring a search that has not begun to where it was saved."""
        assert self.meta is not None
        try:
            self._load(search, self.meta)
        except (OSError, KeyError, ValueError, TypeError, IndexError, AttributeError) as e:
            why = f"{type(e).__name__}: {e}"
            raise CheckpointError(f"{self.path}: is damaged ({why}): remove it to begin anew") from None

    def _load(self, search: Search, meta: dict[str, Any]) -> None:
        units = search.units
        for vector, root, call in meta["history"]:
            self._repeat(search, vector, root, call)
        search.trie.history[:] = [([(u, v) for u, v in vector], root, call) for vector, root, call in meta["history"]]
        if {int(u): n for u, n in meta["values"].items()} != {u: len(units.values[u]) for u in units.vary.values()}:
            raise ValueError("its history leads to other values")
        saved.bring_layout(search.layout, meta["layout"])
        search.trie.clear()
        if meta["paths"] is not None:
            self._load_paths(search, *meta["paths"])
        self._generation = int(meta["generation"])
        search.store = self._store(search, meta)
        search.depth = int(meta["depth"])
        search.transitions = int(meta["transitions"])
        search.resume(learned=meta["paths"] is not None)

    def _load_paths(self, search: Search, n: int, checksum: int) -> None:
        file = self.path / _PATHS.format(n)
        held = file.read_bytes()
        if zlib.crc32(held) != checksum:
            raise ValueError(f"the checksum of {file.name} differs")
        saved.bring_paths(search.trie, json.loads(zlib.decompress(held)))
        self._paths, self._paths_file = (search.trie.cleared, search.trie.paths), [n, checksum]

    def _repeat(self, search: Search, vector: list[list[int]], root: int, call: int) -> None:
        full = [0] * len(search.units.slot)
        for u, v in vector:
            full[u] = v
        with suppress(Varies):
            search.units.run(search.trie.roots[root].calls[call][1], full)

    def _store(self, search: Search, meta: dict[str, Any]) -> Store:
        """All states, level by level, in the first region; the threads may be others than before."""
        W, ends = int(meta["words"]), meta["regions"]
        levels = [*meta["levels"], ends]
        store = Store(search.layout.ws, search.threads.count, search.store.memory)
        held = [np.memmap(self._states(r), "<u8", "r", shape=(n, W)) if n else np.zeros((0, W), np.uint64)
                for r, n in enumerate(ends)]
        for r, (states, expected) in enumerate(zip(held, meta["sums"], strict=True)):
            if zlib.crc32(states.data) != expected:
                raise ValueError(f"the checksum of {self._states(r).name} differs")
        store.levels = []
        moved: dict[int, int] = {}
        n = 0
        for d in range(len(levels) - 1):
            store.levels.append([n, *store.ends[1:]])
            for r, states in enumerate(held):
                lo, hi = levels[d][r], levels[d + 1][r]
                if d == meta["depth"]:
                    moved[r] = n - lo
                if hi > lo:
                    store.states[n:n + hi - lo] = states[lo:hi]
                    n += hi - lo
        store.ends[0] = n
        search.pending = [(at + moved[r], at + moved[r] + size) for r, at, size in meta["pending"]]
        return store
