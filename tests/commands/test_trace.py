"""`vgic trace`: exit status, messages for people, JSON, and never a traceback."""

from __future__ import annotations

import json
import lzma
import os
from pathlib import Path

import pytest
from tests.commands.runner import Runner, refused, shell
from tests.trace.recordings import lines, path, present

BOOT = str(path("v3-boot.core"))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A recording of 1,000 lines."""
    file = tmp_path / "small.txt"
    file.write_text("".join(f"{line}\n" for line in lines("v3-boot.core")[:1000]))
    return file


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


def test_a_cut_xz_tells_what_it_could(vgic: Runner, small: Path, tmp_path: Path) -> None:
    file = tmp_path / "cut.xz"
    file.write_bytes(lzma.compress(small.read_bytes())[:-1000])
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
    (("--lanes", "foo"), "--lanes foo: expected a whole number, 0 to 16,777,216"), (("--lanes", "-1"), "--lanes"),
    (("--lanes", "99999999999"), "--lanes 99999999999: expected a whole number, 0 to"),
    (("--window", "1:2"), "--window goes with --lanes"), (("--lanes", "27", "--window", "5"), "expected FROM:TO"),
    (("--lanes", "27", "--window", "a:b"), "--window a: expected a whole number from 1 on"),
    (("--lanes", "27", "--window", "9:3"), "the first line is behind the last"),
    (("--option", "foo"), "--option foo: expected NAME=VALUE"),
    (("--option", "foo=1"), "option foo: this chip has no such option"),
    (("--option", "list_registers=17"), "list_registers"), (("--option", "tie=x"), "expected lowest or highest"),
    (("--most", "0"), "--most 0: expected a whole number, 1 to 1,000,000"), (("--most", "x"), "--most"),
    (("--nonsense",), "unrecognized"),
])
def test_wrong_options(vgic: Runner, small: Path, arguments: tuple[str, ...], message: str) -> None:
    refused(vgic("trace", *arguments, str(small)), message)


def test_no_file(vgic: Runner) -> None:
    refused(vgic("trace"), "FILE")


def test_an_option_is_taken(vgic: Runner, small: Path) -> None:
    assert vgic("trace", "--option", "list_registers=16", str(small)).status == 0
    assert vgic("trace", "--option", "intids=64", str(small)).status == 1


def test_lanes(vgic: Runner, small: Path) -> None:
    ran = vgic("trace", "--lanes", "30", "--window", "1:1000", str(small))
    assert ran.status == 0
    assert "what happens" in ran.out
    assert "host reads ICC_IAR1_EL1 = 0x1e" in ran.out


@pytest.mark.skipif(not present("v3-l1-ftrace"), reason="needs the recordings beside the repository")
def test_an_ftrace_text_is_known_and_options_of_qemus_are_refused(vgic: Runner) -> None:
    file = str(path("v3-l1-ftrace").with_name("v3-l1-ftrace.txt.xz"))
    refused(vgic("trace", "--machine", "qemu-virt-v3", file), "ftrace")


def test_standard_input(vgic: Runner, small: Path) -> None:
    ran = vgic("trace", "-", text=small.read_text())
    assert ran.status == 0
    assert ran.out.startswith("<stdin>")


def test_standard_input_that_is_empty(vgic: Runner) -> None:
    refused(vgic("trace", "-", text=""), "<stdin>")


def test_a_reader_that_goes_away() -> None:
    assert shell(f"vgic trace --json {BOOT} | head -c 10").stderr == ""
