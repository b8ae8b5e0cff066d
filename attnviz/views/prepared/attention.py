"""Weights, scores, output and cards of one attention as prepared forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.entropy import pair_shares
from attnviz.core.attention_data import Attention, Token, Trace
from attnviz.core.errors import MissingError, unknown_choice
from attnviz.core.provenance import UNKNOWN_PRECISION, HiddenTokens
from attnviz.core.types import Booleans
from attnviz.i18n.decimals import LocalDecimal
from attnviz.i18n.messages import TOY, Message, listed, message, translate
from attnviz.text.find_token import find_token, occurrences, with_occurrence
from attnviz.text.merge_pieces import why_no_traces
from attnviz.views.prepared.caption import ROWS_ARE_WHOLE, describe
from attnviz.views.prepared.color_scale import signed_scale, weight_scale
from attnviz.views.prepared.heads import head_name, head_title, layer_name
from attnviz.views.prepared.labels import Medium, named
from attnviz.views.prepared.model_words import (
    PAIR_LEGEND,
    hidden_share,
    hidden_words,
    pair_words,
    shown_heads,
    unknown_words,
)
from attnviz.views.prepared.panels import QUERY_AND_KEY, Panel, Prepared, subject_of
from attnviz.views.prepared.presentation import DIGITS, TERMINAL, Presentation

SHOWS = ("weights", "scores", "output", "qkv")
UNKNOWN = "[?]"
_SEEN = 5e-4  # a sum that is nearer to 1 shows three zeros
_WORD_AND_FEATURE = (message("word ↓"), message("feature →"))


def prepare(attention: Attention, show: str = "weights", presentation: Presentation = TERMINAL) -> tuple[Prepared, ...]:
    """Return the prepared forms of what `show` names: weights, scores, output or qkv, of all its layers and heads."""
    if show not in SHOWS:
        raise unknown_choice("--show", show, SHOWS)
    if show != "output":
        check_show(attention, show)
    makers = {"weights": _weights, "scores": _scores, "output": _output, "qkv": _cards}
    unknown = attention.provenance.unknown
    rows, columns = (
        labels(attention.query, presentation.medium, unknown),
        labels(attention.key, presentation.medium, unknown),
    )
    forms = makers[show](attention, rows, columns)
    about = (*_verdict(attention, show, presentation), *unknown_words(attention.provenance), *_cut(attention))
    if attention.provenance.reduced is not None:
        from attnviz.views.prepared.reduction_words import collapsed_maps

        about += collapsed_maps(attention)
    return tuple(
        replace(
            form,
            digits=presentation.digits_or(DIGITS),
            cell_digits=presentation.cell_digits,
            notes=(*form.notes, *about),
            subject=_subject(attention),
            what=_what(attention, show),
            numbers=message("share of the row") if _is_reduced(attention) and show == "weights" else form.numbers,
        )
        for form in forms
    )


def _cut(attention: Attention) -> tuple[Message, ...]:
    """Say which labels are parts of characters; the toy has none."""
    if attention.provenance.toy is not None:
        return ()
    from attnviz.views.prepared.cut_characters import describe_cut_characters

    return describe_cut_characters(attention.query) or describe_cut_characters(attention.key)


def _verdict(attention: Attention, show: str, presentation: Presentation) -> tuple[Message, ...]:
    """Return the sentence on what an answer took from passages, for a picture or a page; a terminal has the list."""
    if show != "weights" or not attention.provenance.passages or presentation.medium == "terminal":
        return ()
    from attnviz.analysis.passages import passage_shares
    from attnviz.views.prepared.passages import verdict

    shares = passage_shares(attention, presentation.style.token)
    return () if shares is None else (verdict(shares, presentation.medium),)


_WHAT = {
    "weights": message("attention weights"),
    "scores": message("scores before the softmax"),
    "output": message("output vectors"),
    "qkv": message("query, key and value vectors"),
}


def _what(attention: Attention, show: str) -> Message:
    """Return what is shown, and of reduced maps what their numbers are: those of rollout are no weights."""
    reduced = attention.provenance.reduced
    if reduced is None or show != "weights":
        return _WHAT[show]
    from attnviz.views.prepared.reduction_words import reduced_words

    return reduced_words(reduced) or _WHAT[show]


def _is_reduced(attention: Attention) -> bool:
    """Return whether the numbers are shares that were computed from weights, and no weights."""
    return attention.provenance.reduced not in (None, "mean", "max")


def _subject(attention: Attention) -> Message:
    """Return the text, or both texts of cross-attention, as the title of a picture; of a picture its name."""
    if attention.provenance.picture is not None:
        return subject_of(attention.provenance.picture.name)
    text = attention.source if attention.source is not None else " ".join(token.text for token in attention.query)
    if not attention.is_cross:
        return subject_of(text)
    keys = attention.key_source
    return subject_of(text, " ".join(token.text for token in attention.key) if keys is None else keys)


def check_show(attention: Attention, show: str) -> None:
    """Raise where `show` names what there is not: weights that were given have no scores, cards or output."""
    if show in ("scores", "qkv"):
        _need_traces(attention, show)
    elif show == "output" and attention.output is None:
        raise why_no_traces(attention) or _only_weights(show)


def one_row(form: Prepared, attention: Attention, token: str) -> Prepared:
    """Return the form with nothing but the row of one query word; MissingError where there is no such word."""
    index, note = find_token(attention.query, token)
    panels = tuple(
        replace(
            panel,
            values=panel.values[[index]],
            rows=(with_occurrence(panel.rows[index], occurrences(attention.query)[index]),),
            row_numbers=(index,),
            forbidden=None if panel.forbidden is None else panel.forbidden[[index]],
        )
        for panel in form.panels
    )
    return replace(form, panels=panels, notes=form.notes if note is None else (*form.notes, note))


def _need_traces(attention: Attention, show: str) -> None:
    """Raise MissingError for an attention without traces: joined pieces and windows have no scores and cards."""
    if not attention.traces and attention.layers:
        raise why_no_traces(attention) or _only_weights(show)


def _only_weights(show: str) -> MissingError:
    return MissingError(
        "Only the weights are known here, so --show {show} has nothing to show.",
        hint="Weights that were given were computed elsewhere.",
        show=show,
    )


def labels(tokens: tuple[Token, ...], medium: Medium, unknown: object = None) -> tuple[str, ...]:
    return tuple(label(token, medium, unknown) for token in tokens)


def label(token: Token, medium: Medium = "terminal", unknown: object = None) -> str:
    """Return a token's label, never blank, with [?] after what a model does not know.

    unknown: the piece that a model's vocabulary has for what is not in it.

    >>> label(Token("猫", 0, 1, piece="[UNK]"), unknown="[UNK]")
    '猫[?]'
    """
    return named(token.text, medium) + (UNKNOWN if token.is_unknown(unknown) else "")


def _weights(attention: Attention, rows: tuple[str, ...], columns: tuple[str, ...]) -> tuple[Prepared, ...]:
    weights = np.stack([trace.weights for trace in attention.traces]) if attention.traces else attention.weights
    scale = weight_scale(weights)
    forbidden = _forbidden(attention)
    shares = pair_shares(attention)
    names = _head_names(attention)
    panels = tuple(
        Panel(
            head_title(attention, layer, head),
            weights[i, j],
            rows,
            columns,
            scale,
            None if forbidden is None else forbidden[i, j],
            caption=names[i][j] if shares is None else pair_words(shares[i, j]),
            cross=attention.is_cross or attention.has_sink,
            short=_short_title(attention, layer, head),
            group=layer_name(layer) if len(attention.heads) > 1 < len(attention.layers) else None,
        )
        for i, layer in enumerate(attention.layers)
        for j, head in enumerate(attention.heads)
    )
    heading = message("who looks ↓   at whom →")
    headings = (tuple(map(layer_name, attention.layers)), tuple(map(head_name, attention.heads)))
    caption = (*describe(attention), *_stretch_meaning(attention), *sink_meaning(attention))
    notes = () if shares is None else (PAIR_LEGEND,)
    return (Prepared("weights", panels, heading, caption, notes, headings=headings, sides=QUERY_AND_KEY),)


def _short_title(attention: Attention, layer: int | str, head: int | str) -> Message | None:
    """Return the title of a head among others; its layer's, where each layer has one."""
    if len(attention.heads) == 1:
        return layer_name(layer) if len(attention.layers) > 1 else None
    return head_name(head)


def sink_meaning(attention: Attention) -> tuple[Message, ...]:
    """Say what the column of a learned sink is, where there is one."""
    if not attention.has_sink:
        return ()
    return (
        message("{sink} is no word: what a head gives to its sink is used for nothing", sink=attention.key[-1].text),
    )


def _head_names(attention: Attention) -> list[list[Message | None]]:
    """Return what each of several heads does, [layer][head], where it is known what they contribute."""
    known = attention.contributions is not None and attention.provenance.joined not in _LONGER
    if not known or attention.weights.shape[:2] == (1, 1):
        return [[None] * len(attention.heads)] * len(attention.layers)
    from attnviz.analysis.head_patterns import characters

    return [[one.words() for one in layer] for layer in characters(attention)]


def _forbidden(attention: Attention) -> Booleans | None:
    """Return the cells that are drawn as "·", [layers, heads, query, key]; heads with one mask share its memory."""
    return None if attention.allowed is None else np.broadcast_to(~attention.allowed, attention.weights.shape)


_LONGER = {
    "sentence": message(
        "rows and columns are sentences: weights are summed over a key's words, averaged over a query's"
    ),
    "line": message("rows and columns are lines: weights are summed over a key's words, averaged over a query's"),
    "passages": message(
        "rows and columns are passages: weights are summed over a key's words, averaged over a query's"
    ),
}


def _stretch_meaning(attention: Attention) -> tuple[Message, ...]:
    """Say what a row is: a word's, or that of a sentence, line or passage; and what it sums to."""
    longer = _LONGER.get(attention.provenance.joined or "")
    meaning = _row_meaning(attention)
    if longer is None:
        return (message("each row sums to 1") if meaning is ROWS_ARE_WHOLE and _is_reduced(attention) else meaning,)
    hidden = attention.provenance.hidden
    if meaning is ROWS_ARE_WHOLE:
        return (longer, message("each row sums to 1"))
    if hidden is not None and hidden.renormalized:
        return (longer, meaning)
    return (longer, *hidden_words(attention))


def _row_meaning(attention: Attention) -> Message:
    """Say what a row of weights is, and how much of it is not shown."""
    hidden = attention.provenance.hidden
    if attention.provenance.reduced == "all" and hidden is None and len(attention.heads) > 1:
        return message("each row sums to 1, but for the panel of disagreement")
    if attention.provenance.partial:
        return _partial_rows(attention, hidden)
    off = row_error(attention)
    if hidden is None and off is not None:
        return message("each row is one word's attention and sums to 1 within {off}", off=off)
    if hidden is None and attention.allowed is not None and not attention.allowed.any(axis=-1).all():
        return message("each row is one word's attention and sums to 1, except for words that may look at nothing")
    if hidden is None:
        return ROWS_ARE_WHOLE
    share = hidden_share(hidden, attention.layers, shown_heads(attention))
    fields = {"share": share, "pieces": listed(hidden.pieces)}
    if hidden.renormalized:
        return message("each row is re-normalized to sum to 1; {share} of the weight went to {pieces}", **fields)
    return message("each row is one word's attention; {share} of the weight, not shown, went to {pieces}", **fields)


def _partial_rows(attention: Attention, hidden: HiddenTokens | None) -> Message:
    """Say what rows are that sum to less than 1, and how much of them is not shown."""
    if hidden is not None and hidden.renormalized:
        share, pieces = hidden_share(hidden, attention.layers, shown_heads(attention)), listed(hidden.pieces)
        return message(
            "each row is re-normalized to sum to 1; {share} of the weight went to {pieces} or to keys that are not "
            "here",
            share=share,
            pieces=pieces,
        )
    (first, *others) = hidden_words(attention)
    found = message("each row is one word's attention; {rest}", rest=first)
    for other in others:
        found = message("{sentence}, {rest}", sentence=found, rest=other)
    return found


def row_error(attention: Attention) -> Message | None:
    """Return how far row sums of given weights are from 1, where that shows and why; else None."""
    precision = attention.provenance.precision
    if precision is None:
        return None
    sums = attention.weights.sum(axis=-1, dtype=np.float64)
    shown = np.ones(sums.shape, dtype=bool) if attention.masks is None else attention.masks.any(axis=-1)
    off = float(np.abs(sums - 1)[shown].max(initial=0))
    if off < _SEEN:
        return None
    fields = {"off": LocalDecimal(_rounded_up(off)), "format": precision.name}
    if precision.name == UNKNOWN_PRECISION:
        return message("{off}", **fields)
    if precision.name == "1 decimal":
        return message("{off}, since the numbers have one decimal", **fields)
    if precision.name.endswith("decimals"):
        return message("{off}, since the numbers have {count} decimals", count=precision.name.split()[0], **fields)
    return message("{off}, since the numbers are {format}", **fields)


def _rounded_up(off: float) -> str:
    """Return one digit of a number from 0, such that the number is no larger.

    >>> _rounded_up(0.0625), _rounded_up(0.3)
    ('0.07', '0.3')
    """
    text = f"{off:.1g}"
    if float(text) < off * (1 - 1e-6):
        digit = 10.0 ** np.floor(np.log10(off))
        text = f"{float(text) + digit:.1g}"
    return text


def _scores(attention: Attention, rows: tuple[str, ...], columns: tuple[str, ...]) -> tuple[Prepared, ...]:
    _need_traces(attention, "scores")
    forbidden = _forbidden(attention)
    scale = signed_scale(np.stack([trace.logits for trace in attention.traces]))
    panels = tuple(
        Panel(
            head_title(attention, layer, head),
            trace.logits[j],
            rows,
            columns,
            scale,
            None if forbidden is None else forbidden[i, j],
            cross=attention.is_cross or attention.has_sink,
            short=_short_title(attention, layer, head),
            group=layer_name(layer) if len(attention.heads) > 1 < len(attention.layers) else None,
        )
        for i, (layer, trace) in enumerate(zip(attention.layers, attention.traces, strict=True))
        for j, head in enumerate(attention.heads)
    )
    meaning = message("scores: query · key / sqrt(d), before the softmax")
    heading = message("who looks ↓   at whom →")
    return (Prepared("scores", panels, heading, (*describe(attention), meaning), sides=QUERY_AND_KEY),)


def _output(attention: Attention, rows: tuple[str, ...], columns: tuple[str, ...]) -> tuple[Prepared, ...]:  # noqa: ARG001
    if attention.output is None:
        return ()
    features = _named(attention, attention.traces[-1].features if attention.traces else None)
    panel, hidden = _vectors(None, attention.output, rows, features)
    meaning = message("output: each word's new vector, the mean of the values by its weights")
    heading, caption = message("new vector ↓   feature →"), (*describe(attention), meaning)
    return (Prepared("output", (panel,), heading, caption, _left_out(hidden), sides=_WORD_AND_FEATURE),)


def _cards(attention: Attention, rows: tuple[str, ...], columns: tuple[str, ...]) -> tuple[Prepared, ...]:
    _need_traces(attention, "qkv")
    forms = []
    for layer, trace in zip(attention.layers, attention.traces, strict=True):
        for j in range(len(attention.heads)):
            forms.append(_head_cards(attention, layer, trace, j, rows, columns))
    return tuple(forms)


def _head_cards(
    attention: Attention, layer: int | str, trace: Trace, j: int, rows: tuple[str, ...], columns: tuple[str, ...]
) -> Prepared:
    features = _named(attention, None if trace.head_features is None else trace.head_features[j])
    cards = [
        (message("query"), trace.query[j], rows),
        (message("key"), trace.key[j], columns),
        (message("value"), trace.value[j], columns),
    ]
    if not attention.is_cross and all(np.array_equal(trace.query[j], card) for _, card, _ in cards):
        cards = [(message("query = key = value"), trace.query[j], rows)]
    where = head_title(attention, layer, attention.heads[j])
    panels: list[Panel] = []
    hidden: dict[int, list[Message]] = {}
    for name, vectors, labels in cards:
        title = name if where is None else message("{where}: {card}", where=where, card=name)
        panel, count = _vectors(title, vectors, labels, features)
        panels.append(panel)
        hidden.setdefault(count, []).append(name)
    meaning = message("each word's query, key and value vectors")
    caption = (*describe(attention), meaning)
    heading = message("vector ↓   feature →")
    return Prepared("qkv", tuple(panels), heading, caption, _left_out_of(hidden), sides=_WORD_AND_FEATURE)


def _left_out_of(hidden: dict[int, list[Message]]) -> tuple[Message, ...]:
    """Return notes on how many features are left out, with the names of the cards where these differ."""
    if len(hidden) == 1:
        return _left_out(next(iter(hidden)))
    return tuple(
        message("{cards}: {note}", cards=listed(cards), note=note)
        for count, cards in hidden.items()
        for note in _left_out(count)
    )


def _left_out(count: int) -> tuple[Message, ...]:
    if count == 1:
        return (message("1 feature that is 0 for every word is left out"),)
    return (message("{count} features that are 0 for every word are left out", count=count),) if count else ()


def _vectors(
    title: Message | None, vectors: NDArray[np.floating], rows: tuple[str, ...], features: tuple[str, ...] | None
) -> tuple[Panel, int]:
    """Return vectors as a panel, and how many columns with names are left out since they are 0 for every word."""
    if features is None:
        columns = tuple(str(column) for column in range(vectors.shape[1]))
        return Panel(title, vectors, rows, columns, signed_scale(vectors)), 0
    used = np.flatnonzero(np.any(vectors != 0, axis=0))
    panel = Panel(title, vectors[:, used], rows, tuple(features[i] for i in used), signed_scale(vectors))
    return panel, vectors.shape[1] - len(used)


def _named(attention: Attention, features: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the toy's features in the language in use; the columns of one-hot vectors are the text's own words."""
    toy = attention.provenance.toy
    if features is None or toy is None or toy.embedding != "toy":
        return features
    return tuple(translate(name, TOY) for name in features)
