"""Any scenario of the language runs: random machines, guests and devices, random schedules, under several designs."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vgic.designs.base import Unsupported
from vgic.lab.loader import find_design
from vgic.lab.scenario import parse_scenario
from vgic.lab.schedule import Schedule

OPS = (
    "ISENABLER {i}", "ICENABLER {i}", "ISPENDR {i}", "ICPENDR {i}", "ISACTIVER {i}", "ICACTIVER {i}", "MASK", "UNMASK",
    "IPRIORITYR {i} 0x20", "READ ISACTIVER {i}", "READ ISPENDR {i}", "WFI", "SGI 1 to {v}", "PMR 0xf0", "PMR 0x90",
    "IAR", "AWAIT {i}",
)


def device(r: random.Random, intid: int, vm: int, vcpus: int) -> str:
    wiring = r.choice(["physical", "injected", "irqfd"])
    return "\n".join([
        "[[device]]", f'name = "d{intid}"', f'kind = "{r.choice(["level", "edge"])}"', f'vm = "m{vm}"',
        f'wiring = "{wiring}"', f"routed = {r.randrange(vcpus)}",
        f"{'intid' if wiring == 'physical' else 'vintid'} = {intid}", ""])


def program(r: random.Random, intids: list[int], vcpus: int, timer: str | None) -> list[str]:
    ops = [*OPS, "ROUTE {s} {v}"]
    if timer:
        ops += [f"{timer}_CVAL +1", f"{timer}_CTL {r.randrange(4)}"]
    shared = [i for i in intids if i >= 32] or [32]
    return [op.format(i=r.choice(intids or [32]), v=r.randrange(vcpus), s=r.choice(shared))
            for op in r.choices(ops, k=r.randint(0, 6))]


def scenario(seed: int) -> str:
    r = random.Random(seed)
    pes, vms = r.randint(1, 3), r.choice([1, 1, 2])
    text = [f'name = "any"\ntitle = "random machine {seed}"\nteaches = "that it runs at all"',
            f"userspace = {json.dumps(r.random() < 0.3)}",
            f"[machine]\ngic = {r.choice([2, 3])}\npes = {pes}\nlist_registers = {r.choice([1, 2, 4])}"]
    devices = []
    for vm in range(vms):
        vcpus = r.randint(1, 2)
        intids = [32 + 4 * n + vm for n in range(r.randint(0, 3))]
        devices += [device(r, i, vm, vcpus) for i in intids]
        timer = r.choice([None, "CNTV", "CNTP"])
        if timer:
            devices.append(f'[[device]]\nname = "t{vm}"\nkind = "timer"\nvm = "m{vm}"\ntimer = "{timer}"\n')
            intids.append({"CNTV": 27, "CNTP": 30}[timer])
        text.append(f'[[vm]]\nname = "m{vm}"\neoimode = {r.choice([0, 1])}')
        text += [f"[[vm.vcpu]]\npe = {r.randrange(pes)}\nprogram = {json.dumps(program(r, intids, vcpus, timer))}\n"
                 f'idle = "{r.choice(["wfi", "spin"])}"' for _ in range(vcpus)]
    if r.random() < 0.3:
        devices.append('[[device]]\nname = "h"\nkind = "level"\nvm = "host"\nintid = 60\n')
    return "\n".join([*text, *devices])


@pytest.mark.parametrize("design", ["kvm", "trap", "kvm612"])
@settings(max_examples=40)
@given(seed=st.integers(0, 1 << 32))
def test_it_runs(design: str, seed: int) -> None:
    run = Schedule(parse_scenario(scenario(seed)), find_design(design)).random(seed, 50)
    assert len(run.steps) >= 50 or run.at_rest


@pytest.mark.parametrize("design", ["userspace-irqchip", "timer-mask", "xen", "bao", "kvm2018", "kvm2015"])
@settings(max_examples=20)
@given(seed=st.integers(0, 1 << 32))
def test_it_is_refused_or_runs(design: str, seed: int) -> None:
    try:
        run = Schedule(parse_scenario(scenario(seed)), find_design(design)).random(seed, 30)
    except Unsupported:
        return
    assert len(run.steps) >= 30 or run.at_rest


@given(seed=st.integers(0, 1 << 32))
@settings(max_examples=20)
def test_a_schedule_is_repeated_exactly(seed: int) -> None:
    text = scenario(seed)
    runs = [Schedule(parse_scenario(text), find_design("kvm")).random(seed, 25) for _ in range(2)]
    assert runs[0].steps == runs[1].steps
    assert runs[0].breaches == runs[1].breaches
