"""A machine for tests of designs: a chip, a kernel, one VM, and a guest whose every access is a method call here.

The guest accesses its virtual CPU interface by registers, and what traps goes to the design, with an exit before and an
entry after. Nothing happens by itself but lines: the timers' PPIs, and the maintenance interrupt.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from vgic.designs.base import Design
from vgic.designs.kvm import Kvm
from vgic.designs.vm import Vcpu, Vm
from vgic.host import Kernel
from vgic.silicon import GenericTimers, GicV2, GicV2Options, GicV3, GicV3Options, Trap

NIC, SPI2, SPI3, SPI4 = 33, 34, 35, 36


class Rig:
    """One machine.

    Args:
        v3: the chip. guest: the guest's GIC version, the chip's by default. pes, vcpus, lrs: how many.
        lpis, implemented: the guest's. design: its class; more arguments go to it. options: of the chip.
        irqs: the kernel's.
    """

    def __init__(
        self, v3: bool = True, *, guest: int | None = None, pes: int = 1, vcpus: int = 1, lrs: int = 4,
        design: type[Design] = Kvm, options: dict[str, Any] | None = None, vms: int = 1, lpis: Sequence[int] = (),
        implemented: Sequence[int] | None = None,
        irqs: Sequence[int] = (25, 27, 30, NIC, SPI2), timers: bool = True, **arguments: Any,
    ) -> None:
        self.v3 = v3
        chip = {"pes": pes, "intids": 64, "list_registers": lrs} | (options or {})
        self.gic: GicV2 | GicV3 = GicV3(GicV3Options(**chip)) if v3 else GicV2(GicV2Options(**chip))
        self.kernel = Kernel(self.gic, irqs)
        self.timers = GenericTimers(pes, self.gic.set_line)
        version = guest if guest is not None else 3 if v3 else 2
        self.vms = [Vm(f"vm{i}", vcpus, gic=version, lpis=lpis, implemented=implemented) for i in range(vms)]
        self.vm = self.vms[0]
        self.told: list[tuple[str, int]] = []
        self.design: Any = design(
            self.kernel, self.vms, timers=self.timers if timers else None,
            observer=lambda name, vcpu, intid: self.told.append((name, intid)), **arguments)
        if isinstance(self.gic, GicV3):
            for pe in range(pes):
                self.gic.set_pe_state(pe, el=1, imo=True, fmo=True)

    @property
    def v0(self) -> Vcpu:
        return self.vm.vcpus[0]

    @property
    def v1(self) -> Vcpu:
        return self.vm.vcpus[1]

    # -- the host

    def wire(self) -> None:
        """The maintenance interrupt's PPI follows the output."""
        for pe in range(self.kernel.pes):
            self.gic.set_line(25, self.gic.maintenance(pe), pe)

    def load(self, vcpu: Vcpu, pe: int = 0) -> None:
        self.design.vcpu_load(vcpu, pe)

    def put(self, vcpu: Vcpu) -> None:
        self.design.vcpu_put(vcpu)

    def enter(self, vcpu: Vcpu) -> None:
        vcpu.kicked = False
        self.design.flush(vcpu)
        vcpu.in_guest = True
        self.wire()

    def exit(self, vcpu: Vcpu) -> None:
        vcpu.in_guest = False
        self.design.sync(vcpu)
        self.wire()

    def cycle(self, vcpu: Vcpu) -> None:
        """Out and in again."""
        self.exit(vcpu)
        self.enter(vcpu)

    def start(self, vcpu: Vcpu, pe: int = 0) -> None:
        """Loaded and in the guest."""
        self.load(vcpu, pe)
        self.enter(vcpu)

    def interrupts(self, pe: int = 0, most: int = 10) -> list[int]:
        """The PE takes what is pending, leaving its guest first; the guest goes on afterwards. Tells what was taken."""
        taken: list[int] = []
        for rounds in itertools.count():
            if not self.gic.irq(pe):
                break
            assert rounds < most, "the guest is not let run"
            vcpu = next((v for vm in self.vms for v in vm.vcpus if v.pe == pe), None)
            guest = vcpu is not None and vcpu.in_guest
            if vcpu is not None and guest:
                self.exit(vcpu)
            while self.gic.irq(pe):
                taken.append(self.kernel.handle_irq(pe))
                self.wire()
                assert len(taken) < most, f"interrupt storm: {taken}"
            if vcpu is not None and guest:
                self.enter(vcpu)
        return taken

    def maintained(self, pe: int = 0) -> bool:
        """Whether a maintenance interrupt was pending; it ends the guest's run, which goes on. (The exit ends its
        cause, so that the host finds nothing to take.)"""
        due = self.gic.irq(pe) and self.gic.maintenance(pe)
        self.interrupts(pe)
        return due

    def advance(self, ticks: int) -> None:
        """Time passes; what the host put off runs."""
        self.timers.advance(ticks)
        for work in self.design.work():
            if work.due(self.timers.counter.count):
                work.run()

    def line(self, intid: int, level: bool, pe: int | None = None) -> None:
        self.gic.set_line(intid, level, pe)

    def physical(self, intid: int, pe: int = 0) -> str:
        """The physical interrupt's state, from registers."""
        frame = self.kernel.driver.frame(intid, pe)
        pending, active = frame.ISPENDR.read_bit(intid), frame.ISACTIVER.read_bit(intid)
        return ("I", "P", "A", "PA")[pending + 2 * active]

    def lr(self, n: int, pe: int = 0) -> str:
        """List register n as `state vintid`, with the twin or EOI."""
        value = self.design.hw.read_lr(n, pe)
        lr = self.design.hw.decode(value, self.vm.gic == 2)
        state = ("I", "P", "A", "PA")[lr.pending + 2 * lr.active]
        return f"{state} {lr.vintid}" + (f" -> {lr.pintid}" if lr.hw else " EOI" if lr.eoi else "")

    def hcr(self, pe: int = 0) -> int:
        return int(self.design.hw.read_hcr(pe))

    def put_away(self) -> None:
        """Every vCPU out and put."""
        for vcpu in self.vm.vcpus:
            if vcpu.in_guest:
                self.exit(vcpu)
            if vcpu.pe is not None:
                self.put(vcpu)

    def kicked(self, vcpu: Vcpu) -> bool:
        return vcpu.kicked

    def block(self, vcpu: Vcpu) -> bool:
        """WFI: out, put, and asleep unless something is pending."""
        self.exit(vcpu)
        self.design.vcpu_blocking(vcpu)
        self.put(vcpu)
        vcpu.blocked = not self.design.pending(vcpu)
        return vcpu.blocked

    def blocked(self, vcpu: Vcpu) -> bool:
        return vcpu.blocked

    def wake(self, vcpu: Vcpu, pe: int = 0) -> None:
        """Scheduled again."""
        self.load(vcpu, pe)
        self.design.vcpu_unblocking(vcpu)
        self.enter(vcpu)

    # -- the guest's virtual CPU interface

    def _pe(self, vcpu: Vcpu) -> int:
        assert vcpu.in_guest, "the guest does not run"
        assert vcpu.pe is not None
        return vcpu.pe

    def _icc(self, vcpu: Vcpu, register: str, value: int | None = None) -> int:
        """An access to an ICC register; a trap goes to the design."""
        gic, pe = self.gic, self._pe(vcpu)
        assert isinstance(gic, GicV3)
        try:
            if value is None:
                return gic.sysreg_read(register, pe, el=1)
            gic.sysreg_write(register, value, pe, el=1)
        except Trap:
            self.exit(vcpu)
            if value is not None:
                self.design.sysreg_write(vcpu, register, value)
            else:
                value = self.design.sysreg_read(vcpu, register)
            self.enter(vcpu)
            return value
        finally:
            self.wire()
        return 0

    def _gicc(self, vcpu: Vcpu, offset: int, value: int | None = None) -> int:
        pe, address = self._pe(vcpu), self.vm.map.gicc + offset
        physical = self.design.translate(vcpu, address)
        if physical is None:
            return self.mmio(vcpu, address, value)
        try:
            if value is None:
                return self.gic.read(physical, 4, pe)
            self.gic.write(physical, 4, value, pe)
        finally:
            self.wire()
        return 0

    def ack(self, vcpu: Vcpu) -> int:
        return self._icc(vcpu, "ICC_IAR1_EL1") if self.vm.gic == 3 else self._gicc(vcpu, 0xC)

    def eoi(self, vcpu: Vcpu, intid: int) -> None:
        if self.vm.gic == 3:
            self._icc(vcpu, "ICC_EOIR1_EL1", intid)
        else:
            self._gicc(vcpu, 0x10, intid)

    def dir(self, vcpu: Vcpu, intid: int) -> None:
        if self.vm.gic == 3:
            self._icc(vcpu, "ICC_DIR_EL1", intid)
        else:
            self._gicc(vcpu, 0x1000, intid)

    def split(self, vcpu: Vcpu) -> None:
        """The guest chooses EOImode 1."""
        if self.vm.gic == 3:
            self._icc(vcpu, "ICC_CTLR_EL1", 2)
        else:
            self._gicc(vcpu, 0, 0x203)

    def mmio(self, vcpu: Vcpu, address: int, value: int | None = None, size: int = 4) -> int:
        """A trapped access; also from a vCPU that is out of its guest."""
        was = vcpu.in_guest
        if was:
            self.exit(vcpu)
        result = 0
        if value is None:
            result = self.design.mmio_read(vcpu, address, size)
        else:
            self.design.mmio_write(vcpu, address, size, value)
        if was:
            self.enter(vcpu)
        return int(result)

    def address(self, register: int, intid: int, vcpu: Vcpu) -> int:
        """Of an interrupt's word of a one-bit register."""
        m = self.vm.map
        if intid < 32 and self.vm.gic == 3:
            return m.gicr + 0x2_0000 * vcpu.index + 0x1_0000 + register
        return m.gicd + register + intid // 32 * 4

    def poke(self, vcpu: Vcpu, register: int, intid: int, of: Vcpu | None = None) -> None:
        """The guest sets an interrupt's bit in a one-bit register."""
        self.mmio(vcpu, self.address(register, intid, of or vcpu), 1 << intid % 32)

    def peek(self, vcpu: Vcpu, register: int, intid: int, of: Vcpu | None = None) -> bool:
        return bool(self.mmio(vcpu, self.address(register, intid, of or vcpu)) >> intid % 32 & 1)

    def enable(self, vcpu: Vcpu, *intids: int) -> None:
        for intid in intids:
            self.poke(vcpu, ISENABLER, intid)

    def edge(self, vcpu: Vcpu, intid: int) -> None:
        """The guest makes an SPI edge-triggered."""
        address = self.vm.map.gicd + 0xC00 + intid // 16 * 4
        self.mmio(vcpu, address, self.mmio(vcpu, address) | 2 << 2 * (intid % 16))

    def prioritize(self, vcpu: Vcpu, intid: int, priority: int) -> None:
        base = self.address(0x400, 0, vcpu) if intid < 32 else self.vm.map.gicd + 0x400
        self.mmio(vcpu, base + intid, priority, size=1)

    def boot(self, vcpu: Vcpu, pe: int = 0, *intids: int, enter: bool = True) -> None:
        """The guest switches its GIC on, enables interrupts, and runs."""
        self.load(vcpu, pe)
        self.mmio(vcpu, self.vm.map.gicd, 2 if self.vm.gic == 3 else 1)
        for intid in intids:
            self.enable(vcpu, intid)
        self.enter(vcpu)
        if self.vm.gic == 3:
            self._icc(vcpu, "ICC_PMR_EL1", 0xF0)
            self._icc(vcpu, "ICC_IGRPEN1_EL1", 1)
        else:
            self._gicc(vcpu, 4, 0xF0)
            self._gicc(vcpu, 0, 1)
        self.cycle(vcpu)
        if not enter:
            self.exit(vcpu)


ISENABLER, ICENABLER, ISPENDR, ICPENDR, ISACTIVER, ICACTIVER = 0x100, 0x180, 0x200, 0x280, 0x300, 0x380
