"""Read a picture from a file and prepare it for a model, as its preprocessor_config.json says.

The steps are those of transformers' image processors that use Pillow: convert to RGB, resize, crop, rescale, normalize.
Pillow is loaded with the first picture.
"""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError
from attnviz.core.read_file import check_readable, is_file
from attnviz.core.thumbnail import Box
from attnviz.core.types import Float32
from attnviz.i18n.messages import Message, message
from attnviz.models.families.config import Configuration
from attnviz.models.formats.files import read_side_json

if TYPE_CHECKING:
    from PIL.Image import Image

# Formats that Pillow reads by itself; others, such as EPS, would start another program.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
# The most pixels of a picture, before and after it is resized: three bytes each.
MOST_PIXELS = 89_478_485
# What Pillow raises for damaged files of these formats.
_DAMAGED = (
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError),
    *(struct.error, zlib.error, RuntimeError),
)
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N", "I;16S")

_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_HALF = (0.5, 0.5, 0.5)
_BILINEAR, _BICUBIC, _FILTERS = 2, 3, 6


class _Defaults(NamedTuple):
    """What a processor's class does where its config is silent; numbers of filters are Pillow's."""

    resample: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: Any
    crop: int | None = None
    square: bool = True


_CLIP = _Defaults(_BICUBIC, _CLIP_MEAN, _CLIP_STD, {"shortest_edge": 224}, 224, square=False)
_VIT = _Defaults(_BILINEAR, _HALF, _HALF, {"height": 224, "width": 224})
_SIGLIP = _Defaults(_BICUBIC, _HALF, _HALF, {"height": 224, "width": 224}, square=False)
_PROCESSORS = {"CLIP": _CLIP, "Bit": _CLIP, "ViT": _VIT, "Siglip": _SIGLIP}
_BY_FAMILY = {
    "vit": "ViT",
    "dinov2": "Bit",
    "dinov2_with_registers": "Bit",
    "clip_vision_model": "CLIP",
    "siglip_vision_model": "Siglip",
}


class ReadPicture(NamedTuple):
    """A picture: its name, its pixels [height, width, 3], and what a reader should know of how it was read."""

    name: str
    pixels: NDArray[np.uint8]
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Preprocessing:
    """What is done with a picture before a model reads it.

    size: (height, width), or the length of the shorter side, or None to keep its size. resample: Pillow's number of the
    filter. crop: (height, width) of the middle that is kept, or None. scale: what pixels are multiplied with; None for
    nothing. mean, std: of each channel, None for no normalization.
    """

    size: tuple[int, int] | int | None
    resample: int
    crop: tuple[int, int] | None
    scale: float | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None

    def shape(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return pixels [height, width, 3] resized and cropped."""
        if self.size is not None:
            pixels = _resize(pixels, self._new_size(*pixels.shape[:2]), self.resample)
        return pixels if self.crop is None else _crop(pixels, *self.crop)

    def source_box(self, size: tuple[int, int], part: tuple[int, int]) -> Box:
        """Return where the first part[0] x part[1] shaped pixels lie in a picture of size[0] x size[1] pixels.

        The box reaches beyond the picture where a crop is larger than it.
        """
        resized = size if self.size is None else self._new_size(*size)
        kept = resized if self.crop is None else self.crop
        ends = []
        for whole, new, crop, length in zip(size, resized, kept, part, strict=True):
            first = (new - crop) // 2
            ends.append((first * whole / new, (first + length) * whole / new))
        (top, bottom), (left, right) = ends
        return Box(top, left, bottom, right)

    def normalize(self, pixels: NDArray[np.uint8]) -> Float32:
        """Return shaped pixels [height, width, 3] as a model reads them, [3, height, width]."""
        found: Float32 = pixels.astype(np.float32)
        if self.scale is not None:
            found = (pixels.astype(np.float64) * self.scale).astype(np.float32)
        if self.mean is not None and self.std is not None:
            mean: Float32 = np.array(self.mean, dtype=np.float32)
            std: Float32 = np.array(self.std, dtype=np.float32)
            found = (found - mean) / std
        return np.ascontiguousarray(found.transpose(2, 0, 1))

    def _new_size(self, height: int, width: int) -> tuple[int, int]:
        if isinstance(self.size, tuple):
            return self.size
        assert self.size is not None
        short, long = min(height, width), max(height, width)
        longer = int(self.size * long / short)
        if self.size * longer > MOST_PIXELS:
            raise InputError(
                "The picture has {height} x {width} pixels, and its shorter side is resized to {size}: it is too long.",
                height=height,
                width=width,
                size=self.size,
            )
        return (longer, self.size) if width <= height else (self.size, longer)


def read_preprocessing(folder: Path, family: str) -> Preprocessing:
    """Read a model's preprocessing from preprocessor_config.json, or processor_config.json; family: of its model.

    Raises InputError where there is none, and for a step that is not known.
    """
    path, given = _processor_values(folder)
    try:
        return _preprocessing(given, family)
    except InputError as error:
        raise error.about(path) from None


def _processor_values(folder: Path) -> tuple[Path, Mapping[str, Any]]:
    path = folder / "preprocessor_config.json"
    values = read_side_json(path)
    if values is not None:
        return path, values
    path = folder / "processor_config.json"
    found = (read_side_json(path) or {}).get("image_processor")
    if isinstance(found, Mapping):
        return path, found
    raise InputError(
        "{path!r} has no preprocessor_config.json, which says how a picture is prepared for the model.",
        hint="It comes with the model on the hub; download it too.",
        path=str(folder),
    )


def _preprocessing(given: Mapping[str, Any], family: str) -> Preprocessing:
    config = Configuration(given)
    name = config.word("image_processor_type", "feature_extractor_type", default=_BY_FAMILY[family])
    kind = name
    for ending in ("Fast", "Pil", "ImageProcessor", "FeatureExtractor"):
        kind = kind.removesuffix(ending)
    if kind not in _PROCESSORS:
        raise InputError(
            "Pictures are prepared by {name}, which is not known here; known: {known}.",
            name=name,
            known=", ".join(f"{one}ImageProcessor" for one in _PROCESSORS),
        )
    own = _PROCESSORS[kind]
    for key in ("do_pad", "use_square_size", "do_thumbnail", "do_align_long_axis"):
        if given.get(key):
            raise InputError("{key} changes how a picture is prepared, and is not known here.", key=key)
    normalizes = config.flag("do_normalize", True)
    return Preprocessing(
        _size(given.get("size") or own.size, own) if config.flag("do_resize", True) else None,
        config.count("resample", default=own.resample, least=0, most=_FILTERS - 1),
        _sides("crop_size", given.get("crop_size") or own.crop or 224)
        if config.flag("do_center_crop", own.crop is not None)
        else None,
        config.number("rescale_factor", default=1 / 255) if config.flag("do_rescale", True) else None,
        _channels("image_mean", given.get("image_mean"), own.mean) if normalizes else None,
        _channels("image_std", given.get("image_std"), own.std) if normalizes else None,
    )


def _size(given: Any, own: _Defaults) -> tuple[int, int] | int:
    """Return the size that pictures get: both sides, or the shorter one."""
    if isinstance(given, Mapping) and set(given) == {"shortest_edge"}:
        return _length("size", given["shortest_edge"])
    if isinstance(given, Mapping) or own.square:
        return _sides("size", given)
    return _length("size", given) if isinstance(given, int) else _sides("size", given)


def _sides(name: str, given: Any) -> tuple[int, int]:
    if isinstance(given, Mapping) and set(given) == {"height", "width"}:
        return _length(name, given["height"]), _length(name, given["width"])
    if isinstance(given, list | tuple) and len(given) == 2:
        return _length(name, given[0]), _length(name, given[1])
    if isinstance(given, Mapping | list | tuple):
        raise InputError(
            "{name} must be a height and a width, or a shortest_edge, not {value!r}.", name=name, value=str(given)[:40]
        )
    return _length(name, given), _length(name, given)


def _length(name: str, given: Any) -> int:
    return Configuration({name: given}).count(name, default=224, most=9459)


def _channels(name: str, given: Any, default: tuple[float, ...]) -> tuple[float, ...]:
    values = default if given is None else given if isinstance(given, list | tuple) else [given] * 3
    fits = len(values) == 3 and all(isinstance(one, int | float) and abs(one) < 1e9 for one in values)
    if not fits or (name == "image_std" and not all(values)):
        raise InputError("{name} must be three numbers, not {value!r}.", name=name, value=str(given)[:40])
    return tuple(map(float, values))


def read_picture(image: Any) -> ReadPicture:
    """Read a picture from a file, an open Pillow image or an array [height, width, 3] of bytes.

    It is turned as its EXIF data say, transparent parts become white, and of an animation the first frame is taken.
    Raises InputError for what is no picture, is damaged, or has too many pixels.
    """
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    if isinstance(image, np.ndarray):
        return ReadPicture("array", _checked_array(image))
    if isinstance(image, Pillow.Image):
        return _decoded(image, str(getattr(image, "filename", "")) or "picture")
    if not isinstance(image, str | Path):
        raise InputError(
            "A picture is the path of a file, a Pillow image or an array, not of type {kind}.",
            kind=type(image).__name__,
        )
    path = Path(image)
    if re.match("[a-z]{2,6}:/", str(image)):
        raise InputError(
            "A picture is read from a file, not from an address: {path!r}.", hint="Download it first.", path=str(image)
        )
    if not is_file(path):
        if path.exists() and not path.is_dir():
            raise InputError("A picture is read from a file, and this is none.").about(path)
        check_readable(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            with Pillow.open(path, formats=FORMATS) as opened:
                return _decoded(opened, path.name)
    except (Pillow.DecompressionBombWarning, Pillow.DecompressionBombError):
        raise InputError("The picture has more than {most} pixels.", most=f"{MOST_PIXELS:,}").about(path) from None
    except UnidentifiedImageError:
        raise InputError(
            "This is no picture in a format that is read here: {formats}.", formats=", ".join(FORMATS)
        ).about(path) from None
    except InputError as error:
        raise error.about(path) from None
    except _DAMAGED as error:
        raise _damaged(error).about(path) from None


def _decoded(image: Image, name: str) -> ReadPicture:
    from PIL import Image as Pillow
    from PIL import ImageOps

    width, height = image.size
    if width * height > MOST_PIXELS:
        raise InputError("The picture has more than {most} pixels.", most=f"{MOST_PIXELS:,}")
    if not width or not height:
        raise InputError("The picture has no pixels.")
    if image.mode in _DEEP:
        raise InputError(
            "The picture has more than 8 bits a channel ({mode}); 8 were expected.",
            hint="Convert it to 8 bits first: how its brightness is scaled is yours to decide.",
            mode=image.mode,
        )
    frames = getattr(image, "n_frames", 1)
    notes: tuple[Message, ...] = ()
    if frames > 1:
        notes = (message("The picture has {count} frames; the first is read.", count=frames),)
    try:
        image.seek(0)
        image.load()
        turned = ImageOps.exif_transpose(image)
        if "A" in turned.getbands() or "a" in turned.getbands() or turned.info.get("transparency") is not None:
            turned = turned.convert("RGBA")
            white = Pillow.new("RGBA", turned.size, (255, 255, 255, 255))
            notes += (message("Transparent parts of the picture are read as white."),)
            turned = Pillow.alpha_composite(white, turned)
        return ReadPicture(name, np.array(turned.convert("RGB")), notes)
    except _DAMAGED as error:
        raise _damaged(error) from None


def _damaged(error: Exception) -> InputError:
    reason = str(error).splitlines()[0].rstrip(".")[:80] if str(error) else type(error).__name__
    return InputError("The picture is damaged, or too large for the memory that is free: {reason}.", reason=reason)


def _checked_array(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(
            "A picture's array must be of bytes (uint8), [height, width, 3], not {dtype} of shape {shape}.",
            dtype=str(image.dtype),
            shape=image.shape,
        )
    if image.size > 3 * MOST_PIXELS:
        raise InputError("The picture has more than {most} pixels.", most=f"{MOST_PIXELS:,}")
    return image


def _resize(pixels: NDArray[np.uint8], size: tuple[int, int], resample: int) -> NDArray[np.uint8]:
    from PIL import Image as Pillow

    height, width = size
    return np.array(Pillow.fromarray(pixels).resize((width, height), resample=Pillow.Resampling(resample)))


def _crop(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return the middle of pixels [rows, columns, 3]; what is missing is black."""
    rows, columns = pixels.shape[:2]
    top, left = (rows - height) // 2, (columns - width) // 2
    if top >= 0 and left >= 0:
        return pixels[top : top + height, left : left + width]
    padded = np.zeros((max(height, rows), max(width, columns), 3), dtype=np.uint8)
    above, before = -((rows - len(padded)) // 2), -((columns - padded.shape[1]) // 2)
    padded[above : above + rows, before : before + columns] = pixels
    top, left = top + above, left + before
    return padded[max(0, top) : top + height, max(0, left) : left + width]
