"""What a machine consists of: its parts, and all else that it must never write.

From the machine and its actions we follow every reference. Objects with `__slots__` and no `__dict__`
are the parts. All other objects, containers, class attributes and module globals are constants: while
the explorer learns, a write to one of them is noticed (by a swapped `__class__` for objects, by
comparison for containers) and the model is refused, with the name of what was written.
"""
from __future__ import annotations

import enum
import functools
import itertools
import random
import sys
import types
from collections import UserDict, UserList, deque
from collections.abc import Iterator
from typing import Any, Final

from vgic.engine.model.contract import Model, ModelError
from vgic.engine.model.values import is_frozen_dataclass

_PLAIN: Final = (int, str, bytes, float, complex, type(None), type(Ellipsis), range, enum.Enum)
_ATOMS: Final = frozenset({int, bool, str, bytes, float, type(None)})
CONTAINERS: Final = (list, dict, set, frozenset, tuple, deque, bytearray)
_HOLDERS: Final = (types.SimpleNamespace, UserDict, UserList)
"""Of the standard library, and yet objects like the model's own."""
COUNTERS: Final = (types.GeneratorType, itertools.count, random.Random,
                    *map(type, (iter([]), iter(()), iter(""), iter(b""), iter({}), iter(set()), iter(range(0)))))
"""They hold nothing that can be looked through, but are elsewhere after each use."""


_OWN: Final = __name__.removesuffix(".model.inventory")
"""This package: no model's code lives in it."""
_SLOTS: dict[type, tuple[str, ...]] = {}
_KINDS: dict[type, str] = {}


def slots_of(cls: type) -> tuple[str, ...]:
    """The names of the slots of a class and its bases, as attributes (private names mangled)."""
    if cls in _SLOTS:
        return _SLOTS[cls]
    names: list[str] = []
    for base in reversed(cls.__mro__):
        declared = base.__dict__.get("__slots__", ())
        for name in (declared,) if isinstance(declared, str) else declared:
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{base.__name__.lstrip('_')}{name}"
            if name not in ("__dict__", "__weakref__") and name not in names:
                names.append(name)
    _SLOTS[cls] = tuple(names)
    return _SLOTS[cls]


def _is_installed(module: str) -> bool:
    """Whether a module belongs to a library: the model's own code need not be looked for there."""
    source = getattr(sys.modules.get(module), "__file__", None) or ""
    return "site-packages" in source or "dist-packages" in source


@functools.cache
def _is_library(module: str) -> bool:
    return _package(module) in sys.stdlib_module_names or _is_installed(module)


def looks_like_part(obj: object) -> bool:
    """Whether an object is a part: slots, no `__dict__`, and not immutable by its type."""
    cls = type(obj)
    return (bool(slots_of(cls)) and not hasattr(obj, "__dict__") and not is_frozen_dataclass(cls)
            and not isinstance(obj, (tuple, BaseException)) and _package(cls.__module__) not in sys.stdlib_module_names)


def _package(module: str) -> str:
    return module.partition(".")[0]


def _kind(cls: type) -> str:
    """How objects of a class are looked through; "" if they hold nothing of the model's."""
    if cls not in _KINDS:
        of_library = _package(cls.__module__) in sys.stdlib_module_names
        _KINDS[cls] = next((kind for kind, classes in (
            ("class", type), ("method", types.MethodType), ("partial", functools.partial),
            ("function", types.FunctionType), ("container", CONTAINERS), ("counter", COUNTERS),
            ("built in", types.BuiltinMethodType), ("holder", _HOLDERS)) if issubclass(cls, classes)),
            "" if of_library else "object")
    return _KINDS[cls]


class Inventory:
    """The parts of a machine, and the objects and containers that must stay as they are."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.parts: list[Any] = []
        self.name: dict[int, str] = {}
        """id of a part or guarded object -> the path to it, such as `machine.vcpus[0].lrs[1]`."""
        self.objects: list[Any] = []
        self.containers: list[tuple[Any, str]] = []
        self.modules: list[str] = []
        self.lists: dict[int, list[str]] = {}
        """id of a list -> the places that hold it."""
        self._given = None if model.parts is None else {id(part): part for part in model.parts}
        self._title: dict[int, str] = {}
        """id of a part that was given -> its path from the machine."""
        self._unnamed = set(self._given or ())
        """The parts given for which no path from the machine was met yet."""
        self._packages: set[str] = set()
        """Where the model's code lives; empty until the machine itself has been walked."""
        self._seen: dict[int, Any] = {}
        self._classes: dict[int, type] = {}
        self._methods: dict[types.FunctionType, str] = {}
        """What the classes of the model define, each with where."""
        self._todo: deque[tuple[Any, str]] = deque([(model.machine, "machine")])
        for part in (self._given or {}).values():
            self._todo.append((part, type(part).__name__))
        self._drain(True)
        self._todo.extend((call, f"action {name!r}") for name, call in model.calls())
        self._drain(True)
        self.everything = dict(self._seen)
        """id -> object: all that the machine and its actions are made of, in the order met."""
        ours = {_package(type(obj).__module__) for obj in (model.machine, *self.parts)}
        self._packages = ours | {_package(m) for m in self.modules if not _is_installed(m)}
        self.modules = [m for m in self.modules if _package(m) in self._packages]
        for module in self.modules:                  # grows while we go
            self._globals(module, self._packages)
            self._todo.extend(self._methods.items())
            self._methods.clear()
            self._drain(False)
        if not self.parts:
            raise ModelError(
                f"no part is reachable from {type(model.machine).__qualname__}: give its parts __slots__")
        self.known = {id(x) for x in (*self.parts, *self.objects)}
        """The ids of what the machine was built with, and slots may refer to."""

    def slots(self) -> Iterator[tuple[Any, str]]:
        """All slots of all parts, in a fixed order."""
        for part in self.parts:
            for name in slots_of(type(part)):
                yield part, name

    def title(self, part: object) -> str:
        """A part's name for people."""
        return self._title.get(id(part)) or self.name[id(part)]

    # -- the walk
    def _drain(self, may_be_part: bool) -> None:
        while self._todo:
            obj, path = self._todo.popleft()
            if type(obj) is list:
                self.lists.setdefault(id(obj), []).append(path)
            if id(obj) in self._seen or isinstance(obj, _PLAIN):
                if id(obj) in self._unnamed and path.startswith("machine"):
                    self._title[id(obj)] = path
                    self._unnamed.remove(id(obj))
                continue
            self._seen[id(obj)] = obj
            self._visit(obj, path, may_be_part)

    def _visit(self, obj: Any, path: str, may_be_part: bool) -> None:
        match _kind(type(obj)):
            case "class":
                self._class(obj)
            case "method":
                self._todo += ((obj.__self__, path), (obj.__func__, path))
            case "partial":
                self._todo.extend((x, path) for x in (obj.func, *obj.args, *obj.keywords.values()))
            case "function":
                self._function(obj, path)
            case "container":
                self._container(obj, path)
            case "counter":
                self.containers.append((obj, path))
            case "built in":
                if isinstance(obj.__self__, random.Random):
                    self._todo.append((obj.__self__, path))
            case "holder":
                self._instance(obj, path, may_be_part)
            case "object":
                if may_be_part or _package(type(obj).__module__) in self._packages:
                    self._instance(obj, path, may_be_part)

    def _function(self, obj: types.FunctionType, path: str) -> None:
        self._module(obj.__module__)
        if may_hold := not _is_library(obj.__module__ or ""):
            self.containers.append((obj, f"the function {obj.__qualname__}"))
        for name, cell in zip(obj.__code__.co_freevars, obj.__closure__ or (), strict=True):
            if may_hold and name != "__class__":
                self.containers.append((cell, f"the variable {name} of {obj.__qualname__}"))
            self._todo.append((content_of(cell), f"{path}: {name}"))
        if may_hold:
            defaults = (*(obj.__defaults__ or ()), *(obj.__kwdefaults__ or {}).values())
            self._todo.extend((x, f"a default of {obj.__qualname__}") for x in defaults)

    def _container(self, obj: Any, path: str) -> None:
        if not isinstance(obj, (tuple, frozenset)):
            self.containers.append((obj, path))
        if isinstance(obj, dict):
            self._todo.extend((v, f"{path}[{k!r}]") for k, v in obj.items() if self._is_new(v))
            self._todo.extend((k, f"{path}: key") for k in obj if self._is_new(k))
        elif isinstance(obj, (set, frozenset)):
            for item in obj:
                if id(item) not in self._seen and looks_like_part(item):
                    raise ModelError(f"{path} is a set of parts: its order is not fixed. Keep them in a list or tuple")
                self._todo.append((item, path))
        elif not isinstance(obj, bytearray):
            self._todo.extend((v, f"{path}[{i}]") for i, v in enumerate(obj) if self._is_new(v))

    def _instance(self, obj: Any, path: str, may_be_part: bool) -> None:
        self._class(type(obj))
        self.name[id(obj)] = path
        if may_be_part and (id(obj) in self._given if self._given is not None else looks_like_part(obj)):
            if hasattr(obj, "__dict__"):
                raise ModelError(f"{path}: a part's class, and each of its bases, must have __slots__:"
                                 f" {type(obj).__qualname__} has a __dict__")
            self.parts.append(obj)
        elif not is_frozen_dataclass(type(obj)):
            self.objects.append(obj)
        elif not may_be_part:
            return                                   # a table's entry
        self._todo.extend((v, f"{path}.{name}") for name, v in attributes_of(obj).items() if self._is_new(v))

    def _is_new(self, obj: Any) -> bool:
        """Whether an object must be looked at, or where it is held be noted."""
        return type(obj) not in _ATOMS and (
            id(obj) not in self._seen or type(obj) is list or id(obj) in self._unnamed)

    def _class(self, cls: type) -> None:
        if id(cls) in self._classes:
            return
        for base in cls.__mro__:
            if _package(base.__module__) in sys.stdlib_module_names or (id(base) in self._seen and base is not cls):
                continue
            first = id(base) not in self._classes
            self._seen[id(base)] = self._classes[id(base)] = base
            self._module(base.__module__)
            for name, held in vars(base).items() if first else ():
                for function in _functions(held):
                    self._methods[function] = f"{base.__qualname__}.{name}"

    def _module(self, name: str) -> None:
        if (name not in self.modules and name in sys.modules and _package(name) not in sys.stdlib_module_names
                and not any(f"{name}.".startswith(f"{package}.") for package in (_OWN, *self.model.outside))
                and (not self._packages or _package(name) in self._packages)):
            self.modules.append(name)

    def _globals(self, name: str, packages: set[str]) -> None:
        """A module's globals and its classes' attributes are constants, too."""
        module = sys.modules[name]
        self.containers.append((module, f"module {name}"))
        for key, value in list(vars(module).items()):
            if key.startswith("__"):
                continue
            if isinstance(value, (type, types.FunctionType)):
                if _package(value.__module__ or "") in packages:
                    self._module(value.__module__)
                if isinstance(value, type) and value.__module__ == name:
                    self.containers.append((value, f"class {name}.{value.__qualname__}"))
                    self._todo.extend((held, f"{name}.{value.__qualname__}.{attribute}")
                                      for attribute, held in list(vars(value).items()) if not attribute.startswith("__")
                                      and not isinstance(held, (type, types.FunctionType)))
                elif isinstance(value, types.FunctionType) and _package(value.__module__ or "") in packages:
                    self._todo.append((value, f"{name}.{key}"))
            elif value is random:
                self._todo.append((random.random, "the module random"))
            elif not isinstance(value, types.ModuleType):
                self._todo.append((value, f"{name}.{key}"))
            elif not _is_library(value.__name__) and _package(value.__name__) != _package(_OWN):
                packages.add(_package(value.__name__))
                self._module(value.__name__)


def _functions(held: Any) -> Iterator[types.FunctionType]:
    """The plain functions in an attribute of a class."""
    if isinstance(held, (staticmethod, classmethod)):
        held = held.__func__
    inner = (held.fget, held.fset, held.fdel) if isinstance(held, property) else (held,)
    for function in inner:
        if isinstance(function, functools.cached_property):
            function = function.func
        function = getattr(function, "__wrapped__", function)
        if isinstance(function, types.FunctionType):
            yield function


def contents(obj: Any) -> list[Any]:
    """What an object refers to."""
    if isinstance(obj, dict):
        return [x for item in obj.items() for x in item]
    if isinstance(obj, CONTAINERS):
        return list(obj)
    if isinstance(obj, functools.partial):
        return [obj.func, *obj.args, *(x for item in obj.keywords.items() for x in item)]
    if isinstance(obj, types.MethodType):
        return [obj.__self__, obj.__func__]
    if isinstance(obj, types.FunctionType):
        return [content_of(cell) for cell in obj.__closure__ or ()] + list(obj.__defaults__ or ())
    if isinstance(obj, type):
        return []
    return [x for item in attributes_of(obj).items() for x in item]


def attributes_of(obj: object) -> dict[str, Any]:
    """The attributes of an object itself, in `__dict__` and in slots."""
    held = dict(getattr(obj, "__dict__", {}))
    return held | {name: getattr(obj, name) for name in slots_of(type(obj)) if hasattr(obj, name)}


def content_of(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:                               # a variable that has no value yet
        return None


def held_now(inventory: Inventory) -> dict[int, list[Any]]:
    """What the parts and their lists hold, by id."""
    lists = [v for part in inventory.parts for v in contents(part) if type(v) is list]
    return {id(x): contents(x) for x in (*inventory.parts, *lists)}
