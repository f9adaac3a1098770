"""How the kernels are compiled; and what Numba lacks: prefetching, atomic operations on elements of arrays, and arrays
that nobody counts the uses of.

Numba keeps compiled code on disk, and takes it from there while the file of a function is unchanged. But a kernel
has pieces of other files in it. So what it compares is replaced by a hash of all these files.
"""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

F = TypeVar("F", bound=Callable[..., Any])

_array: Any = make_array
_function: Any = cgutils.get_or_insert_function
_null: Any = cgutils.get_null_value
_Tuple: Any = types.BaseTuple


_FILES: Final = sorted(Path(__file__).parent.glob("*.py"))
_STAMP: Final = hashlib.sha256(b"".join(file.read_bytes() for file in _FILES)).hexdigest()


_unkept: list[str] = []


def unkept() -> str:
    """Why compiled code could not be kept on disk, "" where it could."""
    return _unkept[0] if _unkept else ""


def compiled(function: F) -> F:
    """Compile; keep the code on disk where there is a place for it (the package's or the user's cache)."""
    try:
        made: Any = njit(cache=True, nogil=True)(function)
    except RuntimeError:                             # no directory can be written: compile anew each time
        _unkept.append("no directory for it can be written")
        return cast(F, njit(nogil=True)(function))
    cache: Any = getattr(made, "_cache", None)       # no public names of Numba's from here on: it does without them
    held: Any = getattr(cache, "_cache_file", None)
    if hasattr(held, "_source_stamp"):
        held._source_stamp = _STAMP
    if hasattr(cache, "save_overload"):
        cache.save_overload = partial(_kept, cache.save_overload)
    return cast(F, made)


def _kept(save: Callable[..., None], *what: Any) -> None:
    """Save compiled code; where that fails (a full disk) the search goes on without."""
    try:
        save(*what)
    except OSError as e:
        _unkept.append(e.strerror or str(e))


def inlined(function: F) -> F:
    """A piece of compiled code that becomes part of its callers: a call would pass each array as seven words."""
    made: Any = njit(nogil=True, forceinline=True)(function)
    return cast(F, made)


def _builtin(function: Callable[..., Any]) -> Any:
    made: Any = intrinsic(function)
    return made


def _pointer(cg: Any, b: Any, sig: Any, args: Any) -> Any:
    return b.gep(_array(sig.args[0])(cg, b, args[0]).data, [args[1]])


@_builtin
def prefetch(tyctx: Any, arr: Any, i: Any) -> Any:
    """Ask for the cache line of arr[i]."""
    def codegen(cg: Any, b: Any, sig: Any, args: Any) -> Any:
        i32 = ir.IntType(32)
        p8 = b.bitcast(_pointer(cg, b, sig, args), ir.IntType(8).as_pointer())
        fn = _function(b.module, ir.FunctionType(ir.VoidType(), [p8.type, i32, i32, i32]), "llvm.prefetch.p0")
        b.call(fn, [p8, i32(0), i32(3), i32(1)])
        return cg.get_dummy_value()
    return types.void(arr, i), codegen


@_builtin
def swap_in(tyctx: Any, arr: Any, i: Any, new: Any) -> Any:
    """Write arr[i] if it is 0, atomically. Returns what it was."""
    def codegen(cg: Any, b: Any, sig: Any, args: Any) -> Any:
        u64 = ir.IntType(64)
        out = b.cmpxchg(_pointer(cg, b, sig, args), u64(0), args[2], "acq_rel", "acquire")
        return b.extract_value(out, 0)
    return types.uint64(arr, i, new), codegen


@_builtin
def take_next(tyctx: Any, arr: Any, i: Any) -> Any:
    """Add 1 to arr[i], atomically. Returns what it was."""
    def codegen(cg: Any, b: Any, sig: Any, args: Any) -> Any:
        return b.atomic_rmw("add", _pointer(cg, b, sig, args), ir.IntType(64)(1), "acq_rel")
    return types.int64(arr, i), codegen


@_builtin
def peek(tyctx: Any, arr: Any, i: Any) -> Any:
    """arr[i], where another thread may be writing."""
    def codegen(cg: Any, b: Any, sig: Any, args: Any) -> Any:
        return b.load_atomic(_pointer(cg, b, sig, args), "acquire", 8)
    return types.uint64(arr, i), codegen


@_builtin
def lent(tyctx: Any, x: Any) -> Any:
    """The same array, or tuple of arrays (of tuples), without an owner: whoever calls the kernel holds it.

    Numba counts the users of every array, atomically, wherever a name is bound to one: in a loop over states that took
    most of the time."""
    def disown(cg: Any, b: Any, ty: Any, value: Any) -> Any:
        if isinstance(ty, types.Array):
            array = _array(ty)(cg, b, value)
            for name in ("meminfo", "parent"):
                setattr(array, name, _null(getattr(array, name).type))
            return array._getvalue()
        if isinstance(ty, _Tuple):
            for i, each in enumerate(ty):
                value = b.insert_value(value, disown(cg, b, each, b.extract_value(value, i)), i)
        return value

    def codegen(cg: Any, b: Any, sig: Any, args: Any) -> Any:
        return disown(cg, b, sig.args[0], args[0])
    return x(x), codegen
