"""Calls of a library that writes to standard error by itself, as a panic of Rust does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

_LOCK = Lock()
_calls = 0
_kept: int | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Send what is written to the descriptor of standard error nowhere inside the `with` block.

    The descriptor is the process's: of calls in several threads the first closes it and the last opens it again.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _calls, _kept
    with _LOCK:
        _calls += 1
        if _calls > 1:
            return
        with suppress(OSError):  # too few descriptors, or none that is open
            _kept = os.dup(2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)


def _leave() -> None:
    global _calls, _kept
    with _LOCK:
        _calls -= 1
        if _calls or _kept is None:
            return
        with suppress(OSError):
            os.dup2(_kept, 2)
            os.close(_kept)
        _kept = None
