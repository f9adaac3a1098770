"""Recorded kernels beside designs: KVM's writes the same list registers; flipped rules don't."""

from __future__ import annotations

import json
import lzma
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from vgic.cli import main
from vgic.designs.base import Observer, TimerRegisters, Unsupported
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.history import Kvm612
from vgic.designs.vgic.irq import Lr
from vgic.designs.vm import Vm
from vgic.designs.xen import Xen
from vgic.host import Kernel
from vgic.trace.design_analysis import DesignAnalysis, chosen
from vgic.trace.design_outcome import Entry, Outcome, shown
from vgic.trace.events import Probe
from vgic.trace.kvm_probes import Msi, Survey, irq_memory, msi
from vgic.trace.source import TraceError
from vgic.view.design import DesignReport

DATA = Path(__file__).parent.parent / "data"
V3, V2 = DATA / "v3-timer.core.txt.xz", DATA / "v2-timer.core.txt.xz"
BOOT, GUEST, END = 3_000, 21_700, 39_000
"""Lines of V3: the host's boot, until the guest starts, and until some MSIs have come."""


class Other(Xen):
    """No KVM."""

    name = "other"


class NoLpis(Kvm):
    """A KVM without an ITS."""

    name = "NoLpis"

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer)
        if any(vm.lpis for vm in self.vms):
            raise Unsupported("it has LPIs")


def v3_lines() -> list[str]:
    return lzma.decompress(V3.read_bytes()).decode().splitlines()


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A piece of V3."""
    path = tmp_path_factory.mktemp("design") / "short"
    path.write_text("\n".join(v3_lines()[:END]) + "\n")
    return path


@pytest.mark.parametrize(("file", "entries", "undetermined"), [(V3, 2592, 3), (V2, 1862, 0)])
def test_linux_612_writes_what_its_design_writes(file: Path, entries: int, undetermined: int) -> None:
    found = DesignAnalysis(str(file), "kvm")
    o = found.outcome
    assert found.build.design is Kvm612
    assert (o.determined, o.equal, o.exact) == (entries, entries, entries)
    assert sum(o.undetermined.values()) == undetermined
    assert set(o.acknowledged) == {"equal"}
    assert set(o.adopted) <= {"LPI's priority", "translation of an MSI", "pINTID of a mapped interrupt"}
    assert max(o.adopted.values()) <= 3
    assert found.exit_status == 0
    assert max(map(len, DesignReport(found).text().splitlines())) <= 100


SPIS = DATA.parents[2] / "shared" / "traces" / "v2-intx.core.txt.xz"


@pytest.mark.skipif(not SPIS.exists(), reason="a larger recording, with SPIs injected by software: not in this clone")
def test_spis_with_the_eoi_bit() -> None:
    o = DesignAnalysis(str(SPIS), "kvm").outcome
    assert o.equal == o.exact == o.determined == 1790


def test_a_guest_whose_frames_lie_elsewhere(tmp_path: Path, short: Path) -> None:
    def moved(found: re.Match[str]) -> str:
        address = int(found[1], 16)
        return f"x2={address + (0x037F_0000 if address < 0x0801_0000 else 0x01F0_0000):#x}"
    path = tmp_path / "moved"
    path.write_text("".join(
        re.sub(r"x2=(0x\w+)", moved, line) if "dispatch_mmio" in line else line
        for line in short.read_text().splitlines(keepends=True)))
    found = DesignAnalysis(str(path), "kvm")
    (vm,) = found.replay.vms.values()
    assert (vm.map.gicd, vm.map.gicr) == (0x0B7F_0000, 0x09FA_0000)
    assert found.exit_status == 0
    assert found.outcome.equal > 300


def test_todays_kvm_keeps_no_lpi_active(short: Path) -> None:
    found = DesignAnalysis(str(short), "kvm-today")
    assert found.build.design is Kvm
    assert set(found.outcome.classes) == {"LPI only in the kernel's"}
    assert found.exit_status == 1
    assert "DIFFERENT in     LPI only in the kernel's" in DesignReport(found).text()


FLIPPED = '''
from vgic.designs.kvm.history import Kvm612

class NoHw(Kvm612):
    def compute_lr(self, vm, irq):
        return super().compute_lr(vm, irq)._replace(hw=False, pintid=0)

class NoEoi(Kvm612):
    def compute_lr(self, vm, irq):
        lr = super().compute_lr(vm, irq)
        return lr._replace(eoi=not lr.eoi and not lr.hw)

class Forgets(Kvm612):
    def fold(self, vcpu, irq, lr, pe):
        super().fold(vcpu, irq, lr._replace(active=False), pe)

class NeverConsumes(Kvm612):
    def consume_pending(self, vm, irq):
        pass

class Backwards(Kvm612):
    def flush_hwstate(self, vcpu):
        self.cpus[vcpu].ap_list.reverse()
        super().flush_hwstate(vcpu)

class Raises(Kvm612):
    def populate_lr(self, vcpu, irq, n, pe):
        raise RuntimeError("on purpose")
'''


@pytest.mark.parametrize(
    ("name", "difference"),
    [("NoHw", "PPI: hw"), ("NoEoi", "SGI: eoi"), ("Forgets", "LPI only in the kernel's"),
     ("NeverConsumes", "SGI only in the design's")],
)
def test_a_flipped_rule_is_seen(tmp_path: Path, short: Path, name: str, difference: str) -> None:
    (tmp_path / "mine.py").write_text(FLIPPED)
    found = DesignAnalysis(str(short), f"{tmp_path / 'mine.py'}:{name}")
    assert difference in found.outcome.classes
    assert found.exit_status == 1


def test_another_order_is_seen_by_the_guest(tmp_path: Path, short: Path) -> None:
    """Of equal priorities the chip takes the first list register."""
    (tmp_path / "mine.py").write_text(FLIPPED)
    found = DesignAnalysis(str(short), f"{tmp_path / 'mine.py'}:Backwards")
    assert found.outcome.acknowledged["different"]
    assert found.exit_status == 1


# -- what is a design's own


@pytest.mark.parametrize("name", ["trap", "B010"])
def test_a_design_of_which_nothing_was_exercised_is_refused(short: Path, name: str,
                                                            capsys: pytest.CaptureFixture[str]) -> None:
    found = DesignAnalysis(str(short), name)
    assert found.own is not None
    assert found.own.base.name == "kvm"
    assert found.own.entries == 0
    assert found.exit_status == 2
    assert f"nothing that is {name}'s own shows in it" in found.errors()[-1]
    text = DesignReport(found).text()
    assert "NOTHING OF ITS OWN WAS EXERCISED" in " ".join(text.split())
    assert "100.00 %" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_own_methods_are_counted(tmp_path: Path, short: Path) -> None:
    (tmp_path / "mine.py").write_text(FLIPPED)
    found = DesignAnalysis(str(short), f"{tmp_path / 'mine.py'}:NoHw")
    assert found.own is not None
    assert found.own.base.name == "kvm612"
    assert [name for name, n in found.own.calls.items() if n] == ["compute_lr"]
    assert found.own.entries == found.outcome.different > 0
    assert "methods called: compute_lr" in DesignReport(found).text()
    assert DesignAnalysis(str(short), "kvm612").own is None


# -- what can't be used


def test_a_design_that_raises(tmp_path: Path, short: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(FLIPPED)
    assert main(["trace", "--design", f"{tmp_path / 'mine.py'}:Raises", str(short)]) == 2
    assert "RuntimeError: on purpose" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--design", "kvm", "-"], "reads a recording twice"),
        (["--design", "kvn", "SHORT"], "did you mean kvm"),
        (["--design", "bao", "SHORT"], "no subclass of vgic.designs.kvm.Kvm"),
        (["--design", "userspace-irqchip", "SHORT"], "no subclass of vgic.designs.kvm.Kvm"),
        (["--design", f"{__file__}:Other", "SHORT"], "no subclass of vgic.designs.kvm.Kvm"),
        (["--design", f"{__file__}:NoLpis", "SHORT"], "NoLpis can't follow SHORT: it has LPIs"),
        (["--design", "kvm", "--lanes", "27", "SHORT"], "doesn't go with --design"),
        (["--design", "kvm", str(DATA / "xen-v3.core.txt.xz")], "no kvm_fn probe"),
        (["--design", "kvm", str(DATA / "v3-l1.ftrace-slice.xz")], "is for QEMU traces"),
    ],
)
def test_refused(short: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
                 arguments: list[str], message: str) -> None:
    if arguments[-1] == "-":
        with pytest.raises(TraceError, match=message):
            DesignAnalysis("-", "kvm")
        return
    assert main(["trace", *(str(short) if a == "SHORT" else a for a in arguments)]) == 2
    assert message.replace("SHORT", str(short)) in capsys.readouterr().err


def test_json(short: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "--json", "--design", "kvm612", str(short)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["design"] == "kvm612"
    assert found["entries"]["equal"] == found["entries"]["determined"] > 300


def test_without_loads_nothing_is_determined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "unloaded"
    path.write_text("".join(line + "\n" for line in v3_lines()[:END] if "kvm_vgic_load" not in line))
    assert main(["trace", "--design", "kvm", str(path)]) == 2
    assert "nothing was compared" in capsys.readouterr().err


def test_a_damaged_recording_never_raises(tmp_path: Path) -> None:
    lines = v3_lines()
    piece = lines[:BOOT] + lines[GUEST:GUEST + 3_000] + lines[37_700:38_200]
    path = tmp_path / "damaged"
    for seed in range(12):
        rng = random.Random(seed)
        damaged = list(piece)
        for _ in range(300):
            n = rng.randrange(BOOT, len(damaged))
            choice = rng.randrange(4)
            if choice == 0:
                del damaged[n]
            elif choice == 1:
                damaged.insert(n, damaged[rng.randrange(BOOT, len(damaged))])
            elif choice == 2:
                place = rng.randrange(len(damaged[n]) + 1)
                damaged[n] = damaged[n][:place] + rng.choice("0123456789abcdefx ") + damaged[n][place + 1:]
            else:
                damaged[n] = damaged[n][:rng.randrange(len(damaged[n]) + 1)]
        path.write_text("\n".join(damaged) + "\n")
        try:
            found = DesignAnalysis(str(path), "kvm")
        except TraceError:
            continue
        DesignReport(found).text()
        json.dumps(DesignReport(found).json())


# -- the pieces


IRQ = ("b0d2cf050000ffff20b7cf050000ffff1b0000000100000101000000010000001b0000000c000000010000000203c001")


def probe(name: str, memory: dict[str, bytes] | None = None, **args: int) -> Probe:
    return Probe(1, 1, 0xFFFF, name, args, memory or {})


def test_an_interrupts_memory() -> None:
    found = irq_memory(probe("vgic_v3_populate_lr", {"x1+40": bytes.fromhex(IRQ)}))
    assert found == (
        0xFFFF000005CFD2B0, 0xFFFF000005CFB720, 27, True, False, False, True, True, 1, 27, 12, 1, 2, 3, 0xC0, 1)


@pytest.mark.parametrize(
    "data", ["", IRQ[:-2], IRQ[:40] + "02" + IRQ[42:], IRQ[:-2] + "02", IRQ[:38] + "7f" + IRQ[40:]])
def test_memory_of_another_layout_is_not_used(data: str) -> None:
    assert irq_memory(probe("vgic_v3_populate_lr", {"x1+40": bytes.fromhex(data)})) is None


def test_msis() -> None:
    cached = bytes.fromhex("4000090800000000070000000100000008000000" + 12 * "00")
    assert msi(probe("vgic_its_inject_cached_translation", {"x1+0": cached})) == Msi(8, 7)
    assert msi(probe("vgic_its_trigger_msi", x2=8, x3=7)) == Msi(8, 7)
    assert msi(probe("vgic_its_inject_cached_translation", {"x1+0": cached[:19]})) is None


def test_the_recorded_kernels_rules() -> None:
    survey = Survey([], 3)
    assert chosen("kvm", survey)[0].design is Kvm612
    survey.arms_group_enables = True
    assert chosen("kvm", survey)[0].design is Kvm
    assert chosen("kvm612", survey)[0].design is Kvm612


def test_outcomes() -> None:
    vcpu = Vm("vm", 1).vcpus[0]
    outcome = Outcome(1)

    def entry(ours: list[Lr], theirs: list[Lr], access: bool = False) -> Entry:
        made = Entry(7, vcpu, 0, ours, access)
        made.theirs = dict(enumerate(theirs))
        return made
    timer = Lr(27, pending=True, hw=True, pintid=27, priority=0xA0)
    outcome.compare(entry([timer], [timer]))
    outcome.compare(entry([timer], [timer._replace(priority=0x80)]))
    outcome.compare(entry([timer], []))
    outcome.compare(entry([], [], True))
    assert (outcome.equal, outcome.exact, outcome.empty, outcome.given_up, outcome.different) == (3, 2, 1, 1, 0)
    for changed in (timer._replace(pending=False, active=True), timer._replace(pintid=28), timer._replace(hw=False)):
        outcome.compare(entry([timer], [changed]))
    outcome.compare(entry([timer], [], True))
    assert outcome.different == 4
    assert outcome.classes == {"PPI: pending": 1, "PPI: active": 1, "PPI: pintid": 1, "PPI: hw": 1,
                               "PPI only in the design's": 1}
    assert len(outcome.differences) == 1


@pytest.mark.parametrize(
    ("lr", "expected"),
    [(Lr(27, True, False, True, 30), "27 P HW 30"), (Lr(40, False, True, eoi=True), "40 A EOI"),
     (Lr(1, True, True, cpuid=3), "1 PA from 3"), (Lr(5), "5 I")],
)
def test_shown(lr: Lr, expected: str) -> None:
    assert shown(lr) == expected
