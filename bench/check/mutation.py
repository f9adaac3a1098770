"""Mutants of a design: each the source of one module with one thing changed, made from its syntax tree.

    negated         the condition of an if, a while, a conditional expression or a comprehension; a truth value that is
                    returned, assigned or passed
    operand         one operand of an `and` or `or` is dropped
    call            a statement that is a call is dropped
    assignment      a statement that assigns is dropped, unless a name were unbound then: that would be no program

Only what functions do is changed: no assertion, no decorator, no annotation, no default. `event` tells an observer what
was done, and nothing depends on it: it is left alone.

A mutant is never written anywhere. `plant` has Python compile it instead of the module, in a process in which that has
not been imported yet.
"""
from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
DESIGNS = ROOT / "src" / "vgic" / "designs"
POPULATIONS: dict[str, tuple[str, ...]] = {
    "kvm": tuple(f"kvm/{name}.py" for name in ("irq", "queue", "lrs", "mmio", "timer", "vgic")),
    "vgic": tuple(f"vgic/{name}.py" for name in (
        "gic", "irq", "registers", "frames", "hw", "timer", "legacy", "cpuif")),
}
"""The files that the design `kvm` is made of: its own, and of the toolbox those that it uses."""
KINDS = ("negated", "operand", "call", "assignment")
POPULATIONS["all"] = POPULATIONS["kvm"] + POPULATIONS["vgic"]

UNTOUCHED = ("decorator_list", "returns", "annotation", "args")
Edit = Callable[[], None]
Found = tuple[int, str, str, str, Edit]
"""A line, within what, its kind, the change in words, and how to do it."""


class Mutant(NamedTuple):
    """One change.

    Attributes:
        file: below designs/. number: of the change in its file. line: where. within: the method or function, with its
            class. kind: see the module's text. change: what it was, and what it is. key: tells it from all others, and
            stays as it is when the file changes elsewhere.
    """

    file: str
    number: int
    line: int
    within: str
    kind: str
    change: str
    key: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.within}: {self.change}"


def mutants(files: Sequence[str]) -> list[Mutant]:
    """All mutants of these files, in the order of their lines."""
    return [mutant for file in files for mutant in of_source(file, (DESIGNS / file).read_text(encoding="utf-8"))]


def of_source(file: str, source: str) -> list[Mutant]:
    """All mutants of one file's text."""
    found: list[Mutant] = []
    seen: Counter[str] = Counter()
    for number, (line, within, kind, change, _) in enumerate(edits(ast.parse(source))):
        key = f"{file} {within}: {change}"
        seen[key] += 1
        which = f" #{seen[key]}" if seen[key] > 1 else ""
        found.append(Mutant(file, number, line, within, kind, change, key + which))
    return found


def equivalents() -> dict[str, str]:
    """Of each mutant that nothing can tell from the design, by its key, why."""
    with EQUIVALENT.open("rb") as file:
        return {key: entry["why"] for entry in tomllib.load(file)["equivalent"] for key in entry["mutants"]}


def mutated(source: str, number: int) -> ast.Module:
    """The syntax tree of a text with the change of that number."""
    tree = ast.parse(source)
    for n, (*_, edit) in enumerate(edits(tree)):
        if n == number:
            edit()
            return ast.fix_missing_locations(tree)
    raise IndexError(number)


# -- the changes

def edits(tree: ast.Module) -> Iterator[Found]:
    """Every change of a tree. After one is done, no other can be."""
    yield from _in(tree, (), None)


def _in(node: ast.AST, within: tuple[str, ...], function: ast.FunctionDef | None) -> Iterator[Found]:
    for field, value in ast.iter_fields(node):
        if isinstance(node, (ast.FunctionDef, ast.AnnAssign)) and field in UNTOUCHED:
            continue
        children: list[tuple[int | None, Any]] = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for n, child in children:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Assert) or _tells(child):
                continue
            if function is not None and isinstance(child, (ast.expr, ast.stmt)):
                for kind, change, new in _changes(node, field, child, function):
                    yield child.lineno, ".".join(within), kind, change, _edit(node, field, n, new)
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                yield from _in(child, (*within, child.name), child if isinstance(child, ast.FunctionDef) else function)
            else:
                yield from _in(child, within, function)


def _changes(
    parent: ast.AST, field: str, node: ast.AST, function: ast.FunctionDef,
) -> Iterator[tuple[str, str, ast.AST]]:
    """What may be put in the place of a node: a kind, the change in words, and the new node."""
    text = ast.unparse(node)
    if isinstance(node, ast.expr) and (
            field in ("test", "ifs") or (field == "value" and isinstance(parent, (ast.Return, ast.Assign, ast.keyword))
                                         and _is_truth(node))):
        new = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) \
            else ast.UnaryOp(ast.Not(), node)
        yield "negated", f"{text} -> {ast.unparse(new)}", new
    if isinstance(node, ast.BoolOp):
        for operand in node.values:
            left = [v for v in node.values if v is not operand]
            new = left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
            yield "operand", f"{text} -> {ast.unparse(new)}", new
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call", f"{text} -> pass", ast.Pass()
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)) and node.value and not _unbinds(node, function):
        yield "assignment", f"{text} -> pass", ast.Pass()


def _edit(parent: ast.AST, field: str, n: int | None, new: ast.AST) -> Edit:
    def do() -> None:
        if n is None:
            setattr(parent, field, new)
        else:
            getattr(parent, field)[n] = new
    return do


def _is_truth(node: ast.expr) -> bool:
    return isinstance(node, (ast.Compare, ast.BoolOp)) or _is_not(node)


def _is_not(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _tells(node: ast.AST) -> bool:
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "event"


def _unbinds(node: ast.Assign | ast.AugAssign | ast.AnnAssign, function: ast.FunctionDef) -> bool:
    """Whether a name has no value any more without this assignment: it is the function's first to it."""
    if isinstance(node, ast.AugAssign):
        return False
    names = {n.id for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
             for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    before = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
    before |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
               and n.lineno < node.lineno}
    return not names <= before


# -- in a process of its own

class _Mutated(importlib.machinery.SourceFileLoader):
    """Compiles a mutant, and keeps no bytecode of it."""

    def __init__(self, name: str, path: str, number: int) -> None:
        super().__init__(name, path)
        self.number = number

    def get_code(self, fullname: str) -> CodeType:
        path = Path(self.path)
        return compile(mutated(path.read_text(encoding="utf-8"), self.number), str(path), "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self.path = DESIGNS / mutant.file
        self.name = "vgic.designs." + mutant.file.removesuffix(".py").replace("/", ".")
        self.number = mutant.number

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if fullname != self.name:
            return None
        loader = _Mutated(fullname, str(self.path), self.number)
        return importlib.util.spec_from_file_location(fullname, self.path, loader=loader)


def plant(mutant: Mutant) -> None:
    """From now on this process imports the mutant. RuntimeError where the module has been imported already."""
    finder = _Finder(mutant)
    if finder.name in sys.modules:
        raise RuntimeError(f"{finder.name} has been imported already: a mutant needs a process of its own")
    sys.meta_path.insert(0, finder)
