"""How much memory this process may still take: under a limit (`ulimit -v`), and of what the machine has free."""

from __future__ import annotations

from pathlib import Path


def memory_left() -> int | None:
    """Return how many bytes of address space are left under the process's limit; None without one, or unknown."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getpagesize, getrlimit

        limit = getrlimit(RLIMIT_AS)[0]
        if limit == RLIM_INFINITY:
            return None
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError, ValueError, IndexError):  # Windows, or a system without /proc
        return None
    return int(max(0, limit - pages * getpagesize()))


# What is taken as free where the system does not say how much is.
_UNKNOWN = 2 * 2**30


def free_memory() -> int:
    """Return how many bytes can be taken without pushing others out: what is free, under the process's limit."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):  # another system than Linux
        free = _UNKNOWN
    left = memory_left()
    return free if left is None else min(free, left)
