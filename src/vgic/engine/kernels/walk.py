"""The compiled walk of the trie, and what stands in its place where it can: looking up what it said before.

**The walk** tests the words of a state, window by window, and runs steps on copies of them. It says what a call does as
masks: an AND and an OR for each word, made of what was written on the way, so that they are right for every state that
the call reads the same of. `trie` is the tuple `Trie.arrays`:

    node        first and last branch, call and leaf; number of self loops (rules: of rules broken)
    br          word, shift, mask, base of its children
    call        the root of the step's trie, base of the children, the step
    child       node; 0 nothing below, -1 not learned, -2 asked for
    leaf_masks, call_masks      an AND and an OR mask for each word
    leaf_result                 a step's result

**Looking up.** A call reads a small part of a state, and few values of that part are ever met. So calls are looked up
in groups (`vgic.engine.lookup.lookups` chooses them): under the bits that they may read, exactly, never under a hash
alone. What they may read depends on little of the state, as on what a guest does next: two windows choose the mask.
A group's slots hold the key and, of actions, where in a pool the effects lie; of rules, what they say. StepLookups are
looked up, too, each by itself, wherever a walk calls them. A slot is taken over by whoever comes last; a full pool
empties all.

    acts, rules, steps      groups (first and last in `nodes`, first slot, shift of the hash (0: not looked up), first
                of the masks, two windows on a state: word, shift, mask; left shift of the second's value), masks, nodes
                (the roots' places; of steps none, each is a group), slots, pool, use of the pool.
                A slot is the key, and then
                1 << 63 | loops << 48 | effects << 32 | place in the pool        of actions
                1 << 63 | result << 32 | place in the pool                       of a step
                1 << 63 | whether one is broken                                  of rules
    scratch     work (words, and which bits of them are as they were), stack, frames and what they saved (the steps
                under way), steps, the slots asked for
"""
from __future__ import annotations

from typing import Any

import numpy as np

from vgic.engine.kernels.intrinsics import compiled, inlined, lent, prefetch

Arr = Any                           # an array, or a tuple of them: Numba infers the types

VALID = np.uint64(1 << 63)
ZERO = np.int64(0)                  # a literal 0 is a type of its own: what it is handed to would be compiled twice
MOST = 64                           # groups
H16, H32, H48 = np.uint64(16), np.uint64(32), np.uint64(48)
LOW15, LOW16 = np.uint64(0x7FFF), np.uint64(0xFFFF)
LOW31, LOW32 = np.uint64(0x7FFFFFFF), np.uint64(0xFFFFFFFF)


@inlined
def apply(ws: Any, work: Arr, r: Any, out: Arr, n: Any, masks: Arr, m: Any) -> Any:
    """out[n] = work[r] changed by masks[m]: its words, and then the bits that are as they were."""
    W = len(ws)
    for k in range(W):
        out[n, k] = (work[r, k] & masks[m, 2 * k]) | masks[m, 2 * k + 1]
        out[n, W + k] = work[r, W + k] & masks[m, 2 * k]


@inlined
def copy_in(ws: Any, work: Arr, states: Arr, s: Any) -> Any:
    """work[0] = a state, nothing of it changed."""
    W = len(ws)
    for k in range(W):
        work[0, k] = states[s, k]
        work[0, W + k] = ~np.uint64(0)


@inlined
def window(br: Arr, b: Any, words: Arr, r: Any) -> Any:
    """The place of the child of branch b for words[r]."""
    v = (words[r, br[b, 0]] >> np.uint64(br[b, 1])) & np.uint64(br[b, 2])
    return np.int64(br[b, 3]) + np.int64(v)


# ---------------------------------------------------------------------------- looking up
@inlined
def mask_of(calls: Arr, g: Any, words: Arr, r: Any) -> Any:
    """The row of the masks of group g that is for words[r]: by its two windows."""
    groups = calls[0]
    v = (words[r, groups[g, 5]] >> np.uint64(groups[g, 6])) & np.uint64(groups[g, 7])
    v |= ((words[r, groups[g, 8]] >> np.uint64(groups[g, 9])) & np.uint64(groups[g, 10])) << np.uint64(groups[g, 11])
    return groups[g, 4] + np.int64(v)


@inlined
def slot(ws: Any, calls: Arr, g: Any, m: Any, words: Arr, r: Any) -> Any:
    """The slot of group g for words[r]; m: the row of its masks."""
    groups, masks = calls[0], calls[1]
    h = np.uint64(0)
    for k in range(len(ws)):
        h = (h ^ (words[r, k] & masks[m, k])) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> H32
    return groups[g, 2] + np.int64((h * np.uint64(0xD6E8FEB86659FD93)) >> np.uint64(groups[g, 3]))


@inlined
def held(ws: Any, calls: Arr, m: Any, words: Arr, r: Any, at: Any) -> Any:
    """What a slot holds for words[r], 0 if it is another's."""
    masks, slots = calls[1], calls[3]
    same = True
    for k in range(len(ws)):
        same &= slots[at, k] == words[r, k] & masks[m, k]
    return slots[at, len(ws)] if same else np.uint64(0)


@inlined
def hold(ws: Any, calls: Arr, m: Any, words: Arr, r: Any, at: Any, what: Any) -> Any:
    """Let a slot hold this for words[r]."""
    masks, slots = calls[1], calls[3]
    for k in range(len(ws)):
        slots[at, k] = words[r, k] & masks[m, k]
    slots[at, len(ws)] = what


@compiled
def empty(slots: Arr) -> Any:
    """Empty all slots."""
    for i in range(len(slots)):
        slots[i, slots.shape[1] - 1] = 0


# ---------------------------------------------------------------------------- walking
@compiled
def run_step(ws: Any, trie: Arr, scratch: Arr, r: Any, c: Any) -> Any:
    """Run the step of call c on scratch.work[r]. Returns its result, or -1 - (place in `child` that is not learned)."""
    trie, scratch = lent((trie, scratch))
    node, br, call, child, leaf_masks, call_masks, leaf_result = trie
    work, _, frames, saved, steps, _ = scratch
    groups, _, _, slots, pool, used = steps
    W = len(ws)
    depth = 0
    t = np.int64(-1)                                 # -1: call c begins
    while True:
        if t < 0:
            h = np.int64(call[c, 2])
            at = np.int64(-1)
            what = np.uint64(0)
            if groups[h, 3]:
                at = slot(ws, steps, h, h, work, r)
                what = held(ws, steps, h, work, r, at)
            if what == 0:
                frames[depth, 0] = c
                frames[depth, 1] = at
                if at >= 0:                          # what it changes is noted apart
                    for k in range(W):
                        saved[depth, k] = work[r, k]
                        saved[depth, W + k] = work[r, W + k]
                        work[r, W + k] = ~np.uint64(0)
                depth += 1
                t = np.int64(call[c, 0])
                continue
            result = np.int64((what >> H32) & LOW31)
            apply(ws, work, r, work, r, pool, np.int64(what & LOW32))
        elif node[t, 4] < node[t, 5]:
            leaf = node[t, 4]
            apply(ws, work, r, work, r, leaf_masks, leaf)
            result = np.int64(leaf_result[leaf])
            depth -= 1
            c = frames[depth, 0]
            at = frames[depth, 1]
            if at >= 0:
                q = used[0]
                if q == len(pool):
                    empty(slots)
                    q = 0
                for k in range(W):
                    pool[q, 2 * k] = work[r, W + k]
                    pool[q, 2 * k + 1] = work[r, k] & ~work[r, W + k]
                    work[r, W + k] &= saved[depth, W + k]
                used[0] = q + 1
                hold(ws, steps, np.int64(call[c, 2]), saved, depth, at,
                     VALID | np.uint64(result) << H32 | np.uint64(q))
        elif node[t, 2] < node[t, 3]:
            c = np.int64(node[t, 2])
            apply(ws, work, r, work, r, call_masks, c)
            t = np.int64(-1)
            continue
        else:
            at = window(br, np.int64(node[t, 0]), work, r)
            t = np.int64(child[at])
            if t < 0:
                return -1 - at
            continue
        if depth == 0:                               # a call ended
            return result
        at = np.int64(call[c, 1]) + result
        t = np.int64(child[at])
        if t < 0:
            return -1 - at


@compiled
def walk(ws: Any, root: Any, trie: Arr, scratch: Arr, pool: Arr, p: Any, miss: Arr, nm: Any, s: Any) -> Any:
    """Append to the pool, from p on, what the calls of a root do to scratch.work[0], and the leaf of each.

    Returns (the new p, self loops, the new number of misses). Where the walk meets what is not learned, p
    is -1, and each such place that no one asked for yet is a row of `miss`: s and the place."""
    trie, scratch, pool, miss = lent((trie, scratch, pool, miss))
    node, br, call, child, leaf_masks, call_masks, _ = trie
    work, stack = scratch[0], scratch[1]
    W = len(ws)
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
                result = run_step(ws, trie, scratch, row, c)
                at = np.int64(call[c, 1]) + result if result >= 0 else -1 - result
                free += 1
            x = np.int64(child[at])
            if x <= 0:
                if x < 0:
                    ok = False
                    if x == -1:
                        miss[nm, 0] = s
                        miss[nm, 1] = place
                        nm += 1
                        child[at] = -2
                continue
            loops += node[x, 6]
            for leaf in range(node[x, 4], node[x, 5]):
                for k in range(W):
                    same = work[row, W + k] & leaf_masks[leaf, 2 * k]
                    pool[p, 2 * k] = same
                    now = (work[row, k] & leaf_masks[leaf, 2 * k]) | leaf_masks[leaf, 2 * k + 1]
                    pool[p, 2 * k + 1] = now & ~same
                pool[p, 2 * W] = np.uint64(leaf)
                p += 1
            if node[x, 1] > node[x, 0] or node[x, 3] > node[x, 2]:
                stack[sp, 0] = x
                stack[sp, 1] = row
                stack[sp, 2] = free
                sp += 1
    return (p if ok else np.int64(-1)), loops, nm


# ---------------------------------------------------------------------------- actions and rules
@compiled
def work_out(ws: Any, acts: Arr, trie: Arr, scratch: Arr, g: Any, at: Any, row: Any, fan: Any, miss: Arr, nm: Any,
             s: Any) -> Any:
    """Walk all actions of group g for work[0], and let the slot `at` hold it, under this row of the masks, if that is
    not negative.

    Returns (what the slot holds, 0 if something is not learned; the new number of misses)."""
    acts, trie, scratch, miss = lent((acts, trie, scratch, miss))
    groups, _, nodes, slots, pool, used = acts
    lo = used[0]
    if lo + fan > len(pool):
        empty(slots)
        lo = used[0] = 0
    p = lo
    loops = 0
    ok = True
    for j in range(groups[g, 0], groups[g, 1]):
        q, more, nm = walk(ws, nodes[j], trie, scratch, pool, p, miss, nm, s)
        loops += more
        if q < 0:
            ok = False
        else:
            p = q
    if not ok:
        return np.uint64(0), nm
    what = VALID | np.uint64(loops) << H48 | np.uint64(p - lo) << H32 | np.uint64(lo)
    if at >= 0:
        hold(ws, acts, row, scratch[0], 0, at, what)
        used[0] = p
    return what, nm


@inlined
def ask(ws: Any, acts: Arr, states: Arr, s: Any, ats: Arr, a: Any) -> Any:
    """Find the slots of a state's actions, as ats[a], and ask for what they hold."""
    groups, slots = acts[0], acts[3]
    for g in range(len(groups)):
        ats[a, g] = -1
        if groups[g, 3]:
            row = mask_of(acts, g, states, s)
            ats[a, MOST + g] = row
            ats[a, g] = slot(ws, acts, g, row, states, s)
            prefetch(slots, ats[a, g] * (len(ws) + 1))


@inlined
def ask_on(ws: Any, acts: Arr, ats: Arr, a: Any) -> Any:
    """The slots are here: ask for the effects that they point to."""
    slots, pool = acts[3], acts[4]
    for g in range(len(acts[0])):
        if ats[a, g] >= 0:
            prefetch(pool, np.int64(slots[ats[a, g], len(ws)] & LOW32) * (2 * len(ws) + 1))


@inlined
def successors(ws: Any, acts: Arr, trie: Arr, scratch: Arr, fan: Any, ats: Arr, a: Any, outs: Arr, born: Arr, n: Any,
               miss: Arr, nm: Any, s: Any) -> Any:
    """Append the successors of scratch.work[0], whose slots are ats[a], to outs from n on; the leaf of each to born.

    Returns (the new n, self loops, the new number of misses). Where something is not learned n is -1, and each such
    place that no one asked for yet is a row of `miss`."""
    groups, pool = acts[0], acts[4]
    work = scratch[0]
    W = len(ws)
    loops = np.int64(0)
    ok = True
    for g in range(len(groups)):
        what = np.uint64(0)
        at = ats[a, g]
        row = ats[a, MOST + g]
        if at >= 0:
            what = held(ws, acts, row, work, 0, at)
        if what == 0:
            what, nm = work_out(ws, acts, trie, scratch, g, at, row, fan, miss, nm, s)
            if what == 0:
                ok = False
                continue
        lo = np.int64(what & LOW32)
        loops += np.int64((what >> H48) & LOW15)
        for q in range(lo, lo + np.int64((what >> H32) & LOW16)):
            for k in range(W):
                outs[n, k] = (work[0, k] & pool[q, 2 * k]) | pool[q, 2 * k + 1]
            born[n] = np.int32(pool[q, 2 * W])
            n += 1
    return (n if ok else np.int64(-1)), loops, nm


@inlined
def says(ws: Any, rules: Arr, trie: Arr, scratch: Arr, g: Any, miss: Arr, nm: Any, s: Any) -> Any:
    """What the rules of group g say of work[0]: (0 that all hold, 1 that one is broken, 2 nothing: something
    is not learned; the new number of misses)."""
    groups, _, nodes, _, pool, _ = rules
    at = np.int64(-1)
    row = np.int64(0)
    if groups[g, 3]:
        row = mask_of(rules, g, scratch[0], 0)
        at = slot(ws, rules, g, row, scratch[0], 0)
        what = held(ws, rules, row, scratch[0], 0, at)
        if what:
            return np.int64(what & LOW32), nm
    said = np.int64(0)
    for j in range(groups[g, 0], groups[g, 1]):
        if said != 1:
            p, hits, nm = walk(ws, nodes[j], trie, scratch, pool, ZERO, miss, nm, s)
            if hits:
                said = np.int64(1)
            elif p < 0:
                said = np.int64(2)
    if at >= 0 and said != 2:
        hold(ws, rules, row, scratch[0], 0, at, VALID | np.uint64(said))
    return said, nm
