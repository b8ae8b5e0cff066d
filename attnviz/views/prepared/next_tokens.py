"""What a model says next, and what it puts at a mask: tokens, probabilities, and the words attended to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from attnviz.analysis.next_tokens import Branch, FilledMask, FilledText, NextTokens, attended_words
from attnviz.core.attention_data import Token
from attnviz.core.types import Float32
from attnviz.i18n.decimals import LocalDecimal, fixed, with_power
from attnviz.i18n.messages import Message, message
from attnviz.models.continuation import Candidate, Decoding, GeneratedToken
from attnviz.text.find_token import occurrences
from attnviz.text.merge_pieces import number_pieces, shared_spans
from attnviz.views.prepared.caption import describe_provenance, in_brief
from attnviz.views.prepared.charts import BarChart, Charts
from attnviz.views.prepared.color_scale import weight_scale
from attnviz.views.prepared.cut_characters import describe_cut_characters
from attnviz.views.prepared.labels import Medium, named, with_occurrence
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import Panel, Prepared, subject_of
from attnviz.views.prepared.presentation import DIGITS, PICTURE, Presentation

# How many words of a step's attention are listed, where each step has a line of its own, or a list.
FEW, MANY = 4, 10

SHARES_ARE = message(
    "“attended to”: each word's share of what all heads add to the row that predicts the token (lengths of weight × v "
    "W_o; Kobayashi et al. 2020), the mean of the layers"
)


_FIRST_SHARES = message("“attended to”: how much the heads took from each word")


@dataclass(frozen=True)
class StepWords:
    """One added token in words: its number from 1, the token, its probability, others, and the words attended to.

    share: the probability, 0 to 1. others: the next likeliest tokens.
    """

    number: int
    token: str
    probability: str
    share: float
    others: tuple[str, ...]
    attended: tuple[str, ...]


def prepare_step(token: GeneratedToken, number: int, medium: Medium = "terminal") -> StepWords:
    """Return what a line says of an added token."""
    others = [one for one in token.candidates if one.id != token.token.id][:2]
    return StepWords(
        number,
        named(token.own_text, medium),
        percent(token.probability),
        token.probability,
        tuple(f"{named(one.text, medium)} {percent(one.probability)}" for one in others),
        tuple(f"{word} {share:.0%}" for word, share in attended_labels(token.context, token.shares, FEW, medium)),
    )


def attended_labels(
    context: Sequence[Token], shares: Float32, most: int | None = None, medium: Medium = "terminal"
) -> list[tuple[str, float]]:
    """Return words with their shares, the largest share first; the second of two equal words is the#2."""
    starts = [start for start, _ in shared_spans(context)]
    words = dict(zip(starts, word_labels(join_pieces(context), medium), strict=True))
    return [(words[start], share) for (start, _), share in attended_words(context, shares, most)]


def join_pieces(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Return the tokens with those of one character as one: 爱, or <E7><88> where the text ends within it.

    >>> [token.text for token in join_pieces((Token("<E7>", 0, 1), Token("<88>", 0, 1), Token("从", 1, 2)))]
    ['<E7><88>', '从']
    """
    return tuple(
        replace(tokens[start], text="".join(dict.fromkeys(token.text for token in tokens[start:end])))
        for start, end in shared_spans(tokens)
    )


def word_labels(context: Sequence[Token], medium: Medium = "terminal") -> list[str]:
    """Return each token's text, with its number where the same text stands before it."""
    numbers = occurrences([Token(token.text) for token in context])
    return [
        with_occurrence(named(token.text, medium).rstrip(), number)
        for token, number in zip(context, numbers, strict=True)
    ]


def percent(probability: float) -> str:
    """Write a probability in percent.

    >>> percent(0.3412), percent(0.00002), percent(0.0)
    ('34.1%', '<0.1%', '0.0%')
    """
    return "<0.1%" if 0 < probability < 0.0005 else f"{fixed(100 * probability, 1)}%"


@dataclass(frozen=True)
class PlayedStep:
    """One added token: how many words it could attend to, its text and probability, what else was likely, and why.

    candidates, attended: text, percent as text, and the number, 0 to 1; the largest first.
    """

    count: int
    token: str
    probability: str
    candidates: tuple[tuple[str, str, float], ...]
    attended: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, eq=False)
class Played:
    """The steps of one branch, to be shown one after the other.

    title: the text that is continued. name: the branch among several. context: the tokens that the last step could
    attend to. grows: whether the added tokens are among them, as in all but encoder-decoders. shares [steps, context]:
    0 where a step came too early. source: the text of the context.
    """

    title: str
    name: Message
    caption: tuple[Message, ...]
    context: tuple[Token, ...]
    source: str | None
    grows: bool
    added: tuple[Token, ...]
    steps: tuple[PlayedStep, ...]
    shares: Float32


def play_steps(result: NextTokens, medium: Medium = "picture") -> tuple[Played, ...]:
    """Prepare the steps of each branch for a page that plays them."""
    names = _branch_names(result)
    return tuple(
        _play_branch(result, branch, name, medium) for branch, name in zip(result.branches, names, strict=True)
    )


def _play_branch(result: NextTokens, branch: Branch, name: Message, medium: Medium) -> Played:
    context = branch.tokens[-1].context
    shares = np.zeros((len(branch.tokens), len(context)), dtype=np.float32)
    steps = []
    for row, one in enumerate(branch.tokens):
        shares[row, : len(one.context)] = one.shares[: len(one.context)]
        attended = attended_labels(one.context, one.shares, MANY, medium)
        steps.append(
            PlayedStep(
                len(one.context),
                named(one.own_text, medium),
                percent(one.probability),
                tuple((named(c.text, medium), percent(c.probability), c.probability) for c in one.candidates),
                tuple((word, percent(share), share) for word, share in attended if share > 0),
            )
        )
    has_grown = len(branch.tokens) == 1 or len(context) > len(branch.tokens[0].context)
    grows = has_grown and not result.attention.is_cross
    return Played(
        result.text,
        name,
        (decoding_words(result.decoding), *describe_cut_characters(texts=_played_words(steps)), SHARES_ARE),
        number_pieces(context),
        _source_of(result, branch) if grows else result.attention.key_source,
        grows,
        tuple(one.token for one in branch.tokens),
        tuple(steps),
        shares,
    )


def _played_words(steps: Sequence[PlayedStep]) -> Iterator[str]:
    """Yield the words that each step shows."""
    for one in steps:
        yield one.token
        yield from (text for text, _, _ in (*one.candidates, *one.attended))


def _source_of(result: NextTokens, branch: Branch) -> str | None:
    """Return the text that a branch's tokens stand in: that of the first branch, with what this one adds at its end."""
    source = result.attention.source
    if source is None or not source.endswith(result.added):
        return branch.attention.source
    return source[: len(source) - len(result.added)] + branch.text


def prepare_next(result: NextTokens, medium: Medium = "terminal", *, brief: bool = False) -> Listing:
    """Return a list of one step's candidates, or the steps of several branches side by side.

    brief: with a first caption of one line.
    """
    if len(result.branches) > 1:
        return _side_by_side(result, medium, brief=brief)
    return _candidates(_heading(result), result.candidates, next_caption(result, brief=brief), medium)


def list_next(result: NextTokens, medium: Medium = "terminal") -> tuple[Listing, ...]:
    """Return what stands of a continuation: one step's lists, a row for each of several steps, or the branches."""
    if len(result.branches) > 1:
        return (_side_by_side(result, medium),)
    if len(result.tokens) > 1:
        return (_list_steps(result, medium),)
    step, listing = result.tokens[0], prepare_next(result, medium)
    attended = prepare_attended(step.context, step.shares, medium)
    return replace(listing, caption=()), replace(attended, caption=listing.caption)


def _list_steps(result: NextTokens, medium: Medium) -> Listing:
    steps = [prepare_step(token, number, medium) for number, token in enumerate(result.tokens, 1)]
    columns = (
        Column(message("probability"), tuple(one.probability for one in steps), tuple(one.share for one in steps)),
        Column(message("other tokens"), tuple(", ".join(one.others) for one in steps)),
        Column(message("attended to"), tuple(", ".join(one.attended) for one in steps)),
    )
    notes = (message("{text}", text=_inline(result.whole)),)
    return Listing(_heading(result), tuple(one.token for one in steps), (columns,), next_caption(result), notes)


def prepare_attended(context: Sequence[Token], shares: Float32, medium: Medium = "terminal") -> Listing:
    """Return a list of the words that a token attended to, with their shares."""
    found = attended_labels(context, shares, MANY, medium)
    largest = max((share for _, share in found), default=0.0) or 1.0
    cells = tuple(percent(share) for _, share in found)
    column = Column(message("attended to"), cells, tuple(share / largest for _, share in found))
    return Listing(None, tuple(word for word, _ in found), ((column,),))


def _candidates(
    heading: Message, candidates: Sequence[Candidate], caption: tuple[Message, ...], medium: Medium
) -> Listing:
    cells = tuple(percent(one.probability) for one in candidates)
    column = Column(message("probability"), cells, tuple(one.probability for one in candidates))
    return Listing(heading, tuple(named(one.text, medium) for one in candidates), ((column,),), caption)


def _side_by_side(result: NextTokens, medium: Medium, *, brief: bool = False) -> Listing:
    """Return a row a step, with each branch's token, its probability, and the word it attended to most."""
    most = max(len(branch.tokens) for branch in result.branches)
    groups = tuple(_branch_columns(number, branch, most, medium) for number, branch in enumerate(result.branches, 1))
    labels, names = tuple(str(number) for number in range(1, most + 1)), _branch_names(result)
    caption = next_caption(result, brief=brief)
    return Listing(_heading(result), labels, groups, caption, names, verdicts=len(names))


def _branch_names(result: NextTokens) -> tuple[Message, ...]:
    """Return each branch's number from 1, its text and its probability."""
    return tuple(
        message(
            "{number}: {text} (probability {share})",
            number=number,
            text=_inline(branch.text),
            share=LocalDecimal(f"{branch.probability:.3g}"),
        )
        for number, branch in enumerate(result.branches, 1)
    )


def _branch_columns(number: int, branch: Branch, rows: int, medium: Medium) -> tuple[Column, ...]:
    tokens: list[GeneratedToken | None] = [*branch.tokens, *([None] * (rows - len(branch.tokens)))]
    words = tuple(
        "" if one is None else f"{named(one.own_text, medium).rstrip()} {percent(one.probability)}" for one in tokens
    )
    looked = tuple(
        "" if one is None or not one.shares.any() else attended_labels(one.context, one.shares, 1, medium)[0][0]
        for one in tokens
    )
    return (Column(message("branch {number}", number=number), words), Column(message("attended most to"), looked))


def _inline(text: str) -> str:
    return text.strip().replace("\n", "⏎")


def _heading(result: NextTokens) -> Message:
    model = result.provenance.model
    return heading_of(result.text, model.name if model else "", answers=result.answers)


def heading_of(text: str, model: str, *, answers: bool) -> Message:
    """Return what stands above the tokens: the model's name, and the text that it goes on with, or answers."""
    text = _inline(text) or named(text)
    shown = text if len(text) <= 60 else f"…{text[-59:]}"
    if answers:
        return message("what {model} answers to “{text}”", model=model, text=shown)
    return message("what {model} says after “{text}”", model=model, text=shown)


def next_heading(result: NextTokens) -> Message:
    """Return what stands above the tokens."""
    return _heading(result)


def next_caption(result: NextTokens, *, brief: bool = False) -> tuple[Message, ...]:
    """Return how the tokens were chosen, and what the shares are; brief: on one line, where none were drawn."""
    chosen = decoding_words(result.decoding)
    cut = describe_cut_characters(texts=_shown_words(result))
    if brief:
        drawn = () if result.decoding.temperature is None else (chosen,)
        return in_brief((*drawn, *cut, _FIRST_SHARES), result.provenance)
    return (*describe_provenance(result.provenance), chosen, *cut, SHARES_ARE)


def _shown_words(result: NextTokens) -> Iterator[str]:
    """Yield the words that a list of the tokens shows: them, what else was likely, and what they attended to."""
    alone = len(result.branches) == 1
    for branch in result.branches:
        for one in branch.tokens:
            yield one.token.text
            if alone:
                others = one.candidates if len(branch.tokens) == 1 else one.candidates[:3]
                yield from (other.text for other in others)
            most = 1 if not alone else MANY if len(branch.tokens) == 1 else FEW
            yield from (group[0] for group in attended_labels(one.context, one.shares, most) if one.shares.any())


def decoding_words(decoding: Decoding) -> Message:
    """Say how tokens were chosen; where that was not by the probabilities that are shown, say that too.

    >>> str(decoding_words(Decoding())), str(decoding_words(Decoding(temperature=1.0, seed=3)))
    ('the likeliest token each time', 'drawn at temperature 1, top-p 1, seed 3')
    """
    if decoding.temperature is None:
        return message("the likeliest token each time")
    drawn = message(
        "drawn at temperature {temperature}, top-p {top_p}, seed {seed}",
        temperature=with_power(f"{decoding.temperature:g}"),
        top_p=f"{1.0 if decoding.top_p is None else decoding.top_p:g}",
        seed=decoding.seed or 0,
    )
    if decoding.temperature == 1 and decoding.top_p in (None, 1):
        return drawn
    return message("{drawn}; the probabilities are the model's own, at temperature 1", drawn=drawn)


def draw_next(result: NextTokens, presentation: Presentation = PICTURE) -> Prepared | Charts:
    """Return a picture's form: bars of one step, or of several a heatmap of the words that each token attended to."""
    medium = presentation.medium
    if len(result.branches) == 1 and len(result.tokens) == 1:
        step = result.tokens[0]
        charts = (
            _candidate_bars(message("probability"), result.candidates, medium),
            _share_bars(step.context, step.shares, medium),
        )
        return Charts(_heading(result), charts, next_caption(result))
    panels = tuple(
        _share_panel(branch, None if len(result.branches) == 1 else number, medium)
        for number, branch in enumerate(result.branches, 1)
    )
    heading = message("added ↓   attended to →")
    cut = describe_cut_characters(texts=[label for panel in panels for label in (*panel.rows, *panel.columns)])
    caption = (*describe_provenance(result.provenance), decoding_words(result.decoding), *cut, SHARES_ARE)
    scale = weight_scale(np.concatenate([panel.values.ravel() for panel in panels])[None])
    panels = tuple(replace(panel, scale=scale) for panel in panels)
    return Prepared(
        "weights",
        panels,
        heading,
        caption,
        digits=presentation.digits_or(DIGITS),
        across=1,
        subject=subject_of(result.text),
        what=message("what each added token attended to"),
        sides=(message("added ↓"), message("attended to →")),
        numbers=message("share attended to"),
    )


def _share_panel(branch: Branch, number: int | None, medium: Medium) -> Panel:
    """Return rows of added tokens [steps], columns of the words that the last of them could attend to.

    Columns of pieces of one character are one; rows are the tokens as they came, <E7> <88> 爱 where three spell 爱.
    """
    widest = branch.tokens[-1].context
    pieces = np.zeros((len(branch.tokens), len(widest)), dtype=np.float32)
    for row, one in enumerate(branch.tokens):
        pieces[row, : len(one.shares)] = one.shares
    starts = np.array([start for start, _ in shared_spans(widest)])
    values = np.add.reduceat(pieces, starts, axis=1)
    forbidden = starts >= np.array([[len(one.shares)] for one in branch.tokens])
    title = None if number is None else message("branch {number}", number=number)
    rows = tuple(named(one.own_text, medium) for one in branch.tokens)
    columns = tuple(named(token.text, medium) for token in join_pieces(widest))
    return Panel(title, values, rows, columns, weight_scale(values[None]), forbidden, cross=True)


def _candidate_bars(title: Message, candidates: Sequence[Candidate], medium: Medium) -> BarChart:
    return BarChart(
        title,
        tuple(named(one.text, medium) for one in candidates),
        tuple(one.probability for one in candidates),
        tuple(percent(one.probability) for one in candidates),
    )


def _share_bars(context: Sequence[Token], shares: Float32, medium: Medium) -> BarChart:
    found = attended_labels(context, shares, MANY, medium)
    return BarChart(
        message("attended to"),
        tuple(word for word, _ in found),
        tuple(share for _, share in found),
        tuple(percent(share) for _, share in found),
    )


def prepare_filled(result: FilledText, medium: Medium = "terminal", *, brief: bool = False) -> tuple[Listing, ...]:
    """Return two lists a mask: what would stand there, and what the mask attended to.

    brief: with a first caption of one line.
    """
    lists = []
    for number, mask in enumerate(result.masks, 1):
        lists.append(_candidates(_mask_heading(result, number, mask), mask.candidates, (), medium))
        lists.append(prepare_attended(result.tokens, mask.shares, medium))
    return (*lists, Listing(None, (), (), _filled_caption(result, brief=brief), (filled_sentence(result),), verdicts=1))


def filled_sentence(result: FilledText) -> Message:
    """Return the text with the likeliest token at each mask."""
    return message("filled: {text}", text=_inline(result.filled))


def _mask_heading(result: FilledText, number: int, mask: FilledMask) -> Message:
    if len(result.masks) == 1:
        return message("what {model} puts at {mask}", model=_model_name(result), mask=mask.token.text)
    return message(
        "what {model} puts at {mask}, number {number} of {count}",
        model=_model_name(result),
        mask=mask.token.text,
        number=number,
        count=len(result.masks),
    )


def _model_name(result: FilledText) -> str:
    return result.provenance.model.name if result.provenance.model else ""


def _filled_caption(result: FilledText, *, brief: bool = False) -> tuple[Message, ...]:
    alone = () if len(result.masks) == 1 else (message("each mask by itself: whatever stands at the others"),)
    cut = describe_cut_characters(result.tokens, (one.text for mask in result.masks for one in mask.candidates))
    if brief:
        return in_brief((*(alone or (_FIRST_SHARES,)), *cut), result.provenance)
    return (*describe_provenance(result.provenance), *alone, *cut, SHARES_ARE)


def draw_filled(result: FilledText, presentation: Presentation = PICTURE) -> Charts:
    """Return a picture's form: two charts of bars a mask."""
    charts = []
    for number, mask in enumerate(result.masks, 1):
        title = _mask_heading(result, number, mask)
        charts.append(_candidate_bars(title, mask.candidates, presentation.medium))
        charts.append(_share_bars(result.tokens, mask.shares, presentation.medium))
    return Charts(message("{text}", text=_inline(result.text)), tuple(charts), _filled_caption(result))
