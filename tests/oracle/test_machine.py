"""QEMU starts, answers, ends with us, and says so when it does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.oracle.conftest import Machines

from vgic.oracle import mailbox as mailbox_module
from vgic.oracle.a64 import Assembler
from vgic.oracle.errors import OracleAbsent, OracleDied, OracleError
from vgic.oracle.machine import MachineOptions, QemuMachine
from vgic.oracle.mailbox import Level, Mailbox

GICD = 0x0800_0000


def _endless(a: Assembler) -> None:
    a.label("x")
    a.b("x")


def test_absent_qemu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VGIC_QEMU", "no-such-qemu")
    with pytest.raises(OracleAbsent, match=r"no-such-qemu is not installed.*VGIC_QEMU"):
        QemuMachine(MachineOptions())


def test_a_qemu_that_refuses_its_options_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "qemu"
    fake.write_text("#!/bin/sh\necho 'no such machine' >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("VGIC_QEMU", str(fake))
    with pytest.raises(OracleDied, match=r"ended with status 3\n  qemu: no such machine"):
        QemuMachine(MachineOptions())


@pytest.mark.parametrize(("gic", "pes", "said"), [(4, 1, "GICv2 and GICv3"), (3, 0, "1 to 8"), (2, 9, "1 to 8")])
def test_options_out_of_range(gic: int, pes: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MachineOptions(gic, pes)


@pytest.mark.oracle
def test_a_death_is_told_with_its_operation() -> None:
    with QemuMachine(MachineOptions()) as machine:
        mailbox = Mailbox(machine)
        for _ in range(3):
            mailbox.post(mailbox.load(4), 0, 0, GICD)
        mailbox.go()
        mailbox.wait()
        endless = mailbox.routine("endless", _endless)
        mailbox.post(endless, 0, 0)
        mailbox.go()
        assert machine._process is not None
        os.kill(machine._process.pid, signal.SIGSEGV)
        with pytest.raises(OracleDied, match="was ended by SIGSEGV at operation 3") as e:
            mailbox.wait()
        assert e.value.operation == 3
        mailbox.release()


@pytest.mark.oracle
def test_a_stuck_operation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox_module, "_STUCK_SECONDS", 0.2)
    with QemuMachine(MachineOptions()) as machine:
        mailbox = Mailbox(machine)
        mailbox.post(mailbox.load(4), 0, 0, GICD)
        mailbox.post(mailbox.routine("endless", _endless), 0, 0)
        mailbox.go()
        with pytest.raises(OracleError, match="busy with operation 1 of 2"):
            mailbox.wait()
        mailbox.release()


@pytest.mark.oracle
@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_qemu_does_not_outlive_its_parent() -> None:
    program = (
        "import time\n"
        "from vgic.oracle.machine import QemuMachine, MachineOptions\n"
        "m = QemuMachine(MachineOptions())\n"
        "print(m._process.pid, m._directory, flush=True)\n"
        "time.sleep(60)\n"
    )
    source = Path(__file__).resolve().parents[2] / "src"
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    pid, directory = child.stdout.readline().split()
    child.kill()
    child.wait()
    child.stdout.close()
    stat = Path(f"/proc/{pid}/stat")
    for _ in range(100):
        if not stat.exists() or ") Z " in stat.read_text():
            break
        time.sleep(0.05)
    else:
        pytest.fail(f"QEMU {pid} outlived its parent")
    assert not os.path.exists(directory)


@pytest.mark.oracle
def test_no_file_is_left_and_closing_twice_is_no_error() -> None:
    machine = QemuMachine(MachineOptions())
    assert not os.path.exists(machine._directory)
    machine.close()
    machine.close()


@pytest.mark.oracle
@pytest.mark.parametrize("gic", [2, 3])
def test_lines_reach_the_gic(machines: Machines, gic: int) -> None:
    mailbox = machines(gic=gic)
    machine = mailbox.machine
    machine.set_line(40, True)
    machine.set_line(287, True)

    def pending(word: int) -> int:
        result = mailbox.post(mailbox.load(4), 0, 0, GICD + 0x200 + 4 * word)
        mailbox.go()
        mailbox.wait()
        return mailbox.value(result)

    assert (pending(1), pending(8)) == (1 << 8, 1 << 31)
    machine.set_line(40, False)
    assert (pending(1), pending(8)) == (0, 1 << 31)
    machine.set_line(287, False)
    for intid in (15, 288):
        with pytest.raises(ValueError, match=f"INTID {intid} has no line"):
            machine.set_line(intid, True)


@pytest.mark.oracle
def test_a_refused_command_is_quoted(machines: Machines) -> None:
    machine = machines().machine
    with pytest.raises(OracleError, match=r"qtest: 'nonsense' was answered"):
        machine.qtest.command("nonsense")
    with pytest.raises(OracleError, match="QMP nonsense: "):
        machine.qmp.command("nonsense")
    assert machine.qtest.read32(GICD + 0xFFE8) & 0xF0 == 0x30


def test_places_are_written_as_people_say_them() -> None:
    assert [str(Level(*p)) for p in ((1, False), (2, False), (1, True), (3, True))] == ["el1", "el2", "s-el1", "el3"]
