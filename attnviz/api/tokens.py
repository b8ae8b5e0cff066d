"""`attnviz.tokens`: how a text is cut, by the toy or by a real model."""

from __future__ import annotations

from typing import Any

from attnviz.api.run import joining_words
from attnviz.api.toy_or_model import choose
from attnviz.core.argument_kinds import check_arguments
from attnviz.core.provenance import TOY_UNKNOWN
from attnviz.core.tokenized_text import TokenizedText
from attnviz.models.options import Options, check_options
from attnviz.toy.settings import Settings
from attnviz.toy.words import cut_alone, how_to_cut


@check_arguments()
def tokens(text: str, settings: Settings | Options | None = None, **options: Any) -> TokenizedText:
    """Cut a text as `run` does, without computing attention: tokens, pieces, ids and spans.

    settings, options: as in `run`: `tokens` and `embedding` of the toy; or `model` with pair, merge, words, chat,
    no_special and download.
    Raises an AttnvizError that says what was expected, what came and what to do.

    Examples:
        >>> [token.text for token in tokens("猫吃鱼").tokens]
        ['猫', '吃', '鱼']
    """
    chosen = choose(settings, options)
    return tokenize_text(text, chosen)


def tokenize_text(text: str, chosen: Settings | Options) -> TokenizedText:
    """Cut a text by the toy's settings or by a model's options; see `tokens`."""
    if isinstance(chosen, Options):
        check_options(chosen)
        from attnviz.models.model import opened

        assert chosen.model is not None
        return opened(chosen.model, chosen.download).tokens(text, chosen, known=joining_words(chosen))
    found = cut_alone(text, chosen)
    return TokenizedText(
        text, found, tuple((one,) for one in found), (False,) * len(found), cut=how_to_cut(chosen), unknown=TOY_UNKNOWN
    )
