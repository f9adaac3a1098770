"""All schedules: every state that a machine of plain Python objects can reach, faster than a compiled checker.

    from vgic.engine import Explorer, Goal, Model

    result = Explorer(Model(machine, actions, rules, goals)).search(threads=2)

# The contract

A model is ordinary Python. Nothing is declared twice: neither what an action reads nor what it writes, neither how many
values a slot has nor which.

**Parts.** All that can change lies in the slots of *parts*: objects with `__slots__` and no `__dict__` that can be
reached from the machine (`vgic.parts.Part` is a base class that says so). A slot holds an immutable value (None, bool,
int, float, str, bytes, an enum, a tuple or a frozenset of such, a frozen dataclass, a function), another object that
the machine was built with, or a flat list of those, which no second slot may hold. A slot may be unset. Values are told
apart as Python's types and values do: 1, True and 1.0 are three. All else is constant: other objects, dictionaries,
closures, classes, the globals of the model's modules.

**Actions.** What can happen, each a name and a call without arguments. A call is one step: nothing happens within it.
It returns False where it is not possible; what it had written until then is dropped. Anything else that it returns
means that it happened. What an action does is a function of the parts: it is run at times of the explorer's choosing,
on states in any order, often on parts that are half empty, and most often not at all.

**Rules.** Calls that look at a state and return something true where it is broken. **Goals** (`Goal`) must stay
possible: from every state, fair actions alone can still lead to one where the goal is reached. Rules and goals only
judge: they write nothing.

**Steps.** A method that many actions call in loops multiplies what is to be learned of its callers. Marked with
`vgic.parts.step` it is learned by itself. It takes and returns immutable values and objects of the machine.

**What is refused,** with a `ModelError` that names what and where: a write to what is no part, an object made while the
machine ran, a value that could change unseen, a list held twice, a set of parts (it has no fixed order), a rule that
writes, an action that does one thing now and another then. All is noticed while the search learns, not declared before.
What Python does not show (a clock, a file, a cache written in C) is found only where a second run differs.

**Exceptions** are findings: an action or a rule that raises ends the search, with the shortest way there (`Broken.kind`
is "raised").

**Determinism.** One model has one set of states, of transitions and of depths, whatever searches it, with how many
threads, interrupted and resumed how often. Of several shortest counterexamples any may be told.

**Verdicts.** `HOLDS`: every reachable state was seen, every rule holds in each, every goal stays possible. `BROKEN`:
with a shortest way there, which has been played again on the ordinary objects. `BOUNDED`: nothing is broken in what was
seen, and that was not all; `Result.why_cut` names the limit: depth, states, memory, seconds, or an interrupt. Goals are
judged only where all states are known. A slot with more than 65,536 values, or a state of more memory than there is,
can't be searched; a state that grows for ever is cut by one of the limits, and `Result.widest` names the slot.

A complete example, which the tests run:

    >>> from vgic.engine import Explorer, Goal, Model
    >>> from vgic.parts import Part
    >>> class Lock(Part):
    ...     __slots__ = ("owner",)
    ...     def __init__(self):
    ...         self.owner = None
    >>> class Thread(Part):
    ...     __slots__ = ("at",)
    ...     def __init__(self):
    ...         self.at = "outside"
    >>> class Program:
    ...     '''Two threads that take two locks, each in an order of its own.'''
    ...     def __init__(self, orders):
    ...         self.locks = {name: Lock() for name in "ab"}
    ...         self.threads = [Thread() for _ in orders]
    ...         self.orders = orders
    ...     def take(self, n):
    ...         thread = self.threads[n]
    ...         wanted = {"outside": self.orders[n][0], "half way": self.orders[n][1]}.get(thread.at)
    ...         if wanted is None or self.locks[wanted].owner is not None:
    ...             return False
    ...         self.locks[wanted].owner = thread
    ...         thread.at = "half way" if thread.at == "outside" else "inside"
    ...     def leave(self, n):
    ...         if self.threads[n].at != "inside":
    ...             return False
    ...         for lock in self.locks.values():
    ...             lock.owner = None
    ...         self.threads[n].at = "outside"
    ...     def model(self):
    ...         actions = [(f"{what} {n}", lambda call=call, n=n: call(n)) for n in range(len(self.threads))
    ...                    for what, call in (("take", self.take), ("leave", self.leave))]
    ...         both_in = ("two are inside", lambda: sum(t.at == "inside" for t in self.threads) > 1)
    ...         free = Goal("the locks get free", lambda: all(lock.owner is None for lock in self.locks.values()),
    ...                     fair=lambda name: True)
    ...         return Model(self, actions, [both_in], [free])
    >>> result = Explorer(Program(["ab", "ab"]).model()).search()
    >>> result.verdict, result.states, result.transitions
    ('HOLDS', 5, 6)
    >>> result = Explorer(Program(["ab", "ba"]).model()).search()
    >>> result.verdict, result.broken.rule, result.broken.actions, result.broken.loop
    ('BROKEN', 'the locks get free', ['take 0', 'take 1'], None)

# Theory of operation

The first time that the search meets an action in a new situation it runs the call in Python, on parts whose varying
slots are *emptied*, so that Python itself tells which slots it reads and writes, and in which order. The run becomes a
path of a decision tree of that action. A state is a few machine words, what the tree says of one is an AND and an OR
for each word. Compiled loops walk the trees, or look up what they said before, and never run Python. States lie in one
array, level by level; a table finds them by their words, never by a hash alone. No parents and no edges are stored: the
way to a state, and what can be lost for ever, are found by walking the levels once more.

Small models are searched in plain Python, which learns nothing: every slot is restored and read around each call. That
is what all else is compared with, state by state, in the tests and by `Explorer.self_check`.

The rooms, each of which imports only from those before it:

    model       the contract; which objects are parts, and which must never change; what a slot may hold; results
    plain       the search in plain Python
    learn       what one run of a call reads and changes, found on emptied parts
    trie        where the slots lie in a state's words; all that was learned, as one decision structure
    kernels     compiled: the walk, the search, the backward pass, the table of states
    lookup      what is looked up instead of being walked, by which bits of a state
    search      level by level; the way to a state; what can be lost; saves; one search from begin to end
    explorer    the way in
"""
from vgic.engine.explorer import Explorer
from vgic.engine.model.contract import CheckpointError, Goal, Model, ModelError
from vgic.engine.model.result import Broken, Progress, Result

__all__ = ["Broken", "CheckpointError", "Explorer", "Goal", "Model", "ModelError", "Progress", "Result"]
