"""The registers of the architecture, as data: one file a frame. `find` looks a register up by what people call it."""

from __future__ import annotations

import re
from typing import Final

from vgic.arch.gicc import GICC
from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gich import GICH
from vgic.arch.gicr import GICR
from vgic.arch.gicv import GICV
from vgic.arch.gits import GITS
from vgic.arch.icc import ICC
from vgic.arch.ich import ICH
from vgic.arch.icv import ICV
from vgic.arch.register import Encoding, Frame, Place, UnknownRegister, nearest
from vgic.arch.timer import CNT
from vgic.arch.v2m import V2M

FRAMES: Final = {
    "GICD": GICD_V3,
    "GICD_V2": GICD_V2,
    "GICR": GICR,
    "GICC": GICC,
    "GICH": GICH,
    "GICV": GICV,
    "GITS": GITS,
    "V2M": V2M,
    "ICC": ICC,
    "ICH": ICH,
    "ICV": ICV,
    "CNT": CNT,
}
"""Every frame by its name. The distributor has two: GICD is that of GICv3, GICD_V2 that of GICv2."""

AARCH32: Final = {
    "ICC_HSRE": "ICC_SRE_EL2",
    "ICC_MSRE": "ICC_SRE_EL3",
    "ICC_MCTLR": "ICC_CTLR_EL3",
    "ICC_MGRPEN1": "ICC_IGRPEN1_EL3",
}
"""AArch32 names that are not the AArch64 name without its Exception level."""


def find(name: str, gic_version: int = 3) -> tuple[Frame, Place]:
    """The register of this name, whatever its case, and its frame.

    Taken are the architectural names of instances (GICD_ISENABLER3, ICH_LR0_EL2); without the Exception level, as in
    AArch32 (ICH_LR0, ICC_IAR1); of all instances, which gives the first (ICH_LR<n>_EL2, GICD_ISENABLER); with Linux's
    SYS_ in front; and encodings as assemblers write them (S3_4_C12_C11_0). Where GICv2 and GICv3 have different
    registers of one name, `gic_version` says whose is meant. UnknownRegister with the nearest names where none is.
    """
    wanted = name.strip().upper().removeprefix("SYS_")
    encoding = re.fullmatch(r"S(\d)_(\d)_C(\d{1,2})_C(\d{1,2})_(\d)", wanted, re.ASCII)
    if encoding:
        op0, op1, crn, crm, op2 = map(int, encoding.groups())
        return _encoded(name, (op0, op1, crn, crm, op2))
    wanted = AARCH32.get(wanted, wanted)
    frames = [f for f in FRAMES.values() if f is not (GICD_V3 if gic_version == 2 else GICD_V2)]
    for frame in frames:
        for level in ("", "_EL0", "_EL1", "_EL2"):
            place = frame.named(wanted + level) or _first(frame, wanted + level)
            if place:
                return frame, place
    raise UnknownRegister(name, nearest(wanted, [known for frame in frames for known in frame.names()]))


def _first(frame: Frame, family: str) -> Place | None:
    """The first instance of the registers that are called so all together."""
    for r in frame:
        if r.count > 1 and family in (r.name.upper(), r.name.replace("<n>", "")):
            return Place(r, r.first, 0)
    return None


def _encoded(name: str, encoding: Encoding) -> tuple[Frame, Place]:
    for frame in FRAMES.values():
        place = frame.encoded(encoding)
        if place:
            return frame, place
    raise UnknownRegister(f"{name} among the system registers of the GIC and the timers")
