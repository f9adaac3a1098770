"""ICC, the CPU interface as system registers (IHI 0069, AArch64 System register descriptions).

At EL1 the accesses to most of these fall on the ICV registers of the same encoding where HCR_EL2.IMO or FMO says so.
"""

from __future__ import annotations

from vgic.arch.common import ENABLED, V3, bit, system
from vgic.arch.intid import GROUP0_ACK, GROUP1_ACK, IAR1_ACK
from vgic.arch.register import Field, Frame, Register

_SUPPORTED = {0: "not supported", 1: "supported"}
_EOI_MODE = {0: "EOIR drops and deactivates", 1: "EOIR drops only, DIR deactivates"}
_INTID = (Field(23, 0, "INTID", "the interrupt"),)
_ACK0 = (Field(23, 0, "INTID", "the interrupt", GROUP0_ACK),)
_ACK1 = (Field(23, 0, "INTID", "the interrupt", GROUP1_ACK),)
_IAR1 = (Field(23, 0, "INTID", "the interrupt", IAR1_ACK),)
_BPR = (Field(2, 0, "BinaryPoint", "splits a priority in group priority and subpriority"),)
_APR = (Field(31, 0, "P", "one bit a group priority that is active"),)
_APR_NMI = (bit(63, "NMI", "a non-maskable interrupt is active (in register 0 alone)"), *_APR)
_SGI = (
    Field(55, 48, "Aff3", "affinity level 3 of the targets"),
    Field(47, 44, "RS", "range selector: TargetList stands for Aff0 of 16*RS to 16*RS+15"),
    bit(40, "IRM", "who the targets are", {0: "Aff3.Aff2.Aff1 with TargetList", 1: "all PEs but this one"}),
    Field(39, 32, "Aff2", "affinity level 2 of the targets"),
    Field(27, 24, "INTID", "the SGI"),
    Field(23, 16, "Aff1", "affinity level 1 of the targets"),
    Field(15, 0, "TargetList", "one bit a PE, by Aff0"),
)
_CTLR_TYPE = (
    bit(19, "ExtRange", "extended INTIDs 1024 to 8191", _SUPPORTED),
    bit(18, "RSS", "range of Aff0 of SGI targets", {0: "0-15", 1: "0-255"}),
)
_CTLR_BITS = (
    bit(15, "A3V", "nonzero Aff3 in SGIs", _SUPPORTED),
    bit(14, "SEIS", "locally generated SEIs", _SUPPORTED),
    Field(13, 11, "IDbits", "bits of an INTID", {0: "16", 1: "24"}),
    Field(10, 8, "PRIbits", "priority bits, less one"),
)


def _sre(level: int, *more: Field) -> Register:
    return system(
        V3,
        f"ICC_SRE_EL{level}",
        (3, {1: 0, 2: 4, 3: 6}[level], 12, {1: 12, 2: 9, 3: 12}[level], 5),
        "RW",
        f"system register enable register (EL{level})",
        (
            *more,
            bit(2, "DIB", "IRQ bypass", {0: "enabled", 1: "disabled"}),
            bit(1, "DFB", "FIQ bypass", {0: "enabled", 1: "disabled"}),
            bit(0, "SRE", "CPU interface by", {0: "memory-mapped registers", 1: "system registers"}),
        ),
    )


_ENABLE = bit(3, "Enable", "accesses to ICC_SRE of lower Exception levels", {0: "trap", 1: "do not trap"})

ICC = Frame(
    "ICC",
    "CPU interface, system registers",
    (
        system(
            V3,
            "ICC_PMR_EL1",
            (3, 0, 4, 6, 0),
            "RW",
            "interrupt priority mask register",
            (Field(7, 0, "Priority", "only interrupts of a lower value are signalled"),),
            reset=0,
        ),
        system(V3, "ICC_IAR0_EL1", (3, 0, 12, 8, 0), "RO", "interrupt acknowledge register, group 0", _ACK0),
        system(V3, "ICC_EOIR0_EL1", (3, 0, 12, 8, 1), "WO", "end of interrupt register, group 0", _INTID),
        system(
            V3, "ICC_HPPIR0_EL1", (3, 0, 12, 8, 2), "RO", "highest priority pending interrupt register, group 0", _ACK0
        ),
        system(V3, "ICC_BPR0_EL1", (3, 0, 12, 8, 3), "RW", "binary point register, group 0", _BPR),
        system(
            V3,
            "ICC_AP0R<n>_EL1",
            (3, 0, 12, 8, 4),
            "RW",
            "active priorities register, group 0",
            _APR,
            reset=0,
            count=4,
        ),
        system(
            V3,
            "ICC_AP1R<n>_EL1",
            (3, 0, 12, 9, 0),
            "RW",
            "active priorities register, group 1",
            _APR_NMI,
            reset=0,
            count=4,
        ),
        system(
            V3, "ICC_NMIAR1_EL1", (3, 0, 12, 9, 5), "RO", "non-maskable interrupt acknowledge register, group 1", _ACK1
        ),
        system(V3, "ICC_DIR_EL1", (3, 0, 12, 11, 1), "WO", "deactivate interrupt register", _INTID),
        system(
            V3,
            "ICC_RPR_EL1",
            (3, 0, 12, 11, 3),
            "RO",
            "running priority register",
            (
                bit(63, "NMI", "the running priority is of a non-maskable interrupt"),
                bit(62, "NMI_NS", "the running priority is of a Non-secure non-maskable interrupt"),
                Field(7, 0, "Priority", "of the highest priority active interrupt; 0xff: none"),
            ),
        ),
        system(V3, "ICC_SGI1R_EL1", (3, 0, 12, 11, 5), "WO", "generates group 1 SGIs of this Security state", _SGI),
        system(
            V3, "ICC_ASGI1R_EL1", (3, 0, 12, 11, 6), "WO", "generates group 1 SGIs of the other Security state", _SGI
        ),
        system(V3, "ICC_SGI0R_EL1", (3, 0, 12, 11, 7), "WO", "generates group 0 SGIs", _SGI),
        system(V3, "ICC_IAR1_EL1", (3, 0, 12, 12, 0), "RO", "interrupt acknowledge register, group 1", _IAR1),
        system(V3, "ICC_EOIR1_EL1", (3, 0, 12, 12, 1), "WO", "end of interrupt register, group 1", _INTID),
        system(
            V3,
            "ICC_HPPIR1_EL1",
            (3, 0, 12, 12, 2),
            "RO",
            "highest priority pending interrupt register, group 1",
            _ACK1,
        ),
        system(V3, "ICC_BPR1_EL1", (3, 0, 12, 12, 3), "RW", "binary point register, group 1", _BPR),
        system(
            V3,
            "ICC_CTLR_EL1",
            (3, 0, 12, 12, 4),
            "RW",
            "CPU interface control register (EL1)",
            (
                *_CTLR_TYPE,
                *_CTLR_BITS,
                bit(6, "PMHE", "priority mask as a hint for routing", ENABLED),
                bit(1, "EOImode", "", _EOI_MODE),
                bit(0, "CBPR", "binary point of group 1", {0: "ICC_BPR1_EL1", 1: "ICC_BPR0_EL1"}),
            ),
        ),
        _sre(1),
        system(
            V3,
            "ICC_IGRPEN0_EL1",
            (3, 0, 12, 12, 6),
            "RW",
            "group 0 enable register",
            (bit(0, "Enable", "group 0", ENABLED),),
            reset=0,
        ),
        system(
            V3,
            "ICC_IGRPEN1_EL1",
            (3, 0, 12, 12, 7),
            "RW",
            "group 1 enable register",
            (bit(0, "Enable", "group 1", ENABLED),),
            reset=0,
        ),
        _sre(2, _ENABLE),
        system(
            V3,
            "ICC_CTLR_EL3",
            (3, 6, 12, 12, 4),
            "RW",
            "CPU interface control register (EL3)",
            (
                *_CTLR_TYPE,
                bit(17, "nDS", "GICD_CTLR.DS = 1", {0: "supported", 1: "not supported"}),
                *_CTLR_BITS,
                bit(6, "PMHE", "priority mask as a hint for routing", ENABLED),
                bit(5, "RM", "routing of group 0 and Non-secure group 1 at EL3 told by 1020 and 1021"),
                bit(4, "EOImode_EL1NS", "Non-secure EL1 and EL2", _EOI_MODE),
                bit(3, "EOImode_EL1S", "Secure EL1", _EOI_MODE),
                bit(2, "EOImode_EL3", "EL3", _EOI_MODE),
                bit(1, "CBPR_EL1NS", "binary point of Non-secure group 1", {0: "ICC_BPR1_EL1", 1: "ICC_BPR0_EL1"}),
                bit(0, "CBPR_EL1S", "binary point of Secure group 1", {0: "ICC_BPR1_EL1", 1: "ICC_BPR0_EL1"}),
            ),
        ),
        _sre(3, _ENABLE),
        system(
            V3,
            "ICC_IGRPEN1_EL3",
            (3, 6, 12, 12, 7),
            "RW",
            "group 1 enable register (EL3)",
            (
                bit(1, "EnableGrp1S", "Secure group 1", ENABLED),
                bit(0, "EnableGrp1NS", "Non-secure group 1", ENABLED),
            ),
            reset=0,
        ),
    ),
)

INTID = ICC["ICC_IAR1_EL1"].mask("INTID")
"""The bits of an INTID in the registers that acknowledge, drop and deactivate, ICC's and ICV's."""
