"""What a recording's software does again and again: which events follow which on a PE, with which values.

The streams are those of the PEs, and one of what no PE did (lines of SPIs). What is said on one PE is familiar on all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

VALUES = 6
"""Values told from one source."""
REACH = 64
"""Events to both sides among which the neighbours in a stream are looked for."""


class Key(NamedTuple):
    """What an event says: whose stream it stands in, what it does, its value."""

    stream: int | None
    shape: tuple[Any, ...]
    value: int

    def said(self) -> tuple[Any, ...]:
        """The same on whatever PE."""
        return (*self.shape, self.value)


class Familiar:
    """Which events follow which in the streams of the PEs, and how often."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = keys
        self.before: list[int | None] = []
        self.after: list[int | None] = [None] * len(keys)
        self.counts: Counter[Any] = Counter()
        self.pairs: Counter[Any] = Counter()
        self.middle: dict[Any, Counter[Any]] = defaultdict(Counter)
        self.loose: dict[Any, Counter[Any]] = defaultdict(Counter)
        self.next: dict[Any, Counter[Any]] = defaultdict(Counter)
        self.valued: dict[Any, Counter[int]] = defaultdict(Counter)
        self.example: dict[Any, int] = {}
        last: dict[int | None, int] = {}
        for i, key in enumerate(keys):
            said = key.said()
            previous = last.get(key.stream)
            self.before.append(previous)
            self.counts[said] += 1
            self.valued[key.shape][key.value] += 1
            self.example.setdefault(said, i)
            if previous is not None:
                self.after[previous] = i
                self.pairs[keys[previous].said(), said] += 1
                self.next[keys[previous].said()][said] += 1
                first = self.before[previous]
                if first is not None:
                    middle = keys[previous].said()
                    self.middle[keys[first].said(), said][middle] += 1
                    self.loose[keys[first].shape, key.shape][middle] += 1
            last[key.stream] = i

    def count(self, key: Key) -> int:
        """How often something was said."""
        return self.counts[key.said()]

    def odd(self, p: int) -> bool:
        """Whether the event at p follows its neighbour as nothing like it does elsewhere, or is the only one such."""
        before = self.before[p]
        return before is not None and self.pairs[self.keys[before].said(), self.keys[p].said()] < 2

    def values(self, key: Key) -> list[int]:
        """The values that such a line has, most frequent first."""
        return [value for value, _ in self.valued[key.shape].most_common(VALUES + 1)]

    def instead(self, p: int) -> list[int]:
        """The values that such a line has between such neighbours."""
        before, after = self.before[p], self.after[p]
        if before is None or after is None:
            return []
        key, found = self.keys[p], []
        for table, ends in ((self.middle, (self.keys[before].said(), self.keys[after].said())),
                            (self.loose, (self.keys[before].shape, self.keys[after].shape))):
            for said, _ in table[ends].most_common(VALUES) if ends in table else ():
                if said[:-1] == key.shape and said[-1] != key.value:
                    found.append(said[-1])
        return found

    def between(self, p: int) -> list[int]:
        """Events, by an example's place, that stood elsewhere between neighbours such as those here."""
        before = self.before[p]
        if before is None:
            return []
        a, b = self.keys[before], self.keys[p]
        found: list[Any] = []
        for table, ends in ((self.middle, (a.said(), b.said())), (self.loose, (a.shape, b.shape))):
            if ends in table:
                found += [said for said, _ in table[ends].most_common(VALUES)]
        found += [said for said, _ in self.next[a.said()].most_common(VALUES)] if a.said() in self.next else []
        return [self.example[said] for said in dict.fromkeys(found)]

    def change(self, at: int, gone: int, new: Sequence[Key]) -> int:
        """Unfamiliar neighbours and values after an edit, less those before it: `gone` events from `at` on are replaced
        by `new`."""
        keys, old = self.keys, self.keys[at:at + gone]
        low, high = max(0, at - REACH), min(len(keys), at + gone + REACH)
        streams = {key.stream for key in (*new, *old)}
        before = _pairs(keys[low:high], streams)
        pairs = _pairs([*keys[low:at], *new, *keys[at + gone:high]], streams)
        pairs.subtract(before)
        odd = 0
        for pair, n in pairs.items():
            elsewhere = self.pairs[pair] - before[pair]
            if elsewhere <= 0:
                odd += n
        for key in new:
            odd += self.counts[key.said()] == 0
        for key in old:
            odd -= self.counts[key.said()] == 1
        return odd


def _pairs(keys: Sequence[Key], streams: set[int | None]) -> Counter[Any]:
    """The neighbours in some streams."""
    last: dict[int | None, Key] = {}
    pairs: Counter[Any] = Counter()
    for key in keys:
        if key.stream in streams:
            if key.stream in last:
                pairs[last[key.stream].said(), key.said()] += 1
            last[key.stream] = key
    return pairs
