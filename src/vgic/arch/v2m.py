"""GICv2m, the frame that turns the MSIs of PCIe devices into SPIs of a GICv2 (SBSA, GICv2m architecture)."""

from __future__ import annotations

from vgic.arch.common import mapped
from vgic.arch.register import Field, Frame

_SBSA = "SBSA, GICv2m"

V2M = Frame(
    "V2M",
    "message-signalled interrupts for GICv2",
    (
        mapped(
            _SBSA,
            "V2M_MSI_TYPER",
            0x008,
            "RO",
            "which SPIs the frame generates",
            (Field(25, 16, "Base_SPI", "INTID of the first SPI"), Field(9, 0, "Num_SPI", "how many SPIs")),
            reset=None,
        ),
        mapped(
            _SBSA,
            "V2M_MSI_SETSPI_NS",
            0x040,
            "WO",
            "set SPI pending, which devices write",
            (Field(9, 0, "INTID", "the SPI"),),
            reset=None,
        ),
        mapped(
            _SBSA,
            "V2M_MSI_IIDR",
            0xFCC,
            "RO",
            "implementer identification",
            (
                Field(31, 20, "ProductID", "product identifier, IMPLEMENTATION DEFINED"),
                Field(19, 16, "Architecture_revision", "of GICv2m"),
                Field(15, 12, "Revision", "IMPLEMENTATION DEFINED"),
                Field(11, 0, "Implementer", "JEP106 code of the implementer", {0x43B: "Arm"}),
            ),
            reset=None,
        ),
    ),
    size=0x1000,
)
