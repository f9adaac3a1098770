"""The states of an interrupt: inactive, pending, active, or pending and active (IHI 0048B 3.2.4, IHI 0069 4.1.2).

The numbers are those of a list register's State field, where the first is called invalid.
"""

from __future__ import annotations

from typing import Final

INACTIVE: Final = 0
INVALID: Final = 0
PENDING: Final = 1
ACTIVE: Final = 2
PENDING_ACTIVE: Final = 3

STATE: Final = {INVALID: "invalid", PENDING: "pending", ACTIVE: "active", PENDING_ACTIVE: "pending and active"}
"""A list register's State field in words."""
STATE_NAMES: Final = ("I", "P", "A", "PA")
"""The states in letters."""
