"""The explorer's compiled loops. No knowledge of a model, no Python objects.

A state is W words. `ws` is a tuple of W zeros: its length is part of its type, so loops over words are
unrolled and the compiled code on disk is kept for each W; all other sizes are arguments. A trie is the
tuple `Trie.arrays`:

    node        first and last branch, call and leaf; number of self loops (rules: of rules broken)
    br          word, shift, mask, base of its children
    call        the root of the step's trie, base of the children
    child       node; 0 nothing below, -1 not learned, -2 asked for
    leaf_masks, call_masks      an AND and an OR mask for each word
    leaf_result                 a step's result

States and the table: see `vgic.explore.table`.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from vgic.explore.intrinsics import compiled, inlined, prefetch, take_next
from vgic.explore.table import AHEAD, home, insert, mix, seek

Arr = Any                           # an array, or a tuple of them: Numba infers the types

# ---------------------------------------------------------------------------- walk
@inlined
def apply(ws: Any, work: Arr, r: Any, out: Arr, n: Any, masks: Arr, m: Any) -> Any:
    for k in range(len(ws)):
        out[n, k] = (work[r, k] & masks[m, 2 * k]) | masks[m, 2 * k + 1]


@inlined
def window(br: Arr, b: Any, words: Arr, r: Any) -> Any:
    """The place of the child of branch b for words[r]."""
    v = (words[r, br[b, 0]] >> np.uint64(br[b, 1])) & np.uint64(br[b, 2])
    return np.int64(br[b, 3]) + np.int64(v)


@compiled
def run_step(ws: Any, trie: Arr, work: Arr, r: Any, c: Any, frames: Arr) -> Any:
    """Run the step of call c on work[r]. Returns its result, or -1 - (place in `child` that is not learned)."""
    node, br, call, child, leaf_masks, call_masks, leaf_result = trie
    t = np.int64(call[c, 0])
    depth = 0
    while True:
        if node[t, 4] < node[t, 5]:
            leaf = node[t, 4]
            apply(ws, work, r, work, r, leaf_masks, leaf)
            result = np.int64(leaf_result[leaf])
            if depth == 0:
                return result
            depth -= 1
            at = np.int64(call[frames[depth], 1]) + result
        elif node[t, 2] < node[t, 3]:
            inner = np.int64(node[t, 2])
            apply(ws, work, r, work, r, call_masks, inner)
            frames[depth] = inner
            depth += 1
            t = np.int64(call[inner, 0])
            continue
        else:
            at = window(br, np.int64(node[t, 0]), work, r)
        t = np.int64(child[at])
        if t < 0:
            return -1 - at


@inlined
def successors(ws: Any, root: Any, trie: Arr, scratch: Arr, outs: Arr, born: Arr, n: Any, miss: Arr, nm: Any,
               s: Any) -> Any:
    """Append the successors of scratch.work[0] to outs from n on, and the leaf of each to born.

    Returns (the new n, self loops, the new number of misses). Where the walk meets what is not learned, n
    is -1, and each such place that no one asked for yet is a row of `miss`: s, place, index in child, and which
    image of s (-1: s itself)."""
    node, br, call, child, leaf_masks, call_masks, _ = trie
    work, stack, frames = scratch
    stack[0, 0] = root
    stack[0, 1] = 0
    stack[0, 2] = 1                                  # rows of `work` in use below here
    sp = 1
    loops = 0
    ok = True
    while sp:
        sp -= 1
        t, r, free = stack[sp, 0], stack[sp, 1], stack[sp, 2]
        b1 = node[t, 1]
        c0 = node[t, 2]
        for j in range(node[t, 0], b1 + node[t, 3] - c0):
            row = r
            if j < b1:
                place = np.int64(j)
                at = window(br, place, work, r)
            else:
                c = np.int64(c0 + j - b1)
                place = -1 - c
                row = free
                apply(ws, work, r, work, row, call_masks, c)
                result = run_step(ws, trie, work, row, c, frames)
                at = np.int64(call[c, 1]) + result if result >= 0 else -1 - result
                free += 1
            x = np.int64(child[at])
            if x <= 0:
                if x < 0:
                    ok = False
                    if x == -1:
                        miss[nm, 0] = s
                        miss[nm, 1] = place
                        miss[nm, 2] = at
                        miss[nm, 3] = -1
                        nm += 1
                        child[at] = -2
                continue
            loops += node[x, 6]
            for leaf in range(node[x, 4], node[x, 5]):
                apply(ws, work, row, outs, n, leaf_masks, leaf)
                born[n] = leaf
                n += 1
            if node[x, 1] > node[x, 0] or node[x, 3] > node[x, 2]:
                stack[sp, 0] = x
                stack[sp, 1] = row
                stack[sp, 2] = free
                sp += 1
    return (n if ok else np.int64(-1)), loops, nm


@inlined
def copy_in(ws: Any, work: Arr, states: Arr, s: Any) -> Any:
    for k in range(len(ws)):
        work[0, k] = states[s, k]


# ---------------------------------------------------------------------------- symmetry
@inlined
def image(ws: Any, sym: Arr, g: Any, keys: Arr, i: Any, out: Arr) -> Any:
    """out[0] = key i with permutation g applied: for each chunk of bits, what it becomes, from a table."""
    chunks, tables = sym
    for k in range(len(ws)):
        out[0, k] = np.uint64(0)
    for c in range(len(chunks)):
        v = (keys[i, chunks[c, 0]] >> np.uint64(chunks[c, 1])) & np.uint64(chunks[c, 2])
        at = chunks[c, 3] + np.int64(v)
        for k in range(len(ws)):
            out[0, k] |= tables[g, at, k]


@inlined
def order(ws: Any, a: Arr, i: Any, b: Arr, j: Any) -> Any:
    """-1, 0 or 1 as a[i] is less than, equal to or greater than b[j]."""
    for k in range(len(ws)):
        if a[i, k] != b[j, k]:
            return -1 if a[i, k] < b[j, k] else 1
    return 0


@compiled
def canonize(ws: Any, sym: Arr, keys: Arr, m: Any) -> Any:
    """Replace each key by the least of its images."""
    out = np.empty((1, len(ws)), np.uint64)
    best = np.empty((1, len(ws)), np.uint64)
    for i in range(m):
        copy_in(ws, best, keys, i)
        for g in range(len(sym[1])):
            image(ws, sym, g, keys, i, out)
            if order(ws, out, 0, best, 0) < 0:
                copy_in(ws, best, out, 0)
        for k in range(len(ws)):
            keys[i, k] = best[0, k]


@compiled
def orbit(ws: Any, sym: Arr, keys: Arr, i: Any) -> Any:
    """How many states the images of key i are."""
    out = np.empty((1, len(ws)), np.uint64)
    same = 1
    for g in range(len(sym[1])):
        image(ws, sym, g, keys, i, out)
        same += order(ws, out, 0, keys, i) == 0
    return (len(sym[1]) + 1) // same


# ---------------------------------------------------------------------------- search
@compiled
def judge(ws: Any, rules: Arr, trie: Arr, scratch: Arr, sym: Arr, states: Arr, table: Arr, todo: Arr, lo: Any, hi: Any,
          born: Arr, flags: Arr, miss: Arr, again: Arr, out: Arr) -> Any:
    """Judge the states todo[lo:hi], or lo..hi themselves where `todo` is empty; by the rules that `born` asks for (the
    leaf that each came from), or by all. A state judged true has its flag set, by slot of the table; without flags it
    ends the search, as out[3], with its words in scratch.work[0]. With symmetry all images of a state are judged; for
    flags they must be judged alike, else the state is out[3]. out[1] counts the misses; a state that meets
    one is noted in again[:, 1], counted by out[2], to be judged again."""
    roots, leaf_rules, fan = rules[:3]
    node, br, call, child, _, call_masks, _ = trie
    work, stack, frames = scratch
    for i in range(lo, hi):
        s = todo[i] if len(todo) else i
        mask = leaf_rules[born[i - lo]] if len(born) else ~np.uint64(0)
        if mask == 0:
            continue
        known = True
        hits = 0
        for g in range(-1, len(sym[1])):
            known &= out[1] + fan < len(miss)
            hit = False
            if g < 0:
                copy_in(ws, work, states, s)
            else:
                image(ws, sym, g, states, s, work)
            for j in range(len(roots)):
                if not known or hit or not (mask >> np.uint64(j)) & np.uint64(1):
                    continue
                stack[0, 0] = roots[j]
                stack[0, 1] = 0
                stack[0, 2] = 1
                sp = 1
                while sp and not hit:
                    sp -= 1
                    t, r, free = stack[sp, 0], stack[sp, 1], stack[sp, 2]
                    b1 = node[t, 1]
                    c0 = node[t, 2]
                    for e in range(node[t, 0], b1 + node[t, 3] - c0):
                        row = r
                        if e < b1:
                            place = np.int64(e)
                            at = window(br, place, work, r)
                        else:
                            c = np.int64(c0 + e - b1)
                            place = -1 - c
                            row = free
                            apply(ws, work, r, work, row, call_masks, c)
                            result = run_step(ws, trie, work, row, c, frames)
                            at = np.int64(call[c, 1]) + result if result >= 0 else -1 - result
                            free += 1
                        x = np.int64(child[at])
                        if x < 0:
                            known = False
                            if x == -1:
                                miss[out[1], 0] = s
                                miss[out[1], 1] = place
                                miss[out[1], 2] = at
                                miss[out[1], 3] = g
                                out[1] += 1
                                child[at] = -2
                        elif x > 0:
                            hit |= node[x, 6] > 0
                            if node[x, 1] > node[x, 0] or node[x, 3] > node[x, 2]:
                                stack[sp, 0] = x
                                stack[sp, 1] = row
                                stack[sp, 2] = free
                                sp += 1
            hits += hit
            if hit and len(flags) == 0:
                out[3] = s
                return
        if not known:
            again[out[2], 1] = s
            out[2] += 1
        elif hits == len(sym[1]) + 1:
            flags[seek(ws, states, s, mix(ws, states, s), table, states)] = 1
        elif hits:
            out[3] = s
            return


@compiled
def settle(ws: Any, trie: Arr, scratch: Arr, rules: Arr, sym: Arr, states: Arr, table: Arr, outs: Arr, born: Arr,
           m: Any, new_born: Arr, miss: Arr, again: Arr, out: Arr) -> Any:
    """Insert outs[:m] and judge what is new. out: n, misses, states to judge again, broken state."""
    canonize(ws, sym, outs, m)
    n0 = out[0]
    out[0] = insert(ws, outs, born, m, table, states, n0, new_born, 0)
    if len(rules[0]):
        judge(ws, rules, trie, scratch, sym, states, table, rules[3], n0, out[0], new_born, rules[4], miss, again,
              out)


@compiled
def advance(ws: Any, root: Any, trie: Arr, scratch: Arr, rules: Arr, sym: Arr, todo: Arr, blocks: Arr, cursor: Arr,
            states: Arr, table: Arr, limit: Any, outs: Arr, born: Arr, new_born: Arr, miss: Arr, again: Arr,
            out: Arr) -> Any:
    """Expand blocks of states until there are none, or there is no room, or a rule is broken.

    A block is a stretch of todo, or of the states themselves where `todo` is empty. out: 0 n (in and out), 1 misses,
    2 states to judge again (again[:, 1]), 3 a broken state or -1, 4 transitions, 5 states to expand again
    (again[:, 0]), 6 and 7 what is left of the block in hand, 8 and 9 the states and transitions that symmetry
    stands for. A state that meets what is not learned is put back whole."""
    fan = rules[2]
    cap = len(born) - fan
    listed = len(todo) > 0
    m = 0
    for i in range(1, 10):
        out[i] = 0
    out[3] = -1
    while out[3] < 0 and out[6] == out[7]:
        x = take_next(cursor, 0)
        if x >= len(blocks):
            break
        q, hi = blocks[x, 0], blocks[x, 1]
        while q < hi:
            if m > cap:
                settle(ws, trie, scratch, rules, sym, states, table, outs, born, m, new_born, miss, again, out)
                m = 0
                if out[3] >= 0:
                    break
            if (out[1] + fan > len(miss) or out[5] == len(again) or out[2] + len(born) > len(again)
                    or out[0] + len(born) > limit):
                break
            s = todo[q] if listed else q
            copy_in(ws, scratch[0], states, s)
            got, loops, out[1] = successors(ws, root, trie, scratch, outs, born, m, miss, out[1], s)
            if got < 0:
                again[out[5], 0] = s
                out[5] += 1
            else:
                out[4] += got - m + loops
                if len(sym[1]):
                    stands = orbit(ws, sym, states, s)
                    out[8] += stands
                    out[9] += stands * (got - m + loops)
                m = got
            q += 1
        out[6], out[7] = q, hi
    if out[3] < 0:
        settle(ws, trie, scratch, rules, sym, states, table, outs, born, m, new_born, miss, again, out)


@compiled
def find(ws: Any, root: Any, trie: Arr, scratch: Arr, sym: Arr, states: Arr, lo: Any, hi: Any, target: Arr, outs: Arr,
         born: Arr, miss: Arr) -> Any:
    """The first state in lo..hi with a step to target: (state, leaf), or (-1, -1). (state, -2) where that state
    meets what is not learned: see the first rows of `miss`, up to its count, in the third place."""
    for s in range(lo, hi):
        copy_in(ws, scratch[0], states, s)
        m, _, nm = successors(ws, root, trie, scratch, outs, born, 0, miss, 0, s)
        if m < 0:
            return s, -2, nm
        canonize(ws, sym, outs, m)
        for i in range(m):
            if order(ws, outs, i, target, 0) == 0:
                return s, np.int64(born[i]), 0
    return -1, -1, 0


# ---------------------------------------------------------------------------- backward
@compiled
def sweep(ws: Any, root: Any, trie: Arr, scratch: Arr, fan: Any, sym: Arr, todo: Arr, states: Arr, table: Arr, can: Arr,
          fair: Arr, outs: Arr, born: Arr, miss: Arr) -> Any:
    """One backward pass over the states `todo`, last first: a state can if a fair step leads to one that can (`can` is
    by slot of the table). What stays undecided is moved to the end of todo, in order.

    Returns (where it begins, misses)."""
    cap = len(born) - fan
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
    nm = 0
    q = len(todo)
    while q > 0:
        top = q
        m = 0
        while q > 0 and m <= cap and top - q < 1024:
            q -= 1
            if can[slots[q]] or nm + fan > len(miss):
                continue                             # decided, or undecided until more is learned
            copy_in(ws, scratch[0], states, todo[q])
            got, _, nm = successors(ws, root, trie, scratch, outs, born, m, miss, nm, todo[q])
            kept = m
            for i in range(m, got):
                if fair[born[i]]:
                    for k in range(len(ws)):
                        outs[kept, k] = outs[i, k]
                    mine[kept] = q
                    kept += 1
            m = kept
        canonize(ws, sym, outs, m)
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
