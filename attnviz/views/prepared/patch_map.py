"""Maps of a picture's patches: what one token gives to each patch, or what each receives, where it lies."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention, Token
from attnviz.core.provenance import PictureOrigin
from attnviz.core.thumbnail import Thumbnail
from attnviz.i18n.messages import Message, listed, message
from attnviz.text.find_token import find_token
from attnviz.views.prepared.caption import describe
from attnviz.views.prepared.color_scale import spread_scale, weight_scale
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.model_words import hidden_words
from attnviz.views.prepared.panels import Panel, PictureGround, Prepared, number, subject_of
from attnviz.views.prepared.shaded_text import received
from attnviz.views.prepared.style import no_patches

_NAME = re.compile(r"r([0-9]{1,5})c([0-9]{1,5})")
_MOST_NAMED = 3  # strongest patches below a map, and tokens that are no patches
_FLATTEST = 8.0  # a picture that is wider or higher is drawn as if it was this


def patch_places(tokens: tuple[Token, ...], picture: PictureOrigin) -> dict[int, tuple[int, int]]:
    """Return the row and column of each token that is a patch, by its index."""
    found = {}
    for index, token in enumerate(tokens):
        name = _NAME.fullmatch(token.text)
        if name and int(name[1]) < picture.rows and int(name[2]) < picture.columns:
            found[index] = (int(name[1]), int(name[2]))
    return found


def has_patches(attention: Attention) -> bool:
    """Return whether the tokens are the patches of a picture."""
    picture = attention.provenance.picture
    return picture is not None and bool(patch_places(attention.key, picture))


def need_patches(attention: Attention, option: str) -> None:
    """Raise OptionError where `option` asks for a map of a picture, and the tokens are no patches of one."""
    if not has_patches(attention):
        raise no_patches(option)


def map_patches(form: Prepared, attention: Attention, token: str | int | None = None) -> Prepared:
    """Return maps of the picture: what `token` gives to each patch, or the mean over all tokens that look.

    form: of the weights of `attention`, whose tokens are patches. Each panel is [rows, columns] of patches, nan where a
    patch is not shown; all share one scale, from 0 to the largest number of a patch, or have one each. What goes to
    tokens that are no patches stands below. Raises MissingError where there is no such token.
    """
    picture = attention.provenance.picture
    assert picture is not None
    asking, notes = None, form.notes
    if token is not None:
        asking, note = find_token(attention.query, token)
        notes = notes if note is None else (*notes, note)
    places = patch_places(attention.key, picture)
    rows = [received(panel, asking) for panel in form.panels]
    maps = [_grid(panel, row, places, picture) for panel, row in zip(form.panels, rows, strict=True)]
    spread = form.panels[0].scale.spread
    own = len({panel.scale for panel in form.panels}) > 1  # a scale a head
    together = [np.nan_to_num(each) for each in maps]
    scales = [
        spread_scale(weight_scale(np.stack(of)), spread, of)
        for of in ([each] if own else together for each in together)
    ]
    panels = tuple(
        replace(
            panel,
            values=np.nan_to_num(values),
            rows=tuple(map(str, range(picture.rows))),
            columns=tuple(map(str, range(picture.columns))),
            numbers=None,
            row_numbers=None,
            scale=scale,
            forbidden=np.isnan(values) if np.isnan(values).any() else None,
            caption=_strongest(attention, panel, row, places, form.digits),
            cross=True,
        )
        for panel, row, values, scale in zip(form.panels, rows, maps, scales, strict=True)
    )
    chosen = None if asking is None else patch_places(attention.query, picture).get(asking)
    heading = _heading(attention, asking)
    return replace(
        form,
        panels=panels,
        heading=heading,
        what=heading,
        subject=subject_of(picture.name),
        caption=(*describe(attention), *hidden_words(attention)),
        notes=notes,
        sides=None,
        headings=form.headings,
        ground=picture_ground(picture, chosen),
    )


def _heading(attention: Attention, asking: int | None) -> Message:
    if asking is None:
        return message("how much each patch receives, the mean over all that look")
    return message("how much “{token}” looks at each patch", token=visible(attention.query[asking].text))


def _grid(
    panel: Panel, row: NDArray[np.float64], places: dict[int, tuple[int, int]], picture: PictureOrigin
) -> NDArray[np.float64]:
    """Return a row's numbers where their patches lie, [rows, columns]; nan where there is none."""
    grid = np.full((picture.rows, picture.columns), np.nan)
    for column, key in enumerate(panel.numbers or range(len(row))):
        if key in places:
            grid[places[key]] = row[column]
    return grid


def _strongest(
    attention: Attention, panel: Panel, row: NDArray[np.float64], places: dict[int, tuple[int, int]], digits: int
) -> Message:
    """Name the patches with the largest numbers, and what the tokens that are no patches have."""
    keys = panel.numbers or range(len(row))
    named = [(key, float(value)) for key, value in zip(keys, row, strict=True) if not np.isnan(value)]
    patches = sorted((one for one in named if one[0] in places), key=lambda one: -one[1])[:_MOST_NAMED]
    others = [one for one in named if one[0] not in places]

    def say(several: list[tuple[int, float]]) -> object:
        return listed(
            message("{name} {number}", name=visible(attention.key[key].text), number=number(value, digits))
            for key, value in several
        )

    if not others:
        return message("most: {patches}", patches=say(patches))
    if len(others) > _MOST_NAMED:
        total = number(sum(value for _, value in others), digits)
        return message(
            "most: {patches}; outside the picture {total}, to {count} tokens",
            patches=say(patches),
            total=total,
            count=len(others),
        )
    return message("most: {patches}; outside the picture {others}", patches=say(patches), others=say(others))


def picture_ground(picture: PictureOrigin, chosen: tuple[int, int] | None = None) -> PictureGround:
    """Return the picture as it lies below maps; chosen: the patch that looks."""
    thumbnail: Thumbnail | None = picture.thumbnail
    aspect = picture.columns / picture.rows if thumbnail is None else thumbnail.aspect
    pixels = None if thumbnail is None else thumbnail.pixels()
    return PictureGround(picture.name, pixels, min(max(aspect, 1 / _FLATTEST), _FLATTEST), chosen)


def over_picture(
    colors: NDArray[np.uint8], strengths: NDArray[np.floating], pixels: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Return colours [height, width, 3] laid over the picture's pixels of that size, which are dimmed and grey.

    strengths [height, width], 0 to 1: the larger, the less of the picture is seen.
    """
    if pixels is None:
        return colors
    gray = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114]) * 0.75  # ITU-R BT.601
    share = (0.3 + 0.55 * strengths)[..., None]
    return np.asarray(np.rint(share * colors + (1 - share) * gray[..., None]), dtype=np.uint8)


def scaled_to(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return pixels [rows, columns, 3] as height x width: smoothed where they are made fewer."""
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


def spread_over(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Return a map [rows, columns] as height x width cells: each patch where it lies, of several the largest."""
    for axis, length in enumerate((height, width)):
        count = values.shape[axis]
        if length >= count:
            values = values.take(np.arange(length) * count // length, axis=axis)
        else:
            values = np.maximum.reduceat(values, np.arange(length) * count // length, axis=axis)
    return values
