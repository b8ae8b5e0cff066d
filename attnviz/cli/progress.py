"""Say what takes long: a line on standard error, on a terminal only, that is gone before anything else is written.

A thread of its own writes it, so that nothing that computes has to report; what knows how far it is may say so.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attnviz.cli.standard_streams import descriptor_of
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.labels import encodable, shorten, visible

if TYPE_CHECKING:
    from attnviz.toy.word_vectors import Progress

PATIENCE = 2.0  # seconds until the line appears
_PAUSE, _SHORTEST = 0.25, 0.02  # seconds between two looks

_TELLING = 0.02  # the share of a step from which on the time left is told

_line: _Line | None = None


@contextmanager
def showing_progress() -> Iterator[None]:
    """Show what is done inside the `with` block, where standard error is a terminal and nothing is printed yet."""
    global _line
    streams = descriptor_of(sys.stdout), descriptor_of(sys.stderr)
    if streams[0] is None or streams[1] is None or not streams[1].isatty():
        yield
        return
    _line = _Line(streams[1].fileno(), sys.stderr.encoding)
    streams[0].before_write, streams[1].before_write = _line.stop, _line.remove
    try:
        yield
    finally:
        _line.stop()
        streams[0].before_write = streams[1].before_write = None
        _line = None


def resume() -> None:
    """Show what is done once more, after whole lines were printed: what follows may take long, too."""
    global _line
    output, errors = descriptor_of(sys.stdout), descriptor_of(sys.stderr)
    if _line is None or output is None or errors is None:
        return
    _line.stop()
    _line = _Line(errors.fileno(), sys.stderr.encoding)
    output.before_write, errors.before_write = _line.stop, _line.remove


@contextmanager
def doing(step: Message) -> Iterator[Progress]:
    """Name what is done inside the `with` block; yield progress(done, total), which may say how much of it is done."""
    line = _line
    if line is None:
        yield _say_nothing
        return
    before = line.step
    line.begin(step)
    try:
        yield line.tell
    finally:
        line.begin(before)


@contextmanager
def reading() -> Iterator[Progress]:
    """Yield progress(done, total) for the bytes of word vectors; it names the step while some of them are unread."""
    line = _line
    if line is None:
        yield _say_nothing
        return
    before, step = line.step, message("Reading word vectors")

    def tell(done: int, total: int) -> None:
        wanted = step if done < total else before
        if line.step is not wanted:
            line.begin(wanted)
        if wanted is step:
            line.tell(done, total)

    try:
        yield tell
    finally:
        line.begin(before)


def _say_nothing(done: int, total: int) -> None:
    """Say nothing: the progress callback where nobody looks."""


class _Line:
    """The line and the thread that writes it, to the descriptor of a terminal."""

    def __init__(self, number: int, encoding: str) -> None:
        self.step = message("Computing")
        self._number, self._encoding = number, encoding
        self._began = self._step_began = time.monotonic()
        self._share: float | None = None
        self._shown, self._width = "", 0  # the line that is to be seen, and its cells
        self._lock = threading.RLock()
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="attnviz-progress", daemon=True).start()

    def begin(self, step: Message) -> None:
        """Name the step that begins now; the seconds count on, they are those of the command."""
        with self._lock:
            self.step, self._share, self._step_began = step, None, time.monotonic()

    def tell(self, done: int, total: int) -> None:
        """Say how much of the step is done."""
        self._share = done / total if total else None

    def remove(self) -> None:
        """Take the line away; it comes back."""
        with self._lock:
            if self._width:
                self._write(b"\r" + b" " * self._width + b"\r")
                self._shown, self._width = "", 0

    def stop(self) -> None:
        """Take the line away for good."""
        with self._lock:
            self._ended.set()
            self.remove()

    def _watch(self) -> None:
        while not self._ended.wait(max(_SHORTEST, min(_PAUSE, PATIENCE))):
            with self._lock:
                if time.monotonic() - self._began > PATIENCE:
                    self._draw()

    def _draw(self) -> None:
        if self._ended.is_set():
            return
        from attnviz.views.terminal.cell_width import cell_len

        fields = {"step": self.step, "seconds": int(time.monotonic() - self._began)}
        words = (
            message("attnviz: {step} ({seconds} s)", **fields)
            if self._share is None
            else self._share_words(self._share, fields)
        )
        text = shorten(visible(words.localized()), self._columns(), cell_len, "...")
        if text != self._shown:
            padded = encodable(text + " " * (self._width - cell_len(text)), self._encoding)
            self._write(b"\r" + padded.encode(self._encoding, "backslashreplace"))
            self._shown, self._width = text, max(self._width, cell_len(text))

    def _share_words(self, share: float, fields: dict[str, Any]) -> Message:
        """Return how much of the step is done, and, once that tells something, how long the rest will take."""
        fields |= {"percent": int(100 * share)}
        if share < _TELLING:
            return message("attnviz: {step}: {percent} % ({seconds} s)", **fields)
        left = (time.monotonic() - self._step_began) * (1 - share) / share
        return message("attnviz: {step}: {percent} % ({seconds} s, about {left} s left)", left=round(left), **fields)

    def _columns(self) -> int:
        try:
            return (os.get_terminal_size(self._number).columns or 80) - 1
        except OSError:
            return 79

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._number, data)
