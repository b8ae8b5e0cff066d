"""How long a text may be: the model's positions, and the memory that its attention weights take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

from attnviz.core.errors import InputError
from attnviz.i18n.messages import Message, message
from attnviz.models.families.base import ModelShape

MOST_WEIGHTS = 2**30
_LONG_WORD = 64  # characters; no text has tokens that are longer than this throughout


@dataclass(frozen=True, eq=False, repr=False)
class TextLimits:
    """The limits of one text.

    name: the model's name. layers: how many layers' weights are kept. slides: whether windows slide over the text, so
    that it may be longer than the model's positions; can_slide: whether they could.
    """

    name: str
    shape: ModelShape
    layers: int
    slides: bool = False
    can_slide: bool = True

    def check(self, count: int, *, beyond: bool = False) -> None:
        """Raise InputError for a text of `count` tokens, or, with `beyond`, of more than that, where it is too long."""
        most = self.shape.positions
        if most is not None and count > most and not self.slides:
            raise InputError(
                "The text has {count} tokens, and {name} takes at most {most}.",
                hint="Give a shorter text, or read it in windows with --window {most}."
                if self.can_slide
                else "Give a shorter text.",
                count=_amount(count, beyond),
                name=self.name,
                most=most,
            )
        weights = self.layers * self.shape.heads * count**2
        if weights > MOST_WEIGHTS:
            raise InputError(
                "The text has {count} tokens: {weights} weights ({size} GB) in layers x heads = {layers} x {heads}.",
                hint="Give a shorter text." if self.layers == 1 else "Give a shorter text, or choose one layer.",
                count=_amount(count, beyond),
                layers=self.layers,
                heads=self.shape.heads,
                weights=_amount(weights, beyond),
                size=f"{4 * weights / 1e9:.1f}",
            )

    def check_beginning(self, text: str, count: Callable[[str], int]) -> None:
        """Raise InputError where the beginning of a text is too long already: to cut megabytes takes half a minute.

        count: gives the number of tokens of a text.
        """
        most = isqrt(MOST_WEIGHTS // (self.shape.heads * max(1, self.layers)))
        if self.shape.positions is not None and not self.slides:
            most = min(most, self.shape.positions)
        beginning = text.lstrip()[: _LONG_WORD * most]
        if len(beginning) < len(text):
            self.check(count(beginning), beyond=True)


def _amount(count: int, beyond: bool) -> Message:
    return message("more than {count}", count=f"{count:,}") if beyond else message("{text}", text=f"{count:,}")
