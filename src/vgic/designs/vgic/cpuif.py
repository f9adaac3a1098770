"""The guest's CPU interface as userspace saves and restores it: views of the saved VMCR and active priorities.

The fields of GICH_VMCR and ICH_VMCR_EL2 lie at the same bits. The vCPU is not in the guest; if it is loaded, the
hardware must be loaded anew for a change to count, so restores are made before vCPUs run.
"""

from __future__ import annotations

from typing import NamedTuple

from vgic.designs.base import Unsupported
from vgic.designs.vgic.irq import VirtualCpu


class _Field(NamedTuple):
    """Where a part of a guest register lies in VMCR."""

    shift: int
    width: int
    at: int = 0

    def get(self, vmcr: int) -> int:
        return (vmcr >> self.shift & (1 << self.width) - 1) << self.at

    def put(self, vmcr: int, value: int) -> int:
        mask = (1 << self.width) - 1
        return vmcr & ~(mask << self.shift) | (value >> self.at & mask) << self.shift


PMR, BPR0, BPR1 = _Field(24, 8), _Field(21, 3), _Field(18, 3)
ENG0, ENG1, CBPR = _Field(0, 1), _Field(1, 1), _Field(4, 1)

GICC_FIELDS = {
    "GICC_CTLR": (_Field(0, 5), _Field(9, 1, 9)), "GICC_PMR": (_Field(27, 5),), "GICC_BPR": (BPR0,),
    "GICC_ABPR": (BPR1,),
}
"""GICC_PMR shows the five implemented bits at the bottom: what KVM's interface does."""

ICC_FIELDS = {
    "ICC_PMR_EL1": (PMR,), "ICC_BPR0_EL1": (BPR0,), "ICC_BPR1_EL1": (BPR1,), "ICC_IGRPEN0_EL1": (ENG0,),
    "ICC_IGRPEN1_EL1": (ENG1,), "ICC_CTLR_EL1": (CBPR, _Field(9, 1, 1)),
}


def _get(fields: tuple[_Field, ...], cpu: VirtualCpu) -> int:
    return sum(f.get(cpu.vmcr) for f in fields)


def _put(fields: tuple[_Field, ...], cpu: VirtualCpu, value: int) -> None:
    vmcr = cpu.vmcr
    for f in fields:
        vmcr = f.put(vmcr, value)
    cpu.vmcr = vmcr


def _apr_word(cpu: VirtualCpu, group: int, n: int) -> int | None:
    """The place of a word in VirtualCpu.apr; None where there is none. One word alone (GICv2) serves both groups."""
    words = len(cpu.apr)
    per_group = max(1, words // 2)
    if n >= per_group:
        return None
    return 0 if words == 1 else group * per_group + n


def _write_apr(cpu: VirtualCpu, group: int, n: int, value: int) -> None:
    word = _apr_word(cpu, group, n)
    if word is not None:
        cpu.apr = (*cpu.apr[:word], value & 0xFFFF_FFFF, *cpu.apr[word + 1:])


def _read_apr(cpu: VirtualCpu, group: int, n: int) -> int:
    word = _apr_word(cpu, group, n)
    return 0 if word is None else cpu.apr[word]


def read_gicc(name: str, cpu: VirtualCpu, n: int) -> int:
    """What a save reads of GICC_CTLR, PMR, BPR, ABPR, APR<n> of a GICv2 guest. On a GICv3 host its active priorities
    are group 0's."""
    return _read_apr(cpu, 0, n) if name == "GICC_APR<n>" else _get(GICC_FIELDS[name], cpu)


def write_gicc(name: str, cpu: VirtualCpu, n: int, value: int) -> None:
    """A restore's write of what `read_gicc` reads."""
    if name == "GICC_APR<n>":
        _write_apr(cpu, 0, n, value)
    else:
        _put(GICC_FIELDS[name], cpu, value)


def _icc(register: str) -> tuple[tuple[_Field, ...] | None, int, int]:
    if register in ICC_FIELDS:
        return ICC_FIELDS[register], 0, 0
    if register[:6] == "ICC_AP" and register[7:8] == "R" and register[9:] == "_EL1" and register[6] in "01":
        return None, int(register[6]), int(register[8], 16)
    raise Unsupported(
        f"{register}: a guest's CPU interface has {', '.join(ICC_FIELDS)}, ICC_AP0R<n>_EL1, ICC_AP1R<n>_EL1")


def read_icc(register: str, cpu: VirtualCpu) -> int:
    """What a save reads of an ICC register of a GICv3 guest. Unsupported for one that is not saved."""
    fields, group, n = _icc(register)
    return _get(fields, cpu) if fields is not None else _read_apr(cpu, group, n)


def write_icc(register: str, cpu: VirtualCpu, value: int) -> None:
    """A restore's write of what `read_icc` reads."""
    fields, group, n = _icc(register)
    if fields is not None:
        _put(fields, cpu, value)
    else:
        _write_apr(cpu, group, n, value)


