"""Sliding windows over a text that is longer than a model can take.

Each window has the special tokens around it and positions of its own. A token's row is the mean of its rows over the
windows it is in, so it still sums to 1; two tokens that share no window cannot attend to each other. A special token is
one token, and its row the mean over all windows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import OptionError
from attnviz.core.types import Float32, Indexes
from attnviz.models.forward import ForwardOutput


class SlideResult(NamedTuple):
    """The result of a sliding-window pass: the mean output over all tokens, and the windows: number, width, step."""

    output: ForwardOutput
    windows: int
    window: int
    stride: int


def slide(
    special: NDArray[np.bool_],
    forward: Callable[[Indexes, bool], ForwardOutput],
    *,
    window: int | None,
    stride: int | None,
    most: int | None,
) -> SlideResult:
    """Run `forward` on the token indexes [m] of each window, and average; its flag: they are the whole text.

    special [n]: which tokens stand around the text. window: tokens of a window, special ones among them, at most
    `most`, which it is by default. stride: how many tokens of the text on the next window begins; half of what a
    window has of it by default. The last window ends where the text does.
    Raises OptionError for a window or a stride that cannot be.
    """
    text = np.flatnonzero(~special)
    before, after = np.flatnonzero(special[: text[0]]), np.arange(text[-1] + 1, len(special))
    width = _text_width(window, len(before) + len(after), most)
    step = max(1, width // 2) if stride is None else stride
    if not 1 <= step <= width:
        raise OptionError(
            "--stride must be from 1 to {width}, the tokens of a window without its special ones, not {stride}.",
            width=width,
            stride=step,
        )
    last = max(0, len(text) - width)
    starts = [*range(0, last, step), last]
    if last == 0:
        return SlideResult(forward(np.arange(len(special)), True), 1, len(special), step)
    mean = _WindowMean(len(special))
    for start in starts:
        chosen = np.concatenate([before, text[start : start + width], after])
        mean.add(chosen, forward(chosen, False))
    return SlideResult(mean.output(), len(starts), width + len(before) + len(after), step)


def _text_width(window: int | None, special: int, most: int | None) -> int:
    """Return how many tokens of the text a window has."""
    if window is None and most is None:
        raise OptionError("--stride goes with --window.")
    given = window if window is not None else most or 0
    if given <= special:
        raise OptionError(
            "--window must be at least {least} tokens, {special} of them special ones, not {window}.",
            least=special + 1,
            special=special,
            window=given,
        )
    if most is not None and given > most:
        raise OptionError(
            "--window must be at most {most} tokens, the most that the model takes, not {window}.",
            most=most,
            window=given,
        )
    return given - special


class _WindowMean:
    """Sums over the windows so far, and how many of them each token was in."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._seen = np.zeros(count)
        self._extra = 0
        self._allowed = np.zeros((count, count), dtype=bool)
        self._last: ForwardOutput | None = None
        self._weights = np.empty(0, dtype=np.float32)
        self._contributions: Float32 | None = None
        self._hidden = np.empty(0, dtype=np.float32)

    def add(self, chosen: Indexes, output: ForwardOutput) -> None:
        """Add one window's weights [layers, heads, m, m] and hidden states [m, dim] at the tokens `chosen` [m].

        A sink's column, the last where there is one, is that of every window.
        """
        if self._last is None:
            layers, heads, _, keys = output.weights.shape
            self._extra = keys - len(chosen)
            width = self._count + self._extra
            self._weights = np.zeros((layers, heads, self._count, width), dtype=np.float32)
            self._allowed = np.zeros((self._count, width), dtype=bool)
            self._contributions = None if output.contributions is None else np.zeros_like(self._weights)
            self._hidden = np.zeros((self._count, output.hidden.shape[1]), dtype=np.float32)
        asked = np.concatenate([chosen, np.arange(self._count, self._count + self._extra)])
        self._weights[:, :, chosen[:, None], asked] += output.weights
        if self._contributions is not None and output.contributions is not None:
            self._contributions[:, :, chosen[:, None], asked] += output.contributions
        self._hidden[chosen] += output.hidden
        if output.allowed is not None and output.allowed.ndim > self._allowed.ndim:
            self._allowed = np.zeros((*output.allowed.shape[:-2], *self._allowed.shape), dtype=bool)
        self._allowed[..., chosen[:, None], asked] |= True if output.allowed is None else output.allowed
        self._seen[chosen] += 1
        self._last = output

    def output(self) -> ForwardOutput:
        """Return the means, as the output of one pass over all tokens."""
        assert self._last is not None
        seen = self._seen.astype(np.float32)[:, None]
        allowed = None if self._allowed.all() else self._allowed
        lengths = None if self._contributions is None else self._contributions / seen
        return ForwardOutput(self._last.layers, self._weights / seen, (), self._hidden / seen, None, allowed, lengths)
