"""A small copy of a picture that a model read, and where its patches lie in the picture itself."""

from __future__ import annotations

import base64
import binascii
import io
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError

MOST_SIDE = 256  # pixels of its longer side: a model's own 224 are kept, larger ones made smaller
_MOST_BYTES = 4 * MOST_SIDE * MOST_SIDE
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Box(NamedTuple):
    """A rectangle in a picture's pixels: from top to bottom and from left to right."""

    top: float
    left: float
    bottom: float
    right: float

    def part(self, rows: int, columns: int, row: int, column: int) -> Box:
        """Return the part in this row and column of `rows` x `columns` equal ones."""
        high, wide = (self.bottom - self.top) / rows, (self.right - self.left) / columns
        top, left = self.top + row * high, self.left + column * wide
        return Box(top, left, top + high, left + wide)


@dataclass(frozen=True)
class Thumbnail:
    """What the patches of a picture show.

    png: a PNG of it, at most 256 pixels a side. height, width: of the picture itself, upright, in pixels. box: where
    in the picture the patches lie; it reaches beyond it where preprocessing added a black edge.
    """

    png: bytes = field(repr=False)
    height: int
    width: int
    box: Box

    @property
    def aspect(self) -> float:
        """Return how wide the box is, as a multiple of its height."""
        return (self.box.right - self.box.left) / (self.box.bottom - self.box.top)

    def to_settings(self) -> dict[str, object]:
        """Return it as a document holds it."""
        text = base64.b64encode(self.png).decode("ascii")
        return {"png": text, "size": [self.height, self.width], "box": list(self.box)}

    def pixels(self) -> NDArray[np.uint8]:
        """Return its pixels, [height, width, 3]; raises InputError for what is no such PNG."""
        from PIL import Image

        try:
            with Image.open(io.BytesIO(self.png), formats=("PNG",)) as opened:
                return np.array(opened.convert("RGB"))
        except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError):
            raise not_a_thumbnail() from None


def make_thumbnail(pixels: NDArray[np.uint8], height: int, width: int, box: Box) -> Thumbnail:
    """Return the thumbnail of pixels [rows, columns, 3] that show this box of a picture of height x width pixels."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=6)
    return Thumbnail(stream.getvalue(), height, width, box)


def decode_png(text: str) -> bytes:
    """Return the PNG that a document holds as base64; InputError for what is none, or is larger than a thumbnail."""
    if len(text) > 2 * _MOST_BYTES:
        raise not_a_thumbnail()
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise not_a_thumbnail() from None
    if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
        raise not_a_thumbnail()
    width, height = struct.unpack(">II", data[16:24])
    if not (1 <= width <= MOST_SIDE and 1 <= height <= MOST_SIDE):
        raise not_a_thumbnail()
    return data


def not_a_thumbnail() -> InputError:
    """Return the error for a thumbnail that cannot be read."""
    return InputError(
        "settings.thumbnail is not a PNG of at most {side} x {side} pixels, in base64.",
        hint="Leave it out: the map is drawn without the picture then.",
        side=MOST_SIDE,
    )
