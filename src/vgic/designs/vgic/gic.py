"""A hypervisor with a virtual GIC of its own, put together from the tools of this folder.

    irq         the parts: a virtual interrupt, a vCPU's CPU interface, a VM's distributor; what a list register holds
    hw          list registers and the rest of GICH and ICH, behind one face
    registers   what the registers of the guest's GIC do to an interrupt; frames: from an address to that
    legacy      a GICv2 guest's CPU interface on a GICv3; cpuif: its registers as userspace saves them
    timer       the guests' timers
    resident    list registers that stay with a vCPU as long as it is loaded

`VirtualGic` holds the tools and hands each call of a `Design` to the one concerned: an access to its frame, a timer's
register to its timer, a load and a put to the CPU interface and the timers. What decides about an interrupt (where it
is queued, when it goes into a list register, what an exit learns, what ISPENDR does) is left to the hypervisor: its
abstract methods, and those of `GuestRegisters`, are the list of what a hypervisor must say.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from vgic.arch.affinity import of_sgi, text
from vgic.arch.gicc import GICC
from vgic.arch.intid import LPI_START, PRIVATE, SGIS, TIMER_PPIS
from vgic.arch.located import FrameAt
from vgic.designs.base import Design, InputLevel, NoInterrupt, Observer, TimerRegisters, Unsupported
from vgic.designs.vgic import legacy
from vgic.designs.vgic.frames import GuestFrames
from vgic.designs.vgic.hw import VirtualHw, virtual_hw
from vgic.designs.vgic.irq import VirtualCpu, VirtualDist, VirtualIrq
from vgic.designs.vgic.registers import GuestRegisters, I
from vgic.designs.vgic.timer import GuestTimer, Timers
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel, Work
from vgic.host.chip import ACTIVE, PENDING
from vgic.silicon import GicV2, GicV3

C = TypeVar("C", bound=VirtualCpu)
D = TypeVar("D", bound=VirtualDist)

SGI_REGISTERS = {"ICC_SGI1R_EL1": True, "ICC_SGI0R_EL1": False, "ICC_ASGI1R_EL1": False}
"""Whether a write may also reach group 1 SGIs: guests have one Security state."""
GICC_DIR_PAGE = FrameAt(GICC, 0)["DIR"].address


class VirtualGic(Design, GuestRegisters[I], Generic[I, C, D]):
    """The tools of a hypervisor with a virtual GIC, and which call goes to which.

    Args:
        trapped_timers: see `Design`.

    Attributes:
        irq_class, cpu_class, dist_class: its parts. timer_class: what a vCPU's timer is. Class attributes.
        trap_v2_dir: whether a GICv2 guest's GICC_DIR traps: only the first page of GICV is mapped. Class attribute.
        hw: the registers of the virtual CPU interface. v3_host: whether it is a GICv3's.
        cpus, dists: each vCPU's and each VM's part. private, shared: the virtual interrupts, by vINTID, of each vCPU
            and of each VM. arch_timers: the guests' timers.
        forwarded: by host interrupt, the VM and the vINTID that it is forwarded to.
    """

    irq_class: type[I]
    cpu_class: type[C]
    dist_class: type[D]
    timer_class: type[GuestTimer[Any]]
    trap_v2_dir = False

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, trapped_timers: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer)
        self.trapped_timers = trapped_timers
        self.v3_host = isinstance(self.gic, GicV3)
        self.hw: VirtualHw = virtual_hw(self.gic)
        for vm in self.vms:
            if vm.gic == 3 and not self.v3_host:
                raise Unsupported(f"{vm.name}: a GICv3 guest needs a GICv3 host")
            for vcpu in vm.vcpus:
                self.check_affinity(vm, vm.affinity(vcpu))
        self.cpus = {vcpu: self.cpu_class(self.hw.words) for vcpu in self.vcpus}
        self.dists = {vm: self.dist_class() for vm in self.vms}
        self.private = {vcpu: self._private_irqs(vcpu) for vcpu in self.vcpus}
        self.shared = {vm: self._shared_irqs(vm) for vm in self.vms}
        self.frames = {vm: GuestFrames(self, vm) for vm in self.vms}
        self.arch_timers = Timers(self, self.timer_class)
        self.forwarded: dict[IrqDesc, tuple[Vm, int]] = {}

    def check_affinity(self, vm: Vm, affinity: int) -> None:
        """Whether a vCPU may have this affinity. Unsupported where guests could not send it an interrupt."""
        if affinity >> 24 and not self.aff3:
            raise Unsupported(f"{self.name}: {vm.name}: affinity {text(affinity)}: its guests know no Aff3 but 0"
                              " (GICD_TYPER.A3V)")
        if affinity & 0xF0 and not self.range_selector:
            raise Unsupported(f"{self.name}: {vm.name}: affinity {text(affinity)}: its guests send SGIs to Aff0 0 to 15"
                              " (GICD_TYPER.RSS)")

    def _private_irqs(self, vcpu: Vcpu) -> dict[int, I]:
        vm = vcpu.vm
        mask = 1 << vcpu.index if vm.gic == 2 else 0
        return {i: self.irq_class(i, vm.gic - 2, vcpu, mask) for i in range(PRIVATE) if vm.exists(i)}

    def _shared_irqs(self, vm: Vm) -> dict[int, I]:
        intids = [i for i in range(PRIVATE, PRIVATE + vm.spis) if vm.exists(i)]
        return {i: self.irq_class(i, vm.gic - 2, vm.vcpus[0]) for i in (*intids, *vm.lpis)}

    # -- looking up

    def find_irq(self, vm: Vm, vcpu: Vcpu | None, intid: int) -> I | None:
        """The virtual interrupt, None where there is none of that number (or no vCPU is named for a private one)."""
        if intid < PRIVATE:
            return self.private[vcpu].get(intid) if vcpu is not None else None
        return self.shared[vm].get(intid)

    def get_irq(self, vm: Vm, vcpu: Vcpu | None, intid: int) -> I:
        """As find_irq; NoInterrupt where there is none."""
        irq = self.find_irq(vm, vcpu, intid)
        if irq is None:
            raise NoInterrupt(f"{vm.name}: the guest's GIC has no interrupt {intid}"
                              + (" without a vCPU: it is private" if intid < PRIVATE and vcpu is None else ""))
        return irq

    def cpu_interface(self, vcpu: Vcpu) -> C:
        """What is saved of a vCPU's CPU interface."""
        return self.cpus[vcpu]

    def v2_sgi(self, vm: Vm, irq: VirtualIrq) -> bool:
        """An SGI of a GICv2 guest: pending by source."""
        return vm.gic == 2 and irq.intid < SGIS

    # -- the life of a vCPU

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        """The guest's CPU interface, then its timers."""
        super().vcpu_load(vcpu, pe)
        cpu = self.cpus[vcpu]
        self.hw.write_vmcr(cpu.vmcr, pe)
        self.hw.write_apr(cpu.apr, pe)
        self.arch_timers.unblock(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.load(pe)

    def vcpu_put(self, vcpu: Vcpu) -> None:
        """The timers, then the CPU interface (VMCR was saved at the exit)."""
        pe = self.here(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.put(pe)
        self.cpus[vcpu].apr = self.hw.read_apr(pe)
        super().vcpu_put(vcpu)

    def flush(self, vcpu: Vcpu) -> None:
        """Timers first, so that what they raise is shown at this entry."""
        pe = self.here(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.flush(pe)
        self.flush_hwstate(vcpu)

    def sync(self, vcpu: Vcpu) -> None:
        """The virtual GIC first, so that timers find its state true."""
        self.sync_hwstate(vcpu)
        pe = self.here(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.sync(pe)

    @abstractmethod
    def flush_hwstate(self, vcpu: Vcpu) -> None:
        """The virtual GIC's part of an entry."""

    @abstractmethod
    def sync_hwstate(self, vcpu: Vcpu) -> None:
        """The virtual GIC's part of an exit."""

    def vcpu_blocking(self, vcpu: Vcpu) -> None:
        """A timer of the kernel's will wake the vCPU when the first of its own expires."""
        self.arch_timers.block(vcpu)

    # -- physical interrupts for guests

    def map_phys_irq(self, vcpu: Vcpu, desc: IrqDesc, vintid: int, get_input_level: InputLevel | None = None) -> None:
        """The virtual interrupt has this twin. Whether its line is ever sampled is the hypervisor's business."""
        irq = self.get_irq(vcpu.vm, vcpu, vintid)
        irq.hw = True
        irq.host_irq = desc
        irq.hwintid = desc.pintid

    def unmap_phys_irq(self, vcpu: Vcpu, vintid: int) -> None:
        """The virtual interrupt has no twin any more."""
        irq = self.get_irq(vcpu.vm, vcpu, vintid)
        irq.hw = False
        irq.hwintid = 0

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """Forwards a shared interrupt: the handler injects it, the guest's deactivation ends the physical one (M8)."""
        irq = self.get_irq(vm, None, vintid)
        self.forwarded[desc] = vm, vintid
        irq.edge = desc.edge
        self.kernel.request_irq(desc, self._forwarded_handler, f"{vm.name} {vintid}", unlazy=True)
        self.kernel.irq_set_vcpu_affinity(desc, vm)
        self.map_phys_irq(vm.vcpus[0], desc, vintid)
        self.kernel.enable_irq(desc)

    def _forwarded_handler(self, desc: IrqDesc, pe: int) -> bool:
        vm, vintid = self.forwarded[desc]
        self.inject(vm, None, vintid, True)
        return True

    def set_phys_active(self, irq: I, active: bool, pe: int) -> None:
        """Sets or clears the physical active state of a mapped interrupt."""
        assert irq.host_irq is not None
        self.event("set_active" if active else "clear_active", None, irq.hwintid)
        self.kernel.irq_set_irqchip_state(irq.host_irq, ACTIVE, active, pe)

    def set_phys_pending(self, irq: I, pending: bool, pe: int) -> None:
        """Sets or clears the physical pending state of a mapped interrupt."""
        assert irq.host_irq is not None
        self.kernel.irq_set_irqchip_state(irq.host_irq, PENDING, pending, pe)

    def set_phys_enabled(self, irq: I, pe: int) -> None:
        """The physical SPI is enabled as its virtual one is, at the distributor; its active state stays."""
        if irq.hw and irq.host_irq is not None and irq.intid >= PRIVATE:
            self.kernel.driver.enable(irq.host_irq.pintid, irq.enabled, pe)

    def set_owner(self, vcpu: Vcpu, vintid: int, owner: object) -> None:
        """Unsupported for SGIs and LPIs, and where another owns it."""
        irq = self.get_irq(vcpu.vm, vcpu, vintid)
        if not SGIS <= vintid < LPI_START:
            raise Unsupported(f"{vcpu!r}: interrupt {vintid} can't have an owner: it is no PPI or SPI")
        if irq.owner is not None and irq.owner is not owner:
            raise Unsupported(f"{vcpu!r}: interrupt {vintid} has an owner already")
        irq.owner = owner

    def assign_timer(self, vm: Vm, timer: str = "CNTV", vintid: int = TIMER_PPIS["CNTV"]) -> None:
        """Every vCPU of the VM has the timer."""
        self.arch_timers.assign(vm, timer, vintid)

    # -- the guest's accesses

    def translate(self, vcpu: Vcpu, address: int) -> int | None:
        """A GICv2 guest's CPU interface is the PE's GICV; its second page, with DIR, may trap."""
        offset = address - vcpu.vm.map.gicc
        if not isinstance(self.gic, GicV2) or not 0 <= offset < (GICC_DIR_PAGE if self.trap_v2_dir else GICC.size):
            return None
        return self.gic.map.gicv + offset

    def mmio_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """A trapped load: the frame decodes it."""
        self.event("mmio", vcpu)
        return self.frames[vcpu.vm].read(vcpu, address, size, False)

    def mmio_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """A trapped store: the frame decodes it."""
        self.event("mmio", vcpu)
        self.frames[vcpu.vm].write(vcpu, address, size, value, False)

    def sysreg_read(self, vcpu: Vcpu, register: str) -> int:
        """Reads an emulated timer's register."""
        self.event("sysreg", vcpu)
        return self.arch_timers.read(vcpu, register)

    def sysreg_write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """SGIs, an emulated timer's registers, and what else the hypervisor makes trap."""
        self.event("sysreg", vcpu)
        if register in SGI_REGISTERS:
            self.dispatch_sgi(vcpu, value, SGI_REGISTERS[register])
        elif register.startswith("CNT"):
            self.arch_timers.write(vcpu, register, value)
        else:
            self.trapped_icc(vcpu, register, value)

    def trapped_icc(self, vcpu: Vcpu, register: str, value: int) -> None:
        """A write to another register of the CPU interface. Unsupported, unless the hypervisor makes some trap."""
        raise Unsupported(f"{self.name}: sysreg_write: {register} is not emulated")

    def dispatch_sgi(self, vcpu: Vcpu, value: int, group1: bool) -> None:
        """ICC_SGI1R_EL1 and its kin: to all but the sender (IRM), or to those that are named."""
        everyone = value >> 40 & 1
        for target in vcpu.vm.vcpus if everyone else self.named_by_sgi(vcpu.vm, value):
            if not everyone or target is not vcpu:
                self.pend_sgi(vcpu, target, value >> 24 & 15, group1)

    def named_by_sgi(self, vm: Vm, value: int) -> Sequence[Vcpu]:
        """The vCPUs whose affinities an SGI register's value names (IHI 0069, ICC_SGI1R_EL1); of others nothing
        comes."""
        named = of_sgi(value, self.range_selector)
        return [vcpu for vcpu in vm.vcpus if vm.affinity(vcpu) in named]

    def access_gicc(self, vcpu: Vcpu, name: str, value: int | None) -> int:
        """On a GICv3 host: the list registers are filled, the access is made, and they are read back."""
        if not isinstance(self.gic, GicV3):
            return 0
        pe = self.here(vcpu)
        self.flush_hwstate(vcpu)
        result = 0
        if value is None:
            result = legacy.read(self.gic, name, pe)
        else:
            legacy.write(self.gic, name, value, pe)
        self.sync_hwstate(vcpu)
        return result

    def distributor_enabled(self, vm: Vm) -> bool:
        """Whether GICD_CTLR enables the VM's distributor."""
        return self.dists[vm].enabled

    def enable_distributor(self, vcpu: Vcpu, enabled: bool) -> None:
        """Once on, whoever has something to take is kicked."""
        dist = self.dists[vcpu.vm]
        was, dist.enabled = dist.enabled, enabled
        if enabled and not was:
            for other in vcpu.vm.vcpus:
                if self.pending(other):
                    self.kick(other)

    # -- userspace

    def uaccess_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """A register as it is known in memory, for a save."""
        return self.frames[vcpu.vm].read(vcpu, address, size, True)

    # -- for whoever runs it

    def work(self) -> Sequence[Work]:
        """The timers that wake blocked vCPUs, and those that stand for guests' timers."""
        return self.arch_timers.work()

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (
            *super().parts(), *self.cpus.values(), *self.dists.values(),
            *(irq for irqs in self.private.values() for irq in irqs.values()),
            *(irq for irqs in self.shared.values() for irq in irqs.values()), *self.arch_timers.parts(),
        )
