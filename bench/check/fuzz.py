"""Random scenarios: `python -m bench.check.fuzz [--seed N] [--count N] [--manners quiet|polite|rude] [--design NAME]
[--states N] [--compare]`.

Each seed makes one small scenario: a machine, devices, guests. `polite` guests do what a guest may; `rude` ones also
what it seldom does, or must not; `quiet` scenarios leave out what is known to break a rule (docs/findings.md). A line
each tells

    HOLDS      all states were seen, and nothing is broken
    BOUNDED    nothing is broken in what was seen
    BROKEN     by a rule: with the scenario, shrunk to what still breaks it, and a shortest schedule
    DIFFERS    with --compare: plain Python, two threads, or a search that was cut and resumed says otherwise
    FAILED     an exception: always a bug

Exit status 1 where something is BROKEN, DIFFERS or FAILED. The same seed makes the same scenario.
"""
from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

from vgic.arch.affinity import to_sgi
from vgic.arch.intid import LPI_START, TIMER_PPIS
from vgic.explore.check import Bounds, Verdict, check
from vgic.lab.errors import DesignFailed, ScenarioError
from vgic.lab.loader import find_design
from vgic.lab.operations import operands
from vgic.lab.operations.distributor import WriteBit
from vgic.lab.operations.operands import Operand, VmShape
from vgic.lab.operations.operation import Operation
from vgic.lab.program import OPERATIONS, parse
from vgic.lab.scenario import Scenario, parse_scenario
from vgic.rules.checks import MACHINE_RULES

ALL = frozenset(MACHINE_RULES)
NO_STEP = 17
Tables = dict[str, Any]
"""A scenario as its tables."""


# -- as text

def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k} = {_value(v)}' for k, v in value.items())}}}"
    return str(value)


def _keys(table: Tables, without: tuple[str, ...] = ()) -> list[str]:
    return [f"{k} = {_value(v)}" for k, v in table.items() if k not in without and v not in ([], {})]


def text_of(tables: Tables) -> str:
    """The scenario's file."""
    lines = _keys(tables, ("machine", "vm", "device", "check"))
    lines += ["", "[machine]", *_keys(tables["machine"])]
    for vm in tables["vm"]:
        lines += ["", "[[vm]]", *_keys(vm, ("vcpu",))]
        for vcpu in vm["vcpu"]:
            lines += ["[[vm.vcpu]]", *_keys(vcpu)]
    for device in tables["device"]:
        lines += ["", "[[device]]", *_keys(device)]
    return "\n".join([*lines, "", "[check]", *_keys(tables["check"]), ""])


def scenario_of(tables: Tables) -> Scenario:
    """The scenario."""
    return parse_scenario(text_of(tables), tables["name"])


# -- making one

POLITE = (
    ("ISENABLER", 3), ("ICENABLER", 3), ("ISPENDR", 4), ("ICPENDR", 2), ("IPRIORITYR", 1), ("ROUTE", 3),
    ("READ ISPENDR", 1), ("READ ISACTIVER", 1), ("SGI", 4), ("PMR", 2), ("IGRPEN", 1), ("MASK", 2), ("UNMASK", 2),
    ("CTL", 3), ("CVAL", 4), ("WFI", 3), ("AWAIT", 2), ("IAR", 1), ("AGAIN", 1),
    ("READ IPRIORITYR", 1), ("SPENDSGIR", 1), ("CPENDSGIR", 1), ("ICC_SGI1R", 1), ("CPU_ON", 2), ("CPU_SUSPEND", 1))
RUDE = (
    *POLITE, ("IROUTER", 1), ("CPU_OFF", 1), ("ICFGR", 1), ("ISACTIVER", 2), ("ICACTIVER", 2), ("DIR", 2),
    ("EOIMODE", 1), ("EOIR", 1), ("OF", 2))
BITS: list[Operation] = [operation for operation in OPERATIONS if isinstance(operation, WriteBit)]
BY_WORD = {operation.word: operation for operation in OPERATIONS if not operation.own}
OPTIONS: tuple[Tables, ...] = (
    {"tie": "highest"}, {"level_ack_clears_latch": False}, {"setpend_when_line_high": False})
OPTIONS_V3: tuple[Tables, ...] = (
    {"virtual_priority_bits": 7}, {"tdir": False}, {"eoicount_without_priority": True}, {"priority_bits": 8})
AFFINITIES = (0, 0, 1, 1, 0x100, 0x1_0001)
PRIORITIES = (0x40, 0x80, 0xA0, 0xA0, 0xA0, 0xA4, 0xC0)


class Maker:
    """Makes the scenario of a seed. `quiet`: without what is known to break a rule with today's KVM."""

    def __init__(self, seed: int, manners: str) -> None:
        self.random, self.seed = random.Random(seed), seed
        self.rude, self.quiet = manners == "rude", manners == "quiet"

    def chance(self, p: float) -> bool:
        """True so often."""
        return self.random.random() < p

    def tables(self) -> Tables:
        """The whole."""
        r = self.random
        gic = r.choice((2, 3, 3))
        pes = r.choice((1, 1, 2, 2))
        vms = 2 if self.chance(0.2) else 1
        numbers = (2, 2, 3, 4) if self.quiet else (1, 2, 2, 3, 4, 4)
        machine: Tables = {"gic": gic, "pes": pes, "list_registers": r.choice(numbers)}
        tables: Tables = {
            "name": f"seed-{self.seed}", "title": f"A random scenario: seed {self.seed}.",
            "teaches": "Whether all is well.", "machine": machine, "vm": [], "device": [],
            "check": {"ticks": r.choice((1, 1, 2))}}
        if self.chance(0.1):
            machine["options"] = r.choice((*OPTIONS, *(OPTIONS_V3 if gic == 3 else ())))
        if self.chance(0.15):
            tables["userspace"] = True
        if self.chance(0.12):
            tables["design_options"] = {"vhe": False} if self.quiet or self.chance(0.5) else {"hw_deactivation": False}
        for n in range(vms):
            tables["vm"].append(self.vm(n, vms, pes, gic))
        self.devices(tables, gic)
        for n, vm in enumerate(tables["vm"]):
            self.guests(tables, n, vm, gic)
        if self.quiet and 2 in (gic, *(vm.get("gic") for vm in tables["vm"])):
            tables.pop("userspace", None)
        never = [a for a, p in (("* put", 0.4), ("* exits", 0.4), ("* gives up entry", 0.6)) if self.chance(p)]
        never += ["* loaded on *"] if pes > 1 and self.chance(0.6) else []
        tables["check"]["never"] = never
        return tables

    def vm(self, n: int, vms: int, pes: int, gic: int) -> Tables:
        """A VM with vCPUs that do nothing yet."""
        r = self.random
        vm: Tables = {"name": f"v{n}"} if vms > 1 else {}
        if gic == 3 and self.chance(0.15):
            vm["gic"] = 2
        if self.chance(0.3):
            vm["eoimode"] = 1
        count = r.choice((1, 2)) if vms > 1 else r.choice((1, 1, 2, 2, 3))
        vm["vcpu"] = [{"pe": r.randrange(pes)} for _ in range(count)]
        return vm

    def devices(self, tables: Tables, gic: int) -> None:
        """Up to three devices."""
        r = self.random
        intid = 40
        for n in range(r.choice((0, 1, 1, 2, 2, 3))):
            vm = r.randrange(len(tables["vm"]))
            spec = tables["vm"][vm]
            device: Tables = {"name": f"d{n}"}
            kind = r.choice(("timer", "level", "level", "edge", "edge"))
            if kind == "timer":
                timer = r.choice(("CNTV", "CNTV", "CNTP"))
                if any(d.get("timer") == timer and d.get("vm") == spec.get("name") for d in tables["device"]):
                    continue
                device |= {"kind": "timer", "timer": timer}
            else:
                wiring = r.choice(("physical", "physical", "injected", "irqfd"))
                if self.quiet and (kind, wiring) == ("level", "irqfd"):
                    wiring = "injected"
                device |= {"kind": kind, "wiring": wiring}
                if wiring != "physical" and kind == "edge" and wiring == "irqfd" and self.chance(0.2) \
                        and spec.get("gic", gic) == 3 \
                        and not any(d.get("vintid") == LPI_START for d in tables["device"]):
                    device["vintid"] = LPI_START
                else:
                    device["intid" if wiring == "physical" else "vintid"] = intid
                    if wiring == "physical" and self.chance(0.2):
                        device["vintid"] = intid + 3
                    intid += 1
                if kind == "edge" and self.chance(0.7):
                    device["times"] = 1
                if wiring == "physical" and self.chance(0.1) and not self.quiet:
                    device["disables"] = True
                if wiring == "physical" and self.chance(0.08):
                    device["vm"] = "host"
                    device.pop("vintid", None)
                if len(spec["vcpu"]) > 1 and device.get("vintid") != LPI_START and self.chance(0.4) \
                        and "vm" not in device:
                    device["routed"] = r.randrange(len(spec["vcpu"]))
            if "name" in spec and "vm" not in device:
                device["vm"] = spec["name"]
            tables["device"].append(device)

    def guests(self, tables: Tables, n: int, vm: Tables, gic: int) -> None:
        """Programs, handlers, priorities, what is disabled."""
        mine = [d for d in tables["device"] if d.get("vm", tables["vm"][0].get("name")) == vm.get("name")]
        spis = [d.get("vintid", d.get("intid")) for d in mine if d["kind"] != "timer"]
        spis = [i for i in spis if i < LPI_START]
        if self.chance(0.25):
            spis.append(60)                 # no device: only software makes it pending
        timers = [d["timer"] for d in mine if d["kind"] == "timer"]
        ppis = [TIMER_PPIS[t] for t in timers]
        intids = spis + ppis
        edges = [d.get("vintid", d.get("intid")) for d in mine if d["kind"] == "edge"]
        self.edges = [i for i in edges if i < LPI_START]
        v2 = vm.get("gic", gic) == 2
        alike = self.chance(0.3)
        program: list[str] = []
        for m, vcpu in enumerate(vm["vcpu"]):
            if not (alike and m):
                program = self.program(vm, spis, timers, intids, v2)
            vcpu["program"] = program
            if self.chance(0.3):
                vcpu["idle"] = "spin"
            handlers = {}
            for intid in intids:
                if self.chance(0.3):
                    handlers[str(intid)] = self.handler(vm, intid)
            if self.chance(0.1):
                handlers["1"] = self.handler(vm, 1)
            vcpu["handlers"] = handlers
            if m and self.chance(0.1):
                vcpu["off"] = True
        vm["disabled"] = [i for i in intids if self.chance(0.15)]
        vm["priorities"] = {str(i): self.random.choice(PRIORITIES) for i in intids if self.chance(0.4)}

    def handler(self, vm: Tables, intid: int) -> list[str]:
        """A handler that serves and ends its interrupt, in some order."""
        r = self.random
        ops = ["HANDLE", "EOI"]
        if self.chance(0.3):
            ops.insert(r.choice((0, 1)), "UNMASK")
        elif self.chance(0.2):
            ops.reverse()
        if vm.get("eoimode"):
            ops.append("DIR")
            if self.chance(0.3):
                ops[:] = ["EOI", "UNMASK", "HANDLE", "DIR"]
        if self.chance(0.1):
            ops.remove("HANDLE")
        if self.rude and self.chance(0.1):
            ops.remove("EOI")
        if self.chance(0.1):
            ops.insert(r.randrange(len(ops) + 1), r.choice(("WFI", "SGI 1 to 0", "MASK", "IAR")))
        if self.chance(0.1):
            words = ("READ ISPENDR",) if self.quiet else ("ISPENDR", "ICENABLER")
            if intid >= 32 or not self.quiet:
                ops.insert(r.randrange(len(ops)), f"{r.choice(words)} {intid}")
        return ops

    def program(
        self, vm: Tables, spis: list[int], timers: list[str], intids: list[int], v2: bool,
    ) -> list[str]:
        """Up to five operations."""
        r = self.random
        words, weights = zip(*(RUDE if self.rude else POLITE), strict=True)
        ops: list[str] = []
        for _ in range(r.choice((0, 1, 2, 2, 3, 3, 4, 5))):
            word = r.choices(words, weights)[0]
            op = self.op(word, vm, spis, timers, intids, v2)
            if op:
                ops.append(op)
        if "AGAIN" in ops:
            ops = ops[:ops.index("AGAIN") + 1]
            if ops == ["AGAIN"]:
                ops = []
        return ops

    def op(self, word: str, vm: Tables, spis: list[int], timers: list[str], intids: list[int], v2: bool) -> str:
        """One operation, "" where there is nothing to apply it to."""
        r = self.random
        vcpus = len(vm["vcpu"])
        if (self.quiet and word in ("IPRIORITYR", "ROUTE")) or (word == "ROUTE" and vcpus == 1):
            return ""
        if self.quiet and word in ("ISENABLER", "ICENABLER", "ISPENDR", "ICPENDR"):
            intids = self.edges
        others = word == "OF"           # of other vCPUs, too
        if others:
            operation, intids = r.choice(BITS), [1, *(i for i in intids if i < 32)]
        elif word in ("CTL", "CVAL"):
            if not timers:
                return ""
            operation = BY_WORD[f"{r.choice(timers)}_{word}"]
        else:
            operation = BY_WORD[word]
        if others and v2:
            return ""
        choices: dict[type[Operand], Sequence[int | None]] = {
            operands.Intid: intids, operands.Awaited: intids, operands.Spi: spis, operands.Sgi: (1, 1, 2),
            operands.Vcpu: range(vcpus), operands.Source: range(vcpus), operands.Owner: range(vcpus),
            operands.Priority: PRIORITIES,
            operands.Mask: (0x80, 0xF0, 0x40, 0xA4, 0xFF), operands.Flag: (0, 1), operands.Control: (0, 1, 1, 3),
            operands.Ticks: (0, 1, 1, operands.NEVER), operands.Width: (None, None, 1, 2, 4), operands.Trigger: (0, 1),
            operands.Ppi: [i for i in intids if 16 <= i < 32], operands.Affinity: AFFINITIES,
            operands.Targets: (operands.OTHERS, *map(to_sgi, AFFINITIES))}
        said = [choices[type(o)] if self.says(o, others) else (None,) for o in operation.operands]
        if not all(said):
            return ""
        text = operation.text(tuple(map(self.drawn, said)))
        wrong = parse(text).wrong(VmShape("v", 2 if v2 else 3, vcpus, timers))
        return "" if next(wrong, None) else text

    def says(self, operand: Operand, others: bool) -> bool:
        """Whether an operand is there."""
        return others or not operand.optional or (self.rude and isinstance(operand, operands.Width))

    def drawn(self, choices: Sequence[int | None]) -> int | None:
        """One of them; None, for what is left out, takes no throw."""
        return choices[0] if choices == (None,) else self.random.choice(choices)


def tables_of(seed: int, manners: str = "polite") -> Tables:
    """The scenario of a seed; always one that can be used."""
    maker = Maker(seed, manners)
    while True:
        tables = maker.tables()
        try:
            scenario_of(tables)
        except ScenarioError:
            continue
        return tables


# -- searching

def broken_rules(
    tables: Tables, design: str, bounds: Bounds, without: frozenset[int] = frozenset(),
) -> Iterator[Verdict]:
    """A verdict for each rule that breaks, and the last one, without them."""
    scenario, cls = scenario_of(tables), find_design(design)
    rules = ALL - without - ({NO_STEP} if tables["machine"]["list_registers"] == 1 else set())
    liveness = True
    while True:
        verdict = check(scenario, cls, rules=rules, bounds=bounds, liveness=liveness)
        yield verdict
        if verdict.rule is None:
            return
        if lost(verdict):
            liveness = False
        rules -= {verdict.rule.id}


def lost(verdict: Verdict) -> bool:
    """Whether something is lost for ever, which is judged beside the rules of states."""
    return verdict.result.broken is not None and verdict.result.broken.kind == "lost"


def breaks(tables: Tables, design: str, rule: int, bounds: Bounds, for_ever: bool) -> Verdict | None:
    """The verdict if this rule breaks."""
    try:
        verdict = check(scenario_of(tables), find_design(design), rules=[rule], bounds=bounds,
                        liveness=for_ever)
    except ScenarioError:
        return None
    return verdict if verdict.rule is not None and verdict.rule.id == rule else None


def edited(tables: Tables, value: object, *path: str | int) -> Tables:
    """A copy with another value at a path; without what is there for None."""
    copy = deepcopy(tables)
    here: Any = copy
    for part in path[:-1]:
        here = here[part]
    if value is None:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return copy


def smaller(tables: Tables) -> Iterator[Tables]:
    """The same with something less."""
    for n in range(len(tables["device"])):
        yield edited(tables, None, "device", n)
    for n, vm in enumerate(tables["vm"]):
        if len(tables["vm"]) > 1:
            yield edited(tables, None, "vm", n)
        for m, vcpu in enumerate(vm["vcpu"]):
            here = ("vm", n, "vcpu", m)
            if len(vm["vcpu"]) > 1:
                yield edited(tables, None, *here)
            for o in range(len(vcpu.get("program", ()))):
                yield edited(tables, None, *here, "program", o)
            for h in vcpu.get("handlers", ()):
                yield edited(tables, None, *here, "handlers", h)
            for key in ("idle", "handlers", "off"):
                if vcpu.get(key):
                    yield edited(tables, None, *here, key)
            if vcpu["pe"]:
                yield edited(tables, 0, *here, "pe")
        for key in ("eoimode", "gic", "disabled", "priorities"):
            if vm.get(key):
                yield edited(tables, None, "vm", n, key)
    for key in ("userspace", "design_options"):
        if key in tables:
            yield edited(tables, None, key)
    for n, device in enumerate(tables["device"]):
        for key, value in (("disables", None), ("routed", None), ("times", 1)):
            if device.get(key, value) != value:
                yield edited(tables, value, "device", n, key)
    machine, limits = tables["machine"], tables["check"]
    if "options" in machine:
        yield edited(tables, None, "machine", "options")
    for key, value in (("pes", 1), ("list_registers", 4), ("gic", 3)):
        if machine[key] != value:
            yield edited(tables, value, "machine", key)
    for action in ("* put", "* exits", "* gives up entry", "* loaded on *"):
        if action not in limits["never"] and (machine["pes"] > 1 or "loaded" not in action):
            yield edited(tables, [*limits["never"], action], "check", "never")
    if limits["ticks"] > 1:
        yield edited(tables, 1, "check", "ticks")


def shrunk(tables: Tables, design: str, verdict: Verdict, bounds: Bounds, most: float = 60) -> tuple[Tables, Verdict]:
    """The smallest found that breaks the same rule."""
    assert verdict.rule is not None
    end = time.monotonic() + most
    again = True
    while again and time.monotonic() < end:
        again = False
        for less in smaller(tables):
            found = breaks(less, design, verdict.rule.id, bounds, lost(verdict))
            if found is not None:
                tables, verdict, again = less, found, True
                break
            if time.monotonic() > end:
                break
    return tables, verdict


# -- searches that must agree

Told = tuple[object, ...]


def told(verdict: Verdict) -> Told:
    """What must not depend on how it was searched."""
    r = verdict.result
    broken = r.broken
    if broken is None:
        return r.verdict, r.why_cut, r.depth, r.states, r.transitions
    return r.verdict, verdict.rule and verdict.rule.id, broken.kind, len(verdict.schedule)


def differences(tables: Tables, design: str, depth: int, rules: frozenset[int], liveness: bool = True) -> Iterator[str]:
    """Ways of searching that differ from the compiled search in one thread."""
    scenario, cls, bounds = scenario_of(tables), find_design(design), Bounds(depth=depth)

    def searched(**how: Any) -> Told:
        return told(check(scenario, cls, rules=rules, liveness=liveness,
                          **{"bounds": bounds, "engine": "compiled", **how}))

    want = searched()
    with tempfile.TemporaryDirectory() as where:
        def resumed(**how: Any) -> Told:
            first = searched(bounds=Bounds(depth=depth // 2), checkpoint=f"{where}/saved", **how)
            return first if first[1] != "depth" else searched(checkpoint=f"{where}/saved", **how)

        ways: dict[str, Callable[[], Told]] = {
            "plain Python": lambda: searched(engine="plain"),
            "auto": lambda: searched(engine="auto"),
            "two threads": lambda: searched(threads=2),
            "cut and resumed": resumed,
        }
        for name, way in ways.items():
            got = way()
            if got != want:
                yield f"{name}: {got}, not {want}"


# -- the command

def tried(seed: int, manners: str, design: str, bounds: Bounds, compare: bool) -> Iterator[tuple[str, str]]:
    """What came of a seed: a word and what there is to say."""
    tables = tables_of(seed, manners)
    try:
        verdicts = list(broken_rules(tables, design, bounds))
        for verdict in verdicts[:-1]:
            less, again = shrunk(tables, design, verdict, bounds)
            yield "BROKEN", f"{again.rule}\n{again.what}\n{', '.join(again.schedule)}\n\n{text_of(less)}"
        last = verdicts[-1]
        yield last.result.verdict, f"{last.result.states:,} states"
        if compare:
            rules = ALL - {v.rule.id for v in verdicts if v.rule is not None}
            depth = last.result.depth + (1 if last.result.verdict == "HOLDS" else -1)
            for difference in differences(tables, design, depth, rules, not any(map(lost, verdicts))):
                yield "DIFFERS", f"{difference}\n\n{text_of(tables)}"
    except ScenarioError as e:
        if "Traceback" in str(e) or isinstance(e, DesignFailed):
            yield "FAILED", f"{e}\n\n{text_of(tables)}"
        else:
            yield "REFUSED", str(e)
    except Exception:
        yield "FAILED", f"{traceback.format_exc()}\n\n{text_of(tables)}"


def main() -> int:
    """Tries seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--manners", choices=("quiet", "polite", "rude"), default="quiet")
    parser.add_argument("--design", default="kvm")
    parser.add_argument("--states", type=int, default=10_000)
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    bounds, bad = Bounds(states=options.states, seconds=30), 0
    for seed in range(options.seed, options.seed + options.count):
        for word, what in tried(seed, options.manners, options.design, bounds, options.compare):
            print(f"seed {seed:6}  {word:8} {what}", flush=True)
            bad += word in ("BROKEN", "DIFFERS", "FAILED")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
