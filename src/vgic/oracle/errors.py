"""What can go wrong between Python and QEMU."""

from __future__ import annotations


class OracleError(RuntimeError):
    """QEMU can't be used, died, or doesn't answer. The message says what happened, where, and what to do."""


class OracleAbsent(OracleError):
    """There is no QEMU to ask."""


class OracleDied(OracleError):
    """QEMU ended by itself. `operation` is the number of the operation that it was doing, None before the first."""

    def __init__(self, message: str, operation: int | None = None) -> None:
        self.operation = operation
        super().__init__(message)
