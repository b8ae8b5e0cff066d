"""`attnviz models`: what can be used here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from attnviz.cli.common import print_json
from attnviz.cli.options import VerboseOption
from attnviz.cli.printing import print_views
from attnviz.cli.unused_options import Outputs
from attnviz.core.errors import OptionError
from attnviz.core.masks import SPELLINGS
from attnviz.core.positions import SCHEMES
from attnviz.i18n.messages import Message, message
from attnviz.models.families.registry import FAMILIES, VISION_FAMILIES
from attnviz.models.listing import (
    ModelConfig,
    as_data,
    as_words,
    config_data,
    config_rows,
    models_here,
    read_model_config,
)
from attnviz.text.merge_pieces import MERGES
from attnviz.text.tokenize import TOKENIZERS
from attnviz.toy import EMBEDDINGS

NAMES = {
    "families": (*FAMILIES, *VISION_FAMILIES),
    "embeddings": EMBEDDINGS,
    "positions": tuple(SCHEMES),
    "masks": SPELLINGS,
    "tokens": tuple(TOKENIZERS),
    "merges": MERGES,
}


@dataclass(frozen=True)
class ModelsOptions:
    """Options of `models`."""

    families: bool = False
    json: bool = False


Reference = Annotated[
    str | None,
    typer.Argument(
        metavar="[REF]",
        help="A model, as --model takes it: list each key of its config, honoured, ignored or unknown.",
        show_default=False,
    ),
]


def command(models_options: ModelsOptions, verbose_option: VerboseOption, reference: Reference = None) -> None:
    """List what can be used: models on this machine, embeddings, positions, masks, ways to cut."""
    alone = models_options.json or models_options.families
    Outputs(view=None if alone else "auto").refuse_unused(verbose_option)
    brief = not verbose_option.verbose
    if models_options.families:
        if reference is not None:
            raise OptionError(
                "--families lists what can be computed; it takes no model, but {given!r} came.", given=reference
            )
        _show_families(models_options.json)
        return
    if reference is not None:
        _show_config(read_model_config(reference), models_options.json, brief=brief)
        return
    found = models_here()
    if models_options.json:
        from attnviz.io.write_data import inventory_document

        print_json([inventory_document([as_data(one) for one in found], NAMES)])
        return
    from attnviz.views.terminal.models_list import render_inventory

    titles = (
        message("model families"),
        message("embeddings of the toy"),
        message("positions"),
        message("masks"),
        message("ways to cut a text"),
        message("ways to join pieces"),
    )
    kinds = list(zip(titles, NAMES.values(), strict=True))
    if brief:
        count = message("{count} families; -v lists their names, --families their papers", count=len(NAMES["families"]))
        kinds[0] = (titles[0], (count.localized(),))
    print_views(lambda screen: [render_inventory([as_words(one) for one in found], kinds, screen)])


def _show_families(as_json: bool) -> None:
    """Print every family that is computed, with its model_types, models and paper."""
    from attnviz.models.families.coverage import computed_families, family_data, family_rows

    found = computed_families()
    if as_json:
        from attnviz.io.write_data import families_document

        print_json([families_document(family_data(found))])
        return
    from attnviz.views.terminal.models_list import render_families

    print_views(lambda screen: [render_families(family_rows(found), screen)])


def _show_config(found: ModelConfig, as_json: bool, *, brief: bool) -> None:
    """Print what is done with each key of a model's config; brief: without its place and its family's paper."""
    if as_json:
        from attnviz.io.write_data import config_document

        print_json([config_document(config_data(found))])
        return
    from attnviz.views.terminal.models_list import render_config

    title = message(
        "{family} · {reference} · {layers} layers x {heads} heads",
        family=found.family,
        reference=found.reference,
        layers=found.layers,
        heads=found.heads,
    )
    caption: tuple[Message, ...] = (
        message("honoured: computed with it"),
        message("ignored: it changes no number"),
        message("-v: place and paper"),
    )
    if not brief:
        caption = (message("read from {path}", path=str(found.path)), *_papers(found.family))
    rows = config_rows(found)
    print_views(lambda screen: [render_config(title, rows, found.notes, caption, screen)])


def _papers(family: str) -> tuple[Message, ...]:
    """Return by which models and which paper a family is known."""
    from attnviz.models.families.coverage import computed_families, family_rows

    rows = family_rows([one for one in computed_families() if one.family == family])
    return tuple(message("{text}", text=text) for _, _, models, paper in rows for text in (models, paper) if text)
