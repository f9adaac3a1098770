"""Machines for the tests of the oracle: one QEMU for each kind, started once a module and reset between tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vgic.oracle.machine import MachineOptions, QemuMachine
from vgic.oracle.mailbox import Mailbox


class Machines:
    """Started machines by their options."""

    def __init__(self) -> None:
        self._mailboxes: dict[tuple[MachineOptions, bool], Mailbox] = {}

    def __call__(self, gic: int = 3, pes: int = 1, security: bool = False, *, fiq_to_el3: bool = True) -> Mailbox:
        """A mailbox of such a machine, freshly reset."""
        options = MachineOptions(gic, pes, security)
        mailbox = self._mailboxes.get((options, fiq_to_el3))
        if mailbox is None:
            mailbox = self._mailboxes[options, fiq_to_el3] = Mailbox(QemuMachine(options), fiq_to_el3=fiq_to_el3)
        else:
            mailbox.reset()
        return mailbox

    def close(self) -> None:
        for mailbox in self._mailboxes.values():
            mailbox.release()
            mailbox.machine.close()


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    m = Machines()
    yield m
    m.close()
