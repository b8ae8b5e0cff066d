"""Take a word or a head away, and see how far the result moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnviz.analysis.ablation import WAYS, Ablation, Removal, moved
from attnviz.analysis.entropy import least_even, unevenness
from attnviz.analysis.inputs import MOST_WORDS, Given, heads_shown
from attnviz.core.argument_kinds import check_arguments
from attnviz.core.attention import merge_heads
from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, unknown_choice
from attnviz.core.selection import spell_choice
from attnviz.i18n.messages import Message, message
from attnviz.text.find_token import find_token, occurrences
from attnviz.toy.attend import attend_to
from attnviz.toy.settings import Settings, change_settings, cuts_smaller
from attnviz.toy.word_vectors import Progress
from attnviz.toy.words import Words, open_word_files


@check_arguments()
def ablate(
    text: str | None = None,
    token: str | int | None = None,
    settings: Settings | None = None,
    *,
    by: str = "word",
    head: str | int | Iterable[str | int] | None = None,
    keys: str | None = None,
    vectors: str | Path | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Ablation:
    """Measure how far one word's output vector moves when each other word, or each head, is taken away.

    Each removal also has the weight that was there before it.
    token: as in find_token; None is the word whose row is least even. by: word, taken out of the text, so that
    the others close up; mask, it stays but nobody may look at it; head, its part of the output is zeros (Michel et
    al. 2019, "Are sixteen heads really better than one?", section 2.3), beside its largest weight in the row, which
    Voita et al. 2019 ("Analyzing multi-head self-attention", section 4) call its confidence. head: whose weights are
    shown, a number or a name; None and "mean" are the mean of the heads; of several, in a list or as "0,2-4" or "all",
    each is shown beside their mean. By head, the heads that are removed. The rest is as in run.
    Raises an AttnvizError for what cannot be; MissingError for a token or head that is not there.

    Examples:
        >>> [round(one.weight, 3) for one in ablate("猫吃鱼", "吃").removals]
        [0.221, 0.725]
    """
    if by not in WAYS:
        raise unknown_choice("--by", by, WAYS)
    chosen = change_settings(Settings() if settings is None else settings, options)
    words, chosen = Given(text, keys, vectors, labels, open_word_files((text, keys), [chosen], progress)).words(chosen)
    asked = words.asked or words
    if by != "head" and max(len(asked.tokens), len(words.tokens)) > MOST_WORDS:
        raise InputError(
            "Each word is removed in turn, so a text has at most {most} words; this one has {count}.",
            hint="Give a shorter text, or cut it into sentences with --tokens sentence."
            if cuts_smaller(chosen.tokens)
            else "Give a shorter text.",
            most=MOST_WORDS,
            count=f"{max(len(asked.tokens), len(words.tokens)):,}",
        )
    attention = attend_to(words, chosen)
    chosen_heads = heads_shown(attention, spell_choice(head))
    shown = chosen_heads.mean()
    index, note = _find(shown, token)
    if by == "head":
        removals = _without_heads(attention, chosen_heads.heads, index)
    else:
        removals = _without_words(words, chosen, attention, chosen_heads, index, by)
    return Ablation(
        token=words.tokens[index],
        index=index,
        by=by,
        removals=tuple(removals),
        own=None if attention.is_cross else float(shown.weights[0, 0, index, index]),
        length=float(np.linalg.norm(_output(attention)[index].astype(np.float64))),
        head=shown.heads[0] if by != "head" else "mean",
        provenance=shown.provenance if by != "head" else attention.provenance,
        notes=(*attention.notes, *note),
        occurrence=occurrences(words.tokens)[index],
        heads=chosen_heads.heads if by != "head" and len(chosen_heads.heads) > 1 else (),
    )


def _find(shown: Attention, token: str | int | None) -> tuple[int, tuple[Message, ...]]:
    """Return the index of the row, and notes on the choice."""
    if token is not None:
        index, note = find_token(shown.query, token)
        return index, () if note is None else (note,)
    index = least_even(unevenness(shown.weights[0, 0], shown.allowed))
    if len(shown.query) == 1:
        return index, ()
    return index, (
        message(
            "The row of “{word}” is shown: it is the least even. --token chooses another.", word=shown.query[index].text
        ),
    )


def _output(attention: Attention) -> NDArray[np.float32]:
    assert attention.output is not None
    return attention.output


def _without_words(
    words: Words, settings: Settings, attention: Attention, shown: Attention, index: int, by: str
) -> Iterator[Removal]:
    """Yield the removal of each other word in turn; in self-attention the row's own word stays."""
    before, mean = _output(attention)[index], shown.mean().weights[0, 0]
    numbers = occurrences(attention.key)
    for j, key in enumerate(attention.key):
        if j == index and not attention.is_cross:
            continue
        if by == "mask":
            after = _output(attend_to(words, settings, hidden=j))[index]
        elif len(attention.key) == 1:
            after = np.zeros_like(before)  # there is nothing left to look at
        else:
            place = index - (j < index and not attention.is_cross)
            after = _output(attend_to(words.without(j), settings))[place]
        yield Removal(
            name=key.text,
            index=j,
            weight=float(mean[index, j]),
            allowed=attention.allowed is None or bool(attention.allowed[index, j]),
            moved=moved(before, after),
            occurrence=numbers[j],
            unknown=key.is_unknown(attention.provenance.unknown),
            by_head=tuple(map(float, shown.weights[0, :, index, j])) if len(shown.heads) > 1 else (),
        )


def _without_heads(attention: Attention, heads: tuple[int | str, ...], index: int) -> Iterator[Removal]:
    """Yield the removal of each of these heads in turn, its part of the merged context set to zeros; "mean" is all."""
    trace = attention.traces[-1]
    for number, name in enumerate(attention.heads):
        if name not in heads and heads != ("mean",):
            continue
        context = trace.context[:, index : index + 1].copy()
        context[number] = 0
        together = merge_heads(context)[0].astype(np.float64)
        matrix = None if trace.projection is None else trace.projection.output
        after = together if matrix is None else together @ matrix
        largest = float(attention.weights[-1, number, index].max())
        yield Removal(name, number, largest, True, moved(_output(attention)[index], after))
