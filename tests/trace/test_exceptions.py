"""Exceptions that QEMU logs among trace events, and guest entries that they make exact."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.trace.recordings import Scene, lr

from vgic.rules import Moments
from vgic.trace.events import ExceptionLevel, SysReg
from vgic.trace.exceptions import Exceptions, Whereabouts
from vgic.trace.qemu import QemuReader
from vgic.trace.source import TraceError

TAKEN = ["Taking exception 5 [IRQ] on CPU {}", "...from EL{} to EL{}", "...with ESR 0x0/0x0", "...with ELR 0x40"]
RETURN = "Exception return from AArch64 EL{} to AArch64 EL{} PC 0x40080000"


def told(lines: list[str]) -> list[tuple[int | None, int, int]]:
    exceptions = Exceptions()
    found = [exceptions.line(n, text) for n, text in enumerate(lines, 1)]
    return [(e.pe, e.before, e.after) for e in found if e is not None]


def test_an_exception_names_its_pe_and_a_return_does_not() -> None:
    lines = [TAKEN[0].format(3), TAKEN[1].format(1, 2), *TAKEN[2:], RETURN.format(2, 1)]
    assert told(lines) == [(3, 1, 2), (None, 2, 1)]


def test_what_qemu_does_as_firmware_is_no_exception() -> None:
    lines = ["Taking exception 13 [Secure Monitor Call] on CPU 1", TAKEN[1].format(1, 3), *TAKEN[2:],
             "...handled as PSCI call"]
    assert told(lines) == [(1, 1, 3), (1, 3, 1)]
    assert told(["...handled as PSCI call"]) == []


def test_two_that_begin_at_once_are_nobodys() -> None:
    lines = [TAKEN[0].format(0), TAKEN[0].format(1), TAKEN[1].format(1, 2), TAKEN[1].format(1, 2)]
    assert told(lines) == [(None, 1, 2), (None, 1, 2)]


@pytest.mark.parametrize("line", [
    "Taking exception lessons", "Exception in thread main", "...from here to EL2", "Taking exception 5 [IRQ] on CPU x"])
def test_a_console_may_say_such_words(line: str) -> None:
    assert told([line]) == []


def test_who_returns_is_known_where_only_one_can_have() -> None:
    where = Whereabouts(2)
    assert where.change(ExceptionLevel(1, None, 2, 1)) is None
    assert where.change(ExceptionLevel(2, 0, 1, 2)) == 0
    assert where.change(ExceptionLevel(3, None, 2, 1)) is None      # pe1 may be at EL2
    assert not where.known(0)
    where.change(ExceptionLevel(4, 0, 1, 2))
    where.change(ExceptionLevel(5, 1, 0, 1))
    assert where.change(ExceptionLevel(6, None, 2, 1)) == 0
    assert where.at == [1, 1]
    assert where.change(ExceptionLevel(7, None, 1, 0)) is None      # either
    assert where.at == [None, None]
    assert where.change(ExceptionLevel(8, 7, 1, 2)) is None


def test_of_one_pe_all_is_known() -> None:
    where = Whereabouts(1)
    assert where.change(ExceptionLevel(1, None, 2, 1)) == 0
    assert where.change(ExceptionLevel(2, None, 3, 2)) == 0          # it was reset since
    assert where.at == [2]


class Entered(Moments[int]):
    """Hears entries."""

    def __init__(self) -> None:
        self.at: list[int] = []

    def entered(self, pe: int) -> None:
        self.at.append(self.place)


def scene() -> tuple[Scene, Entered, int]:
    s, heard = Scene(pes=1), Entered()
    s.start()
    s.listen(heard)
    return s, heard, s.line


def went(s: Scene, before: int, after: int) -> None:
    s.line += 1
    s.replay.feed(ExceptionLevel(s.line, None, before, after))


def test_an_entry_is_told_at_the_return_from_el2_and_once() -> None:
    s, heard, first = scene()
    went(s, 1, 2)
    s.write("ICH_HCR_EL2", 1)
    s.write("ICH_LR0_EL2", lr(27))
    went(s, 2, 1)
    s.read("ICV_IAR1_EL1", 27)
    s.write("ICV_EOIR1_EL1", 27)
    went(s, 1, 2)
    s.read("ICH_LR0_EL2", lr(27) & ~(3 << 62))
    went(s, 2, 1)      # to the host: nothing was programmed since
    assert [place - first for place in heard.at] == [4]


def test_who_looks_at_what_it_programmed_has_not_entered() -> None:
    """Without exceptions the same accesses look like an entry."""
    for logged, entries in ((False, 1), (True, 0)):
        s, heard, _ = scene()
        if logged:
            went(s, 1, 2)
        s.write("ICH_HCR_EL2", 1)
        s.write("ICH_LR0_EL2", lr(27))
        s.read("ICH_LR0_EL2", lr(27))
        s.write("ICH_HCR_EL2", 0)
        assert len(heard.at) == entries


def test_a_guest_that_accesses_its_interface_is_in_whatever_was_logged() -> None:
    s, heard, _ = scene()
    went(s, 1, 2)
    s.write("ICH_HCR_EL2", 1)
    s.write("ICH_LR0_EL2", lr(27))
    s.read("ICV_IAR1_EL1", 27)
    assert len(heard.at) == 1


def test_the_reader_yields_exceptions_among_events(tmp_path: Path) -> None:
    path = tmp_path / "log"
    event = "gicv3_ich_hcr_write GICv3 ICH_HCR_EL2 write cpu 0x0 value 0x1"
    lines = [event, TAKEN[0].format(0), TAKEN[1].format(1, 2), *TAKEN[2:], RETURN.format(2, 1)]
    path.write_text("\n".join(lines) + "\n")
    reader = QemuReader(path)
    assert [*reader] == [
        SysReg(1, 0, "ICH_HCR_EL2", 1, True), ExceptionLevel(3, 0, 1, 2), ExceptionLevel(6, None, 2, 1)]
    assert reader.other == {"Taking": 1, "...with": 2}


def test_exceptions_alone_are_no_recording_of_an_interrupt_controller(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("\n".join([TAKEN[0].format(0), TAKEN[1].format(1, 2)]) + "\n")
    with pytest.raises(TraceError):
        list(QemuReader(path))
