"""`attnviz.heads`: what each head does, over one text or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from attnviz.analysis.heads import Heads, HeadTally, find_column
from attnviz.analysis.probe_heads import PROBE_TOKENS, ProbeScores, check_probe, probe_model, probe_toy
from attnviz.api.toy_or_model import choose
from attnviz.core.argument_kinds import ArgumentKind, check_arguments
from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, OptionError
from attnviz.core.read_file import need_text
from attnviz.i18n.messages import message
from attnviz.models.options import Options, check_contributions, check_options
from attnviz.toy.attend import attend_to
from attnviz.toy.settings import Settings
from attnviz.toy.word_vectors import Progress
from attnviz.toy.words import open_word_files, read_words

_MEASURED = ArgumentKind(
    lambda value: isinstance(value, str | Attention) or (isinstance(value, list | tuple | Iterator) and bool(value)),
    message("a text, an Attention, or a list of these with at least one"),
)


@check_arguments(text=_MEASURED)
def heads(
    text: str | Attention | Sequence[str] | Sequence[Attention],
    settings: Settings | Options | None = None,
    *,
    probe: bool = False,
    probe_tokens: int = PROBE_TOKENS,
    like: str | None = None,
    sort: str | None = None,
    top: int | None = None,
    color: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Heads:
    """Measure what each head looks at and what it contributes, over one text or several.

    Each head has its shares on itself, the previous, next and first word, special tokens, the same word elsewhere,
    punctuation and the same sentence, by weight and by contribution, the length of weight x f(x) (Kobayashi et al.
    2020, equation 3), and a name by thresholds. Several texts are averaged, with their spread. `options` are the fields
    of Settings, or, with `model`, those of Options; a model's pieces are not joined. An Attention is measured as it is:
    by weight alone where it has no contributions.
    probe: also read repeated random tokens, `probe_tokens` of them twice, for induction, duplicate-token and
    previous-token scores (Olsson et al. 2022). like: a head, as 18.6, that the others are compared with. sort: a
    column, the largest first; top: so many heads. color: the column of a picture.
    Raises an AttnvizError that says what was expected, what came and what to do.

    Examples:
        >>> heads("猫吃鱼").row("0.0").character.pattern
        'mixed'
    """
    check_probe(probe_tokens)
    for column, option in ((sort, "--sort"), (color, "--color")):
        if column is not None:
            find_column(column, option=option)
    if top is not None and (isinstance(top, bool) or not isinstance(top, int) or top < 1):
        raise OptionError("--top must be a whole number from 1, not {value}.", value=top)
    given = [text] if isinstance(text, str | Attention) else list(text)
    tally, scores = HeadTally(like), None
    if any(isinstance(one, Attention) for one in given):
        if not all(isinstance(one, Attention) for one in given):
            raise InputError("heads takes texts or Attentions, not some of each.")
        if settings is not None or options or probe:
            raise OptionError("An Attention is already computed: no setting can change it, and no probe be run.")
        for one in given:
            if isinstance(one, Attention):
                tally.add(one)
    else:
        texts = [one for one in given if isinstance(one, str)]
        for one in given:
            need_text(one)
        scores = _measure_texts(tally, texts, choose(settings, options), probe_tokens if probe else None, progress)
    found = tally.report(scores, probe_tokens if probe else None)
    if color is not None:
        found = replace(found, color=find_column(color, found.columns, "--color"))
    elif like is not None:
        found = replace(found, color="likeness")
    by = sort or ("likeness" if like is not None else None)
    if by is None:
        return found if top is None else found.sorted("contribution" if found.known else "entropy", top)
    return found.sorted(by, top)


def _measure_texts(
    tally: HeadTally, texts: list[str], chosen: Settings | Options, probe_tokens: int | None, progress: Progress | None
) -> ProbeScores | None:
    """Measure each text by the toy or by a model, and run the probe; return its scores, None without one."""
    if isinstance(chosen, Settings):
        word_files = open_word_files(tuple(texts), [chosen], progress)
        for text in texts:
            tally.add(attend_to(*read_words(text, chosen, word_files=word_files)))
        return None if probe_tokens is None else probe_toy(chosen, probe_tokens)
    check_options(chosen)
    check_contributions(chosen.ablation if chosen.ablate else None)
    from attnviz.models.model import opened

    assert chosen.model is not None
    model = opened(chosen.model, chosen.download)
    if model.shape.encoder_decoder and chosen.attention == "auto":
        chosen = replace(chosen, attention="encoder")
    if probe_tokens is not None and model.shape.encoder_decoder and chosen.attention != "encoder":
        raise OptionError(
            "--probe reads repeated tokens by one stack: of {name} by its encoder.",
            hint="Use --attention encoder, or leave --probe out.",
            name=model.name,
        )
    if probe_tokens is not None:
        with model.without_heads(chosen):  # first: a probe that does not fit ends it before the texts are read
            scores = probe_model(model, probe_tokens)
    for text in texts:
        tally.add(model.attend(text, replace(chosen, merge="none"), traces=False, contributions=True))
    return scores if probe_tokens is not None else None
