"""`vgic explain`: as people call it."""

from __future__ import annotations

import json

import pytest
from tests.commands.runner import Runner, refused


def test_explain(vgic: Runner) -> None:
    ran = vgic("explain", "ICH_LR0_EL2=0x70c0001b0000001b")
    assert (ran.status, ran.err) == (0, "")
    assert "ICH_LR0_EL2" in ran.out
    found = json.loads(vgic("explain", "--json", "GICD_CTLR").out)
    assert found


def test_explain_reads_standard_input(vgic: Runner) -> None:
    ran = vgic("explain", "-", text="GICD_CTLR=0x1\nICH_HCR_EL2=0x5\n")
    assert ran.status == 0
    assert "ICH_HCR_EL2" in ran.out


def test_an_address_as_dumps_write_it(vgic: Runner) -> None:
    ran = vgic("explain", "--map", "08010000", "--machine", "qemu-virt-v2")
    assert ran.out.startswith("0x08010000  qemu-virt-v2: GICC + 0x0")
    assert ran.err == "vgic: --map: 08010000 is read as hexadecimal; as decimal it is 0x7a3910\n"
    assert vgic("explain", "--map", "0x08010000", "--machine", "qemu-virt-v2").err == ""


@pytest.mark.parametrize("arguments", [
    (), ("NO_SUCH_REGISTER",), ("GICD_CTLR=zz",), ("--map", "zz", "--machine", "qemu-virt-v3"),
    ("--map", "0x8000000", "--machine", "nothing"), ("ICH_LR0_EL2=" + "9" * 40,), ("\0",), ("",),
])
def test_explain_refuses(vgic: Runner, arguments: tuple[str, ...]) -> None:
    refused(vgic("explain", *arguments))
