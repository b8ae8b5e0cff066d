"""A model's pieces as a reader's words: pieces joined or numbered, special tokens hidden, and every row still a whole.

A byte-level vocabulary may need three pieces for 鱼; shown one by one they would be é ± ¼. Joined, the weights at the
pieces are summed (they looked at one character) and the pieces' own rows are averaged: each row still sums to 1.
SentencePiece's ▁ alone is a token with an empty span, ␣: joining by character leaves it alone, joining by word joins
it to the word that follows. Sentences, lines and passages are joined the same way; white space between two of them
belongs to the one before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention, Token, Trace
from attnviz.core.clusters import split_clusters
from attnviz.core.errors import InputError, MissingError, unknown_choice
from attnviz.core.provenance import PASSAGES, HiddenTokens
from attnviz.core.token import with_piece_number
from attnviz.i18n.messages import Message, message
from attnviz.text.tokenize import tokenize
from attnviz.text.word_spans import plain_word_spans

WordCut = Callable[[str], Sequence[tuple[int, int]]]
JoinedTokens = tuple[list[tuple[int, int]], tuple[Token, ...]]

MERGES = ("none", "char", "word", "sentence", "line")
STRETCHES = ("sentence", "line")

_MOST_CELLS = 2**30


def merge_tokens(attention: Attention, how: str, cut: WordCut = plain_word_spans) -> Attention:
    """Join pieces: char, those that are no whole characters; word, sentence or line, also those of one; none: number.

    cut: gives the spans of a source's words, for "word"; sentences and lines are found here.
    Weights at the pieces of a group are summed, rows of its pieces averaged, outputs averaged; a cell is allowed where
    any of its pieces is. The traces go where anything was joined: the score of two pieces is not one number;
    provenance.joined then says how.
    Raises OptionError for another `how`.
    """
    if how not in MERGES:
        raise unknown_choice("--merge", how, MERGES)
    if how in STRETCHES and all(token.start is None for token in (*attention.query, *attention.key)):
        raise MissingError(
            "--merge {how} joins what stands in one {how} of a text, and there is no text here.",
            hint="Leave --merge out.",
            how=how,
        )
    queries, query = join_tokens(attention.query, attention.source, how, cut)
    if attention.is_cross:
        keys, key = join_tokens(attention.key, attention.key_source, how, cut)
    elif attention.has_sink:
        keys, key = with_sink_group(attention, queries, query)
    else:
        keys, key = queries, query
    if len(queries) == len(attention.query) and len(keys) == len(attention.key):
        return replace(attention, query=query, key=key)
    joined = join_groups(attention, (queries, query), (keys, key), how)
    spaces = () if how in STRETCHES else _note_spaces(attention, queries, keys)
    return replace(joined, notes=(*joined.notes, *spaces))


def with_sink_group(attention: Attention, groups: list[tuple[int, int]], tokens: tuple[Token, ...]) -> JoinedTokens:
    """Return the groups of the queries and their tokens with the sink, the last key, as a group of its own."""
    count = len(attention.query)
    return [*groups, (count, count + 1)], (*tokens, attention.key[-1])


def join_groups(attention: Attention, queries_to: JoinedTokens, keys_to: JoinedTokens, how: str) -> Attention:
    """Join neighbours on both sides, each given as groups [start, end) of all its tokens and a token for each group.

    Weights at the keys of a group are summed, rows of its queries averaged; how: what provenance.joined says of it.
    """
    (queries, query), (keys, key) = queries_to, keys_to
    return replace(
        attention,
        query=query,
        key=key,
        weights=join_weights(attention.weights, queries, keys),
        contributions=None if attention.contributions is None else join_weights(attention.contributions, queries, keys),
        allowed=None if attention.allowed is None else _join_allowed(attention.allowed, queries, keys),
        output=None if attention.output is None else _mean_rows(attention.output, queries, axis=0),
        traces=(),
        provenance=replace(attention.provenance, joined=how),
    )


def _note_spaces(
    attention: Attention, queries: list[tuple[int, int]], keys: list[tuple[int, int]]
) -> tuple[Message, ...]:
    """Return a note where pieces that are a space alone were joined to words; none where there are none."""
    sides = ((attention.query, queries), (attention.key, keys if attention.is_cross else []))
    joined = sum(_is_space(tokens[start]) for tokens, groups in sides for start, end in groups if end - start > 1)
    if not joined:
        return ()
    return (
        message(
            "Pieces that are only a space (␣, {count} of them) are joined to the words after them; --merge char leaves "
            "them apart.",
            count=joined,
        ),
    )


def why_no_traces(attention: Attention) -> MissingError | None:
    """Return an error that says why a model's attention has no scores and cards; None where no reason is known."""
    if attention.provenance.reduced is not None:
        return MissingError("A reduced map has only weights.", hint="Leave --reduce out.")
    model = attention.provenance.model
    if model is not None and model.window is not None:
        return MissingError(
            "With --window there are only weights: a score belongs to one window.", hint="Leave --window out."
        )
    if attention.layers == ("mean",):
        return MissingError("The mean of several layers has only weights.", hint="Choose one with --layer N.")
    if attention.provenance.joined == PASSAGES:
        return MissingError("A passage has no scores and no vectors of its own.", hint="Leave --parts out.")
    if attention.provenance.joined in STRETCHES:
        return MissingError(
            "Sentences and lines have no scores and no vectors of their own; only tokens have.",
            hint="Use --merge none." if attention.provenance.toy is None else "Leave --merge out.",
        )
    if attention.provenance.joined is not None:
        return MissingError(
            "Joined pieces have no scores and no vectors of their own; only single pieces have.",
            hint="Use --merge none.",
        )
    return None


def join_weights(
    weights: NDArray[np.float32], queries: list[tuple[int, int]], keys: list[tuple[int, int]]
) -> NDArray[np.float32]:
    """Sum the keys of each group and average its queries, [..., query, key]; rows sum to what they did."""
    return _mean_rows(np.add.reduceat(weights, [start for start, _ in keys], axis=-1), queries, axis=-2)


def _mean_rows(rows: NDArray[np.float32], groups: list[tuple[int, int]], axis: int) -> NDArray[np.float32]:
    sums = np.add.reduceat(rows, [start for start, _ in groups], axis=axis)
    counts = np.array([end - start for start, end in groups], dtype=np.float32)
    means: NDArray[np.float32] = (sums / counts[:, None]).astype(np.float32, copy=False)
    return means


def _join_allowed(
    allowed: NDArray[np.bool_], queries: list[tuple[int, int]], keys: list[tuple[int, int]]
) -> NDArray[np.bool_]:
    by_key = np.logical_or.reduceat(allowed, [start for start, _ in keys], axis=-1)
    joined: NDArray[np.bool_] = np.logical_or.reduceat(by_key, [start for start, _ in queries], axis=-2)
    return joined


def join_tokens(
    tokens: tuple[Token, ...], source: str | None, how: str, cut: WordCut = plain_word_spans
) -> tuple[list[tuple[int, int]], tuple[Token, ...]]:
    """Return which neighbours belong together, as `group` does, and a token for each group; "none" numbers pieces."""
    groups = group(tokens, source, how, cut)
    if how == "none":
        return groups, _numbered(tokens, source)
    joined = tuple(_joined(tokens[start:end], source) for start, end in groups)
    return groups, tuple(map(_without_space, joined)) if how in STRETCHES else joined


def _without_space(token: Token) -> Token:
    """Return the token of a stretch without the white space at its end."""
    text = token.text.rstrip()
    if token.start is None or not text or text == token.text:
        return token
    return replace(token, text=text, end=token.start + len(text))


def group(
    tokens: tuple[Token, ...], source: str | None, how: str, cut: WordCut = plain_word_spans
) -> list[tuple[int, int]]:
    """Return which neighbours belong together, as [start, end) of token indexes in order; each token is in one group.

    Tokens that share one character of the source belong together, and those that stand for the same stretch of it.
    cut: gives the spans of the source's words, for "word".

    >>> group((Token("鱼", 0, 1), Token("鱼", 0, 1), Token("吃", 1, 2)), "鱼吃", "char")
    [(0, 2), (2, 3)]
    """
    if source is None or how == "none":
        return [(i, i + 1) for i in range(len(tokens))]
    if how in STRETCHES:
        return group_by_spans(tokens, stretch_spans(source, how))[0]
    borders = set(_character_borders(source))
    if how == "word":
        borders -= {place for start, end in cut(source) for place in range(start + 1, end)}
    starts = [0]
    reached = tokens[0].end if tokens else None
    for i, (before, token) in enumerate(pairwise(tokens), 1):
        if token.start is None or before.start is None or reached is None:
            parted = True
        elif _is_space(before):
            parted = how != "word" or _is_space(token) or token.start != before.start
        else:
            same = (token.start, token.end) == (before.start, before.end)
            parted = not same and _parted(reached, token.start, borders)
        if parted:
            starts.append(i)
            reached = token.end
        else:
            reached = max(reached or 0, token.end or 0)
    return list(pairwise([*starts, len(tokens)])) if tokens else []


def stretch_spans(source: str, how: str) -> list[tuple[int, int]]:
    r"""Return the spans of a text's sentences, or of its lines that are not blank; what is between is white space.

    >>> stretch_spans("It rains. Go!\nNow.", "sentence"), stretch_spans("It rains. Go!\nNow.", "line")
    ([(0, 9), (10, 13), (14, 18)], [(0, 13), (14, 18)])
    """
    if how == "sentence":
        return [(token.start or 0, token.end or 0) for token in tokenize(source, "sentence")]
    found, start = [], 0
    for line in source.splitlines(keepends=True):
        if line.strip():
            found.append(trim_span(source, start, start + len(line)))
        start += len(line)
    return found


def trim_span(source: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without the white space at its ends; there is more than white space in it.

    >>> trim_span("a cat ", 1, 6)
    (2, 5)
    """
    text = source[start:end]
    return start + len(text) - len(text.lstrip()), end - (len(text) - len(text.rstrip()))


def group_by_spans(
    tokens: tuple[Token, ...], spans: Sequence[tuple[int, int]]
) -> tuple[list[tuple[int, int]], list[int | None]]:
    """Return which neighbours lie in one stretch of the source, as [start, end) of token indexes, and in which stretch.

    spans: ascending, not overlapping, with white space alone between them. A token belongs to the stretch that its
    first character lies in that is no white space; one of white space alone to the stretch before it. Tokens that stand
    for no text are groups of their own, of no stretch (None), and part those on either side.

    >>> group_by_spans((Token("[CLS]"), Token("a.", 0, 2), Token("b", 3, 4), Token("c", 5, 6)), [(0, 2), (3, 6)])
    ([(0, 1), (1, 2), (2, 4)], [None, 0, 1])
    """
    starts = [start for start, _ in spans]
    numbers = [None if one.start is None else _stretch_of(one, starts, spans) for one in tokens]
    borders = [i for i, number in enumerate(numbers) if i == 0 or number is None or number != numbers[i - 1]]
    return list(pairwise([*borders, len(tokens)])), [numbers[i] for i in borders]


def _stretch_of(token: Token, starts: list[int], spans: Sequence[tuple[int, int]]) -> int:
    """Return the number of the stretch that a token belongs to: see `group_by_spans`."""
    start, end = token.start or 0, token.end or 0
    number = max(bisect_right(starts, start) - 1, 0)
    following = number + 1
    if number < len(spans) and start >= spans[number][1] and following < len(spans) and starts[following] < end:
        return following  # it begins with white space
    return number


def _is_space(token: Token) -> bool:
    """Return whether a token is a space alone that no character of the text stands for: ␣, with an empty span."""
    return token.start is not None and token.start == token.end


def _parted(reached: int, start: int, borders: set[int]) -> bool:
    """Return whether two tokens belong apart, of which one reaches to `reached` and the next begins at `start`.

    They do where a character (or word) ends between them; where they overlap, unless they share but one character.
    """
    places = range(reached, start + 1) if start >= reached else range(start + 1, reached)
    return any(place in borders for place in places)


def _character_borders(source: str) -> Iterator[int]:
    """Yield the places where characters, as a reader sees them, begin or end; white space is one too."""
    return accumulate(map(len, split_clusters(source)), initial=0)


def _joined(tokens: tuple[Token, ...], source: str | None) -> Token:
    """Return one token for a group: the source text from its first piece to its last, and their pieces joined."""
    first = tokens[0]
    if len(tokens) == 1 or source is None or first.start is None:
        return first
    end = max(token.end or 0 for token in tokens)
    start = min(token.start or 0 for token in tokens)
    text = source[start:end]
    start += len(text) - len(text.lstrip()) if text.strip() else 0
    return token_of_group(tokens, start, end, source)


def token_of_group(tokens: Sequence[Token], start: int, end: int, source: str) -> Token:
    """Return one token for a group: the source's text from start to end, with the pieces of its tokens."""
    pieces = [token.piece for token in tokens if token.piece is not None]
    return Token(source[start:end], start, end, piece=" ".join(pieces) or None)


def shared_spans(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Return which neighbours stand for the same characters, as [start, end) of token indexes in order.

    >>> shared_spans((Token("鱼", 0, 1), Token("鱼", 0, 1), Token("吃", 1, 2), Token("[SEP]")))
    [(0, 2), (2, 3), (3, 4)]
    """
    starts = [
        index
        for index, token in enumerate(tokens)
        if index == 0
        or token.start is None
        or token.start == token.end
        or (token.start, token.end) != (tokens[index - 1].start, tokens[index - 1].end)
    ]
    return list(pairwise([*starts, len(tokens)]))


def number_pieces(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Return the tokens, with small numbers where neighbours have the text of one character: 鱼₁ 鱼₂ 鱼₃.

    >>> [token.text for token in number_pieces((Token("鱼", 0, 1), Token("鱼", 0, 1), Token("吃", 1, 2)))]
    ['鱼₁', '鱼₂', '吃']
    """
    groups = (group for start, end in shared_spans(tokens) for group in _of_one_text(tokens, start, end))
    return _number_groups(tokens, groups)


def _of_one_text(tokens: Sequence[Token], start: int, end: int) -> list[tuple[int, int]]:
    """Return a stretch of tokens whole where all have the same text, else one by one: <E7> <88> say that they are."""
    if len({token.text for token in tokens[start:end]}) == 1:
        return [(start, end)]
    return [(index, index + 1) for index in range(start, end)]


def _numbered(tokens: tuple[Token, ...], source: str | None) -> tuple[Token, ...]:
    """Add a small number to each of the pieces of one character: 鱼₁ 鱼₂ 鱼₃."""
    return _number_groups(tokens, group(tokens, source, "char"))


def _number_groups(tokens: Sequence[Token], groups: Iterable[tuple[int, int]]) -> tuple[Token, ...]:
    found: list[Token] = []
    for start, end in groups:
        if end - start == 1:
            found.append(tokens[start])
            continue
        found.extend(with_piece_number(token, number) for number, token in enumerate(tokens[start:end], 1))
    return tuple(found)


def hide_special(attention: Attention, *, renormalize: bool = False) -> Attention:
    """Leave out the tokens that stand for no text ([CLS], <s>), as queries and as keys.

    Rows keep what they gave to the others, and sum to 1 only where `renormalize` asks for it. provenance.hidden
    says which pieces are hidden and how much weight went to them: for each layer and head, the mean over the rows
    shown.
    """
    queries = [i for i, token in enumerate(attention.query) if token.start is not None]
    keys = [i for i, token in enumerate(attention.key) if token.start is not None]
    if len(queries) == len(attention.query) and len(keys) == len(attention.key):
        return attention
    if not queries or not keys:
        raise InputError("There is nothing but special tokens to show.")
    weights = attention.weights[:, :, queries][:, :, :, keys]
    kept = weights.sum(axis=-1, keepdims=True)
    whole = 1.0
    if attention.provenance.partial and not renormalize:  # what went to keys that are not here went to no hidden token
        whole = attention.weights[:, :, queries].sum(axis=-1).mean(axis=-1, dtype=np.float64)
    if renormalize:
        weights = (weights / np.where(kept == 0, 1, kept)).astype(np.float32, copy=False)
    hidden = dict.fromkeys(token.text for token in attention.key if token.start is None)
    shares = np.clip(whole - kept[..., 0].mean(axis=-1, dtype=np.float64), 0, 1)
    per_layer = tuple((layer, tuple(row)) for layer, row in zip(attention.layers, shares.tolist(), strict=True))
    query = tuple(attention.query[i] for i in queries)
    return replace(
        attention,
        query=query,
        key=tuple(attention.key[i] for i in keys) if attention.is_cross else query,
        weights=weights,
        contributions=None
        if attention.contributions is None
        else attention.contributions[:, :, queries][:, :, :, keys],
        allowed=None if attention.allowed is None else attention.allowed[..., queries, :][..., keys],
        output=None if attention.output is None else attention.output[queries],
        traces=tuple(
            _part_of(trace, queries, keys, weights[i] if renormalize else None)
            for i, trace in enumerate(attention.traces)
        ),
        provenance=replace(attention.provenance, hidden=HiddenTokens(tuple(hidden), per_layer, renormalize)),
    )


def _part_of(trace: Trace, queries: list[int], keys: list[int], weights: NDArray[np.float32] | None) -> Trace:
    return replace(
        trace,
        inputs=trace.inputs[queries],
        key_inputs=trace.key_inputs[keys],
        query=trace.query[:, queries],
        key=trace.key[:, keys],
        value=trace.value[:, keys],
        sink=None,
        logits=trace.logits[:, queries][:, :, keys],
        weights=trace.weights[:, queries][:, :, keys] if weights is None else weights,
        context=trace.context[:, queries],
        gate=None if trace.gate is None else trace.gate[:, queries],
        output=trace.output[queries],
        bias=None if trace.bias is None else trace.bias[:, queries][:, :, keys],
    )
