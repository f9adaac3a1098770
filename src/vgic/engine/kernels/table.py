"""States in words, and the table that finds them: hashing, inserting, growing (compiled).

**States** lie in one array; each thread appends to a region of its own. **The table** has one entry of 64
bits for each slot, 0 where empty. With W = 1 it is the state itself, with bit 63 set. Else it is the place of
the state plus one (upper half) and 32 bits of its hash (lower half): a match is always confirmed on the state.
So membership is exact. The slot of a hash is its high bits scaled to the table's size, so that a table is
grown by walking it in order. Threads share the table: an entry is written by compare-and-swap.

`ws` is a tuple of W zeros: its length is part of its type, so loops over words are unrolled and the compiled
code on disk is kept for each W; all other sizes are arguments. Mixed int64 and uint64 arithmetic is float64
in Numba: keep the casts.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from vgic.engine.kernels.intrinsics import compiled, inlined, lent, peek, prefetch, swap_in

Arr = Any                           # an array, or a tuple of them: Numba infers the types

OCCUPIED = np.uint64(1 << 63)
LOW = np.uint64(0xFFFFFFFF)
H32 = np.uint64(32)
AHEAD = 24                          # so many keys ahead of their use, table slots are prefetched


@inlined
def mix(ws: Any, keys: Arr, i: Any) -> Any:
    """The hash of a state."""
    h = np.uint64(0)
    for k in range(len(ws)):
        h = (h ^ keys[i, k]) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> H32
    return h * np.uint64(0xD6E8FEB86659FD93)


@inlined
def home(h: Any, size: Any) -> Any:
    """The slot where the search for a hash begins."""
    return np.int64(((h >> H32) * np.uint64(size)) >> H32)


@inlined
def entry(ws: Any, keys: Arr, i: Any, h: Any, place: Any) -> Any:
    """The table's entry for key i, stored at `place`."""
    if len(ws) == 1:
        return keys[i, 0] | OCCUPIED
    return (np.uint64(place + 1) << H32) | (h & LOW)


@inlined
def is_key(ws: Any, found: Any, keys: Arr, i: Any, h: Any, states: Arr) -> Any:
    """Whether an entry is that of key i."""
    if len(ws) == 1:
        return found == keys[i, 0] | OCCUPIED
    if (found ^ h) & LOW:
        return False
    row = np.int64(found >> H32) - 1
    for k in range(len(ws)):  # noqa: SIM110  # Numba compiles no generators here
        if states[row, k] != keys[i, k]:
            return False
    return True


@inlined
def seek(ws: Any, keys: Arr, i: Any, h: Any, table: Arr, states: Arr) -> Any:
    """The slot that holds key i, or -1."""
    p = home(h, len(table))
    while True:
        found = peek(table, p)
        if found == 0:
            return np.int64(-1)
        if is_key(ws, found, keys, i, h, states):
            return p
        p += 1
        if p == len(table):
            p = 0


@compiled
def slot_of(ws: Any, keys: Arr, table: Arr, states: Arr) -> Any:
    """The slot that holds keys[0], or -1."""
    keys, table, states = lent((keys, table, states))
    return seek(ws, keys, 0, mix(ws, keys, 0), table, states)


@compiled
def insert(ws: Any, keys: Arr, born: Arr, m: Any, table: Arr, states: Arr, n: Any, new_born: Arr, nb: Any) -> Any:
    """Put keys[:m] into the table; new ones are appended to states from n on, what `born` says of them to
    new_born from nb on. Returns the new n."""
    keys, born, table, states, new_born = lent((keys, born, table, states, new_born))
    size = len(table)
    hashes = np.empty(64, np.uint64)
    two = len(ws) > 1
    for j in range(min(AHEAD, m)):
        h = mix(ws, keys, j)
        hashes[j & 63] = h
        prefetch(table, home(h, size))
    for i in range(m):
        j = i + AHEAD
        if j < m:
            h = mix(ws, keys, j)
            hashes[j & 63] = h
            prefetch(table, home(h, size))
        if two and i + AHEAD // 2 < m:               # the slot is here: ask for the state that it points to
            h = hashes[(i + AHEAD // 2) & 63]
            found = peek(table, home(h, size))
            if found != 0 and (found ^ h) & LOW == 0:
                prefetch(states, (np.int64(found >> H32) - 1) * len(ws))
        h = hashes[i & 63]
        p = home(h, size)
        found = peek(table, p)
        while True:
            if found == 0:
                for k in range(len(ws)):
                    states[n, k] = keys[i, k]
                found = swap_in(table, p, entry(ws, keys, i, h, n))
                if found == 0:
                    new_born[nb] = born[i]
                    n += 1
                    nb += 1
                    break
            if is_key(ws, found, keys, i, h, states):
                break
            p += 1
            if p == size:
                p = 0
            found = peek(table, p)
    return n


@compiled
def rebuild(ws: Any, states: Arr, lo: Any, hi: Any, table: Arr) -> Any:
    """Enter states lo..hi, all distinct and not in the table."""
    states, table = lent((states, table))
    size = len(table)
    for i in range(lo, hi):
        if i + AHEAD < hi:
            prefetch(table, home(mix(ws, states, i + AHEAD), size))
        h = mix(ws, states, i)
        p = home(h, size)
        while swap_in(table, p, entry(ws, states, i, h, i)) != 0:
            p += 1
            if p == size:
                p = 0


@compiled
def grow(ws: Any, old: Arr, lo: Any, hi: Any, states: Arr, table: Arr, key: Arr) -> Any:
    """Move the entries old[lo:hi] to a larger table; slots of both go in the order of the hash. `key`: a row to
    work in."""
    old, states, table, key = lent((old, states, table, key))
    size = len(table)
    for i in range(lo, hi):
        if len(ws) > 1 and i + AHEAD < hi and old[i + AHEAD] != 0:
            prefetch(states, (np.int64(old[i + AHEAD] >> H32) - 1) * len(ws))
        e = old[i]
        if e == 0:
            continue
        if len(ws) == 1:
            key[0, 0] = e ^ OCCUPIED
            h = mix(ws, key, 0)
        else:
            h = mix(ws, states, np.int64(e >> H32) - 1)
        p = home(h, size)
        while swap_in(table, p, e) != 0:
            p += 1
            if p == size:
                p = 0


@compiled
def repack(old: Arr, new: Arr, lo: Any, hi: Any, pos0: Arr, mask0: Arr, pos1: Arr) -> Any:
    """Rewrite states lo..hi in another layout; `old` and `new` may be the same array."""
    old, new, pos0, mask0, pos1 = lent((old, new, pos0, mask0, pos1))
    row = np.empty(new.shape[1], np.uint64)
    for i in range(lo, hi):
        for k in range(len(row)):
            row[k] = 0
        for u in range(len(pos0)):
            v = (old[i, pos0[u] >> 6] >> np.uint64(pos0[u] & 63)) & np.uint64(mask0[u])
            row[pos1[u] >> 6] |= v << np.uint64(pos1[u] & 63)
        for k in range(len(row)):
            new[i, k] = row[k]
