"""Watching a machine: accesses, events of kernels and designs, what guests do. Nothing here is state of the machine.

`TappedV2` and `TappedV3` are the chips with a tap at each access; `tapped_v2` and `tapped_v3` put it on another class
of chip. A machine without an observer uses the chips themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vgic.silicon import GicV2, GicV3

if TYPE_CHECKING:
    from vgic.designs.vm import Vcpu


class Observer:
    """Hears everything; does nothing. Subclasses override what they need."""

    def access(self, kind: str, write: bool, place: str, value: int, pe: int, guest: bool) -> None:
        """An access reached the chip. `kind`: "mmio" or "sysreg"; `place`: the frame and offset, or the register."""

    def kernel(self, what: str, intid: int, pe: int) -> None:
        """The kernel took an interrupt ("take"), an "ipi", nothing ("spurious"), or what nobody wants."""

    def design(self, event: str, vcpu: Vcpu | None, intid: int) -> None:
        """An event of the design: see `vgic.designs.base.EVENTS`."""

    def happens(self, what: str, vcpu: Vcpu | None = None, **more: Any) -> None:
        """Something of the machine: "enter", "exit" (reason=...), "give up", "load" (pe=...), "put", "block", "stay",
        "trap" (name=..., value=...), "ack", "eoi", "dir" (intid=...), "line" (device=..., vintid=..., level=...),
        "timer" (a guest's line: vintid=..., level=...), "time" (count=...), "guest", "host" or "work"
        (text=...)."""


class Both(Observer):
    """Two observers, both told everything."""

    def __init__(self, first: Observer, second: Observer) -> None:
        self.first, self.second = first, second

    def access(self, kind: str, write: bool, place: str, value: int, pe: int, guest: bool) -> None:
        self.first.access(kind, write, place, value, pe, guest)
        self.second.access(kind, write, place, value, pe, guest)

    def kernel(self, what: str, intid: int, pe: int) -> None:
        self.first.kernel(what, intid, pe)
        self.second.kernel(what, intid, pe)

    def design(self, event: str, vcpu: Vcpu | None, intid: int) -> None:
        self.first.design(event, vcpu, intid)
        self.second.design(event, vcpu, intid)

    def happens(self, what: str, vcpu: Vcpu | None = None, **more: Any) -> None:
        self.first.happens(what, vcpu, **more)
        self.second.happens(what, vcpu, **more)


class TappedV3(GicV3):
    """A GICv3 that tells its accesses."""

    def __init__(self, *args: Any, observer: Observer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tap = observer

    def _place(self, address: int) -> str:
        frame, _, offset = self._locate(address)
        return f"{frame}+{offset:#x}"

    def read(self, address: int, size: int, pe: int = 0, *, secure: bool = False) -> int:
        value = super().read(address, size, pe, secure=secure)
        self.tap.access("mmio", False, self._place(address), value, pe, False)
        return value

    def write(self, address: int, size: int, value: int, pe: int = 0, *, secure: bool = False) -> None:
        super().write(address, size, value, pe, secure=secure)
        self.tap.access("mmio", True, self._place(address), value, pe, False)

    def sysreg_read(self, register: Any, pe: int = 0, *, el: int = 2, secure: bool = False) -> int:
        value = super().sysreg_read(register, pe, el=el, secure=secure)
        self.tap.access("sysreg", False, str(register), value, pe, el == 1)
        return value

    def sysreg_write(self, register: Any, value: int, pe: int = 0, *, el: int = 2, secure: bool = False) -> None:
        super().sysreg_write(register, value, pe, el=el, secure=secure)
        self.tap.access("sysreg", True, str(register), value, pe, el == 1)


class TappedV2(GicV2):
    """A GICv2 that tells its accesses."""

    def __init__(self, *args: Any, observer: Observer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tap = observer

    def _place(self, address: int) -> tuple[str, bool]:
        m = self.map
        for name, base, size in (("GICD", m.gicd, 0x1000), ("GICC", m.gicc, 0x2000), ("GICH", m.gich, 0x2000),
                                 ("GICV", m.gicv, 0x2000)):
            if base <= address < base + size:
                return f"{name}+{address - base:#x}", name == "GICV"
        return f"{address:#x}", False

    def read(self, address: int, size: int, pe: int = 0, *, secure: bool = False) -> int:
        value = super().read(address, size, pe, secure=secure)
        place, guest = self._place(address)
        self.tap.access("mmio", False, place, value, pe, guest)
        return value

    def write(self, address: int, size: int, value: int, pe: int = 0, *, secure: bool = False) -> None:
        super().write(address, size, value, pe, secure=secure)
        place, guest = self._place(address)
        self.tap.access("mmio", True, place, value, pe, guest)


def tapped_v3(chip: type[GicV3]) -> type[TappedV3]:
    """A class of GICv3 with the taps."""
    return TappedV3 if chip is GicV3 else type(f"Tapped{chip.__name__}", (TappedV3, chip), {})


def tapped_v2(chip: type[GicV2]) -> type[TappedV2]:
    """A class of GICv2 with the taps."""
    return TappedV2 if chip is GicV2 else type(f"Tapped{chip.__name__}", (TappedV2, chip), {})
