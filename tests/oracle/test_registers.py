"""Names to levels, on QEMU's virt machine."""

from __future__ import annotations

import pytest

from vgic.arch.register import UnknownRegister
from vgic.oracle.registers import target

GICD, GICC, GICH, GICV = 0x0800_0000, 0x0801_0000, 0x0803_0000, 0x0804_0000
GICR, GICR_SIZE = 0x080A_0000, 0x2_0000


@pytest.mark.parametrize(
    ("gic", "text", "address", "size", "register"),
    [
        (3, "GICD_CTLR", GICD, 4, "GICD_CTLR"),
        (3, "GICD_ISENABLER8", GICD + 0x120, 4, "GICD_ISENABLER<n>"),
        (3, "GICD_IPRIORITYR8+2", GICD + 0x422, 1, "GICD_IPRIORITYR<n>"),
        (3, "GICD_IROUTER33", GICD + 0x6108, 8, "GICD_IROUTER<n>"),
        (3, "GICR_ISPENDR0", GICR + 0x10200, 4, "GICR_ISPENDR0"),
        (3, "GICR_ISPENDR0@1", GICR + GICR_SIZE + 0x10200, 4, "GICR_ISPENDR0"),
        (3, "GICR_IPRIORITYR3+1@1", GICR + GICR_SIZE + 0x1040D, 1, "GICR_IPRIORITYR<n>"),
        (3, "GICD+0x30", GICD + 0x30, 4, "GICD"),
        (3, "GICD+0x104", GICD + 0x104, 4, "GICD_ISENABLER<n>"),
        (2, "GICD_ITARGETSR9", GICD + 0x824, 4, "GICD_ITARGETSR<n>"),
        (2, "GICC_DIR", GICC + 0x1000, 4, "GICC_DIR"),
        (2, "GICH_LR2", GICH + 0x108, 4, "GICH_LR<n>"),
        (2, "GICV_EOIR", GICV + 0x10, 4, "GICV_EOIR"),
    ],
)
def test_memory_mapped(gic: int, text: str, address: int, size: int, register: str) -> None:
    t = target(gic, text)
    assert (t.encoding, t.address, t.size, t.register) == (None, address, size, register)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("ICC_IAR1_EL1", (3, 0, 12, 12, 0)),
        ("ICV_IAR1_EL1", (3, 0, 12, 12, 0)),
        ("ICC_AP0R3_EL1", (3, 0, 12, 8, 7)),
        ("ICH_LR7_EL2", (3, 4, 12, 12, 7)),
        ("ICH_LR9_EL2", (3, 4, 12, 13, 1)),
        ("ICC_CTLR_EL3", (3, 6, 12, 12, 4)),
    ],
)
def test_system(text: str, encoding: tuple[int, ...]) -> None:
    assert (target(3, text).encoding, target(3, text).size) == (encoding, 8)


@pytest.mark.parametrize(
    ("gic", "text", "said"),
    [
        (3, "ICC_IAR2_EL1", "no register ICC_IAR2_EL1; nearest: ICC_IAR"),
        (2, "ICC_IAR1_EL1", "no register ICC_IAR1_EL1 on GICv2"),
        (3, "GICC_IAR", "no register GICC_IAR on GICv3"),
        (3, "GICD_ISENABLE1", "nearest: GICD_ISENABLER1"),
        (3, "GICD_CTLR+4", "GICD_CTLR has 4 bytes"),
        (3, "GICD_CTLR@1", "only GICR registers have a copy"),
        (3, "ICC_PMR_EL1@1", "a system register has neither"),
        (3, "GICD", r"expected GICD\+OFFSET below 0x10000"),
        (2, "GICC+0x2000", r"expected GICC\+OFFSET below 0x2000"),
        (3, "GICD+zz", "'zz' is not a number"),
    ],
)
def test_refused(gic: int, text: str, said: str) -> None:
    with pytest.raises((UnknownRegister, ValueError), match=said):
        target(gic, text)
