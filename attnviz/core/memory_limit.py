"""How much memory this process may still take: under a limit (`ulimit -v`), and of what the machine has free."""

from __future__ import annotations

from pathlib import Path

from attnviz.core.errors import AttnvizError, InputError


def memory_limit() -> int | None:
    """Return how many bytes of address space this process may take; None without a limit, or unknown."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
    except ImportError:  # Windows, or not even this module fits
        return _limit_of_linux()
    limit = getrlimit(RLIMIT_AS)[0]
    return None if limit == RLIM_INFINITY else int(limit)


def _limit_of_linux() -> int | None:
    """Return the limit as the kernel's list tells it; None where there is no list, or no limit in it."""
    try:
        lines = Path("/proc/self/limits").read_text(encoding="ascii").splitlines()
        soft = next(line.split()[3] for line in lines if line.startswith("Max address space"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return int(soft) if soft.isdecimal() else None


def memory_left() -> int | None:
    """Return how many bytes of address space are left under the process's limit; None without one, or unknown."""
    limit = memory_limit()
    if limit is None:
        return None
    try:
        from resource import getpagesize

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError, ValueError, IndexError):  # a system without /proc
        return None
    return max(0, limit - pages * getpagesize())


# What libraries below Python say where memory is out: FreeType, the dynamic loader, the C library, NumPy's allocator.
_LACK = ("out of memory", "failed to map segment", "cannot allocate memory", "unable to allocate", "std::bad_alloc")


def tells_lack_of_memory(error: BaseException) -> bool:
    """Return whether an error, or one that it came from, is a library's way to say that memory is out.

    A C extension that forgets to say why is taken for one under a limit.

    >>> tells_lack_of_memory(RuntimeError("FT_Open_Face failed with error 0x40: out of memory"))
    True
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or any(words in str(seen).lower() for words in _LACK):
            return True
        if isinstance(seen, SystemError) and memory_limit() is not None:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def out_of_memory() -> AttnvizError:
    """Return the error for a computation that ran out of memory; nobody knows what of its input took the most."""
    limit = memory_limit()
    if limit is None:
        return AttnvizError(
            "There is not enough memory for this.",
            hint="Give a shorter text, fewer layers or heads, or a smaller model or file.",
        )
    return AttnvizError(
        "There is not enough memory for this: this process may take {limit} MB in all.",
        hint="Raise its limit (ulimit -v), or give a shorter text, fewer layers or heads, or a smaller model or file.",
        limit=limit // 10**6,
    )


def out_of_memory_for_file(path: Path, size: int) -> InputError:
    """Return the error for a file of weights, `size` bytes of them, that does not fit into memory."""
    limit, megabytes = memory_limit(), -(-size // 10**6)
    if limit is None:
        return InputError(
            "There is not enough memory for the {size} MB in {path!r}, which are copied to be checked.",
            hint="Save fewer layers or heads.",
            path=str(path),
            size=megabytes,
        )
    return InputError(
        "There is not enough memory for the {size} MB in {path!r}, which are copied to be checked: this process may "
        "take {limit} MB in all.",
        hint="Raise its limit (ulimit -v), or save fewer layers or heads.",
        path=str(path),
        size=megabytes,
        limit=limit // 10**6,
    )


def out_of_memory_for_model(name: str) -> InputError:
    """Return the error for a model that does not fit into memory, however short the text."""
    limit = memory_limit()
    if limit is None:
        return InputError(
            "There is not enough memory to run {name}, however short the text is.",
            hint="Choose a smaller model.",
            name=name,
        )
    return InputError(
        "There is not enough memory to run {name}, however short the text is: this process may take {limit} MB in all.",
        hint="Raise its limit (ulimit -v), or choose a smaller model.",
        name=name,
        limit=limit // 10**6,
    )


def out_of_memory_for_tokens(name: str, count: int, layers: int, heads: int) -> InputError:
    """Return the error for `count` tokens, whose weights in all these layers and heads do not fit beside a model."""
    limit, megabytes = memory_limit(), -(-4 * layers * heads * count**2 // 10**6)
    if limit is None:
        return InputError(
            "There is not enough memory to run {name} on {count} tokens: their weights (layers x heads = {layers} x "
            "{heads}) alone take {size} MB.",
            hint="Give a shorter text, or choose fewer layers with --layer.",
            name=name,
            count=f"{count:,}",
            layers=layers,
            heads=heads,
            size=megabytes,
        )
    return InputError(
        "There is not enough memory to run {name} on {count} tokens: their weights (layers x heads = {layers} x "
        "{heads}) alone take {size} MB, and this process may take {limit} MB in all.",
        hint="Raise its limit (ulimit -v), give a shorter text, or choose fewer layers with --layer.",
        name=name,
        count=f"{count:,}",
        layers=layers,
        heads=heads,
        size=megabytes,
        limit=limit // 10**6,
    )


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
