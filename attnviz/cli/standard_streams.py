"""Standard output and error: what is written to them arrives whole, or the command says that it does not."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable
from typing import IO, Any


class Descriptor(io.RawIOBase):
    """An open file descriptor that takes all that is written to it.

    Python's own unbuffered streams (PYTHONUNBUFFERED) drop what the system did not take at once: the end of a result,
    where a disk is full or a pipe does not block. This one writes the rest, or raises the system's error, which it
    keeps in `failure`. After `drop_the_rest` it takes everything and writes nothing.
    """

    def __init__(self, number: int, *, closed: bool = False) -> None:
        self._number = number
        self._is_closed = closed
        self._dropping = False
        self.failure: OSError | None = None
        self.before_write: Callable[[], None] | None = None  # takes a line of progress away

    def fileno(self) -> int:
        """Return the descriptor's number; OSError where it is closed."""
        if self._is_closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._number

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return not self._is_closed and os.isatty(self._number)

    def writable(self) -> bool:
        """Return True: a stream may be made of it."""
        return True

    def write(self, data: Any) -> int:
        """Write all of the bytes, waiting where a pipe that does not block is full; return their number."""
        if self.before_write is not None:
            self.before_write()
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while len(left) and not self._dropping:
                left = left[self._some(left) :]
        except OSError as error:
            self.failure = error
            raise
        return size

    def _some(self, data: memoryview) -> int:
        try:
            return os.write(self.fileno(), data)
        except BlockingIOError:
            import select

            select.select([], [self._number], [], 1)
            return 0

    def drop_the_rest(self) -> None:
        """Take what is still buffered, and what comes after it, without writing: the interpreter's last flush too."""
        self._dropping = True


def prepare_streams() -> None:
    """Make sys.stdout and sys.stderr write everything, in any encoding; one that is closed says so when it is used.

    Streams that are no files of the system (a notebook's, a test's) stay as they are.
    """
    _occupy_closed_descriptors()
    sys.stdout = _whole(sys.stdout, 1)
    sys.stderr = _whole(sys.stderr, 2)


def finish_streams() -> None:
    """Write what is still buffered, so that the interpreter finds nothing at its end; what cannot be is dropped."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            drop_output(stream)


def _whole(stream: Any, number: int) -> Any:
    """Return a text stream over a Descriptor in place of one over a file; without a file, the same stream."""
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(Descriptor(number, closed=True)), "utf-8", "backslashreplace")
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if type(raw) is not io.FileIO:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        return stream
    with contextlib.suppress(OSError):
        stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Descriptor(raw.fileno())),
        stream.encoding,
        "backslashreplace",
        newline=None if os.name == "nt" else "\n",
        line_buffering=number == 2 or raw.isatty(),
    )


def _occupy_closed_descriptors() -> None:
    """Open the null device in place of closed descriptors 0 to 2: else a file that is saved would get their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                if os.open(os.devnull, os.O_RDWR) > 2:
                    return


def descriptor_of(stream: IO[str] | None) -> Descriptor | None:
    """Return the Descriptor that a stream writes to, None where it writes elsewhere."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, Descriptor) else None


def drop_output(stream: IO[str] | None) -> None:
    """Write nothing more to this stream."""
    descriptor = descriptor_of(stream)
    if descriptor is not None:
        descriptor.drop_the_rest()
