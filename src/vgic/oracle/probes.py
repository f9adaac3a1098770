"""What is compared after each operation.

A *probe* is a list of registers that one routine reads in QEMU and the model reads beside it. After each operation
the lockstep runs the probes whose registers it can have changed:

- always the state of the physical interface of every PE (its ISR_EL1, running priority, active priorities, highest
  pending interrupts) and the pending and active state of interrupts;
- after an access to the virtual interface, all of that PE's virtual interface and what its guest sees;
- after a write to a configuration register, all registers of that array;
- every 256 operations, at the end, and after an access to a register that no probe above covers, every register.

INTIDs of `SPI_WORDS` are in the probes of each operation; generators keep to them mostly, and other SPIs are covered
by the sweep that follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vgic.oracle.episode import Operation
from vgic.oracle.machine import MachineOptions
from vgic.oracle.mailbox import Level, Mailbox, Memory, System
from vgic.oracle.model import VIRTUAL_FRAMES, Model, trapped
from vgic.oracle.qemu import How
from vgic.oracle.registers import target
from vgic.silicon.report import Trap

SPI_WORDS = (1, 2, 8)
"""The 32-INTID words of SPIs that every probe covers."""
SWEEP_EVERY = 256

_ISR_ENCODING = (3, 0, 12, 1, 0)
_WORDS = range(1, 9)


@dataclass(frozen=True, slots=True)
class Probe:
    """Registers that are read together, by one PE at one level."""

    name: str
    pe: int
    level: Level
    registers: tuple[str, ...]


class BoundProbe:
    """A probe on one QEMU and one model."""

    __slots__ = ("_readers", "count", "flags", "model", "probe", "routine")

    def __init__(self, probe: Probe, mailbox: Mailbox, model: Model, gic: int) -> None:
        self.probe = probe
        self.model = model
        self.count = len(probe.registers)
        self.routine = mailbox.probe([_source(gic, r) for r in probe.registers])
        self.flags = mailbox.flags(probe.level)
        self._readers: list[Callable[[], int]] = [model.reader(r, probe.pe, probe.level) for r in probe.registers]

    def expected(self) -> list[int] | How:
        """The model's values; or how the probe ends instead, at the first register that can't be read."""
        model, probe = self.model, self.probe
        if model.preempted(probe.pe, probe.level):
            model.enter(probe.pe, model.home)
            return How.PREEMPTED
        model.enter(probe.pe, probe.level)
        values: list[int] | How
        try:
            values = [read() for read in self._readers]
        except Trap as trap:
            values = trapped(trap)
        model.enter(probe.pe, model.home)
        return values


def _source(gic: int, register: str) -> System | Memory:
    if register == "ISR_EL1":
        return System(_ISR_ENCODING)
    t = target(gic, register)
    return Memory(t.address, t.size) if t.encoding is None else System(t.encoding)


class Plan:
    """The probes of a machine, and which of them an operation calls for."""

    def __init__(self, options: MachineOptions) -> None:
        self.options = options
        self.home = Level(options.resident)
        build = _V2(options) if options.gic == 2 else _V3(options)
        pes = range(options.pes)
        self.state = tuple(build.state(pe, self.home) for pe in pes)
        self.virtual = () if options.security else tuple(build.virtual(pe) for pe in pes)
        self._families = {f: build.family(f, self.home) for f in build.families}
        self._family_of = build.family_of
        everything = list(build.sweep(self.home))
        if options.security:
            everything += [_nonsecure(p) for p in everything]
        self.sweep = (*self.state, *(p for v in self.virtual for p in v), *everything)
        self._known = {r for p in self.sweep for r in p.registers}
        self._cache: dict[tuple[str, str, int], tuple[Probe, ...]] = {}

    def after(self, operation: Operation) -> tuple[Probe, ...]:
        """The probes to run after this operation."""
        key = operation.kind, operation.register, operation.pe
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = self._choose(operation)
        return found

    def _choose(self, operation: Operation) -> tuple[Probe, ...]:
        if operation.kind == "line":
            return self.state
        t = target(self.options.gic, operation.register)
        if t.frame in VIRTUAL_FRAMES:
            return (*self.state, *(self.virtual[operation.pe] if self.virtual else ()))
        if operation.kind == "read":
            return self.state
        family = self._family_of.get(t.register)
        if family is None:
            return self.sweep
        probes = self._families[family]
        covered = any(operation.register.partition("+")[0] in p.registers for p in probes) or family in _UNINDEXED
        return (*self.state, *probes) if covered else self.sweep


def _nonsecure(probe: Probe) -> Probe:
    """The same registers as Non-secure EL2 sees them, but those that trap or don't exist there."""
    registers = tuple(r for r in probe.registers if not r.endswith("_EL3") and r[:-3] not in _GROUP0)
    return Probe(f"{probe.name} (Non-secure)", probe.pe, Level(2), registers)


_GROUP0 = frozenset({"ICC_BPR0_", "ICC_IGRPEN0_", "ICC_AP0R0_", "ICC_HPPIR0_"})

_UNINDEXED = frozenset({"state", "cpu"})
"""Families whose every register is probed whatever instance was written."""


def _numbered(name: str, numbers: tuple[int, ...] | range, at: str = "") -> tuple[str, ...]:
    return tuple(f"{name}{n}{at}" for n in numbers)


def _intids(per_register: int, words: tuple[int, ...] | range) -> tuple[int, ...]:
    """Numbers of the registers that hold these words' INTIDs, with so many INTIDs a register."""
    step = 32 // per_register
    return tuple(step * w + i for w in words for i in range(step))


class _V3:
    """The probes of a GICv3."""

    families = ("ctlr", "group", "enable", "priority", "config", "route", "nsacr", "state", "cpu")

    def __init__(self, options: MachineOptions) -> None:
        self.options = options
        self.family_of = {
            "GICD_CTLR": "ctlr",
            "GICR_CTLR": "ctlr",
            "GICR_WAKER": "ctlr",
            "GICD_SETSPI_NSR": "state",
            "GICD_CLRSPI_NSR": "state",
            "GICD_SGIR": "state",
        }
        for frame, suffix in (("GICD", "<n>"), ("GICR", "0")):
            for family, names in (
                ("group", ("IGROUPR", "IGRPMODR")),
                ("enable", ("ISENABLER", "ICENABLER")),
                ("state", ("ISPENDR", "ICPENDR", "ISACTIVER", "ICACTIVER")),
            ):
                self.family_of |= {f"{frame}_{n}{suffix}": family for n in names}
        self.family_of |= {
            "GICD_IPRIORITYR<n>": "priority",
            "GICR_IPRIORITYR<n>": "priority",
            "GICD_ICFGR<n>": "config",
            "GICR_ICFGR0": "config",
            "GICR_ICFGR1": "config",
            "GICD_IROUTER<n>": "route",
            "GICD_NSACR<n>": "nsacr",
            "GICR_NSACR": "nsacr",
        }
        for name in ("PMR", "BPR0", "BPR1", "CTLR", "IGRPEN0", "IGRPEN1", "SRE"):
            self.family_of[f"ICC_{name}_EL1"] = "cpu"
        for name in ("CTLR", "IGRPEN1", "SRE"):
            self.family_of[f"ICC_{name}_EL3"] = "cpu"
        self.family_of["ICC_SRE_EL2"] = "cpu"
        for name in (
            "EOIR0",
            "EOIR1",
            "DIR",
            "AP0R<n>",
            "AP1R<n>",
            "SGI0R",
            "SGI1R",
            "ASGI1R",
            "IAR0",
            "IAR1",
            "RPR",
            "HPPIR0",
            "HPPIR1",
        ):
            self.family_of[f"ICC_{name}_EL1"] = "state"

    def state(self, pe: int, home: Level) -> Probe:
        cpu = tuple(f"ICC_{n}_EL1" for n in ("RPR", "AP0R0", "AP1R0", "HPPIR0", "HPPIR1"))
        own = (*_numbered("GICR_ISPENDR", (0,), f"@{pe}"), *_numbered("GICR_ISACTIVER", (0,), f"@{pe}"))
        shared = (*_numbered("GICD_ISPENDR", SPI_WORDS), *_numbered("GICD_ISACTIVER", SPI_WORDS)) if pe == 0 else ()
        return Probe("state", pe, home, (*cpu, "ISR_EL1", *own, *shared))

    def virtual(self, pe: int) -> tuple[Probe, ...]:
        names = ("HCR", "VMCR", "MISR", "EISR", "ELRSR", "AP0R0", "AP1R0", "LR0", "LR1", "LR2", "LR3")
        # Apart, because ICH_HCR_EL2 can trap each of these sets.
        guest = (("RPR", "PMR", "CTLR"), *((f"HPPIR{g}", f"BPR{g}", f"IGRPEN{g}", f"AP{g}R0") for g in (0, 1)))
        return (
            Probe("virtual", pe, Level(2), tuple(f"ICH_{n}_EL2" for n in names)),
            Probe("outputs", pe, Level(1), ("ISR_EL1",)),
            *(Probe(f"guest{i}", pe, Level(1), tuple(f"ICV_{n}_EL1" for n in names)) for i, names in enumerate(guest)),
        )

    def family(self, family: str, home: Level) -> tuple[Probe, ...]:
        pes = range(self.options.pes)
        if family == "state":
            return ()
        if family == "cpu":
            return tuple(self._cpu(pe, home) for pe in pes)
        both = tuple(r for pe in pes for r in self._banked(family, pe))
        return (Probe(family, 0, home, (*self._spis(family, SPI_WORDS), *both)),)

    def _cpu(self, pe: int, home: Level) -> Probe:
        names = [f"ICC_{n}_EL1" for n in ("PMR", "BPR0", "BPR1", "CTLR", "IGRPEN0", "IGRPEN1", "SRE")] + ["ICC_SRE_EL2"]
        if home.el == 3:
            names += ["ICC_CTLR_EL3", "ICC_IGRPEN1_EL3", "ICC_SRE_EL3"]
        return Probe("cpu", pe, home, tuple(names))

    def _spis(self, family: str, words: tuple[int, ...] | range) -> tuple[str, ...]:
        security = self.options.security
        of = {
            "ctlr": ("GICD_CTLR",),
            "group": _numbered("GICD_IGROUPR", words) + (_numbered("GICD_IGRPMODR", words) if security else ()),
            "enable": _numbered("GICD_ISENABLER", words),
            "priority": _numbered("GICD_IPRIORITYR", _intids(4, words)),
            "config": _numbered("GICD_ICFGR", _intids(16, words)),
            "route": _numbered("GICD_IROUTER", _intids(1, words)),
            "nsacr": _numbered("GICD_NSACR", _intids(16, words)) if security else (),
        }
        return of[family]

    def _banked(self, family: str, pe: int) -> tuple[str, ...]:
        security, at = self.options.security, f"@{pe}"
        of = {
            "ctlr": ("GICR_CTLR", "GICR_WAKER"),
            "group": ("GICR_IGROUPR0", *(("GICR_IGRPMODR0",) if security else ())),
            "enable": ("GICR_ISENABLER0",),
            "priority": _numbered("GICR_IPRIORITYR", range(8)),
            "config": ("GICR_ICFGR0", "GICR_ICFGR1"),
            "route": (),
            "nsacr": ("GICR_NSACR",) if security else (),
        }
        return tuple(r + at for r in of[family])

    def sweep(self, home: Level) -> list[Probe]:
        probes = [self._cpu(pe, home) for pe in range(self.options.pes)]
        probes.append(
            Probe("SPIs", 0, home, (*_numbered("GICD_ISPENDR", _WORDS), *_numbered("GICD_ISACTIVER", _WORDS)))
        )
        for family in self.families:
            if family not in _UNINDEXED:
                registers = self._spis(family, _WORDS)
                banked = tuple(r for pe in range(self.options.pes) for r in self._banked(family, pe))
                probes.append(Probe(family, 0, home, (*registers, *banked)))
        return [p for p in probes if p.registers]


class _V2:
    """The probes of a GICv2."""

    families = ("ctlr", "group", "enable", "priority", "config", "target", "nsacr", "state", "cpu")

    def __init__(self, options: MachineOptions) -> None:
        self.options = options
        self.family_of = {
            "GICD_CTLR": "ctlr",
            "GICD_IGROUPR<n>": "group",
            "GICD_ISENABLER<n>": "enable",
            "GICD_ICENABLER<n>": "enable",
            "GICD_IPRIORITYR<n>": "priority",
            "GICD_ICFGR<n>": "config",
            "GICD_ITARGETSR<n>": "target",
            "GICD_NSACR<n>": "nsacr",
        }
        for name in (
            "ISPENDR<n>",
            "ICPENDR<n>",
            "ISACTIVER<n>",
            "ICACTIVER<n>",
            "SPENDSGIR<n>",
            "CPENDSGIR<n>",
            "SGIR",
        ):
            self.family_of[f"GICD_{name}"] = "state"
        for name in ("CTLR", "PMR", "BPR", "ABPR", "APR<n>", "NSAPR<n>"):
            self.family_of[f"GICC_{name}"] = "cpu"
        for name in ("EOIR", "DIR", "AEOIR", "IAR", "AIAR", "RPR", "HPPIR", "AHPPIR"):
            self.family_of[f"GICC_{name}"] = "state"

    def state(self, pe: int, home: Level) -> Probe:
        words = (0, *SPI_WORDS) if pe == 0 else (0,)
        return Probe(
            "state",
            pe,
            home,
            (
                "GICC_RPR",
                "GICC_HPPIR",
                "ISR_EL1",
                *_numbered("GICC_APR", range(4)),
                *_numbered("GICC_NSAPR", range(4)),
                *_numbered("GICD_ISPENDR", words),
                *_numbered("GICD_ISACTIVER", words),
                *_numbered("GICD_SPENDSGIR", range(4)),
            ),
        )

    def virtual(self, pe: int) -> tuple[Probe, ...]:
        names = ("HCR", "VMCR", "MISR", "EISR0", "ELRSR0", "APR", "LR0", "LR1", "LR2", "LR3")
        guest = ("CTLR", "PMR", "BPR", "ABPR", "RPR", "HPPIR")
        registers = (*(f"GICH_{n}" for n in names), *(f"GICV_{n}" for n in guest))
        return (Probe("virtual", pe, Level(2), registers), Probe("outputs", pe, Level(1), ("ISR_EL1",)))

    def family(self, family: str, home: Level) -> tuple[Probe, ...]:
        if family == "state":
            return ()
        if family == "cpu":
            return tuple(self._cpu(pe, home) for pe in range(self.options.pes))
        words = (0, *SPI_WORDS)
        first = Probe(family, 0, home, self._registers(family, words))
        others = (Probe(family, pe, home, self._registers(family, (0,))) for pe in range(1, self.options.pes))
        return (first, *others) if first.registers else ()

    def _cpu(self, pe: int, home: Level) -> Probe:
        return Probe("cpu", pe, home, tuple(f"GICC_{n}" for n in ("CTLR", "PMR", "BPR", "ABPR")))

    def _registers(self, family: str, words: tuple[int, ...] | range) -> tuple[str, ...]:
        of = {
            "ctlr": ("GICD_CTLR",),
            "group": _numbered("GICD_IGROUPR", words),
            "enable": _numbered("GICD_ISENABLER", words),
            "priority": _numbered("GICD_IPRIORITYR", _intids(4, words)),
            "config": _numbered("GICD_ICFGR", _intids(16, words)),
            "target": _numbered("GICD_ITARGETSR", _intids(4, words)),
            "nsacr": _numbered("GICD_NSACR", _intids(16, words)) if self.options.security else (),
        }
        return of[family]

    def sweep(self, home: Level) -> list[Probe]:
        pes = range(self.options.pes)
        probes = [self._cpu(pe, home) for pe in pes]
        every = range(9)
        probes.append(
            Probe("SPIs", 0, home, (*_numbered("GICD_ISPENDR", _WORDS), *_numbered("GICD_ISACTIVER", _WORDS)))
        )
        for family in self.families:
            if family not in _UNINDEXED:
                probes.append(Probe(family, 0, home, self._registers(family, every)))
                probes += [Probe(family, pe, home, self._registers(family, (0,))) for pe in pes if pe]
        return [p for p in probes if p.registers]
