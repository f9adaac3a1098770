"""What a machine is built of: a design, the kernel below it, the chip below that. Data, for whoever builds machines.

A scenario says how many PEs there are, of which GIC, and which devices; a build says of which classes the pieces are.
As a rule only the design is chosen, and its class alone stands for such a build. A chip or a kernel that does something
of its own (an emulated GIC with a bug, a host that ends interrupts in its own manner) is exchanged here, below a design
that knows nothing of it:

    # mine.py
    from vgic.designs import Build, Kvm
    from vgic.silicon import GicV3

    class Mine(GicV3):
        ...

    MINE = Build(Kvm, gicv3=Mine)           # vgic check edge-again --design mine.py:MINE
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vgic.designs.base import Design
from vgic.host import Kernel
from vgic.silicon import GicV2, GicV3


@dataclass(frozen=True)
class Build:
    """What a machine is built of.

    Attributes:
        design: the class that hands interrupts to guests. gicv2, gicv3: the chip, of which a scenario asks for one.
        kernel: the class of the kernel that owns it.
        name: for tables and `--design`; the design's where none is given.
        file: the user's file that it comes from, None for ours.

    Each piece is a subclass of the plain one, and is called as that is. Raises TypeError where one is not.
    """

    design: type[Design]
    gicv2: type[GicV2] = GicV2
    gicv3: type[GicV3] = GicV3
    kernel: type[Kernel] = Kernel
    name: str = ""
    file: Path | None = None

    def __post_init__(self) -> None:
        plain = {"design": Design, "gicv2": GicV2, "gicv3": GicV3, "kernel": Kernel}
        for piece, base in plain.items():
            given = getattr(self, piece)
            if not (isinstance(given, type) and issubclass(given, base)):
                raise TypeError(f"Build: {piece} = {given!r}: expected a subclass of {base.__name__}")
        if not self.name:
            object.__setattr__(self, "name", self.design.name)

    @property
    def exchanged(self) -> bool:
        """Whether anything below the design is not the plain one."""
        return (self.gicv2, self.gicv3, self.kernel) != (GicV2, GicV3, Kernel)


Buildable = Build | type[Design]
"""What machines are made from: a build, or a design's class, which stands for the build of that and the plain rest."""


def build_of(design: Buildable) -> Build:
    """The build that is meant."""
    return design if isinstance(design, Build) else Build(design)
