"""How many threads the matrix products of a pass may use: all of them for much work, and for less where cores are idle.

OpenBLAS wakes its threads for a product of a few hundred thousand terms already, and waits for them busily. Where other
programs use the cores too, that wait is longer than the product by far: a pass of MiniLM over 12 tokens takes 11 ms
with one thread and 7 ms with two on two idle cores, but 33 ms and up to half a second beside four busy programs.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

# Multiplications of the largest product of a layer from which on threads are worth waking: some milliseconds of work.
MUCH_WORK = 50_000_000
# From which on they are, where each has a core that nobody uses just now.
SOME_WORK = 1_000_000

_PREFIXES = ("scipy_openblas_", "openblas_")
_SUFFIXES = ("64_", "")


class _Threads(NamedTuple):
    """OpenBLAS's own functions."""

    get: Callable[[], int]
    set: Callable[[int], object]


@contextmanager
def threads_for(work: int) -> Iterator[None]:
    """In the block, products of at most `work` multiplications each use one thread where waking others does not pay.

    It holds for the whole process while the block runs. Without OpenBLAS nothing changes.
    """
    threads = None if work >= MUCH_WORK else _openblas()
    before = 1 if threads is None else threads.get()
    if threads is None or before <= 1 or (work >= SOME_WORK and _idle_cores() >= before):
        yield
        return
    threads.set(1)
    try:
        yield
    finally:
        threads.set(before)


def _idle_cores() -> int:
    """How many cores no other program uses just now; 0 where the system does not say (see proc(5))."""
    try:
        running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
        states = [stat.read_bytes().rpartition(b")")[2].split()[0] for stat in Path("/proc/self/task").glob("*/stat")]
        return len(os.sched_getaffinity(0)) - (running - states.count(b"R"))
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


@cache
def _openblas() -> _Threads | None:
    """The functions of the OpenBLAS that NumPy was linked with; None where it was linked with another library."""
    try:
        # A library's symbols are looked up in it, and in those that it needs.
        library = ctypes.CDLL(import_module("numpy._core._multiarray_umath").__file__)
    except (ImportError, AttributeError, OSError, TypeError):
        return None
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            get = getattr(library, f"{prefix}get_num_threads{suffix}", None)
            give = getattr(library, f"{prefix}set_num_threads{suffix}", None)
            if get is not None and give is not None:
                get.restype, give.argtypes, give.restype = ctypes.c_int, [ctypes.c_int], None
                return _Threads(get, give)
    return None
