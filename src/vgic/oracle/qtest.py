"""Clients of QEMU's two control sockets: qtest (input lines, memory) and QMP (reset, stop, the object tree).

Both are line protocols on a Unix socket. QEMU connects to a socket that we listen on, so there is no race with its
start. qtest works with `-accel tcg` too, while the guest is running; Debian's QEMU has no `-accel qtest`.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from vgic.oracle.errors import OracleError

_TIMEOUT = 20.0


class Channel:
    """A listening Unix socket, and then the lines of the one peer that connects to it.

    Args:
        path: where the socket stands.
    """

    def __init__(self, path: str) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(path)
        self._server.listen(1)
        self._server.settimeout(0.1)
        self._peer: socket.socket | None = None
        self._buffer = b""

    def accept(self) -> bool:
        """Take the peer. False where none has come within a tenth of a second."""
        try:
            self._peer, _ = self._server.accept()
        except TimeoutError:
            return False
        self._peer.settimeout(_TIMEOUT)
        return True

    def send(self, text: str) -> None:
        """Send text as it is. OracleError where the peer is gone."""
        if self._peer is None:
            raise OracleError("QEMU has not connected to its control socket")
        try:
            self._peer.sendall(text.encode())
        except OSError as e:
            raise OracleError(f"QEMU closed its control socket: {e}") from None

    def line(self) -> str:
        """The next line, without its end. OracleError where the peer is gone or silent for 20 seconds."""
        if self._peer is None:
            raise OracleError("QEMU has not connected to its control socket")
        while b"\n" not in self._buffer:
            try:
                data = self._peer.recv(1 << 16)
            except TimeoutError:
                raise OracleError(f"QEMU was silent on its control socket for {_TIMEOUT:.0f} s") from None
            except OSError as e:
                raise OracleError(f"QEMU closed its control socket: {e}") from None
            if not data:
                raise OracleError("QEMU closed its control socket")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode(errors="replace")

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()
        self._server.close()


class Qtest:
    """qtest commands (QEMU's docs/devel/testing/qtest.rst)."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def command(self, text: str) -> str:
        """The words after OK. OracleError where QEMU says anything else."""
        self._channel.send(text + "\n")
        while True:
            line = self._channel.line()
            if line.startswith("IRQ "):
                continue
            if line != "OK" and not line.startswith("OK "):
                raise OracleError(f"qtest: {text!r} was answered {line!r}")
            return line[3:]

    def set_line(self, device: str, number: int, high: bool) -> None:
        """Drive one unnamed GPIO input of a device."""
        self.command(f"set_irq_in {device} unnamed-gpio-in {number} {int(high)}")

    def read32(self, address: int) -> int:
        """A physical word, read by no PE."""
        return int(self.command(f"readl {address:#x}"), 16)


class Qmp:
    """QMP commands (QEMU's docs/interop/qmp-spec.rst)."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._events: list[str] = []

    def start(self) -> str:
        """The greeting, capability negotiation; returns QEMU's version."""
        greeting = json.loads(self._channel.line())
        self.command("qmp_capabilities")
        v = greeting["QMP"]["version"]["qemu"]
        return f"{v['major']}.{v['minor']}.{v['micro']}"

    def command(self, name: str, **arguments: object) -> Any:
        """The command's return value. OracleError where QEMU refuses it."""
        self._channel.send(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        while True:
            answer = json.loads(self._channel.line())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise OracleError(f"QMP {name}: {answer['error'].get('desc', answer['error'])}")
            self._events.append(str(answer.get("event")))

    def wait(self, event: str) -> None:
        """Until this event has come since the last wait for it."""
        while event not in self._events:
            answer = json.loads(self._channel.line())
            self._events.append(str(answer.get("event")))
        self._events = self._events[self._events.index(event) + 1 :]

    def unattached(self, kind: str) -> list[str]:
        """Object paths of the machine's own devices of a type."""
        root = "/machine/unattached"
        return [f"{root}/{c['name']}" for c in self.command("qom-list", path=root) if c["type"] == f"child<{kind}>"]
