"""Input lines that a PE can raise and lower itself, inside a batch.

`QemuMachine.set_line` drives any line, but it is a round trip of a socket between two batches. The devices of the virt
machine give some lines that a store moves, in order with everything else:

    INTID  device                      how the line follows
    23     PMU of each PE              overflow set, PMINTENSET/CLR_EL1
    26     EL2 physical timer          CNTHP_CTL_EL2.IMASK, its time long past
    27     virtual timer               CNTV_CTL_EL0.IMASK
    30     EL1 physical timer          CNTP_CTL_EL0.IMASK
    33     PL011                       UARTIMSC, transmit ready
    34     PL031                       RTCIMSC, alarm reached
    39     PL061                       GPIOIE, an input that is at its triggering level
"""

from __future__ import annotations

from vgic.arch.intid import TIMER_PPIS
from vgic.arch.register import Encoding
from vgic.arch.timer import CNT, ENABLE, IMASK
from vgic.oracle.a64 import Assembler
from vgic.oracle.mailbox import Level, Mailbox

_PL011, _PL031, _PL061 = 0x0900_0000, 0x0901_0000, 0x0903_0000
_UARTDR, _UARTIMSC, _UART_TX = 0x00, 0x38, 1 << 5
_RTCDR, _RTCMR, _RTCIMSC = 0x00, 0x04, 0x10
_GPIOIS, _GPIOIEV, _GPIOIE = 0x404, 0x40C, 0x410
_GPIO_PIN = 0


def _timer_register(name: str) -> Encoding:
    encoding = CNT[name].encoding
    assert encoding is not None
    return encoding


_PMCR: Encoding = (3, 3, 9, 12, 0)
_PMOVSSET: Encoding = (3, 3, 9, 14, 3)
_PMINTENSET: Encoding = (3, 0, 9, 14, 1)
_PMINTENCLR: Encoding = (3, 0, 9, 14, 2)
_CYCLE_COUNTER = 1 << 31

_TIMERS = {
    TIMER_PPIS[timer]: (_timer_register(f"{timer}_CTL_{el}"), _timer_register(f"{timer}_CVAL_{el}"))
    for timer, el in (("CNTHP", "EL2"), ("CNTV", "EL0"), ("CNTP", "EL0"))
}
_CNTVOFF = _timer_register("CNTVOFF_EL2")

_SPIS = {33: (_PL011 + _UARTIMSC, _UART_TX), 34: (_PL031 + _RTCIMSC, 1), 39: (_PL061 + _GPIOIE, 1 << _GPIO_PIN)}

PPIS: tuple[int, ...] = (23, *_TIMERS)
"""PPIs that have such a line, on every PE."""
SPIS: tuple[int, ...] = tuple(_SPIS)
"""SPIs that have one."""


def _prepare(a: Assembler) -> None:
    """Every device ready to assert its line, and masked. Runs on each PE."""
    for control, compare in _TIMERS.values():
        a.mov(0, 0)
        a.msr(compare, 0)
        a.mov(0, ENABLE | IMASK)
        a.msr(control, 0)
    a.mov(0, 0)
    a.msr(_CNTVOFF, 0)
    a.mov(0, _CYCLE_COUNTER)
    a.msr(_PMINTENCLR, 0)
    a.msr(_PMOVSSET, 0)
    a.mov(0, 1)
    a.msr(_PMCR, 0)
    for address, _ in _SPIS.values():
        _poke(a, address, 0)
    _poke(a, _PL011 + _UARTDR, 0)
    # The alarm is reached when it equals the clock, which moves once a second: set it twice.
    a.mov(1, _PL031)
    for _ in range(2):
        a.load(0, 1, 4, _RTCDR)
        a.store(0, 1, 4, _RTCMR)
    _poke(a, _PL061 + _GPIOIS, 1 << _GPIO_PIN)
    _poke(a, _PL061 + _GPIOIEV, 1 << _GPIO_PIN)


def _poke(a: Assembler, address: int, value: int) -> None:
    a.mov(1, address)
    a.mov(0, value)
    a.store(0, 1, 4)


def _drive(a: Assembler, intid: int, high: bool) -> None:
    if intid in _TIMERS:
        a.mov(0, ENABLE if high else ENABLE | IMASK)
        a.msr(_TIMERS[intid][0], 0)
    elif intid in _SPIS:
        address, mask = _SPIS[intid]
        _poke(a, address, mask if high else 0)
    else:
        a.mov(0, _CYCLE_COUNTER)
        a.msr(_PMINTENSET if high else _PMINTENCLR, 0)


class Lines:
    """The lines of one mailbox's machine."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._flags = mailbox.flags(Level(mailbox.machine.options.resident))

    def prepare(self) -> None:
        """After every reset: post what makes the devices ready, all lines low."""
        routine = self._mailbox.routine("lines", _prepare)
        for pe in range(self._mailbox.machine.options.pes):
            self._mailbox.post(routine, pe, self._flags)

    def can_drive(self, intid: int) -> bool:
        """Whether this line can move inside a batch."""
        return intid in _SPIS or intid in PPIS

    def post(self, intid: int, high: bool, pe: int) -> int:
        """Post the change of a line that `can_drive`; for a PPI, on PE pe. Returns the result's number."""
        routine = self._mailbox.routine(("line", intid, high), lambda a: _drive(a, intid, high))
        return self._mailbox.post(routine, pe, self._flags)
