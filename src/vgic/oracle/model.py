"""Our side of an episode: the model of `vgic.silicon` behind the same operations and outcomes as QEMU's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vgic.arch.intid import MAINTENANCE
from vgic.oracle.episode import Operation
from vgic.oracle.machine import MachineOptions
from vgic.oracle.mailbox import Level
from vgic.oracle.qemu import How, Outcome
from vgic.oracle.registers import target
from vgic.silicon.gic import Gic
from vgic.silicon.gicv2 import GicV2
from vgic.silicon.gicv3 import GicV3
from vgic.silicon.options_v2 import GicV2Options
from vgic.silicon.options_v3 import GicV3Options
from vgic.silicon.report import Trap, Undefined

VIRTUAL_FRAMES = frozenset({"ICH", "ICV", "GICH", "GICV"})


def gic(options: MachineOptions, changes: Mapping[str, object] | None = None) -> Gic:
    """A model with QEMU's choices.

    Args:
        options: the machine. changes: options of the model that shall differ from QEMU's.
    """
    more = dict(changes or {})
    if options.gic == 2:
        return GicV2(GicV2Options.qemu(pes=options.pes, security=options.security, **more))
    return GicV3(GicV3Options.qemu(pes=options.pes, security=options.security, **more))


def system_name(register: str) -> str:
    """The register that an access names: ICV registers have ICC's encodings, reached at EL1 (IHI 0069 ch. 6)."""
    return "ICC" + register[3:] if register.startswith("ICV_") else register


def trapped(trap: Trap) -> How:
    """How an access ends that traps."""
    return How.TRAPPED if trap.to == 2 else How.TRAPPED_EL3


class Model:
    """A model that does an episode's operations.

    Args:
        device: the chip. options: the machine that it stands in. fiq_to_el3: SCR_EL3.FIQ for Non-secure levels.
    """

    def __init__(self, device: Gic, options: MachineOptions, *, fiq_to_el3: bool = True) -> None:
        self.device = device
        self.options = options
        self.fiq_to_el3 = fiq_to_el3
        self._v3 = device if isinstance(device, GicV3) else None
        self._levels: list[Level | None] = [None] * options.pes
        self._maintenance = [False] * options.pes
        self.home = Level(options.resident)
        if self._v3 is not None:
            for pe in range(options.pes):
                self._v3.set_pe_state(pe, el=options.resident, imo=not options.security, fmo=not options.security)
                self.enter(pe, self.home)

    def enter(self, pe: int, level: Level) -> None:
        """The PE goes to a level, which its outputs and its views of registers may depend on."""
        if self._v3 is None or self._levels[pe] == level:
            return
        self._levels[pe] = level
        if self.options.security:
            nonsecure = level.el < 3 and not level.secure
            self._v3.set_pe_state(
                pe, el=level.el, secure=self.secure(level), scr_fiq=nonsecure and self.fiq_to_el3, scr_irq=False
            )

    def secure(self, level: Level) -> bool:
        """Whether an access from there is Secure."""
        return self.options.security and (level.secure or level.el == 3)

    def preempted(self, pe: int, level: Level) -> bool:
        """Whether a physical interrupt for EL3 comes before anything that this level does."""
        if not self.options.security or not self.fiq_to_el3 or level.el == 3 or level.secure:
            return False
        self.enter(pe, level)
        return self.device.fiq(pe)

    def perform(self, operation: Operation, value: int) -> Outcome:
        """Do one operation; `value` is what it writes, its reference resolved."""
        pe, level = operation.pe, operation.level
        if operation.kind == "line":
            self.device.set_line(operation.intid, operation.high, pe if operation.intid < 32 else None)
            return Outcome(How.DONE)
        if self.preempted(pe, level):
            self.enter(pe, self.home)
            return Outcome(How.PREEMPTED)
        self.enter(pe, level)
        t = target(self.options.gic, operation.register)
        try:
            outcome = self._access(operation, value, t.address if t.encoding is None else None)
        except Trap as trap:
            outcome = Outcome(trapped(trap))
        except Undefined:
            outcome = Outcome(How.UNDEFINED)
        self.enter(pe, self.home)
        if t.frame in VIRTUAL_FRAMES:
            self.wire(pe)
        return outcome

    def _access(self, operation: Operation, value: int, address: int | None) -> Outcome:
        pe, level = operation.pe, operation.level
        secure = self.secure(level)
        if address is not None:
            if operation.kind == "read":
                return Outcome(How.DONE, self.device.read(address, operation.size, pe, secure=secure))
            self.device.write(address, operation.size, value, pe, secure=secure)
            return Outcome(How.DONE)
        assert self._v3 is not None
        name = system_name(operation.register)
        if operation.kind == "read":
            return Outcome(How.DONE, self._v3.sysreg_read(name, pe, el=level.el, secure=secure))
        self._v3.sysreg_write(name, value, pe, el=level.el, secure=secure)
        return Outcome(How.DONE)

    def wire(self, pe: int) -> None:
        """The maintenance interrupt is wired to its PPI, as on the virt machine."""
        level = self.device.maintenance(pe)
        if level != self._maintenance[pe]:
            self._maintenance[pe] = level
            self.device.set_line(MAINTENANCE, level, pe)

    def reader(self, register: str, pe: int, level: Level) -> Callable[[], int]:
        """A function that reads one register, for probes; the PE must be at the level already."""
        secure = self.secure(level)
        if register == "ISR_EL1":
            return self._isr_virtual(pe) if level.el == 1 else self._isr_physical(pe)
        t = target(self.options.gic, register)
        if t.encoding is None:
            read, address, size = self.device.read, t.address, t.size
            return lambda: read(address, size, pe, secure=secure)
        assert self._v3 is not None
        sysreg_read, name, el = self._v3.sysreg_read, system_name(register), level.el
        return lambda: sysreg_read(name, pe, el=el, secure=secure)

    def _isr_physical(self, pe: int) -> Callable[[], int]:
        return lambda: self.device.irq(pe) << 7 | self.device.fiq(pe) << 6

    def _isr_virtual(self, pe: int) -> Callable[[], int]:
        return lambda: self.device.virq(pe) << 7 | self.device.vfiq(pe) << 6
