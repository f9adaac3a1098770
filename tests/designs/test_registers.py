"""Each access to pending and active states has a method of its own: replacing one changes no other."""

from __future__ import annotations

import pytest
from tests.designs.rig import ICACTIVER, ICPENDR, ISACTIVER, ISPENDR, NIC, Rig

from vgic.designs.kvm import Kvm
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.vm import Vcpu

READS, WRITES = ("mmio_read_pending", "uaccess_read_pending", "mmio_read_active", "uaccess_read_active"), (
    "mmio_write_spending", "uaccess_write_spending", "mmio_write_cpending", "uaccess_write_cpending",
    "mmio_write_sactive", "uaccess_write_sactive", "mmio_write_cactive", "uaccess_write_cactive")


def accesses(rig: Rig) -> dict[str, object]:
    """Every access once, by what it is; what was read, or the state that was left."""
    design, vcpu = rig.design, rig.v0
    irq = design.get_irq(rig.vm, None, NIC)
    seen: dict[str, object] = {}

    def state(pending: bool, active: bool) -> int:
        irq.pending_latch, irq.active = pending, active
        return 0

    for name, register, pending, active in (
            ("spending", ISPENDR, False, False), ("cpending", ICPENDR, True, False),
            ("sactive", ISACTIVER, False, False), ("cactive", ICACTIVER, False, True)):
        for user in (False, True):
            who = "uaccess" if user else "mmio"
            address, bit = rig.address(register, NIC, vcpu), 1 << NIC % 32
            state(True, True)
            value = design.uaccess_read(vcpu, address, 4) if user else design.mmio_read(vcpu, address, 4)
            seen[f"{who}_read_{name}"] = bool(value & bit)
            state(pending, active)
            (design.uaccess_write if user else design.mmio_write)(vcpu, address, 4, bit)
            seen[f"{who}_write_{name}"] = irq.pending_latch, irq.active
    return seen


def rig_of(design: type[Kvm]) -> Rig:
    rig = Rig(False, design=design)
    rig.boot(rig.v0, 0, NIC, enter=False)
    return rig


RIGHT = {
    "mmio_read_spending": True, "uaccess_read_spending": True, "mmio_read_cpending": True,
    "uaccess_read_cpending": True, "mmio_read_sactive": True, "uaccess_read_sactive": True,
    "mmio_read_cactive": True, "uaccess_read_cactive": True,
    "mmio_write_spending": (True, False), "uaccess_write_spending": (True, False),
    "mmio_write_cpending": (False, False), "uaccess_write_cpending": (False, False),
    "mmio_write_sactive": (False, True), "uaccess_write_sactive": (False, True),
    "mmio_write_cactive": (False, False), "uaccess_write_cactive": (False, False),
}


def test_without_a_flip_all_are_right() -> None:
    assert accesses(rig_of(Kvm)) == RIGHT


@pytest.mark.parametrize("hook", READS)
def test_a_flipped_read_is_that_read_alone(hook: str) -> None:
    flipped = type("Flipped", (Kvm,), {hook: lambda self, vcpu, irq: False})
    who, _, what = hook.split("_")
    wrong = {name for name, value in accesses(rig_of(flipped)).items() if value != RIGHT[name]}
    assert wrong == {f"{who}_read_{way}{what}" for way in "sc"}


@pytest.mark.parametrize("hook", WRITES)
def test_a_flipped_write_is_that_write_alone(hook: str) -> None:
    flipped = type("Flipped", (Kvm,), {hook: lambda self, vcpu, irq: None})
    assert {name for name, value in accesses(rig_of(flipped)).items() if value != RIGHT[name]} == {hook}


def test_a_read_that_stops_nobody_is_one_method() -> None:
    class Careless(Kvm):
        def prepare_active_read(self, accessor: object, owner: object, intid: int) -> None:
            pass

    for design, stopped in ((Kvm, [True, True]), (Careless, [False, True])):
        rig = Rig(True, vcpus=2, pes=2, design=design)
        rig.boot(rig.v0, 0, NIC, enter=False)
        found = []
        for value in (None, 1 << NIC % 32):
            rig.start(rig.v1, 1)
            rig.mmio(rig.v0, rig.address(ICACTIVER, NIC, rig.v0), value)
            found.append(not rig.v1.in_guest)
            rig.put_away()
            rig.load(rig.v0)
        assert found == stopped


def test_a_trapped_dir_of_what_runs_is_the_guests_write_of_icactiver() -> None:
    told: list[int] = []

    class Told(Kvm):
        def mmio_write_cactive(self, vcpu: Vcpu, irq: VgicIrq) -> None:
            told.append(irq.intid)
            super().mmio_write_cactive(vcpu, irq)

    rig = Rig(True, vcpus=2, pes=2, design=Told)
    rig.boot(rig.v0, 0, NIC)
    rig.boot(rig.v1, 1)
    for vcpu in (rig.v0, rig.v1):
        rig.split(vcpu)
    rig.edge(rig.v0, NIC)
    rig.design.inject(rig.vm, None, NIC, True)
    rig.cycle(rig.v1)
    rig.cycle(rig.v0)
    assert rig.ack(rig.v0) == NIC
    rig.dir(rig.v1, NIC)
    assert told == [NIC]
    assert not rig.design.get_irq(rig.vm, None, NIC).active
