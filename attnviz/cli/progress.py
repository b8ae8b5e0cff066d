"""Show the progress of reading a large file: a bar on standard error, once it takes longer than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attnviz.i18n.messages import message
from attnviz.toy.word_vectors import Progress

PATIENCE = 1.0  # seconds


@contextmanager
def reading() -> Iterator[Progress]:
    """Yield progress(done, total), in bytes; a bar shows it on a terminal only, and is removed at the end."""
    bar = _Bar()
    try:
        yield bar.tell
    finally:
        bar.stop()


class _Bar:
    """A progress bar that appears after PATIENCE seconds."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.shown: Any = None

    def tell(self, done: int, total: int) -> None:
        if self.shown is None and time.monotonic() - self.started > PATIENCE and _watched():
            self.shown = _show()
            self.task = self.shown.add_task(message("Reading word vectors").localized(), total=total)
        if self.shown is not None:
            self.shown.update(self.task, completed=done, total=total)

    def stop(self) -> None:
        if self.shown is not None:
            self.shown.stop()


def _watched() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _show() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    shown = Progress(*columns, console=Console(stderr=True), transient=True)
    shown.start()
    return shown
