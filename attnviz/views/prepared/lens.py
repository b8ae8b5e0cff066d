"""What the logit lens looks like: the likeliest token after each layer on a heatmap, and what adds up to an answer."""

from __future__ import annotations

import numpy as np

from attnviz.analysis.lens import Lens
from attnviz.i18n.messages import Message, message
from attnviz.models.attribution import Attribution
from attnviz.text.merge_pieces import number_pieces
from attnviz.views.prepared.caption import describe_provenance, in_brief
from attnviz.views.prepared.color_scale import Scale
from attnviz.views.prepared.cut_characters import describe_cut_characters
from attnviz.views.prepared.labels import named, quoted, visible
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import LAYER_AND_HEAD, UPWARD_AND_TOKEN, Panel, Prepared, number, subject_of_tokens
from attnviz.views.prepared.presentation import TERMINAL, Presentation

MOST_PARTS = 12  # of what adds up to a logit, each by itself
_DIGITS = 2


def prepare_lens(result: Lens, presentation: Presentation = TERMINAL, *, brief: bool = False) -> Prepared:
    """Return a panel with the likeliest token after each layer, and one with the watched word's probability.

    The last layer, which the model's own prediction is, stands on top; colours are probabilities. brief: with a first
    caption of one line.
    """
    medium, scale = presentation.medium, Scale(0.0, 1.0)
    layers = range(len(result.words))[::-1]
    rows = tuple(str(layer) for layer in layers)
    tokens = number_pieces(result.tokens)
    columns = tuple(named(tokens[row].text, medium) for row in result.rows)
    cells = tuple(
        tuple(message("{text}", text=named(words[0], medium)) for words in result.words[layer]) for layer in layers
    )
    title = None if result.watched is None else message("the likeliest token")
    bare = message("probability of the likeliest token")
    likeliest = result.probability[::-1, :, 0]
    panels = [Panel(title, likeliest, rows, columns, scale, cells=cells, number_cells=True, bare=bare)]
    digits = presentation.digits_or(_DIGITS)
    if result.watched is not None:
        watched = result.watched
        shown = tuple(
            tuple(
                message(
                    "{probability} #{rank}",
                    probability=number(float(watched.probability[layer, at]), digits),
                    rank=int(watched.rank[layer, at]),
                )
                for at in range(len(result.rows))
            )
            for layer in layers
        )
        ranks = tuple(tuple(message("#{rank}", rank=int(rank)) for rank in watched.rank[layer]) for layer in layers)
        word = quoted(watched.token.text, medium)
        panels.append(
            Panel(
                message("probability and rank of “{word}”", word=word),
                watched.probability[::-1],
                rows,
                columns,
                scale,
                cells=shown,
                short_cells=ranks,
                bare=message("probability of “{word}”", word=word),
            )
        )
    cut = _cut_characters(result, most=1)
    caption = (
        *describe_provenance(result.provenance),
        message("each layer’s hidden states read by the final norm and the head"),
        message("colour: probability"),
        *cut,
    )
    if brief:
        caption = in_brief((message("each layer’s guess, and how likely it is"), *cut), result.provenance)
    what = message("the likeliest token after each layer")
    return Prepared(
        "lens",
        tuple(panels),
        message("{what}   layer ↑   token →", what=what),
        caption,
        digits=digits,
        subject=subject_of_tokens(result.tokens),
        what=what,
        sides=UPWARD_AND_TOKEN,
        numbers=message("probability"),
    )


def list_layers(result: Lens, presentation: Presentation = TERMINAL, *, brief: bool = False) -> Listing:
    """Return the lens of its first position as a list: the likeliest tokens after each layer, and the watched word.

    brief: with a first caption of one line.
    """
    digits, medium = presentation.digits_or(_DIGITS), presentation.medium
    layers = range(len(result.words))[::-1]
    columns: list[Column] = []
    for place in range(result.ids.shape[-1]):
        words = tuple(named(result.words[layer][0][place], medium) for layer in layers)
        shares = [float(result.probability[layer, 0, place]) for layer in layers]
        title = message("likeliest") if place == 0 else message("no. {place}", place=place + 1)
        columns.append(Column(title, words))
        columns.append(Column(message("share"), tuple(number(share, digits) for share in shares)))
    if result.watched is not None:
        shares = [float(result.watched.probability[layer, 0]) for layer in layers]
        word = quoted(result.watched.token.text, medium)
        title = message("“{word}”", word=word)
        columns.append(Column(title, tuple(number(share, digits) for share in shares), tuple(shares)))
        columns.append(Column(message("rank"), tuple(str(result.watched.rank[layer, 0]) for layer in layers)))
    heading = message(
        "after each layer the likeliest tokens at “{token}”",
        token=visible(number_pieces(result.tokens)[result.rows[0]].text, medium),
    )
    cut = _cut_characters(result, rows=1)
    caption = (
        *describe_provenance(result.provenance),
        message("each layer’s hidden states read by the final norm and the head"),
        *cut,
    )
    if brief:
        caption = in_brief((message("each layer’s guess; the one on top is its answer"), *cut), result.provenance)
    return Listing(
        heading, tuple(message("layer {layer}", layer=layer) for layer in layers), (tuple(columns),), caption
    )


def _cut_characters(result: Lens, rows: int | None = None, most: int | None = None) -> tuple[Message, ...]:
    """Say which labels are parts of characters, of so many rows and of so many of the likeliest tokens of each."""
    words = (word for layer in result.words[::-1] for row in layer[:rows] for word in row[:most])
    return describe_cut_characters([result.tokens[row] for row in result.rows[:rows]], words)


def list_attribution(result: Lens, presentation: Presentation = TERMINAL, *, brief: bool = False) -> Listing | None:
    """Return what adds up to the answer's logit as a list, the largest parts first; None where nothing was divided.

    brief: with a first caption of one line.
    """
    part = result.attribution
    if part is None or result.answer is None:
        return None
    digits = presentation.digits_or(3)
    every = sorted(_parts(part), key=lambda one: -abs(one[1]))
    count = len(every) if len(every) <= MOST_PARTS + 1 else MOST_PARTS  # one part alone keeps its name
    shown, rest = every[:count], every[count:]
    rows: list[tuple[Message, float]] = [*shown]
    if rest:
        rows.append((message("{count} other parts", count=len(rest)), sum(value for _, value in rest)))
    rows.append((message("remainder"), part.remainder))
    rows.append((message("logit"), part.logit))
    largest = max(abs(value) for _, value in rows[:-1]) or 1.0
    column = Column(
        message("adds to the logit"),
        tuple(number(value, digits, plus=True) for _, value in rows),
        tuple(min(1.0, abs(value) / largest) for _, value in rows),
    )
    heading = message(
        "what adds up to the logit of “{answer}” after “{token}”",
        answer=quoted(result.answer.text, presentation.medium),
        token=visible(number_pieces(result.tokens)[result.row or 0].text, presentation.medium),
    )
    caption = (
        in_brief((message("the parts add up to the logit, its score for the word"),))
        if brief
        else (message("the final norm’s factor is held fixed"), message("the remainder is rounding"))
    )
    return Listing(heading, tuple(label for label, _ in rows), ((column,),), caption)


def prepare_attribution(result: Lens, presentation: Presentation = TERMINAL) -> Prepared | None:
    """Return one panel, layers down, heads and the feed-forward layer across: what each adds to the answer's logit."""
    from attnviz.views.prepared.color_scale import signed_scale

    part = result.attribution
    if part is None or result.answer is None:
        return None
    values = np.column_stack([part.heads, part.feed_forward])
    layers, heads = part.heads.shape
    panel = Panel(
        title=None,
        values=values,
        rows=tuple(map(str, range(layers))),
        columns=(*map(str, range(heads)), message("MLP").localized()),
        scale=signed_scale(values),
        plus=True,
    )
    word = quoted(result.answer.text, presentation.medium)
    what = message("what each head and MLP adds to the logit of “{answer}”", answer=word)
    caption = (
        *describe_provenance(result.provenance),
        message(
            "logit {logit} = heads and MLPs {parts}, embedding {embedding}, biases and the rest {rest}",
            logit=number(part.logit, 3, plus=True),
            parts=number(float(values.sum(dtype=np.float64)), 3, plus=True),
            embedding=number(part.embedding, 3, plus=True),
            rest=number(part.logit - float(values.sum(dtype=np.float64)) - part.embedding, 3, plus=True),
        ),
    )
    return Prepared(
        "heads",
        (panel,),
        message("{what}   layer ↓   head →", what=what),
        caption,
        digits=presentation.digits_or(_DIGITS),
        subject=subject_of_tokens(result.tokens),
        what=what,
        sides=LAYER_AND_HEAD,
        numbers=message("logit"),
    )


def _parts(part: Attribution) -> list[tuple[Message, float]]:
    """Return each part by its name."""
    layers, heads = part.heads.shape
    found = [
        (message("head {layer}.{head}", layer=layer, head=head), float(part.heads[layer, head]))
        for layer in range(layers)
        for head in range(heads)
    ]
    found += [(message("MLP {layer}", layer=layer), float(value)) for layer, value in enumerate(part.feed_forward)]
    biases = float(part.biases.sum(dtype=np.float64))
    others = (
        (message("embedding"), part.embedding),
        (message("biases of W_o"), biases),
        (message("biases of norm and head"), part.constant),
        (message("soft cap"), part.cap),
    )
    return found + [(label, value) for label, value in others if value]
