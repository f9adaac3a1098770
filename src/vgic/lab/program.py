"""What a guest does, as a small typed program.

A program is a list of operations; each is one step of the guest, so that anything may happen between two of them.

    operation               what the guest does
    ISENABLER 40            enables an interrupt in its distributor (a trapped access), likewise
    ICENABLER 40  ISPENDR 40  ICPENDR 40  ISACTIVER 40  ICACTIVER 40
    ICENABLER 1 of 1        the same to a private interrupt of another vCPU (GICv3: in its redistributor)
    IPRIORITYR 40 0x80      sets its priority
    ROUTE 40 1              sends an SPI to its vCPU 1 (IROUTER, ITARGETSR)
    READ ISPENDR 40         reads its pending bit, and sees whether that is true; likewise READ ISACTIVER 40
    SGI 1 to 0              sends SGI 1 to its vCPU 0
    PMR 0x80  EOIMODE 1  IGRPEN 0
                            writes a register of its CPU interface
    MASK  UNMASK            PSTATE.I
    CNTV_CTL 1              writes a timer's control register (CNTP_CTL likewise): 0 off, 1 on, 3 masked
    CNTV_CVAL +1            arms a timer so many ticks from now; "CNTV_CVAL never": further away than time goes
    WFI                     waits for an interrupt; goes on when there is one
    AWAIT 40                waits, running, until its handler of 40 has been run
    IAR                     reads IAR whatever is signalled; with nothing there, nothing may change
    EOIR 40                 writes EOIR outside a handler
    DIR 40                  deactivates an interrupt (EOImode 1) outside its handler
    AGAIN                   starts over

A handler starts with the acknowledge, and has three operations more:

    HANDLE                  serves the device: a level line drops; a timer is armed no more (CNTx_CVAL never)
    EOI                     writes EOIR with what IAR returned
    DIR                     writes DIR with what IAR returned

`HANDLE` of a timer can be replaced by timer operations, to tell a guest that does less. After the last operation of its
program a guest idles: it waits in WFI for ever, or runs in a loop (`idle = "spin"`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

BITS = ("ISENABLER", "ICENABLER", "ISPENDR", "ICPENDR", "ISACTIVER", "ICACTIVER")
TIMERS = ("CNTV", "CNTP")
NEVER = 1 << 40
"""A CVAL that no scenario's time reaches."""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation.

    Attributes:
        word: its name. intid: the interrupt concerned, -1 if none, or if the handler's own.
        value: a number more: a priority, a target vCPU, a register's value, ticks. text: as it was written.
        of: the vCPU whose private interrupt it is, -1 for its own.
    """

    word: str
    intid: int
    value: int
    text: str
    of: int = -1


def number(text: str, low: int, high: int, what: str) -> int:
    """A number, decimal or 0x. ValueError says what was expected."""
    try:
        n = int(text, 0)
    except ValueError:
        raise ValueError(f"{text!r}: expected {what}, {low} to {high}") from None
    if not low <= n <= high:
        raise ValueError(f"{text}: expected {what}, {low} to {high}")
    return n


def _intid(text: str) -> int:
    return number(text, 0, 1019, "an INTID")


def _bits(op: str) -> Callable[[list[str]], tuple[int, int]]:
    return lambda a: (_intid(a[0]), 0)


def _value(most: int) -> Callable[[list[str]], tuple[int, int]]:
    return lambda a: (-1, number(a[0], 0, most, "a value"))


def _cval(args: list[str]) -> tuple[int, int]:
    if args[0] == "never":
        return -1, NEVER
    if not args[0].startswith("+"):
        raise ValueError(f"{args[0]}: expected never, or ticks from now, +1 to +9")
    return -1, number(args[0][1:], 0, 9, "ticks from now")


def _sgi(args: list[str]) -> tuple[int, int]:
    if args[1] != "to":
        raise ValueError(f"{args[1]!r}: expected to")
    return number(args[0], 0, 15, "an SGI"), number(args[2], 0, 7, "a vCPU")


_FORMS: dict[str, tuple[int, str, Callable[[list[str]], tuple[int, int]]]] = {
    **{name: (1, f"{name} INTID", _bits(name)) for name in BITS},
    "IPRIORITYR": (2, "IPRIORITYR INTID PRIORITY", lambda a: (_intid(a[0]), number(a[1], 0, 255, "a priority"))),
    "ROUTE": (2, "ROUTE INTID VCPU", lambda a: (_intid(a[0]), number(a[1], 0, 7, "a vCPU"))),
    "SGI": (3, "SGI N to VCPU", _sgi),
    "PMR": (1, "PMR VALUE", _value(255)), "EOIMODE": (1, "EOIMODE 0 or 1", _value(1)),
    "IGRPEN": (1, "IGRPEN 0 or 1", _value(1)),
    **{f"{t}_CTL": (1, f"{t}_CTL VALUE", _value(3)) for t in TIMERS},
    **{f"{t}_CVAL": (1, f"{t}_CVAL +TICKS or never", _cval) for t in TIMERS},
    "EOIR": (1, "EOIR INTID", _bits("EOIR")),
    "AWAIT": (1, "AWAIT INTID", _bits("AWAIT")),
    **{word: (0, word, lambda a: (-1, 0)) for word in ("MASK", "UNMASK", "WFI", "AGAIN", "IAR", "HANDLE", "EOI")},
}
ONLY_IN_HANDLERS = ("HANDLE", "EOI")


def parse(text: str, *, handler: bool = False) -> Op:
    """An operation from its text. ValueError says what is wrong and what was expected."""
    words = text.split()
    word, args = (words[0], words[1:]) if words else ("", [])
    if word == "DIR" and len(args) <= 1:
        if not args and not handler:
            raise ValueError('"DIR": expected "DIR INTID" outside a handler')
        return Op("DIR", _intid(args[0]) if args else -1, 0, text)
    if word == "READ":
        if len(args) != 2 or args[0] not in ("ISPENDR", "ISACTIVER"):
            raise ValueError(f'"{text}": expected "READ ISPENDR INTID" or "READ ISACTIVER INTID"')
        return Op(f"READ {args[0]}", _intid(args[1]), 0, text)
    of = -1
    if word in BITS and len(args) == 3 and args[1] == "of":
        of, args = number(args[2], 0, 7, "a vCPU"), args[:1]
    form = _FORMS.get(word)
    if form is None:
        raise ValueError(f'"{text}": no operation {word!r}: expected one of {", ".join((*_FORMS, "DIR", "READ"))}')
    count, usage, convert = form
    if len(args) != count:
        raise ValueError(f'"{text}": expected "{usage}"')
    if word in ONLY_IN_HANDLERS and not handler:
        raise ValueError(f'"{text}": only a handler can do this')
    try:
        intid, value = convert(args)
    except ValueError as e:
        raise ValueError(f'"{text}": {e}') from None
    return Op(word, intid, value, text, of)
