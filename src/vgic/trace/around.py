"""The state around a read that differs, in lines for people."""

from __future__ import annotations

from vgic.silicon import Gic


def state_around(chip: Gic, pe: int, what: str) -> tuple[str, ...]:
    """The state that explains a read: the list registers of a virtual one, what is pending for a physical one."""
    if what.startswith(("ICH", "ICV", "GICH", "GICV", "maintenance")):
        v = chip.virtual[pe]
        s = v.state
        lines = [repr(lr)[1:-1] for lr in v.lrs if lr.state or lr.ended()]
        lines.append(f"HCR = {s.hcr | s.eoicount << 27:#x}, VMCR = {v.vmcr():#x}, active priorities "
                     f"{v.groups[0].active:#x} / {v.groups[1].active:#x}, MISR = {v.misr():#x}")
        return tuple(lines)
    cpu, d = chip.cpus[pe], chip.distributor
    busy = [irq for irq in (*d.banked[pe], *d.spis) if irq.state()]
    lines = [f"{repr(irq)[1:-1]}{'' if irq.enabled else ' disabled'} prio {irq.priority:#x}" for irq in busy[:8]]
    lines.append(f"PMR = {cpu.state.pmr:#x}, running priority {cpu.running_priority():#x}")
    return tuple(lines)
