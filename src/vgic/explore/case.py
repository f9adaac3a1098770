"""A counterexample as a skeleton of a kvm-unit-tests case, in C.

One function for each vCPU of the first guest that acts; where there are several, they take turns, so that the schedule
stays what it is. PSTATE.I stays set: an interrupt is taken by reading IAR when its turn has come. What the host, its
devices or another guest must do stands as a TODO where it must happen: whoever completes the case has to write that,
and none of these marks is ours. It compiles in kvm-unit-tests' tree for arm64.
"""
from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Final, NamedTuple

from vgic.explore.case_code import operation_code
from vgic.explore.check import Verdict
from vgic.lab.actions import Acknowledges, Steps
from vgic.lab.loader import find_design
from vgic.lab.machine import Machine
from vgic.lab.operations.operation import Op
from vgic.lab.program import parse


class _Step(NamedTuple):
    """What a guest's vCPU does in a step: `acks`, or an operation, inside so many handlers."""
    vcpu: int
    acks: bool
    op: Op | None
    depth: int


def c_case(verdict: Verdict, design: str) -> str:
    """The case's text. `design`: as `find_design` takes it."""
    rule, run = verdict.rule, verdict.replay
    assert rule is not None
    assert run is not None
    machine = Machine(verdict.scenario, find_design(design), (), verdict.list_registers)
    schedule = (*verdict.schedule, *verdict.then)
    guest = _guest(machine, schedule)
    enabled = {cpu: _enabled(machine, guest, cpu) for cpu in range(len(machine.vms[guest].vcpus))}
    steps = list(_steps(machine, schedule))
    cpus = sorted({s.vcpu for s in steps if s is not None}) or [0]
    enabled[cpus[0]] = [*enabled[0], *enabled[cpus[0]]] if cpus[0] else enabled[0]
    v2 = machine.vms[guest].vm.gic == 2
    turns = len(cpus) > 1
    bodies: dict[int, list[str]] = {cpu: [] for cpu in cpus}
    for step, does in zip(run.steps, steps, strict=True):
        body = bodies[does.vcpu if does is not None else cpus[0]]
        if turns:
            body.append(f"\tmy_turn({step.number});")
        body += _comment(f"{step.number}. {step.what}", "\t")
        if does is None:
            body.append(f"\t/* TODO: provoke on the host: {_plain(step.action)} */")
        else:
            body += [f"\t{line}" for line in _code(does, v2)]
    deepest = max((s.depth for s in steps if s is not None), default=0) + 1
    told = "\n".join(_comment(f"Rule {rule.id}: {rule.sentence}", "")[1:-1])
    functions = "\n".join(_function(cpu, bodies[cpu], deepest, enabled[cpu]) for cpu in cpus)
    title = _plain(f"{verdict.scenario.name}, design {verdict.design}")
    return f'''/*
 * {title}: a skeleton of a kvm-unit-tests case.
 *
{told}
 *
 * The guest's part is code, in the order of the schedule; what its host or its
 * devices do is a TODO where it must happen. PSTATE.I stays set: interrupts
 * are taken by reading IAR.
 */
#include <libcflat.h>
#include <asm/barrier.h>
#include <asm/gic.h>
#include <asm/io.h>
#include <asm/processor.h>
#include <asm/psci.h>
#include <asm/setup.h>
#include <asm/smp.h>

#define TICK\t1000000\t/* of the counter: time for what the host does between */

{_TURN if turns else ""}static void __unused serve_device(u32 irqnr)
{{
\t/* TODO: make the device of this interrupt drop its line */
\treport_info("serving %d", (int)irqnr);
}}

{functions}
int main(void)
{{
\tif (!gic_init())
\t\treport_abort("no GIC");
{_mains(cpus, len(steps))}
\treport(false, "TODO: what the guest must see if rule {rule.id} holds");
\treturn report_summary();
}}
'''


_TURN: Final = """\
static volatile int turn = 1;

/* The steps before this one have been done. */
static void my_turn(int step)
{
\twhile (turn != step)
\t\tcpu_relax();
\tsmp_mb();
}

static void next_turn(void)
{
\tsmp_mb();
\tturn++;
}

"""


def _function(cpu: int, body: list[str], deepest: int, enabled: list[str]) -> str:
    turns = any("my_turn(" in line for line in body)
    lines: list[str] = []
    for n, line in enumerate(body):
        if turns and line.startswith("\tmy_turn(") and n:
            lines += ["\tnext_turn();", ""]
        lines.append(line)
    if turns:
        lines.append("\tnext_turn();")
    return f'''static void vcpu{cpu}(void *data __unused)
{{
\tu32 iar[{deepest}] __unused;

\tlocal_irq_disable();
\tgic_enable_defaults();
{chr(10).join(enabled)}

{chr(10).join(lines)}
}}
'''


def _mains(cpus: list[int], steps: int) -> str:
    most = cpus[-1] + 1
    lines = [f"if (nr_cpus < {most})", f'\treport_abort("{most} CPUs required");'] if most > 1 else []
    if len(cpus) == 1:
        lines += [f"on_cpu({cpu}, vcpu{cpu}, NULL);" if cpu else "vcpu0(NULL);" for cpu in cpus]
    else:
        lines += [f"on_cpu_async({cpu}, vcpu{cpu}, NULL);" for cpu in cpus if cpu]
        lines += [*(["vcpu0(NULL);"] if 0 in cpus else []), f"my_turn({steps + 1});"]
    return "\n".join(f"\t{line}" for line in lines)


def _enabled(machine: Machine, guest: int, cpu: int) -> list[str]:
    """The interrupts that a vCPU routes and enables as it boots; the first does SPIs."""
    vm, lines = machine.vms[guest], []
    for vintid in sorted(vm.vcpus[cpu].irqs):
        if vintid < 16 or (vintid >= 32 and cpu):
            continue
        device = vm.devices.get(vintid)
        if vintid >= 1020:
            lines.append(f"/* TODO: an ITS, and LPI {vintid} */")
            continue
        if device is not None and device.routed:
            lines += operation_code(parse(f"ROUTE {vintid} {device.routed}"), "", vm.vm.gic == 2)
        lines.append(f"gic_enable_irq({vintid});")
    return [f"\t{line}" for line in lines]


def _guest(machine: Machine, schedule: tuple[str, ...]) -> int:
    """The number of the VM that the case is of: that of the first vCPU that acts."""
    acting = (action.run.vm for name in schedule if isinstance(action := machine.actions[name], (Acknowledges, Steps)))
    vm = next(acting, machine.vms[0])
    return next(n for n, other in enumerate(machine.vms) if other is vm)


def _steps(machine: Machine, schedule: tuple[str, ...]) -> Iterator[_Step | None]:
    """For each action: what a vCPU of the case's guest does in it, None where it is another's doing."""
    guest = machine.vms[_guest(machine, schedule)]
    for action in map(machine.actions.__getitem__, schedule):
        does = None
        if isinstance(action, (Acknowledges, Steps)) and action.run.vm is guest:
            run, acks = action.run, isinstance(action, Acknowledges)
            does = _Step(run.vcpu.index, acks, None if acks else run.guest.next_op(), len(run.guest.state.stack))
        yield does
        action.do()


def _code(step: _Step, v2: bool) -> list[str]:
    if step.acks:
        return [f"iar[{step.depth}] = gic_read_iar();"]
    if step.op is None:
        return ["/* the guest idles: WFI, or a loop */"]
    return operation_code(step.op, f"iar[{max(step.depth - 1, 0)}]", v2)


def _comment(text: str, indent: str) -> list[str]:
    """A comment; what the text says can't end it."""
    return [f"{indent}/*", *(f"{indent} * {line}" for line in textwrap.wrap(_plain(text), 70)), f"{indent} */"]


def _plain(text: str) -> str:
    return re.sub(r"\*/|/\*|[\r\n]", "_", text)
