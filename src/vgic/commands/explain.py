"""`vgic explain`."""

from __future__ import annotations

import argparse
from typing import Any

from vgic.commands.arguments import Refused, standard_input
from vgic.commands.output import tell, warn


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    explain = commands.add_parser(
        "explain", help="what a register, its value or an address means",
        description="Prints registers and values in words: ICH_LR0_EL2=0x70c0001b0000001b, GICD_CTLR, a dump (-).")
    explain.add_argument("what", metavar="NAME[=VALUE]", nargs="*")
    explain.add_argument("--map", metavar="ADDRESS", help="name the register at this address")
    explain.add_argument("--machine", help="whose memory map (qemu-virt-v2, qemu-virt-v3, qemu-virt-v4)")
    explain.add_argument("--json", action="store_true")
    explain.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explains registers, values or an address."""
    from vgic.arch.machine import UnknownMachine, find_machine
    from vgic.view.explain import ExplainError, explain

    try:
        machine = find_machine(options.machine) if options.machine is not None else None
        address = _address(options.map)
        if not options.what and address is None:
            raise Refused("explain: say a register (ICH_LR0_EL2), a value (ICH_LR0_EL2=0x70c0001b0000001b), "
                          "or --map ADDRESS --machine NAME")
        texts = [standard_input().read() if text == "-" else text for text in options.what]
        explained = explain(texts, machine, address)
    except (ExplainError, UnknownMachine) as e:
        raise Refused(str(e)) from None
    return tell(explained, options.json)


def _address(text: str | None) -> int | None:
    """An address as dumps and memory maps write it; how it was read is said where that is not plain."""
    from vgic.view.numbers import read

    if text is None:
        return None
    try:
        address, how = read(text)
    except ValueError:
        address, how = -1, ""
    if not 0 <= address < 1 << 64:
        raise Refused(f"--map {text}: expected an address, 0 to {(1 << 64) - 1:#x}")
    if how:
        warn(f"--map: {how}")
    return address
