"""Which of a design's own decisions a recording exercised: what it does otherwise than the design it is made of.

Two designs that agree wherever a recording looks are equal there, whatever they do elsewhere: the same list registers
say something of a flipped rule only if the rule was asked for. So beside the design its base is driven, on a chip of
its own: the design of KVM's family that it is a subclass of, without what the build exchanges. A decision of its own
that matters shows in an entry whose list registers are not the base's; and each method that is the design's own is
counted where it is called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from types import FunctionType
from typing import Any, NamedTuple

from vgic.designs.base import Design
from vgic.designs.build import Build
from vgic.designs.kvm import Kvm

FAMILY = "vgic.designs.kvm"
"""Where the designs stand that stand for kernels, and not for a change of one."""


class Own(NamedTuple):
    """What is a design's own.

    Attributes:
        base: the build that it is made of. calls: its own methods, and how often each was called.
        entries: those whose list registers are not the base's.
    """

    base: Build
    calls: Counter[str]
    entries: int


def base_of(build: Build) -> Build | None:
    """What a build is made of, None for a design that stands for a kernel by itself."""
    mro = build.design.__mro__
    kernel = next(cls for cls in mro if issubclass(cls, Kvm) and cls.__module__.startswith(FAMILY))
    return Build(kernel) if kernel is not build.design or build.exchanged else None


def counting(build: Build, base: Build, calls: Counter[str]) -> Build:
    """The build, with a design that counts the calls of its own methods."""
    own: dict[str, FunctionType] = {}
    for cls in build.design.__mro__:
        if cls not in base.design.__mro__:
            own |= {name: f for name, f in vars(cls).items() if isinstance(f, FunctionType) and name not in own}
    calls.update(dict.fromkeys(own, 0))
    design: type[Design] = type(build.design.__name__, (build.design,), {
        "__slots__": (), "__module__": build.design.__module__,
        **{name: _counted(name, f, calls) for name, f in own.items()}})
    return replace(build, design=design)


def _counted(name: str, method: FunctionType, calls: Counter[str]) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **more: Any) -> Any:
        calls[name] += 1
        return method(*args, **more)
    return call
