"""`attnviz models`: what can be used here."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.cli.printing import print_views
from attnviz.cli.working import print_json
from attnviz.embeddings import EMBEDDINGS
from attnviz.masks import SPELLINGS
from attnviz.merging import MERGES
from attnviz.messages import message
from attnviz.models.listing import as_data, as_words, models_here
from attnviz.models.registry import FAMILIES
from attnviz.positions import SCHEMES
from attnviz.tokens import TOKENIZERS

NAMES = {
    "families": tuple(FAMILIES),
    "embeddings": tuple(EMBEDDINGS),
    "positions": tuple(SCHEMES),
    "masks": SPELLINGS,
    "tokens": tuple(TOKENIZERS),
    "merges": MERGES,
}


@dataclass(frozen=True)
class Printing:
    """What comes out."""

    json: bool = False


def command(printing: Printing) -> None:
    """What can be used: models on this machine, embeddings, positions, masks, ways to cut."""
    found = models_here()
    if printing.json:
        from attnviz.storage import inventory_document

        print_json([inventory_document([as_data(one) for one in found], NAMES)])
        return
    from attnviz.render.inventory import render_inventory

    titles = (
        message("families that can be computed"),
        message("embeddings of the toy"),
        message("positions"),
        message("masks"),
        message("ways to cut a text"),
        message("ways to join pieces"),
    )
    kinds = list(zip(titles, NAMES.values(), strict=True))
    print_views(lambda screen: [render_inventory([as_words(one) for one in found], kinds, screen.encoding)])
