"""Scenarios: TOML files that say what a machine is made of, and what happens on it.

    name = "timer-forwarded"
    title = "what happens, in a sentence"
    teaches = "what one learns from it, in a sentence"
    mechanisms = ["M2", "M7"]
    expect = "holds"                # or "breaks", with rules = [2, 23]: those that must be among the broken ones

    [machine]                       # the chip
    gic = 3
    pes = 1
    list_registers = 4

    [[vm]]                          # a virtual machine; its vCPUs follow
    [[vm.vcpu]]
    pe = 0                          # the PE that its thread runs on
    program = ["CNTV_CVAL +1"]      # see vgic.lab.program
    [vm.vcpu.handlers]
    27 = ["HANDLE", "EOI"]

    [[device]]
    name = "timer"
    kind = "timer"                  # or "level", "edge"
    intid = 27

    [run]
    script = ["time passes", "pe0 takes IRQ", "vcpu0 enters"]     # names of actions: see vgic.lab.machine

    [check]
    never = ["vcpu0 exits"]         # what is left out of the alphabet

`load` reads one and raises ScenarioError with the file, the line, the key and what was expected. `schema()` is the JSON
Schema for editors.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from vgic.arch import affinity
from vgic.arch.intid import MAINTENANCE, PRIVATE, TIMER_PPIS
from vgic.designs.vm import default_affinity
from vgic.lab.errors import ScenarioError
from vgic.lab.lines import KeyLines
from vgic.lab.operations.operands import VmShape
from vgic.lab.program import parse
from vgic.lab.validate import key_words, read_toml, validated
from vgic.rules.catalogue import RULES


def _program(op: str) -> str:
    parse(op)
    return op


def _handler(op: str) -> str:
    parse(op, handler=True)
    return op


def _mechanism(m: str) -> str:
    if not (m.startswith("M") and m[1:].isdigit() and 1 <= int(m[1:]) <= 30):
        raise ValueError(f'"{m}": expected M1 to M30')
    return m


def _rule(n: int) -> int:
    if n not in RULES:
        raise ValueError(f"{n}: expected 1 to {max(RULES)}")
    return n


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r}: expected printable characters, in one line")
    return text


def _affinity(text: str) -> str:
    affinity.parse(text)
    return text


def _handled(key: str) -> str:
    if not (key.isdigit() and int(key) < 1020):
        raise ValueError(f'"{key}": expected an INTID, 0 to 1019')
    return key


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Sentence = Annotated[str, Field(min_length=10, max_length=400), AfterValidator(_printable)]
ProgramOp = Annotated[str, AfterValidator(_program)]
HandlerOp = Annotated[str, AfterValidator(_handler)]
Handlers = dict[Annotated[str, AfterValidator(_handled)], Annotated[list[HandlerOp], Field(max_length=32)]]
Intid = Annotated[int, Field(ge=0, le=1019)]
Affinity = Annotated[str, AfterValidator(_affinity)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MachineSpec(_Table):
    """The chip and its PEs.

    Attributes:
        gic: 2 or 3. pes: 1 to 8. list_registers: of each PE, 1 to 16, GICv2 to 64.
        host_split: whether the host uses EOImode 1.
        posted: whether a write to GICD or GICR may reach the chip later than the next step.
        options: more options of the chip, by the names of `vgic.silicon.options`.
        affinities: of each PE, as MPIDR_EL1 has it (GICv3); sixteen to a cluster by default.
    """

    gic: Literal[2, 3] = 3
    pes: int = Field(1, ge=1, le=8)
    list_registers: int = Field(4, ge=1, le=64)
    host_split: bool = True
    posted: bool = False
    options: dict[str, bool | int | str] = Field(default_factory=dict)
    affinities: list[Affinity] | None = None


class VcpuSpec(_Table):
    """One vCPU and its guest.

    Attributes:
        pe: the PE that its thread runs on, first. program, handlers: see `vgic.lab.program`; without a handler an
            interrupt is served, ended and (EOImode 1) deactivated. idle: what follows the program.
        off: whether it begins switched off: its guest has set up its GIC, and called CPU_OFF.
        affinity: as its MPIDR_EL1 has it (GICv3); by default by its number, sixteen to a cluster.
    """

    pe: int = Field(0, ge=0, le=7)
    program: list[ProgramOp] = Field(default_factory=list, max_length=64)
    handlers: Handlers = Field(default_factory=dict)
    idle: Literal["wfi", "spin"] = "wfi"
    off: bool = False
    affinity: Affinity | None = None


class VmSpec(_Table):
    """One virtual machine.

    Attributes:
        name: for people. gic: what its guest sees, None for what the machine has.
        design: which hands interrupts to its guests, None for the scenario's.
        eoimode: of its guests. disabled: the interrupts that it does not enable at boot.
        priorities: of its interrupts, 0xa0 by default. sgis: those that its guests use.
        vcpu: its vCPUs.
    """

    name: Name | None = None
    gic: Literal[2, 3] | None = None
    design: str | None = None
    eoimode: Literal[0, 1] = 0
    disabled: list[Intid] = Field(default_factory=list)
    priorities: dict[Annotated[str, AfterValidator(_handled)], Annotated[int, Field(ge=0, le=254)]] = Field(
        default_factory=dict)
    sgis: list[Annotated[int, Field(ge=0, le=15)]] = Field(default_factory=list)
    vcpu: list[VcpuSpec] = Field(min_length=1, max_length=8)


class DeviceSpec(_Table):
    """One device.

    Attributes:
        name: as actions call it. kind: "timer" (the generic timer of each PE), "level" or "edge".
        intid: of its physical interrupt; an emulated device has none. vintid: what the guest sees; the same by default;
            of an irqfd's edge also an LPI, whose translation is not modelled.
        vm: whose it is, by name; "host" for the host's own; the first VM by default.
        timer: which timer, for kind "timer". trigger: that of its PPI as the chip has it at reset and the device tree
            says it; a timer's line is a level whatever that is. Fixed so by `options = {ppi_config_writable = false}`.
        wiring: "physical": an interrupt of the machine that is the guest's; "injected": an emulated device, whose model
            drives the line (each access of its guest is a trap); "irqfd": a device of the VMM that asserts through
            an irqfd and is told of the guest's EOI by a resamplefd.
        routed: the vCPU that its SPI goes to.
        disables: whether the host's driver may disable and enable the interrupt (lazily, as the kernel does).
        times: how often an edge may come, or a timer's time may pass, until its guest has taken one.
    """

    name: Name
    kind: Literal["timer", "level", "edge"]
    intid: int | None = Field(None, ge=16, le=1019)
    vintid: int | None = Field(None, ge=16, le=8703)
    vm: str | None = None
    timer: Literal["CNTV", "CNTP"] = "CNTV"
    trigger: Literal["level", "edge"] = "level"
    wiring: Literal["physical", "injected", "irqfd"] = "physical"
    routed: int = Field(0, ge=0, le=7)
    disables: bool = False
    times: int = Field(2, ge=1, le=2)

    def emulated(self) -> bool:
        """Whether it has no physical interrupt."""
        return self.wiring != "physical"

    @model_validator(mode="after")
    def _consistent(self) -> DeviceSpec:
        if self.kind != "timer" and self.trigger != "level":
            raise ValueError(f'trigger: "{self.trigger}": only a timer has one: expected kind "edge"')
        if self.kind == "timer":
            if self.emulated():
                raise ValueError(f'wiring: "{self.wiring}": expected "physical": a timer is a device of the PE')
            if self.intid is not None and not 16 <= self.intid < 32:
                raise ValueError(f"intid = {self.intid}: expected a PPI, 16 to 31, for a timer")
        elif self.emulated():
            if self.intid is not None:
                raise ValueError("intid: an emulated device has no physical interrupt: expected vintid alone")
            if self.vintid is None:
                raise ValueError("vintid: missing: an emulated device needs one")
        elif self.intid is None:
            raise ValueError("intid: missing: expected its physical interrupt, or wiring")
        elif self.intid < 32:
            raise ValueError(f"intid = {self.intid}: expected an SPI, 32 to 1019")
        if self.vintid is not None and self.vintid > 1019:
            if self.vintid < 8192:
                raise ValueError(f"vintid = {self.vintid}: expected at most 1019, or an LPI, 8192 to 8703")
            if self.kind != "edge" or self.wiring != "irqfd":
                raise ValueError(f'vintid = {self.vintid}: an LPI: expected kind "edge", wiring "irqfd"')
        if self.kind != "timer" and self.vintid is not None and self.vintid < 32:
            raise ValueError(f"vintid = {self.vintid}: expected an SPI, 32 to 1019")
        return self


class FirmwareSpec(_Table):
    """What firmware, or a kernel that ran before, left of one interrupt in the chip. What is not said is as after a
    reset.

    Attributes:
        intid: which; one of a device's, a timer's PPI, the maintenance PPI or an SGI. pe: whose, of a private one.
        active, pending, enabled: its state. group, priority, edge: its configuration.
    """

    intid: Intid
    pe: int = Field(0, ge=0, le=7)
    active: bool = False
    pending: bool = False
    enabled: bool = False
    group: Literal[0, 1] | None = None
    priority: int | None = Field(None, ge=0, le=255)
    edge: bool | None = None


class RunSpec(_Table):
    """One schedule.

    Attributes:
        script: names of actions, in order; "rest" for what happens by itself until nothing is left to do.
        finish: whether the machine rests at the end, too. most: after so many steps of that it never will.
    """

    script: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field(default_factory=list, max_length=500)
    finish: bool = True
    most: int = Field(80, ge=1, le=1000)


class CheckSpec(_Table):
    """All schedules.

    Attributes:
        actions: patterns of the names of what can happen ("nic *"); all by default. never: what can't.
        ticks: how often time passes.
        breaks: the rules that some schedule of an unflipped design is known to break, though the script does not.
    """

    actions: list[str] = Field(default_factory=lambda: ["*"])
    never: list[str] = Field(default_factory=list)
    ticks: int = Field(2, ge=0, le=8)
    breaks: list[Annotated[int, AfterValidator(_rule)]] = Field(default_factory=list)


class Scenario(_Table):
    """A scenario. See the module's text.

    Attributes:
        design: which hands interrupts over, and design_options: more arguments of its constructor.
        userspace: whether a VMM may save and restore the guest's GIC.
        entry: "whole": nothing comes between flush and the guest; "divided": what other PEs do may.
        firmware: what the kernel finds in the chip when it boots.
    """

    name: Name
    title: Sentence
    teaches: Sentence
    mechanisms: list[Annotated[str, AfterValidator(_mechanism)]] = Field(default_factory=list)
    design: str = "kvm"
    design_options: dict[str, bool | int | str] = Field(default_factory=dict)
    expect: Literal["holds", "breaks"] = "holds"
    rules: list[Annotated[int, AfterValidator(_rule)]] = Field(default_factory=list)
    userspace: bool = False
    entry: Literal["whole", "divided"] = "whole"
    firmware: list[FirmwareSpec] = Field(default_factory=list, max_length=16)
    machine: MachineSpec = MachineSpec.model_validate({})
    vm: list[VmSpec] = Field(min_length=1, max_length=4)
    device: list[DeviceSpec] = Field(default_factory=list, max_length=64)
    run: RunSpec = RunSpec.model_validate({})
    check: CheckSpec = CheckSpec.model_validate({})

    _file: str = PrivateAttr("scenario")
    _lines: KeyLines | None = PrivateAttr(None)

    def where(self, *path: str | int) -> str:
        """The file and the line of a key, for messages."""
        return f"{self._file}:{self._lines.line(path)}" if self._lines is not None else self._file

    def vm_name(self, n: int) -> str:
        """A VM's name: its own, or vm and its number."""
        return self.vm[n].name or f"vm{n}"

    def vm_of(self, device: DeviceSpec) -> int | None:
        """The number of a device's VM, None for the host's own."""
        if device.vm == "host":
            return None
        names = [self.vm_name(n) for n in range(len(self.vm))]
        return names.index(device.vm) if device.vm is not None else 0


def affinities(vm: VmSpec) -> tuple[int, ...]:
    """Those of a VM's vCPUs."""
    return tuple(
        default_affinity(n) if v.affinity is None else affinity.parse(v.affinity) for n, v in enumerate(vm.vcpu))


def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Scenario.model_json_schema()}


def load(path: Path | str) -> Scenario:
    """Reads a scenario. A design of a file beside it is named from there. ScenarioError where it can't be used."""
    scenario = parse_scenario(
        read_toml(path, "a scenario file, or the name of one of ours (vgic scenarios lists them)"), str(path))
    return with_designs(scenario, lambda design: design_beside(design, Path(path).parent))


def with_designs(scenario: Scenario, named: Callable[[str], str]) -> Scenario:
    """The scenario with every design that it names called otherwise."""
    vms = [vm if vm.design is None else vm.model_copy(update={"design": named(vm.design)}) for vm in scenario.vm]
    return scenario.model_copy(update={"design": named(scenario.design), "vm": vms})


def design_beside(design: str, directory: Path) -> str:
    """A design as the files of a directory name it, FILE.py:CLASS relative to themselves, for whoever runs elsewhere;
    as it is where there is no such file."""
    file, colon, cls = design.rpartition(":")
    return f"{directory / file}:{cls}" if colon and (directory / file).is_file() else design


def parse_scenario(text: str, name: str = "scenario") -> Scenario:
    """A scenario from the text of its file; `name` is what errors call it."""
    scenario, lines = validated(Scenario, text, name, _TABLES)
    scenario._file, scenario._lines = name, lines
    _cross_check(scenario, lines, name)
    return scenario


_TABLES: dict[tuple[str, ...], type[BaseModel]] = {
    (): Scenario, ("machine",): MachineSpec, ("vm",): VmSpec, ("vm", "vcpu"): VcpuSpec, ("device",): DeviceSpec,
    ("firmware",): FirmwareSpec, ("run",): RunSpec, ("check",): CheckSpec,
}


def _shape(s: Scenario, n: int) -> VmShape:
    """What the n-th VM has that operations of its guests can name."""
    name, first = s.vm_name(n), s.vm_name(0)
    timers = {d.timer for d in s.device if d.kind == "timer" and (d.vm or first) == name}
    return VmShape(name, s.vm[n].gic or s.machine.gic, len(s.vm[n].vcpu), timers)


def _cross_check(s: Scenario, lines: KeyLines, name: str) -> None:
    """What one table says of another."""

    def wrong(path: tuple[str | int, ...], what: str) -> None:
        raise ScenarioError(f"{name}:{lines.line(path)}: {key_words(path, s.model_dump())}: {what}")

    if s.expect == "breaks" and not s.rules:
        wrong(("expect",), '"breaks": expected rules = [...] too: those that are broken')
    if s.expect == "holds" and s.rules:
        wrong(("rules",), 'rules are broken: expected expect = "breaks"')
    pes = s.machine.affinities
    if pes is not None and s.machine.gic == 2:
        wrong(("machine", "affinities"), "a GICv2 knows no affinities: expected gic = 3")
    if pes is not None and len(set(pes)) != s.machine.pes:
        wrong(("machine", "affinities"), f"expected {s.machine.pes} different ones, one of each PE")
    names = [s.vm_name(n) for n in range(len(s.vm))]
    for n, vm in enumerate(s.vm):
        if "host" in names:
            wrong(("vm", names.index("host"), "name"), '"host": expected another name; host is the host')
        if names.count(names[n]) > 1:
            wrong(("vm", n, "name"), f'"{names[n]}": another VM has that name')
        for v, vcpu in enumerate(vm.vcpu):
            if vcpu.pe >= s.machine.pes:
                wrong(("vm", n, "vcpu", v, "pe"), f"{vcpu.pe}: expected a PE of the machine, 0 to {s.machine.pes - 1}")
            here: tuple[str | int, ...] = ("vm", n, "vcpu", v)
            if vcpu.affinity is not None:
                if (vm.gic or s.machine.gic) == 2:
                    wrong((*here, "affinity"), "a GICv2 guest knows no affinities: expected a GICv3")
                if affinities(vm).count(affinity.parse(vcpu.affinity)) > 1:
                    wrong((*here, "affinity"), f'"{vcpu.affinity}": another vCPU has that affinity')
            texts = [((*here, "program", o), text) for o, text in enumerate(vcpu.program)]
            texts += [((*here, "handlers", key, o), text) for key, ops in vcpu.handlers.items()
                      for o, text in enumerate(ops)]
            for where, text in texts:
                op = parse(text, handler=True)
                if op.operation.outside and "handlers" in where:
                    wrong(where, f'"{text}": a handler can\'t do this: expected it in a program')
                for what in op.wrong(_shape(s, n)):
                    wrong(where, f'"{text}": {what}')
    there = {*range(16), MAINTENANCE, *(TIMER_PPIS[d.timer] if d.intid is None else d.intid for d in s.device
                                        if not d.emulated())}
    for n, left in enumerate(s.firmware):
        if left.intid not in there:
            wrong(("firmware", n, "intid"), f"{left.intid}: the chip has none of that: expected a device's, or an SGI")
        if left.pe >= (s.machine.pes if left.intid < PRIVATE else 1):
            wrong(("firmware", n, "pe"), f"{left.pe}: expected 0 to {s.machine.pes - 1}, of a private interrupt")
        if any((left.intid, left.pe) == (other.intid, other.pe) for other in s.firmware[:n]):
            wrong(("firmware", n, "intid"), f"{left.intid}: another table is of that interrupt")
    seen: dict[str, int] = {}
    pintids: dict[int, int] = {}
    for n, d in enumerate(s.device):
        if d.name in seen:
            wrong(("device", n, "name"), f'"{d.name}": another device has that name')
        seen[d.name] = n
        if d.vm is not None and d.vm != "host" and d.vm not in names:
            wrong(("device", n, "vm"), f'"{d.vm}": no such VM: expected {", ".join((*names, "host"))}')
        if d.vm == "host" and (d.emulated() or d.kind == "timer"):
            wrong(("device", n, "vm"), '"host": expected a physical level or edge device')
        owner = s.vm_of(d)
        if (d.vintid or 0) >= 8192 and owner is not None and (s.vm[owner].gic or s.machine.gic) == 2:
            wrong(("device", n, "vintid"), f"{d.vintid}: a GICv2 guest has no LPIs: expected 32 to 1019")
        if owner is not None and d.routed >= len(s.vm[owner].vcpu):
            wrong(("device", n, "routed"), f"{d.routed}: expected a vCPU, 0 to {len(s.vm[owner].vcpu) - 1}")
        if d.intid is not None and d.kind != "timer":
            if d.intid in pintids:
                wrong(("device", n, "intid"), f"{d.intid}: another device has that physical interrupt")
            pintids[d.intid] = n
