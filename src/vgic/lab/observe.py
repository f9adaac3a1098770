"""The chips with a tap at each access, for whoever wants to count or tell them. Nothing here is state of the machine.

`TappedV2` and `TappedV3` are ours; `tapped_v2` and `tapped_v3` put the taps on another class of chip. A machine that
nobody watches uses the chips themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vgic.silicon import GicV2, GicV3

Tap = Callable[[int, str, bool, str, int, bool], None]
"""Told each access, as `vgic.rules.moments.Moments.accessed` is: PE, kind, whether it writes, place, value, whether the
guest makes it."""


class TappedV3(GicV3):
    """A GICv3 that tells its accesses."""

    def __init__(self, *args: Any, tap: Tap, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tap = tap

    def _place(self, address: int) -> str:
        frame, _, offset = self.locate(address)
        return f"{frame}+{offset:#x}"

    def read(self, address: int, size: int, pe: int = 0, *, secure: bool = False) -> int:
        value = super().read(address, size, pe, secure=secure)
        self.tap(pe, "mmio", False, self._place(address), value, False)
        return value

    def write(self, address: int, size: int, value: int, pe: int = 0, *, secure: bool = False) -> None:
        super().write(address, size, value, pe, secure=secure)
        self.tap(pe, "mmio", True, self._place(address), value, False)

    def sysreg_read(self, register: Any, pe: int = 0, *, el: int = 2, secure: bool = False) -> int:
        value = super().sysreg_read(register, pe, el=el, secure=secure)
        self.tap(pe, "sysreg", False, str(register), value, el == 1)
        return value

    def sysreg_write(self, register: Any, value: int, pe: int = 0, *, el: int = 2, secure: bool = False) -> None:
        super().sysreg_write(register, value, pe, el=el, secure=secure)
        self.tap(pe, "sysreg", True, str(register), value, el == 1)


class TappedV2(GicV2):
    """A GICv2 that tells its accesses."""

    def __init__(self, *args: Any, tap: Tap, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tap = tap

    def _place(self, address: int) -> tuple[str, bool]:
        frame, _, offset = self.locate(address)
        return (f"{frame}+{offset:#x}", frame == "GICV") if frame else (f"{address:#x}", False)

    def read(self, address: int, size: int, pe: int = 0, *, secure: bool = False) -> int:
        value = super().read(address, size, pe, secure=secure)
        place, guest = self._place(address)
        self.tap(pe, "mmio", False, place, value, guest)
        return value

    def write(self, address: int, size: int, value: int, pe: int = 0, *, secure: bool = False) -> None:
        super().write(address, size, value, pe, secure=secure)
        place, guest = self._place(address)
        self.tap(pe, "mmio", True, place, value, guest)


def tapped_v3(chip: type[GicV3]) -> type[TappedV3]:
    """A class of GICv3 with the taps."""
    return TappedV3 if chip is GicV3 else type(f"Tapped{chip.__name__}", (TappedV3, chip), {})


def tapped_v2(chip: type[GicV2]) -> type[TappedV2]:
    """A class of GICv2 with the taps."""
    return TappedV2 if chip is GicV2 else type(f"Tapped{chip.__name__}", (TappedV2, chip), {})
