"""ICV, the virtual CPU interface as system registers (IHI 0069, AArch64 virtual System register descriptions).

What EL1 reaches under the encodings of ICC: the group 0 registers with HCR_EL2.FMO, the group 1 registers with IMO, the
others with either.
"""

from __future__ import annotations

from vgic.arch.common import ENABLED, V3, bit, system
from vgic.arch.intid import GROUP1_ACK, IAR1_ACK
from vgic.arch.register import Field, Frame

_SUPPORTED = {0: "not supported", 1: "supported"}
_INTID = (Field(23, 0, "INTID", "the virtual interrupt"),)
_ACK = (Field(23, 0, "INTID", "the virtual interrupt", GROUP1_ACK),)
_IAR1 = (Field(23, 0, "INTID", "the virtual interrupt", IAR1_ACK),)
_BPR = (Field(2, 0, "BinaryPoint", "splits a priority in group priority and subpriority"),)
_APR = (Field(31, 0, "P", "one bit a group priority that is active"),)
_APR_NMI = (bit(63, "NMI", "a non-maskable interrupt is active (in register 0 alone)"), *_APR)

ICV = Frame(
    "ICV",
    "virtual CPU interface, system registers",
    (
        system(
            V3,
            "ICV_PMR_EL1",
            (3, 0, 4, 6, 0),
            "RW",
            "virtual interrupt priority mask register",
            (Field(7, 0, "Priority", "only interrupts of a lower value are signalled"),),
        ),
        system(V3, "ICV_IAR0_EL1", (3, 0, 12, 8, 0), "RO", "virtual interrupt acknowledge register, group 0", _ACK),
        system(V3, "ICV_EOIR0_EL1", (3, 0, 12, 8, 1), "WO", "virtual end of interrupt register, group 0", _INTID),
        system(
            V3,
            "ICV_HPPIR0_EL1",
            (3, 0, 12, 8, 2),
            "RO",
            "virtual highest priority pending interrupt register, group 0",
            _ACK,
        ),
        system(V3, "ICV_BPR0_EL1", (3, 0, 12, 8, 3), "RW", "virtual binary point register, group 0", _BPR),
        system(
            V3,
            "ICV_AP0R<n>_EL1",
            (3, 0, 12, 8, 4),
            "RW",
            "virtual active priorities register, group 0",
            _APR,
            reset=0,
            count=4,
        ),
        system(
            V3,
            "ICV_AP1R<n>_EL1",
            (3, 0, 12, 9, 0),
            "RW",
            "virtual active priorities register, group 1",
            _APR_NMI,
            reset=0,
            count=4,
        ),
        system(
            V3,
            "ICV_NMIAR1_EL1",
            (3, 0, 12, 9, 5),
            "RO",
            "virtual non-maskable interrupt acknowledge register, group 1",
            _ACK,
        ),
        system(V3, "ICV_DIR_EL1", (3, 0, 12, 11, 1), "WO", "virtual deactivate interrupt register", _INTID),
        system(
            V3,
            "ICV_RPR_EL1",
            (3, 0, 12, 11, 3),
            "RO",
            "virtual running priority register",
            (
                bit(63, "NMI", "the running priority is of a virtual non-maskable interrupt"),
                Field(7, 0, "Priority", "of the highest priority active virtual interrupt; 0xff: none"),
            ),
        ),
        system(V3, "ICV_IAR1_EL1", (3, 0, 12, 12, 0), "RO", "virtual interrupt acknowledge register, group 1", _IAR1),
        system(V3, "ICV_EOIR1_EL1", (3, 0, 12, 12, 1), "WO", "virtual end of interrupt register, group 1", _INTID),
        system(
            V3,
            "ICV_HPPIR1_EL1",
            (3, 0, 12, 12, 2),
            "RO",
            "virtual highest priority pending interrupt register, group 1",
            _ACK,
        ),
        system(V3, "ICV_BPR1_EL1", (3, 0, 12, 12, 3), "RW", "virtual binary point register, group 1", _BPR),
        system(
            V3,
            "ICV_CTLR_EL1",
            (3, 0, 12, 12, 4),
            "RW",
            "virtual CPU interface control register",
            (
                bit(19, "ExtRange", "extended INTIDs 1024 to 8191", _SUPPORTED),
                bit(18, "RSS", "range of Aff0 of SGI targets", {0: "0-15", 1: "0-255"}),
                bit(15, "A3V", "nonzero Aff3 in SGIs", _SUPPORTED),
                bit(14, "SEIS", "locally generated SEIs", _SUPPORTED),
                Field(13, 11, "IDbits", "bits of a virtual INTID", {0: "16", 1: "24"}),
                Field(10, 8, "PRIbits", "virtual priority bits, less one"),
                bit(1, "EOImode", "", {0: "EOIR drops and deactivates", 1: "EOIR drops only, DIR deactivates"}),
                bit(0, "CBPR", "binary point of group 1", {0: "ICV_BPR1_EL1", 1: "ICV_BPR0_EL1"}),
            ),
        ),
        system(
            V3,
            "ICV_IGRPEN0_EL1",
            (3, 0, 12, 12, 6),
            "RW",
            "virtual group 0 enable register",
            (bit(0, "Enable", "virtual group 0", ENABLED),),
        ),
        system(
            V3,
            "ICV_IGRPEN1_EL1",
            (3, 0, 12, 12, 7),
            "RW",
            "virtual group 1 enable register",
            (bit(0, "Enable", "virtual group 1", ENABLED),),
        ),
    ),
)
