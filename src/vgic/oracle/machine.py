"""One QEMU process: a `virt` machine whose RAM we share and whose PEs run the stub.

The machine is started with `-accel tcg,thread=single` so that all PEs share one thread and one order. Its RAM is a
file in shared memory that Python maps too. It dies with this process (PR_SET_PDEATHSIG, and atexit for an orderly
end), so a crashed test never leaves a guest spinning; and its files are unlinked as soon as both sides have them open,
so that nothing is left behind however this process ends.
"""

from __future__ import annotations

import atexit
import ctypes
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from vgic.oracle import stub
from vgic.oracle.errors import OracleAbsent, OracleDied, OracleError
from vgic.oracle.qtest import Channel, Qmp, Qtest

SPIS = 256
"""SPIs of the virt machine: INTIDs 32 to 287."""

_PR_SET_PDEATHSIG = 1
_START_SECONDS = 30.0
_LAST_LINES = 8


@dataclass(frozen=True, slots=True)
class MachineOptions:
    """Which machine.

    Args:
        gic: 2 or 3.
        pes: number of PEs, 1 to 8.
        security: two Security states; the stub then lives at EL3.
    """

    gic: int = 3
    pes: int = 1
    security: bool = False

    def __post_init__(self) -> None:
        if self.gic not in (2, 3):
            raise ValueError(f"gic = {self.gic}: the oracle knows GICv2 and GICv3")
        if not 1 <= self.pes <= 8:
            raise ValueError(f"pes = {self.pes}: 1 to 8 PEs")

    @property
    def resident(self) -> int:
        """The exception level of the stub."""
        return 3 if self.security else 2

    def __str__(self) -> str:
        return f"gicv{self.gic} pes={self.pes} security={'on' if self.security else 'off'}"


def binary() -> str:
    """Path of QEMU: $VGIC_QEMU, or qemu-system-aarch64 on the path. OracleAbsent where there is none."""
    name = os.environ.get("VGIC_QEMU", "qemu-system-aarch64")
    path = shutil.which(name)
    if path is None:
        raise OracleAbsent(
            f"{name} is not installed: install QEMU for AArch64 (Debian: qemu-system-arm) or name it in VGIC_QEMU"
        )
    return path


class QemuMachine:
    """A running QEMU. Use it as a context manager, or call `close`.

    Args:
        options: which machine.

    Raises:
        OracleAbsent: there is no QEMU. OracleDied: it ended at once. OracleError: it did not come up.
    """

    def __init__(self, options: MachineOptions) -> None:
        self.options = options
        self._directory = tempfile.mkdtemp(prefix="vgic-oracle-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        atexit.register(self.close)
        self._closed = False
        self._qtest_channel = Channel(self._path("qtest"))
        self._qmp_channel = Channel(self._path("qmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: BinaryIO | None = None
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)

    def _start(self) -> None:
        o = self.options
        machine = f"virt,gic-version={o.gic},virtualization=on,memory-backend=ram"
        command = [binary(), "-M", machine + (",secure=on" if o.security else ""), "-cpu", "cortex-a57"]
        command += ["-smp", str(o.pes), "-m", f"{stub.RAM_SIZE >> 20}M", "-accel", "tcg,thread=single"]
        ram = f"size={stub.RAM_SIZE},mem-path={self._path('ram')},share=on"
        command += ["-object", f"memory-backend-file,id=ram,{ram}", "-display", "none", "-nodefaults", "-S"]
        command += ["-qtest", f"unix:{self._path('qtest')}", "-qtest-log", "none", "-qmp", f"unix:{self._path('qmp')}"]
        for pe in range(o.pes if o.security else 1):
            command += ["-device", f"loader,addr={stub.STUB:#x},cpu-num={pe}"]
        with open(self._path("stderr"), "wb") as stderr:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                preexec_fn=_die_with_parent if _LIBC else None,  # noqa: PLW1509  # one system call, which takes no lock
            )
        for channel in (self._qtest_channel, self._qmp_channel):
            deadline = time.monotonic() + _START_SECONDS
            while not channel.accept():
                self.check()
                if time.monotonic() > deadline:
                    raise OracleError(f"QEMU did not come up within {_START_SECONDS:.0f} s{self._last_lines()}")
        self.qtest, self.qmp = Qtest(self._qtest_channel), Qmp(self._qmp_channel)
        self.version = self.qmp.start()
        with open(self._path("ram"), "r+b") as f:
            self.ram = mmap.mmap(f.fileno(), stub.RAM_SIZE)
        self._stderr = open(self._path("stderr"), "rb")  # noqa: SIM115  # closed by `close`
        shutil.rmtree(self._directory)
        code = stub.image(o.resident)
        at = stub.STUB - stub.RAM
        self.ram[at : at + len(code)] = code
        self._gic = self.qmp.unattached("arm_gic" if o.gic == 2 else "arm-gicv3")[0]

    def check(self, operation: int | None = None) -> None:
        """OracleDied where QEMU has ended; `operation` is the number of the one that it was doing."""
        if self._process is None or self._process.poll() is None:
            return
        code = self._process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        where = "" if operation is None else f" at operation {operation}"
        raise OracleDied(f"QEMU {how}{where}{self._last_lines()}", operation)

    def _last_lines(self) -> str:
        if self._stderr is not None:
            self._stderr.seek(0)
            said = self._stderr.read()
        else:
            said = Path(self._path("stderr")).read_bytes()
        lines = said.decode(errors="replace").splitlines()[-_LAST_LINES:]
        return "".join(f"\n  qemu: {line}" for line in lines)

    def cont(self) -> None:
        """Let the PEs run."""
        with self._alive():
            self.qmp.command("cont")

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """A broken control socket is told as QEMU's death, with its last words, where it died."""
        try:
            yield
        except OracleError:
            if self._process is not None:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(1.0)
            self.check()
            raise

    def reset(self) -> None:
        """Stop, and put the whole machine into its reset state; RAM stays. `cont` starts it again."""
        with self._alive():
            self.qmp.command("stop")
            self.qmp.command("system_reset")
            self.qmp.wait("RESET")

    def set_line(self, intid: int, high: bool, pe: int = 0) -> None:
        """Drive an input of the GIC: a PPI of one PE, or an SPI.

        Raises:
            ValueError: no line has that INTID.
        """
        if 16 <= intid < 32:
            number = SPIS + pe * 32 + intid
        elif 32 <= intid < 32 + SPIS:
            number = intid - 32
        else:
            raise ValueError(f"INTID {intid} has no line: PPIs are 16 to 31, SPIs 32 to {31 + SPIS}")
        with self._alive():
            self.qtest.set_line(self._gic, number, high)

    def close(self) -> None:
        """End QEMU and remove its files. Closing twice is no error."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._qtest_channel.close()
        self._qmp_channel.close()
        if self._stderr is not None:
            self._stderr.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> QemuMachine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
