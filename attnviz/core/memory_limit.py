"""How much memory this process may still take under a limit (`ulimit -v`), where some libraries would end it."""

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
