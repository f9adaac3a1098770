"""Scenarios in which nothing is wrong with today's KVM, and that once broke a rule all the same, because of a fault in
the machine or in the rule."""
from __future__ import annotations

import pytest

from vgic.explore.check import check
from vgic.lab.loader import find_design
from vgic.lab.scenario import parse_scenario
from vgic.lab.schedule import Schedule

HEAD = """
name = "no-alarm"
title = "Nothing is wrong here."
teaches = "What a rule must not say."
"""
EDGE = """
[[device]]
name = "net"
kind = "edge"
vintid = 40
wiring = "irqfd"
times = 1
"""
CASES = {
    "a vCPU waits for a PE that another one never leaves": """
[[vm]]
[[vm.vcpu]]
[[vm.vcpu]]
idle = "spin"
""" + EDGE + """
[check]
never = ["* put"]
""",
    "a VMM restores the sources of SGIs": """
userspace = true
[machine]
gic = 2
[[vm]]
[[vm.vcpu]]
program = ["SGI 1 to 1"]
[[vm.vcpu]]
[check]
never = ["* put", "* exits"]
""",
    "an IAR read that traps leaves no list registers": """
[[vm]]
gic = 2
[[vm.vcpu]]
program = ["IAR"]
[[device]]
name = "uart"
kind = "level"
vintid = 40
wiring = "injected"
[check]
never = ["* put", "* exits", "* gives up *"]
""",
    "a DIR in EOImode 0 does nothing": """
[[vm]]
[[vm.vcpu]]
program = ["ISACTIVER 40", "DIR 40"]
""",
    "the bits of a priority that are not implemented": """
[[vm]]
[[vm.vcpu]]
program = ["PMR 0xa4"]
""" + EDGE,
    "more is pending than list registers hold, and the guest masks interrupts": """
[machine]
list_registers = 2
[[vm]]
[[vm.vcpu]]
program = ["MASK"]
idle = "spin"
[[device]]
name = "a"
kind = "level"
intid = 40
[[device]]
name = "b"
kind = "level"
intid = 41
[[device]]
name = "c"
kind = "level"
intid = 42
[check]
never = ["* lowers", "* put", "* exits", "* gives up *"]
""",
    "a guest sleeps, and masks what comes by its priority": """
[[vm]]
[[vm.vcpu]]
program = ["PMR 0x40"]
[[device]]
name = "nic"
kind = "level"
intid = 40
[check]
never = ["* put", "* exits", "* gives up *"]
""",
    "what comes does not preempt what a guest never ends": """
[[vm]]
[[vm.vcpu]]
handlers = {40 = ["HANDLE"]}
[[device]]
name = "disk"
kind = "edge"
vintid = 41
wiring = "irqfd"
times = 1
""" + EDGE + """
[check]
never = ["* put", "* exits", "* gives up *"]
""",
    "a guest ends its interrupt in its main line": """
[[vm]]
[[vm.vcpu]]
program = ["AWAIT 40", "EOIR 40"]
handlers = {40 = ["HANDLE"]}
""" + EDGE,
    "the host disables an interrupt of its own": """
[[vm]]
[[vm.vcpu]]
[[device]]
name = "disk"
kind = "level"
intid = 40
vm = "host"
disables = true
""",
    "ICPENDR does not reach a list register of another vCPU": """
[machine]
pes = 2
[[vm]]
[[vm.vcpu]]
program = ["ISPENDR 40"]
[[vm.vcpu]]
pe = 1
program = ["ICPENDR 40"]
[check]
never = ["* put", "* exits", "* loaded on *"]
""",
    "a GICv2's SGIs are not made pending by ISPENDR": """
[machine]
gic = 2
[[vm]]
[[vm.vcpu]]
program = ["ISPENDR 1"]
""",
    "ISACTIVER acknowledges nothing": """
[[vm]]
[[vm.vcpu]]
[[vm.vcpu]]
program = ["ISPENDR 40", "ROUTE 40 1", "ISACTIVER 40"]
[check]
never = ["* put", "* exits", "* gives up *"]
""",
    "a chip that traps PMR and CTLR with DIR": """
[machine.options]
tdir = false
[[vm]]
eoimode = 1
[[vm.vcpu]]
program = ["PMR 0x40", "EOIMODE 0", "IGRPEN 0", "PMR 0xf0", "IGRPEN 1", "EOIMODE 1"]
""" + EDGE + """
[check]
never = ["* put", "* exits", "* gives up *"]
""",
    "what only a handler names exists": """
[[vm]]
[[vm.vcpu]]
handlers = {40 = ["HANDLE", "EOI", "SGI 3 to 0", "ISPENDR 60"]}
""" + EDGE + """
[check]
never = ["* put", "* exits", "* gives up *"]
""",
}


@pytest.mark.parametrize("what", CASES)
def test_it_holds(what: str) -> None:
    verdict = check(parse_scenario(HEAD + CASES[what]), find_design("kvm"))
    assert (verdict.result.verdict, verdict.rule, verdict.what) == ("HOLDS", None, "")


def test_an_enable_elsewhere_does_not_reach_a_list_register() -> None:
    """The guest gets the interrupt although its line has dropped: no exit could tell. That its twin is inactive is
    known (docs/findings.md, 1)."""
    scenario = parse_scenario(HEAD + """
[machine]
pes = 2
[[vm]]
[[vm.vcpu]]
program = ["ISENABLER 41"]
[[vm.vcpu]]
pe = 1
program = ["ISENABLER 41"]
[[device]]
name = "nic"
kind = "level"
intid = 41
[run]
script = ["nic raises", "vcpu0 steps", "nic lowers", "vcpu0 enters", "vcpu1 steps", "vcpu0 acks"]
finish = false
""")
    assert Schedule(scenario, find_design("kvm")).run().broken == (6,)


def test_whoever_has_an_interrupt_takes_it_although_it_goes_elsewhere_now() -> None:
    """That the other one sleeps is known (docs/findings.md, 14)."""
    scenario = parse_scenario(HEAD + """
[machine]
pes = 2
[[vm]]
[[vm.vcpu]]
[[vm.vcpu]]
pe = 1
program = ["ROUTE 40 1"]
[[device]]
name = "uart"
kind = "level"
vintid = 40
wiring = "injected"
[run]
script = [
    "uart raises", "vcpu0 kicked out", "vcpu0 enters", "vcpu1 steps", "uart lowers", "vcpu1 enters", "vcpu0 acks",
]
finish = false
""")
    assert Schedule(scenario, find_design("kvm")).run().broken == ()
