"""What the repository promises as a whole: pinned dependencies, layers, a complete wheel, a text of its own."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "vgic"
MODULES = sorted(SOURCE.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")

# Each imports only from itself and from those before it.
LAYERS = (
    "parts",
    "engine",
    "arch",
    "silicon",
    "host",
    "designs",
    "rules",
    "lab",
    "explore",
    "trace",
    "cost",
    "plug",
    "oracle",
    "view",
    "commands",
    "cli",
    "__main__",
)
STANDARD_LIBRARY_ALONE = ("parts", "arch", "silicon")
# The package itself holds the version, which all may read.
FREE = ("__init__",)

MOST_LINES = 500
# A file that may be longer, and why it is one file.
LONG_FILES = {
    "arch/gicd.py": "data: all registers of one frame",
    "arch/gicr.py": "data: all registers of one frame",
}


def layer(module: Path) -> str:
    """The name in LAYERS that a file of the package belongs to."""
    inside = module.relative_to(SOURCE).parts
    return inside[0].removesuffix(".py")


def imports(module: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of what a file imports, anywhere in it."""
    package = ("vgic", *module.relative_to(SOURCE).parent.parts)
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"), str(module))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *(node.module or "").split("."))).strip(".")
            # `from vgic import arch` imports vgic.arch.
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def pins(name: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each requirement in a requirements file."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        pin = re.fullmatch(r"([a-z0-9][a-z0-9-]*)==(\S+)( ; [^-]+?)?((?:\s+--hash=sha256:[0-9a-f]{64})*)\s*", line)
        assert pin, f"{name}: not `name==version --hash=...`: {line[:80]}"
        found[pin[1]] = (pin[2], pin[4].count("--hash"))
    return found


def names(requirements: list[str]) -> set[str]:
    """The normalized names of requirements such as `numpy>=2.0`."""
    return {re.split(r"[^A-Za-z0-9_.-]", r)[0].lower().replace("_", "-").replace(".", "-") for r in requirements}


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    found = pins(name)
    assert found
    assert [package for package, (_, hashes) in found.items() if not hashes] == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_name_no_place(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"[a-z]+://\S*|--[a-z-]*(?:url|index|links|host)\S*|\S* @ \S*|file:\S*", text) == []


def test_requirements_hold_what_the_project_declares() -> None:
    project = PROJECT["project"]
    run, dev = (set(pins(name)) for name in REQUIREMENTS)
    extras = [requirement for extra in project["optional-dependencies"].values() for requirement in extra]
    assert names(project["dependencies"]) <= run
    assert names(PROJECT["dependency-groups"]["dev"]) | names(extras) <= dev


def test_development_adds_to_the_same_pins() -> None:
    run, dev = (pins(name) for name in REQUIREMENTS)
    assert run.items() <= dev.items()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_follow_the_layers(module: Path) -> None:
    where = layer(module)
    if where in FREE:
        allowed: set[str] = set()
    else:
        assert where in LAYERS, f"{where} has no place in LAYERS"
        allowed = set(LAYERS[: LAYERS.index(where) + 1])
    broken = []
    for line, name in imports(module):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if top == "vgic" and target in LAYERS and target not in allowed:
            broken.append(f"line {line}: {where} imports {name}, a layer above it")
        elif top != "vgic" and where in STANDARD_LIBRARY_ALONE and top not in sys.stdlib_module_names:
            broken.append(f"line {line}: {where} imports {name}, which is not of the standard library")
    assert broken == []


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other, each with more than one (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            group = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_imports_go_in_a_circle() -> None:
    """Imports for type checking alone count, too."""
    modules = {".".join(("vgic", *m.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): m
               for m in MODULES}
    graph: dict[str, set[str]] = {}
    for name, module in modules.items():
        graph[name] = set()
        for _, imported in imports(module):
            target = imported
            while target and target not in modules:
                target = target.rpartition(".")[0]
            if target and target not in ("vgic", name):
                graph[name].add(target)
    assert circles(graph) == []


def test_imports_from_outside_are_declared() -> None:
    project = PROJECT["project"]
    extras = [requirement for extra in project["optional-dependencies"].values() for requirement in extra]
    declared = names([*project["dependencies"], *extras])
    used = {name.partition(".")[0] for module in MODULES for _, name in imports(module)}
    assert used - set(sys.stdlib_module_names) - {"vgic"} <= declared


def test_no_file_is_long_without_a_reason() -> None:
    lengths = {str(m.relative_to(SOURCE)): len(m.read_text(encoding="utf-8").splitlines()) for m in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES and name not in LONG_FILES} == {}


def test_wheel_holds_the_package_and_its_command(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        [commands] = (archive.read(name).decode() for name in held if name.endswith("entry_points.txt"))
    assert {str(module.relative_to(SOURCE.parent)) for module in MODULES} <= held
    assert {"vgic/py.typed", "vgic/designs/breaks.toml"} <= held
    assert "vgic = vgic.cli:main" in commands


def repository_texts() -> Iterator[tuple[str, str]]:
    """Name and text of each file that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.split("\0"):
        path = ROOT / name
        if name and path.is_file() and not path.is_symlink():
            yield name, path.read_bytes().decode("utf-8", "replace")


def test_texts_name_no_workplace_and_no_registry() -> None:
    # A bracket in each, so that this file doesn't hold what it looks for.
    places = r"[/]work/(?:main|shared)", r"[/]opt/(?:pypi|wheels)"
    hosts = r"[p]ypi\.org", r"[p]ythonhosted\.org", r"[d]eb\.debian\.org", r"[s]napshot\.debian\.org"
    unwanted = re.compile("|".join((*places, *hosts)))
    found = {name: hit[0] for name, text in repository_texts() if (hit := unwanted.search(text))}
    assert found == {}
