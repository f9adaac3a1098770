"""Random accesses to a chip, legal and not, and what must hold whatever they were.

An access is a tuple that `apply` does: ("read", address, size, pe, secure), ("write", address, size, value, pe,
secure), ("mrs", register, pe, el, secure), ("msr", register, value, pe, el, secure), ("line", intid, level, pe) and
("pe", pe, bits). `Generator` makes them from a seed: most name a register that there is, with a size that it has; some
lie around the frames, have any size or any encoding; one in five is what working software does (enables, list
registers, EOIR of what was acknowledged), so that interrupts live through whole lives between the noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from vgic.arch.gicc import GICC
from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gich import GICH
from vgic.arch.gicr import GICR
from vgic.arch.gicv import GICV
from vgic.arch.register import Frame, UnknownRegister
from vgic.silicon import GicV2, GicV3, Trap, Undefined
from vgic.silicon.cpu_interface import CpuInterface
from vgic.silicon.gicv3 import REGISTERS
from vgic.silicon.interrupt import G0, G1NS, G1S, Interrupt
from vgic.silicon.priority import IDLE, Group
from vgic.silicon.virtual_interface import ListRegister, VirtualInterface

Chip = GicV2 | GicV3
Access = tuple[Any, ...]
REFUSALS = (Trap, Undefined, UnknownRegister)
REFUSED = -1
SIZES = (1, 2, 4, 8)
FULL = (1 << 64) - 1


def apply(chip: Chip, access: Access) -> int | None:
    """Does an access. What it reads, None for a write, REFUSED where the chip refuses it as it may."""
    kind, *rest = access
    try:
        match kind, rest:
            case "read", (address, size, pe, secure):
                return chip.read(address, size, pe, secure=secure)
            case "write", (address, size, value, pe, secure):
                chip.write(address, size, value, pe, secure=secure)
            case "line", (intid, level, pe):
                _line(chip, intid, level, pe)
            case _ if isinstance(chip, GicV3):
                return _system(chip, kind, rest)
    except REFUSALS:
        return REFUSED
    return None


def _line(chip: Chip, intid: int, level: bool, pe: int | None) -> None:
    try:
        chip.set_line(intid, level, pe)
    except LookupError as error:
        if "is not" not in str(error):      # a mistake of the chip's
            raise


def _system(chip: GicV3, kind: str, rest: list[Any]) -> int | None:
    if kind == "mrs":
        register, pe, el, secure = rest
        return chip.sysreg_read(register, pe, el=el, secure=secure)
    if kind == "msr":
        register, value, pe, el, secure = rest
        chip.sysreg_write(register, value, pe, el=el, secure=secure)
    else:
        pe, bits = rest
        chip.set_pe_state(pe, **bits)
    return None


def frames(chip: Chip) -> list[tuple[Frame, int]]:
    """Every frame with its address."""
    if isinstance(chip, GicV2):
        m = chip.map
        return [(GICD_V2, m.gicd), (GICC, m.gicc), (GICH, m.gich), (GICV, m.gicv)]
    base = chip.map.gicr[0][0]
    return [(GICD_V3, chip.map.gicd), *((GICR, base + chip.gicr_stride * pe) for pe in range(chip.options.pes))]


def acknowledges(access: Access) -> bool:
    """Whether it is a read that may acknowledge: IAR and AIAR, by name or by address."""
    if access[0] == "mrs":
        return "IAR" in str(access[1]) or isinstance(access[1], tuple)
    return access[0] == "read" and access[1] & 0xFFF in range(0xC, 0x24)


def acknowledged(access: Access, value: int | None) -> bool:
    """Whether the access acknowledged an interrupt."""
    return acknowledges(access) and value is not None and value >= 0 and value & 0xFFFFFF not in range(1020, 1024)


class Generator:
    """Accesses to one chip from a seed."""

    def __init__(self, chip: Chip, seed: int) -> None:
        self.chip, self.random = chip, Random(seed)
        self.frames = frames(chip)
        self.places = [[(base, r) for r in frame] for frame, base in self.frames]
        self.names = list(REGISTERS)
        self.acknowledged: list[int] = []
        self.pes, self.intids = chip.options.pes, chip.options.distributor.intids

    def value(self) -> int:
        """A number: few bits, all bits, an INTID, anything."""
        r = self.random
        return r.choice((0, 1, FULL, 1 << r.randrange(64), r.randrange(1024), r.getrandbits(32), r.getrandbits(64),
                         r.choice(self.acknowledged) if self.acknowledged else 3, r.choice((2, 3, 0x13, 0x37, 0xF0))))

    def memory(self) -> tuple[int, int]:
        """An address and a size."""
        r = self.random
        if r.random() < 0.9:
            base, register = r.choice(r.choice(self.places))
            offset = (register.offset or 0) + r.randrange(min(register.count, 80)) * register.stride
            if r.random() < 0.9:
                return base + offset, r.choice(register.sizes)
            return base + offset + r.randrange(8), r.choice(SIZES)
        _, base = r.choice(self.frames)
        return (r.choice((base + r.randrange(0x1_0000), base + r.randrange(-0x200, 0x200), r.getrandbits(64))),
                r.choice((*SIZES, *SIZES, 0, 3, 16)))

    def system(self) -> object:
        """A system register, seldom one that isn't."""
        r = self.random
        if r.random() < 0.97:
            return r.choice(self.names)
        return r.choice(("ICC_NO_EL1", "", tuple(r.randrange(16) for _ in range(5)), (3, 0, 12, 12, r.randrange(8))))

    def useful(self, pe: int) -> Access:
        """What working software does: enables, an interrupt in a list register, the end of one acknowledged."""
        r, last = self.random, self.acknowledged[-1] if self.acknowledged else 1023
        vintid, pintid = r.randrange(self.intids), r.randrange(self.intids)
        if isinstance(self.chip, GicV3):
            lr = 1 << 62 | r.randrange(2) << 61 | r.randrange(2) << 60 | r.randrange(256) << 48 | pintid << 32 | vintid
            name, value, el = r.choice((
                ("ICC_PMR_EL1", 0xFF, 3), ("ICC_IGRPEN0_EL1", 1, 3), ("ICC_IGRPEN1_EL1", 1, 1),
                ("ICC_IGRPEN1_EL3", 3, 3), ("ICH_HCR_EL2", 1, 2), ("ICH_VMCR_EL2", 0xF84C_0003, 2),
                (f"ICH_LR{r.randrange(4)}_EL2", lr, 2), ("ICC_EOIR0_EL1", last, 3), ("ICC_EOIR1_EL1", last, 3),
                ("ICV_EOIR0_EL1", last, 1), ("ICV_EOIR1_EL1", last, 1), ("ICC_AP0R0_EL1", 0, 3),
                ("ICC_AP1R0_EL1", 0, 3), ("GICD_CTLR", 0x37, 0), ("GICR_WAKER", 0, 0), ("GICR_ISENABLER0", FULL, 0),
                ("GICD_ISENABLER1", FULL, 0), ("GICR_ICACTIVER0", FULL, 0), ("GICD_ICACTIVER1", FULL, 0)))
            if el:
                return "msr", name, value, pe, el, r.random() < 0.5
        else:
            lr = 1 << 28 | r.randrange(2) << 31 | r.randrange(2) << 30 | r.randrange(32) << 23 | pintid << 10 | vintid
            name, value = r.choice((
                ("GICD_CTLR", 3), ("GICC_CTLR", 7), ("GICC_PMR", 0xFF), ("GICD_ISENABLER0", FULL),
                ("GICD_ISENABLER1", FULL), ("GICH_HCR", 1), ("GICH_VMCR", 0xF84C_0007),
                (f"GICH_LR{r.randrange(4)}", lr), ("GICC_EOIR", last), ("GICV_EOIR", last), ("GICV_AEOIR", last),
                ("GICC_APR0", 0), ("GICC_NSAPR0", 0), ("GICD_ICACTIVER0", FULL), ("GICD_ICACTIVER1", FULL)))
        frame, base = next((f, b) for f, b in self.frames if name.startswith(f.name + "_"))
        place = frame.named(name)
        assert place is not None
        assert place.offset is not None
        base += self.chip.gicr_stride * pe if isinstance(self.chip, GicV3) and frame is GICR else 0
        return "write", base + place.offset, 4, value, pe, True

    def access(self) -> Access:
        """The next one."""
        r, pe, secure = self.random, self.random.randrange(self.pes), self.random.random() < 0.5
        if r.random() < 0.2:
            return self.useful(pe)
        kind = r.random()
        if kind < 0.2:
            intid = r.randrange(16, self.intids) if r.random() < 0.98 else r.randrange(-5, 1100)
            return "line", intid, r.random() < 0.5, pe if (intid < 32) == (r.random() < 0.99) else None
        if isinstance(self.chip, GicV3) and kind < 0.65:
            if kind < 0.22:
                bits = {"el": r.randrange(4), "secure": secure} | {
                    name: r.random() < 0.3 for name in ("imo", "fmo", "scr_irq", "scr_fiq")}
                return "pe", pe, bits
            el = r.choice((0, 1, 1, 1, 2, 2, 3))
            if r.random() < 0.3:
                group = r.randrange(2)
                return "mrs", f"{r.choice(('ICC', 'ICV'))}_IAR{group}_EL1", pe, el, secure
            if r.random() < 0.5:
                return "mrs", self.system(), pe, el, secure
            return "msr", self.system(), self.value(), pe, el, secure
        if isinstance(self.chip, GicV2) and kind < 0.35:
            m = self.chip.map
            return "read", r.choice((m.gicc, m.gicv)) + r.choice((0xC, 0x20)), 4, pe, secure
        address, size = self.memory()
        if r.random() < 0.4:
            return "read", address, size, pe, secure
        return "write", address, size, self.value(), pe, secure

    def step(self) -> tuple[Access, int | None]:
        """Does the next access; it and what it read."""
        access = self.access()
        value = apply(self.chip, access)
        if acknowledged(access, value):
            assert value is not None
            self.acknowledged = [*self.acknowledged[-15:], value & 0x1FFF]
        return access, value


# -- what must hold


def slots(part: object) -> Iterator[str]:
    """The names of a part's slots."""
    for cls in type(part).__mro__:
        names = cls.__dict__.get("__slots__", ())
        yield from (names,) if isinstance(names, str) else names


def snapshot(chip: Chip) -> list[object]:
    """The value of every slot of every part, lists as tuples."""
    values = (getattr(part, name) for part in chip.parts() for name in slots(part))
    return [tuple(v) if isinstance(v, list) else v for v in values]


def broken(chip: Chip) -> list[str]:
    """The invariants that do not hold, in words; none if all is well."""
    wrong: list[str] = []
    for part in chip.parts():
        if isinstance(part, Interrupt):
            wrong += _interrupt(chip, part)
        elif isinstance(part, ListRegister):
            wrong += _list_register(part)
    for pe in range(chip.options.pes):
        wrong += _cpu(chip.cpus[pe], pe, chip)
        wrong += _virtual(chip.virtual[pe])
    return wrong


def _interrupt(chip: Chip, irq: Any) -> Iterator[str]:
    v2 = isinstance(chip, GicV2)
    flags = (irq.enabled, irq.edge, irq.line, irq.latch, irq.message, irq.active, irq.grpmod)
    if any(type(flag) is not bool for flag in flags):
        yield f"{irq}: a flag is no bool: {flags}"
    single = isinstance(chip, GicV3) and chip.distributor.state.ds
    if irq.group not in ((G0, G1NS) if v2 or single else (G0, G1S, G1NS)):
        yield f"{irq}: group {irq.group}"
    if irq.priority & ~chip.distributor.bank.priority_mask:
        yield f"{irq}: priority {irq.priority:#x}"
    if not 0 <= irq.nsacr <= 3:
        yield f"{irq}: NSACR {irq.nsacr}"
    if irq.sources and (not v2 or irq.intid >= 16 or irq.sources >> chip.options.pes):
        yield f"{irq}: sources {irq.sources:#x}"
    if irq.targets and (not v2 or irq.intid < 32 or irq.targets >> chip.options.pes):
        yield f"{irq}: targets {irq.targets:#x}"
    if irq.route and (v2 or irq.intid < 32 or irq.route & ~0xFF_80FF_FFFF):
        yield f"{irq}: route {irq.route:#x}"
    if irq.intid < 16 and (irq.line or not irq.edge or (v2 and irq.latch)):
        yield f"{irq}: an SGI has a line, is level-sensitive, or has a latch on a GICv2"


def _groups(groups: tuple[Group, ...], lowest: tuple[int, ...], preemption_bits: int) -> Iterator[str]:
    group: Any      # its slots might hold anything: that is the question
    for group, least in zip(groups, lowest, strict=True):
        if not least <= group.bpr <= 7:
            yield f"binary point {group.bpr}, at least {least}"
        if group.active >> (1 << preemption_bits) or group.active < 0:
            yield f"active priorities {group.active:#x} for {preemption_bits} preemption bits"
        if type(group.enabled) is not bool:
            yield f"group enable {group.enabled!r}"


def _cpu(cpu: CpuInterface, pe: int, chip: Chip) -> Iterator[str]:
    low = cpu.min_bpr
    yield from _groups(cpu.groups, (low, low, low + 1), cpu.preemption_bits)
    if cpu.state.pmr & ~cpu.priority_mask:
        yield f"PMR {cpu.state.pmr:#x}"
    running = cpu.running_priority()
    if running != IDLE and running & ~cpu.priority_mask & 0xFF:
        yield f"running priority {running:#x}"
    irq = chip.cpus[pe].best()
    first, second = chip.outputs(pe), chip.outputs(pe)
    if first != second:
        yield f"the outputs of pe{pe} change by looking: {first}, {second}"
    if first.irq and first.fiq:
        yield f"pe{pe} has IRQ and FIQ for one interrupt"
    if first.irq or first.fiq:
        if (not isinstance(irq, Interrupt) or not irq.forwardable() or irq.priority >= cpu.state.pmr
                or irq.priority >= running):
            yield f"pe{pe} is signalled {irq}, PMR {cpu.state.pmr:#x}, running priority {running:#x}"
        elif not cpu.groups[irq.group].enabled or not chip.distributor.state.groups >> irq.group & 1:
            yield f"pe{pe} is signalled {irq} of a disabled group"


def _list_register(lr: Any) -> Iterator[str]:
    if lr.state not in range(4) or lr.group not in (0, 1) or type(lr.hw) is not bool or type(lr.eoi) is not bool:
        yield f"{lr!r}"
    if (lr.hw and (lr.eoi or lr.cpuid)) or (not lr.hw and lr.pintid):
        yield f"{lr!r} has fields that HW takes away"


def _virtual(v: VirtualInterface) -> Iterator[str]:
    yield from _groups(v.groups, (v.min_bpr0, v.min_bpr1), v.preemption_bits)
    if not 0 <= v.state.eoicount <= 31:
        yield f"EOIcount {v.state.eoicount}"
    if v.eisr() & v.elrsr():
        yield f"EISR {v.eisr():#x} and ELRSR {v.elrsr():#x} overlap"
    if (v.misr() & 1) != (v.eisr() != 0):
        yield f"MISR.EOI with EISR {v.eisr():#x}"
    if v.maintenance() != (bool(v.state.hcr & 1) and v.misr() != 0):
        yield "the maintenance interrupt isn't En and MISR"
    lr = v.signalled()
    if lr is not None and (not isinstance(lr, ListRegister) or lr.state != 1 or not v.state.hcr & 1
                           or not v.groups[lr.group].enabled or lr.priority >= v.state.pmr
                           or lr.priority >= v.running_priority()):
        yield f"{lr!r} is signalled"
