"""The command line: exit status, messages for people, JSON, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.trace.recordings import lines, path, present

from vgic import __version__
from vgic.cli import main
from vgic.rules import RULES

ROOT = Path(__file__).parent.parent
BOOT = str(path("v3-boot.core"))


class Ran:
    """What a command did."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err
        assert "Traceback" not in err


@pytest.fixture
def vgic(capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(capsys)


class Runner:
    """Runs commands."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: str) -> Ran:
        try:
            status = main(arguments)
        except SystemExit as e:
            status = e.code if isinstance(e.code, int) else -1
        out, err = self.capsys.readouterr()
        return Ran(status, out, err)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A recording of 1,000 lines."""
    file = tmp_path / "small.txt"
    file.write_text("".join(f"{line}\n" for line in lines("v3-boot.core")[:1000]))
    return file


def refused(ran: Ran, *words: str) -> None:
    """Status 2, nothing on standard output, and one line that says this."""
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("vgic: ")
    for word in words:
        assert word in ran.err


# -- trace


def test_trace(vgic: Runner, small: Path) -> None:
    ran = vgic("trace", str(small))
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(str(small))
    assert "all hold" in ran.out


def test_trace_json(vgic: Runner, small: Path) -> None:
    found = json.loads(vgic("trace", "--json", str(small)).out)
    assert found["file"] == str(small)
    assert found["exit_status"] == 0


def test_several_files_are_a_list(vgic: Runner, small: Path) -> None:
    ran = vgic("trace", "--json", str(small), BOOT)
    assert [f["file"] for f in json.loads(ran.out)] == [str(small), BOOT]
    assert ran.status == 0


def test_a_difference_is_status_1(vgic: Runner, tmp_path: Path) -> None:
    text = list(lines("v3-boot.core")[:1000])
    i = next(n for n, line in enumerate(text) if "icc_iar1_read" in line)
    text[i] = text[i].rsplit(" ", 1)[0] + " 0x1d"
    file = tmp_path / "f"
    file.write_text("".join(f"{line}\n" for line in text))
    ran = vgic("trace", str(file))
    assert ran.status == 1
    assert f"DIFFERS at line {i + 1:,}: ICC_IAR1_EL1" in ran.out
    assert f"DIAGNOSIS  the value at line {i + 1:,} is changed" in ran.out


def test_one_of_two_files_is_bad(vgic: Runner, small: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(os.urandom(4000))
    ran = vgic("trace", str(bad), str(small))
    assert ran.status == 2
    assert ran.err.startswith(f"vgic: {bad}: ")
    assert ran.out.strip().startswith(str(small))
    ran = vgic("trace", "--json", str(small), str(bad))
    assert ran.status == 2
    assert [f["file"] for f in json.loads(ran.out)] == [str(small)]


def test_no_such_file(vgic: Runner, tmp_path: Path) -> None:
    refused(vgic("trace", str(tmp_path / "none")), "none: can't be opened: No such file")


def test_a_directory(vgic: Runner, tmp_path: Path) -> None:
    refused(vgic("trace", str(tmp_path)), "Is a directory")


def test_no_permission(vgic: Runner, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr("builtins.open", denied)
    refused(vgic("trace", str(small)), f"{small}: can't be opened: Permission denied")


def test_an_empty_file(vgic: Runner, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    refused(vgic("trace", str(tmp_path / "empty")), "empty")


def test_a_cut_xz_tells_what_it_could(vgic: Runner, tmp_path: Path) -> None:
    file = tmp_path / "cut.xz"
    file.write_bytes(path("v3-timer.core").read_bytes()[:-5000])
    ran = vgic("trace", str(file))
    assert ran.status == 2
    assert "rules judged" in ran.out
    assert "ends inside a compressed block" in ran.err
    assert json.loads(vgic("trace", "--json", str(file)).out)["errors"]


def test_bad_lines_name_file_and_line(vgic: Runner, small: Path) -> None:
    text = small.read_text().splitlines()
    text[49] = text[49][:-10]
    small.write_text("\n".join(text) + "\n")
    ran = vgic("trace", str(small))
    assert ran.status == 2
    assert ran.err.startswith(f"vgic: {small}:50: ")


def test_the_wrong_machine(vgic: Runner) -> None:
    refused(vgic("trace", "--machine", "qemu-virt-v3", str(path("v2-boot.core"))), "this recording is of a GICv2")
    refused(vgic("trace", "--machine", "foo", BOOT), "--machine foo: expected one of qemu-virt-v2")
    assert vgic("trace", "--machine", "qemu-virt-v3", BOOT).status == 0


@pytest.mark.parametrize(("arguments", "message"), [
    (("--lanes", "foo"), "--lanes: 'foo' is not a number"), (("--lanes", "-1"), "--lanes"),
    (("--lanes", "99999999999"), "--lanes = 99999999999: expected 0 to"),
    (("--window", "1:2"), "--window goes with --lanes"), (("--lanes", "27", "--window", "5"), "expected FROM:TO"),
    (("--lanes", "27", "--window", "a:b"), "'a' is not a number"),
    (("--lanes", "27", "--window", "9:3"), "the first line is behind the last"),
    (("--option", "foo"), "--option foo: expected NAME=VALUE"),
    (("--option", "foo=1"), "option foo: this chip has no such option"),
    (("--option", "list_registers=17"), "list_registers"), (("--option", "tie=x"), "expected lowest or highest"),
    (("--most", "0"), "--most = 0: expected 1 to"), (("--most", "x"), "--most"), (("--nonsense",), "unrecognized"),
])
def test_wrong_options(vgic: Runner, small: Path, arguments: tuple[str, ...], message: str) -> None:
    refused(vgic("trace", *arguments, str(small)), message)


def test_no_file(vgic: Runner) -> None:
    refused(vgic("trace"), "FILE")


def test_an_option_is_taken(vgic: Runner, small: Path) -> None:
    assert vgic("trace", "--option", "list_registers=16", str(small)).status == 0
    assert vgic("trace", "--option", "intids=64", str(path("v3-timer.core"))).status == 1


def test_lanes(vgic: Runner, small: Path) -> None:
    ran = vgic("trace", "--lanes", "30", "--window", "1:1000", str(small))
    assert ran.status == 0
    assert "what happens" in ran.out
    assert "host reads ICC_IAR1_EL1 = 0x1e" in ran.out


@pytest.mark.skipif(not present("v3-l1-ftrace"), reason="needs the recordings beside the repository")
def test_an_ftrace_text_is_known_and_options_of_qemus_are_refused(vgic: Runner) -> None:
    file = str(path("v3-l1-ftrace").with_name("v3-l1-ftrace.txt.xz"))
    refused(vgic("trace", "--machine", "qemu-virt-v3", file), "ftrace")


# -- as a process


def run(*arguments: str, text: str | None = None) -> Ran:
    """The command as a process of its own."""
    done = subprocess.run([sys.executable, "-m", "vgic", *arguments], input=text, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_standard_input(small: Path) -> None:
    ran = run("trace", "-", text=small.read_text())
    assert ran.status == 0
    assert ran.out.startswith("<stdin>")


def test_standard_input_that_is_empty() -> None:
    refused(run("trace", "-", text=""), "<stdin>")


def test_a_reader_that_goes_away() -> None:
    command = f"{sys.executable} -m vgic trace --json {BOOT} | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    assert done.stderr == ""


# -- explain, rules


def test_explain(vgic: Runner) -> None:
    ran = vgic("explain", "ICH_LR0_EL2=0x70c0001b0000001b")
    assert (ran.status, ran.err) == (0, "")
    assert "ICH_LR0_EL2" in ran.out
    found = json.loads(vgic("explain", "--json", "GICD_CTLR").out)
    assert found


def test_explain_reads_standard_input() -> None:
    ran = run("explain", "-", text="GICD_CTLR=0x1\nICH_HCR_EL2=0x5\n")
    assert ran.status == 0
    assert "ICH_HCR_EL2" in ran.out


@pytest.mark.parametrize("arguments", [
    (), ("NO_SUCH_REGISTER",), ("GICD_CTLR=zz",), ("--map", "zz", "--machine", "qemu-virt-v3"),
    ("--map", "0x8000000", "--machine", "nothing"), ("ICH_LR0_EL2=" + "9" * 40,), ("\0",), ("",),
])
def test_explain_refuses(vgic: Runner, arguments: tuple[str, ...]) -> None:
    refused(vgic("explain", *arguments))


def test_rules(vgic: Runner) -> None:
    ran = vgic("rules")
    assert ran.status == 0
    told = " ".join(ran.out.split())
    assert all(rule.sentence in told for rule in RULES.values())
    assert max(map(len, ran.out.splitlines())) <= 100
    one = " ".join(vgic("rules", "14").out.split())
    assert one.startswith(f"14 {RULES[14].sentence}")
    assert "judged in scenarios, on QEMU traces" in one
    found = json.loads(vgic("rules", "--json").out)
    assert [r["id"] for r in found] == list(RULES)
    assert [r["id"] for r in found if "on QEMU traces" in r["judged"]] == [5, 6, 7, 8, 10, 14, 15, 16, 17, 18]


@pytest.mark.parametrize("rule", ["0", "40", "x", "-1"])
def test_rules_refuses(vgic: Runner, rule: str) -> None:
    refused(vgic("rules", rule))


# -- bugs


def test_bugs_lists_every_entry(vgic: Runner) -> None:
    ran = vgic("bugs")
    assert (ran.status, ran.err) == (0, "")
    assert "B002" in ran.out
    assert "B033: lifetimes" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100
    assert len(json.loads(vgic("bugs", "--json").out)) > 80


def test_bugs_takes_ids_in_any_case_and_once(vgic: Runner) -> None:
    assert vgic("bugs", "b002").out == vgic("bugs", "B002", "b002").out == vgic("bugs", "B002").out
    assert [b["id"] for b in json.loads(vgic("bugs", "b029-BLIND", "b033", "--json").out)] == ["B029-blind", "B033"]


def test_bugs_finds_one(vgic: Runner) -> None:
    ran = vgic("bugs", "b011", "--all")
    assert (ran.status, ran.err) == (0, "")
    assert "1 of 1 found" in ran.out
    data = json.loads(vgic("bugs", "B011", "--all", "--json").out)
    assert [(d["id"], d["found"], d["rule"], d["clean_verdict"]) for d in data] == [("B011", True, 6, "HOLDS")]


@pytest.mark.parametrize(("arguments", "words"), [
    (["B999"], ["'B999'", "nearest: B"]), (["B011", "nonsense"], ["'nonsense'"]), (["", "--all"], ["''"]),
    (["B033", "--all"], ["B033 can't be searched for yet", "awaits"]),
    (["B011", "b076", "--all"], ["B076 can't be searched for yet"]),
    (["--all", "--seconds", "0"], ["--seconds 0", "1 to 86,400"]), (["--all", "--seconds", "-1"], ["--seconds"]),
    (["--seconds", "x"], ["--seconds", "'x'"]), (["--all", "--seconds", "86401"], ["--seconds 86401"]),
    (["--all", "--jobs", "0"], ["--jobs 0", "1 to 64"]), (["--all", "--jobs", "65"], ["--jobs 65"])])
def test_bugs_refuses(vgic: Runner, arguments: list[str], words: list[str]) -> None:
    refused(vgic("bugs", *arguments), *words)


def test_bugs_interrupted_tells_what_was_found(vgic: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    from vgic.explore.museum import Visit, visit

    def interrupted(identities: list[str], seconds: float, jobs: int) -> Generator[Visit, None, None]:
        assert (seconds, jobs) == (5.0, 2)
        yield visit(identities[0], seconds)
        raise KeyboardInterrupt
    monkeypatch.setattr("vgic.explore.museum.visit_all", interrupted)
    ran = vgic("bugs", "B011", "B002", "--all", "--seconds", "5", "--jobs", "2")
    assert ran.status == 130
    assert "Interrupted: 1 of 2 searched." in ran.out
    assert "B011  guest-ispendr-mapped" in ran.out


# -- the rest


def test_help_and_version(vgic: Runner) -> None:
    assert vgic("--version").out == f"vgic {__version__}\n"
    assert vgic("--help").status == 0
    ran = vgic()
    assert ran.status == 2
    assert "trace" in ran.out


def test_no_such_command(vgic: Runner) -> None:
    refused(vgic("dance"), "dance")
