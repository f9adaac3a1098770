"""A GICv2 guest on a GICv3 host: its CPU interface, trapped and carried out at the virtual one.

A GICv3 with support for GICv2 guests has a GICV frame that such a guest would reach directly; the chips modelled here
have none. So its accesses trap, as KVM's do where GICV can't be mapped (vgic_v2_cpuif_trap): the list registers are
filled, the access is made by the system register that does the same, and they are read back.

Interrupts of group 0, which is what GICv2 guests use, are signalled as virtual FIQs by system registers; the guest
takes either for its IRQ. GICC_CTLR.AckCtl and FIQEn have no register here, and read as zero.
"""

from __future__ import annotations

from vgic.silicon import GicV3

READS = {
    "GICC_PMR": "ICV_PMR_EL1", "GICC_BPR": "ICV_BPR0_EL1", "GICC_ABPR": "ICV_BPR1_EL1", "GICC_IAR": "ICV_IAR0_EL1",
    "GICC_AIAR": "ICV_IAR1_EL1", "GICC_RPR": "ICV_RPR_EL1", "GICC_HPPIR": "ICV_HPPIR0_EL1",
    "GICC_AHPPIR": "ICV_HPPIR1_EL1",
}
WRITES = {
    "GICC_PMR": "ICV_PMR_EL1", "GICC_BPR": "ICV_BPR0_EL1", "GICC_ABPR": "ICV_BPR1_EL1", "GICC_EOIR": "ICV_EOIR0_EL1",
    "GICC_AEOIR": "ICV_EOIR1_EL1", "GICC_DIR": "ICV_DIR_EL1",
}
CBPR, EOIMODE, IIDR = 1 << 4, 1 << 9, 0x4B << 20 | 2 << 16 | 0x43B
NAMES = tuple(dict.fromkeys((*READS, *WRITES, "GICC_CTLR", "GICC_IIDR")))
"""The registers of GICC that a guest can reach so."""


def read(gic: GicV3, name: str, pe: int) -> int:
    """The value of a load by a GICv2 guest that runs on a PE."""
    if name in READS:
        return gic.sysreg_read(READS[name], pe)
    if name == "GICC_IIDR":
        return IIDR
    if name != "GICC_CTLR":
        return 0
    ctlr = gic.sysreg_read("ICV_CTLR_EL1", pe)
    return (gic.sysreg_read("ICV_IGRPEN0_EL1", pe) | gic.sysreg_read("ICV_IGRPEN1_EL1", pe) << 1
            | (ctlr & 1) << 4 | (ctlr >> 1 & 1) << 9)


def write(gic: GicV3, name: str, value: int, pe: int) -> None:
    """A store by a GICv2 guest that runs on a PE."""
    if name in WRITES:
        gic.sysreg_write(WRITES[name], value, pe)
    elif name == "GICC_CTLR":
        gic.sysreg_write("ICV_CTLR_EL1", bool(value & CBPR) | bool(value & EOIMODE) << 1, pe)
        gic.sysreg_write("ICV_IGRPEN0_EL1", value & 1, pe)
        gic.sysreg_write("ICV_IGRPEN1_EL1", value >> 1 & 1, pe)
