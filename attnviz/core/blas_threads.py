"""How many threads the matrix products of a pass may use: all for much work, and for less where cores are idle.

OpenBLAS wakes its threads for a product of a few hundred thousand terms already, and waits for them busily. Where other
programs use the cores too, that wait is longer than the product by far: a pass of MiniLM over 12 tokens takes 11 ms
with one thread and 7 ms with two on two idle cores, but 33 ms and up to half a second beside four busy programs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

# Multiplications of the largest product of a layer from which on threads are worth waking: some milliseconds of work.
MUCH_WORK = 50_000_000
# From which on they are, where each has a core that nobody uses just now.
SOME_WORK = 1_000_000


class BlasLibrary(Protocol):
    """A library of matrix products that a process has loaded: OpenBLAS, MKL or BLIS."""

    @property
    def num_threads(self) -> int:
        """How many threads its products use."""

    def set_num_threads(self, num_threads: int) -> None:
        """Let its products use so many threads."""


@contextmanager
def threads_for(work: int) -> Iterator[None]:
    """Let products of at most `work` multiplications each use one thread in the block, where waking others costs more.

    It holds for the whole process while the block runs. Without a BLAS library that is known nothing changes.
    """
    libraries = () if work >= MUCH_WORK else _blas_libraries()
    before = [library.num_threads for library in libraries]
    if max(before, default=1) <= 1 or (work >= SOME_WORK and _idle_cores() >= max(before)):
        yield
        return
    for library in libraries:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, threads in zip(libraries, before, strict=True):
            library.set_num_threads(threads)


def _idle_cores() -> int:
    """Return how many cores no other program uses just now; 0 where the system does not say (see proc(5))."""
    try:
        running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
        states = [stat.read_bytes().rpartition(b")")[2].split()[0] for stat in Path("/proc/self/task").glob("*/stat")]
        return len(os.sched_getaffinity(0)) - (running - states.count(b"R"))
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


@cache
def _blas_libraries() -> tuple[BlasLibrary, ...]:
    """Return the BLAS libraries of this process; none where threadpoolctl, which knows them, is not installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return ()
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)
