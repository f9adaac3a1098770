"""`vgic oracle run` and `vgic oracle replay`, as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vgic.cli import main
from vgic.commands.oracle import KINDS as OFFERED
from vgic.oracle.generate import KINDS
from vgic.silicon.interrupt import Interrupt

EPISODE = "machine gicv3 pes=1 security=off\npe0 el2 write GICD_CTLR 0x12\npe0 el2 read ICC_IAR1_EL1\n"
ENDS_33 = "pe0 el2 write GICD_ISACTIVER1 2\npe0 el2 write ICC_CTLR_EL1 2\npe0 el2 write ICC_DIR_EL1 33\n"


def call(*arguments: str) -> int:
    return main(["oracle", *arguments])


def test_kinds_are_those_of_the_generators() -> None:
    assert set(OFFERED) == set(KINDS)


@pytest.mark.oracle
def test_replay_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "e"
    file.write_text(EPISODE)
    assert call("replay", str(file)) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("gicv3 pes=1 security=off  QEMU ")
    assert out[1:] == [
        "1: pe0 el2 write GICD_CTLR 0x12",
        "2: pe0 el2 read ICC_IAR1_EL1   -> 0x3ff",
        "QEMU and the model agree after each operation.",
    ]


@pytest.mark.oracle
def test_replay_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interrupt, "deactivate", lambda irq: None)
    file = tmp_path / "e"
    file.write_text(EPISODE + ENDS_33)
    assert call("replay", str(file)) == 1
    said = "after operation 5: GICD_ISACTIVER1 (PE 0, el2): QEMU 0x0, model 0x2"
    assert capsys.readouterr().out.splitlines()[-1] == f"DIFFERS {said}"
    assert call("replay", "--json", str(file)) == 1
    assert json.loads(capsys.readouterr().out)["difference"] == said


@pytest.mark.oracle
def test_run_tells_what_was_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "--kind", "v2", "--pes", "1", "--operations", "600", "--seed", "3", "--coverage") == 0
    out = capsys.readouterr().out
    assert out.startswith("v2  pes=1  QEMU ")
    assert "seeds from 3: no unexplained difference\n  1,000 operations in 2 episodes," in out
    assert "  met " in out
    assert all(len(line) <= 100 for line in out.splitlines())


@pytest.mark.oracle
def test_run_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "--kind", "v3", "--kind", "v3-virtual", "--operations", "400", "--seed", "3", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(t["kind"], t["machine"]) for t in told] == [
        (kind, f"gicv3 pes={pes} security=off") for kind in ("v3", "v3-virtual") for pes in (1, 2)
    ]
    assert all(t["difference"] is None and t["operations"] == 500 for t in told)


@pytest.mark.oracle
def test_run_prints_an_episode_that_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Interrupt, "deactivate", lambda irq: None)
    assert call("run", "--kind", "v3", "--pes", "1", "--seed", "1") == 1
    out = capsys.readouterr().out
    assert "DIFFERS" in out.splitlines()[0]
    file = tmp_path / "e"
    file.write_text(out[out.index("# after operation") :])
    assert call("replay", str(file)) == 1
    monkeypatch.undo()
    assert call("replay", str(file)) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--kind", "v5"), "--kind v5: expected one of v2, v2-virtual"),
        (("run", "--operations", "0"), "--operations 0: expected a whole number, 1 to 1,000,000,000"),
        (("run", "--seed", "-1"), "--seed -1: expected a whole number from 0 on"),
        (("run", "--pes", "3"), "--pes 3: expected a whole number, 1 to 2"),
        (("replay", "/nowhere"), "/nowhere: No such file or directory"),
        (("replay", "/"), "/: Is a directory"),
    ],
)
def test_refused(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("vgic: ")
    assert said in err


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff\xfe\x00", "not text: expected an episode"), (b"nonsense\n", ":1: ")]
)
def test_files_that_are_no_episode(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "e"
    file.write_bytes(content)
    assert call("replay", str(file)) == 2
    assert said in capsys.readouterr().err


def test_without_qemu_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VGIC_QEMU", "no-such-qemu")
    file = tmp_path / "e"
    file.write_text(EPISODE)
    assert call("replay", str(file)) == 2
    assert call("run", "--operations", "1") == 2
    assert capsys.readouterr().err.count("vgic: no-such-qemu is not installed") == 2
