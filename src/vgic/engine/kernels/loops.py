"""The explorer's compiled loops. No knowledge of a model, no Python objects.

A state is W words. `ws` is a tuple of W zeros: its length is part of its type, so loops over words are
unrolled and the compiled code on disk is kept for each W; all other sizes are arguments. What `trie`, `acts`,
`rules` and `scratch` are: see `vgic.engine.kernels.walk`; states and the table: see `vgic.engine.kernels.table`.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from vgic.engine.kernels.intrinsics import compiled, lent, prefetch, take_next
from vgic.engine.kernels.table import AHEAD, home, insert, mix, seek
from vgic.engine.kernels.walk import ZERO, ask, ask_on, copy_in, says, successors

Arr = Any                           # an array, or a tuple of them: Numba infers the types

SOON = 6                            # so many states ahead of their turn, their actions' slots are asked for,
NEAR = 2                            # and what these point to


# ---------------------------------------------------------------------------- search
@compiled
def judge(ws: Any, judges: Arr, trie: Arr, scratch: Arr, states: Arr, table: Arr, todo: Arr, lo: Any, hi: Any,
          born: Arr, flags: Arr, miss: Arr, again: Arr, out: Arr) -> Any:
    """Judge the states todo[lo:hi], or lo..hi themselves where `todo` is empty; by the groups of rules that `born` asks
    for (the leaf that each came from), or by all. A state judged true has its flag set, by slot of the table; without
    flags it ends the search, as out[3], with its words in scratch.work[0]. out[1] counts the misses; a state that meets
    one is noted in again[:, 1], counted by out[2], to be judged again."""
    judges, trie, scratch, states, table = lent((judges, trie, scratch, states, table))
    todo, born, flags, miss, again, out = lent((todo, born, flags, miss, again, out))
    rules, leaf_rules, fan = judges[:3]
    work = scratch[0]
    for i in range(lo, hi):
        s = todo[i] if len(todo) else i
        mask = leaf_rules[born[i - lo]] if len(born) else ~np.uint64(0)
        if mask == 0:
            continue
        room = out[1] + fan < len(miss)
        known = room
        hit = False
        copy_in(ws, work, states, s)
        for j in range(len(rules[0])):
            if room and not hit and (mask >> np.uint64(j)) & np.uint64(1):
                said, out[1] = says(ws, rules, trie, scratch, j, miss, out[1], s)
                hit = said == 1
                known &= said != 2
        if hit and len(flags) == 0:
            out[3] = s
            return
        if not known:
            again[out[2], 1] = s
            out[2] += 1
        elif hit:
            flags[seek(ws, states, s, mix(ws, states, s), table, states)] = 1


@compiled
def settle(ws: Any, judges: Arr, trie: Arr, scratch: Arr, states: Arr, table: Arr, outs: Arr, born: Arr,
           m: Any, new_born: Arr, miss: Arr, again: Arr, out: Arr) -> Any:
    """Insert outs[:m] and judge what is new. out: n, misses, states to judge again, broken state."""
    judges, trie, scratch, states, table = lent((judges, trie, scratch, states, table))
    outs, born, new_born, miss, again, out = lent((outs, born, new_born, miss, again, out))
    n0 = out[0]
    out[0] = insert(ws, outs, born, m, table, states, n0, new_born, 0)
    if len(judges[0][0]):
        judge(ws, judges, trie, scratch, states, table, judges[3], n0, out[0], new_born, judges[4], miss, again, out)


@compiled
def advance(ws: Any, acts: Arr, judges: Arr, trie: Arr, scratch: Arr, todo: Arr, blocks: Arr, cursor: Arr, states: Arr,
            table: Arr, limit: Any, outs: Arr, born: Arr, new_born: Arr, miss: Arr, again: Arr, out: Arr) -> Any:
    """Expand blocks of states until there are none, or there is no room, or a rule is broken.

    A block is a stretch of todo, or of the states themselves where `todo` is empty. out: 0 n (in and out), 1 misses,
    2 states to judge again (again[:, 1]), 3 a broken state or -1, 4 transitions, 5 states to expand again
    (again[:, 0]), 6 and 7 what is left of the block in hand. A state that meets what is not learned is put back
    whole."""
    acts, judges, trie, scratch, todo, blocks, cursor = lent((acts, judges, trie, scratch, todo, blocks, cursor))
    states, table, outs, born, new_born, miss, again, out = lent(
        (states, table, outs, born, new_born, miss, again, out))
    fan = judges[2]
    cap = len(born) - fan
    listed = len(todo) > 0
    ats = scratch[5]
    m = ZERO
    for i in range(1, 8):
        out[i] = 0
    out[3] = -1
    while out[3] < 0 and out[6] == out[7]:
        x = take_next(cursor, 0)
        if x >= len(blocks):
            break
        q, hi = blocks[x, 0], blocks[x, 1]
        asked = q
        while q < hi:
            if m > cap:
                settle(ws, judges, trie, scratch, states, table, outs, born, m, new_born, miss, again, out)
                m = ZERO
                if out[3] >= 0:
                    break
            if (out[1] + fan > len(miss) or out[5] == len(again) or out[2] + len(born) > len(again)
                    or out[0] + len(born) > limit):
                break
            while asked < hi and asked < q + SOON:
                ask(ws, acts, states, todo[asked] if listed else asked, ats, asked & 7)
                asked += 1
            if q + NEAR < asked:
                ask_on(ws, acts, ats, q + NEAR & 7)
            s = todo[q] if listed else q
            copy_in(ws, scratch[0], states, s)
            got, loops, out[1] = successors(
                ws, acts, trie, scratch, fan, ats, q & 7, outs, born, m, miss, out[1], s)
            if got < 0:
                again[out[5], 0] = s
                out[5] += 1
            else:
                out[4] += got - m + loops
                m = got
            q += 1
        out[6], out[7] = q, hi
    if out[3] < 0:
        settle(ws, judges, trie, scratch, states, table, outs, born, m, new_born, miss, again, out)


@compiled
def find(ws: Any, acts: Arr, trie: Arr, scratch: Arr, fan: Any, states: Arr, lo: Any, hi: Any, target: Arr,
         outs: Arr, born: Arr, miss: Arr) -> Any:
    """The first state in lo..hi with a step to target: (state, leaf), or (-1, -1). (state, -2) where that state
    meets what is not learned: see the first rows of `miss`, up to its count, in the third place."""
    acts, trie, scratch = lent((acts, trie, scratch))
    states, target, outs, born, miss = lent((states, target, outs, born, miss))
    ats = scratch[5]
    for s in range(lo, hi):
        copy_in(ws, scratch[0], states, s)
        ask(ws, acts, states, s, ats, 0)
        m, _, nm = successors(ws, acts, trie, scratch, fan, ats, 0, outs, born, ZERO, miss, ZERO, s)
        if m < 0:
            return s, -2, nm
        for i in range(m):
            same = True
            for k in range(len(ws)):
                same &= outs[i, k] == target[0, k]
            if same:
                return s, np.int64(born[i]), 0
    return -1, -1, 0


# ---------------------------------------------------------------------------- backward
@compiled
def sweep(ws: Any, acts: Arr, trie: Arr, scratch: Arr, fan: Any, todo: Arr, states: Arr, table: Arr, can: Arr,
          fair: Arr, outs: Arr, born: Arr, miss: Arr) -> Any:
    """One backward pass over the states `todo`, last first: a state can if a fair step leads to one that can (`can` is
    by slot of the table). What stays undecided is moved to the end of todo, in order.

    Returns (where it begins, misses)."""
    acts, trie, scratch, todo, states = lent((acts, trie, scratch, todo, states))
    table, can, fair, outs, born, miss = lent((table, can, fair, outs, born, miss))
    cap = len(born) - fan
    ats = scratch[5]
    mine = np.empty(len(born), np.int64)             # successor -> its state's position
    hashes = np.empty(len(born), np.uint64)
    slots = np.empty(len(todo), np.int64)
    for i in range(len(todo) + AHEAD):
        if i < len(todo):
            p = home(mix(ws, states, todo[i]), len(table))
            prefetch(table, p)
            prefetch(can, p)
        if i >= AHEAD:
            s = todo[i - AHEAD]
            slots[i - AHEAD] = seek(ws, states, s, mix(ws, states, s), table, states)
    keep = len(todo)
    nm = ZERO
    q = len(todo)
    while q > 0:
        top = q
        m = ZERO
        while q > 0 and m <= cap and top - q < 1024:
            q -= 1
            if can[slots[q]] or nm + fan > len(miss):
                continue                             # decided, or undecided until more is learned
            copy_in(ws, scratch[0], states, todo[q])
            ask(ws, acts, states, todo[q], ats, 0)
            got, _, nm = successors(ws, acts, trie, scratch, fan, ats, 0, outs, born, m, miss, nm, todo[q])
            kept = m
            for i in range(m, got):
                if fair[born[i]]:
                    for k in range(len(ws)):
                        outs[kept, k] = outs[i, k]
                    mine[kept] = q
                    kept += 1
            m = kept
        for i in range(m):
            hashes[i] = mix(ws, outs, i)
            prefetch(table, home(hashes[i], len(table)))
            prefetch(can, home(hashes[i], len(table)))
        for i in range(m):
            if not can[slots[mine[i]]]:
                p = seek(ws, outs, i, hashes[i], table, states)
                if p >= 0 and can[p]:
                    can[slots[mine[i]]] = 1
        for i in range(top - 1, q - 1, -1):
            if not can[slots[i]]:
                keep -= 1
                todo[keep] = todo[i]
    return keep, nm
