"""`attnviz models`: what can be used here."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.cli.common import print_json
from attnviz.cli.printing import print_views
from attnviz.core.masks import SPELLINGS
from attnviz.core.positions import SCHEMES
from attnviz.i18n.messages import message
from attnviz.models.families.registry import FAMILIES
from attnviz.models.listing import as_data, as_words, models_here
from attnviz.text.merge_pieces import MERGES
from attnviz.text.tokenize import TOKENIZERS
from attnviz.toy.embeddings import EMBEDDINGS

NAMES = {
    "families": tuple(FAMILIES),
    "embeddings": tuple(EMBEDDINGS),
    "positions": tuple(SCHEMES),
    "masks": SPELLINGS,
    "tokens": tuple(TOKENIZERS),
    "merges": MERGES,
}


@dataclass(frozen=True)
class ModelsOptions:
    """Options of `models`."""

    json: bool = False


def command(models_options: ModelsOptions) -> None:
    """List what can be used: models on this machine, embeddings, positions, masks, ways to cut."""
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
    print_views(lambda screen: [render_inventory([as_words(one) for one in found], kinds, screen.encoding)])
