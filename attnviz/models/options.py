"""The options that only a real model understands: which model, and what to do with its tokens and windows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.core.errors import InputError, OptionError, unknown_choice
from attnviz.core.option_kinds import FLAG, TEXT, WHOLE, OptionKind, check_kinds, option_name
from attnviz.core.provenance import EVERY
from attnviz.i18n.messages import message
from attnviz.models import ABLATIONS, ATTENTIONS
from attnviz.text.merge_pieces import MERGES, STRETCHES

if TYPE_CHECKING:
    from attnviz.models.families.base import ModelShape


# The most tokens that a model is asked to add.
MOST_STEPS = 2**20


@dataclass(frozen=True)
class Options:
    """Options of a run with a real model; change them with dataclasses.replace.

    model: a reference to the model, see models.model.load; download: fetch it from the hub where it is not here.
    pair: a second text segment. merge: how pieces are joined: none, char, word, sentence or line. parts: passages of
    the text, to which pieces are joined, as a list of texts, {name: text}, or a file of them. words: the words of the
    text, with spaces between them, to which pieces are joined. chat: the text is a user's message, or a JSON list of
    messages, which the model's chat template renders; chat_template: the name of one of several. no_special: hide [CLS]
    and other tokens that stand for no text; renormalize: make the rows over the remaining tokens sum to 1.
    window, stride: tokens of a sliding window and of its step, for a text that is longer than the model can take.
    attention: which attention of an encoder-decoder: auto, encoder, decoder or cross.
    ablate: heads that are switched off, as "3.1" or "3.*" (layer.head; a tuple (3, 1) is taken too), in the attention
    that is shown; ablation: what their output is then, zero or mean (over the text's tokens).
    generate: how many tokens the model adds to the text first, each the likeliest; fewer where it ends the text before.
    source_language, target_language: of a translator between many languages, as its tokens name them (eng_Latn, en_XX).
    """

    model: str | None = None
    download: bool = False
    pair: str | None = None
    merge: str = "char"
    parts: Any = field(default=None, metadata={"hint": Path | None})
    words: str | None = None
    chat: bool = False
    chat_template: str | None = None
    no_special: bool = False
    renormalize: bool = False
    window: int | None = None
    stride: int | None = None
    attention: str = "auto"
    ablate: tuple[str, ...] = ()
    ablation: str = "zero"
    generate: int | None = None
    source_language: str | None = None
    target_language: str | None = None

    def __post_init__(self) -> None:
        """Take one head, or a list of heads, as several; name the passages."""
        if self.parts is not None:
            from attnviz.text.passages import as_given

            object.__setattr__(self, "parts", as_given(self.parts))
        given: Any = self.ablate
        if isinstance(given, str) or _is_pair(given):
            given = (given,)
        if isinstance(given, list | tuple) and all(isinstance(one, str) or _is_pair(one) for one in given):
            heads = tuple(_by_numbers(one) if isinstance(one, str) else f"{one[0]}.{one[1]}" for one in given)
            object.__setattr__(self, "ablate", heads)

    @property
    def joins(self) -> str:
        """Return how pieces are joined: by word where the words are given; not yet where passages are."""
        return "word" if self.words is not None and self.merge == "char" else self.merge

    @property
    def slides(self) -> bool:
        """Return whether windows slide over the text."""
        return self.window is not None or self.stride is not None


def _by_numbers(head: str) -> str:
    """Return a head that is named as in a list of heads, L18H6, as 18.6; another text as it is.

    >>> _by_numbers("L18H6"), _by_numbers("3.*")
    ('18.6', '3.*')
    """
    named = re.fullmatch(r"\s*[Ll]([0-9]+)\s*[Hh]([0-9]+|\*)\s*", head)
    return head if named is None else f"{named[1]}.{named[2]}"


def _is_pair(given: object) -> bool:
    """Return whether this is a layer's and a head's number."""
    return isinstance(given, tuple) and len(given) == 2 and all(WHOLE.fits(one) for one in given)


OPTION_KINDS = {
    **dict.fromkeys(("model", "pair", "words", "chat_template", "source_language", "target_language"), TEXT.or_none()),
    **dict.fromkeys(("merge", "attention", "ablation"), TEXT),
    **dict.fromkeys(("download", "chat", "no_special", "renormalize"), FLAG),
    **dict.fromkeys(("window", "stride", "generate"), WHOLE.or_none()),
    "parts": OptionKind(object, message("passages: a list of texts, or names with texts")).or_none(),
    "ablate": OptionKind(tuple, message("heads as L.H, or a list of them")),
}


def check_option_kinds(options: Options) -> None:
    """Raise OptionError for a value of the wrong type."""
    check_kinds(options, OPTION_KINDS)


def change_options(options: Options, changes: dict[str, Any]) -> Options:
    """Return the options with some fields changed; raises OptionError for a name that is no field."""
    names = [one.name for one in fields(Options)]
    for name in changes:
        if name not in names:
            raise unknown_choice("attend()", name, names)
    return replace(options, **changes)


def check_options(options: Options) -> None:
    """Raise OptionError for a value that no model can follow."""
    check_kinds(options, {name: OPTION_KINDS[name] for name in ("window", "stride", "generate")})
    if options.merge not in MERGES:
        raise unknown_choice("--merge", options.merge, MERGES)
    if options.words is not None and options.merge == "none":
        raise OptionError(
            "--words joins pieces to words, and --merge none joins nothing.", hint="Leave one of them out."
        )
    if options.words is not None and options.merge in STRETCHES:
        raise OptionError(
            "--words joins pieces to words, and --merge {how} to longer stretches.",
            hint="Leave one of them out.",
            how=options.merge,
        )
    check_parts(options.parts, options.merge, options.words)
    if options.chat_template is not None and not options.chat:
        raise OptionError("--chat-template goes with --chat.")
    if options.chat and options.pair is not None:
        raise OptionError(
            "--chat takes a message or a conversation, and no --pair.", hint="Give several messages as a JSON list."
        )
    if options.chat and options.slides:
        raise OptionError("--window reads a text, and --chat a conversation.", hint="Leave one of them out.")
    if options.renormalize and not options.no_special:
        raise OptionError("--renormalize goes with --no-special; without that, every row sums to 1 already.")
    if options.generate is not None:
        _check_generation(options)
    if options.attention not in ("auto", *ATTENTIONS):
        raise unknown_choice("--attention", options.attention, ("auto", *ATTENTIONS))
    check_kinds(options, {name: OPTION_KINDS[name] for name in ("ablate", "ablation")})
    if options.ablation not in ABLATIONS:
        raise unknown_choice("--ablation", options.ablation, ABLATIONS)
    if options.ablation != "zero" and not options.ablate:
        raise OptionError("--ablation goes with --ablate, which names the heads to switch off.")
    if options.ablation == "mean" and options.slides:
        raise OptionError(
            "--ablation mean is a head's mean over the text's tokens, and --window reads the text in parts.",
            hint="Use --ablation zero, or leave --window out.",
        )
    if options.ablate:
        from attnviz.models.heads_off import check_heads

        check_heads(options.ablate)


def check_contributions(ablation: str | None) -> None:
    """Raise OptionError for lengths of what a head adds, where it adds its mean; None where no head is off."""
    if ablation == "mean":
        raise OptionError(
            "With --ablation mean a head adds its mean, and what each word adds to that is not known.",
            hint="Use --ablation zero.",
        )


def check_parts(parts: object, merge: str, words: str | None = None) -> None:
    """Raise OptionError where passages are given beside another way to join pieces."""
    for option, given in (("--merge", merge != "char"), ("--words", words is not None)):
        if parts is not None and given:
            raise OptionError(
                "--parts joins pieces to passages, and {option} joins them otherwise.",
                hint="Leave one of them out.",
                option=option,
            )


def check_one_map(reduce: str | None, parts: object) -> None:
    """Raise OptionError where passages are told of and several maps stand beside each other."""
    if reduce == EVERY and parts is not None:
        raise OptionError(
            "--reduce all shows maps beside each other, and --parts tells of one.",
            hint="Use --reduce mean, max, rollout, flow, norm or value-zeroing.",
        )


def check_picture_options(options: Options) -> None:
    """Raise OptionError for an option that says how a text is read: a picture has patches."""
    plain = Options()
    of_texts = ("pair", "merge", "parts", "words", "chat", "window", "stride", "attention", "generate")
    for name in (*of_texts, "source_language", "target_language"):
        if getattr(options, name) != getattr(plain, name):
            raise OptionError(
                "{option} is for texts, and --image gives a picture.",
                hint="Leave one of them out.",
                option=option_name(name),
            )


def _check_generation(options: Options) -> None:
    if not 1 <= (options.generate or 0) <= MOST_STEPS:
        raise OptionError(
            "{option} must be a whole number from 1 to {most}, not {value!r}.",
            option="--generate",
            most=f"{MOST_STEPS:,}",
            value=options.generate,
        )
    for option, given in (("--pair", options.pair is not None), ("--window", options.slides)):
        if given:
            raise OptionError(
                "--generate goes on with one text, and {option} reads it otherwise.",
                hint="Leave one of them out.",
                option=option,
            )
    if options.attention == "encoder":
        raise OptionError(
            "--generate adds tokens to what the decoder reads, and --attention encoder shows the other text.",
            hint="Leave one of them out.",
        )


def check_fit(options: Options, keys: str | None, shape: ModelShape, name: str) -> None:
    """Raise OptionError or InputError for options that the model called `name` cannot follow.

    keys: the target text of an encoder-decoder.
    """
    if options.attention not in ("auto", *shape.attentions):
        raise OptionError(
            "{name} has only the attention of its {only}, not {attention}.",
            hint="Leave --attention out.",
            name=name,
            attention=options.attention,
            only=shape.attentions[0],
        )
    if options.generate is not None and keys is not None:
        raise OptionError("--keys gives the target text, and --generate lets the model write it.", hint="Give one.")
    if options.chat and shape.encoder_decoder:
        raise OptionError(
            "{name} is no chat model: --chat is for models that go on writing.", hint="Leave --chat out.", name=name
        )
    if reads_target(options, shape):
        _check_translation(options, name)
    elif keys is not None and shape.encoder_decoder:
        raise OptionError(
            "The encoder reads one text: --keys is the target text, which the decoder reads.",
            hint="Leave --keys out, or use --attention cross or decoder.",
        )
    elif keys is not None:
        raise InputError(
            "{name} reads one text: --keys is the target text of an encoder-decoder.",
            hint="Leave --keys out." if shape.causal else "Give two segments with --pair.",
            name=name,
        )
    elif options.pair is not None and shape.causal:
        raise InputError(
            "{name} reads one text from left to right and has no segments.",
            hint="Leave --pair out, and put both texts into one.",
            name=name,
        )
    elif options.pair is not None and options.slides:
        raise OptionError("--window reads one text, not a pair.")


def reads_target(options: Options, shape: ModelShape) -> bool:
    """Return whether the attention is that of a decoder that reads a target text."""
    return shape.encoder_decoder and options.attention != "encoder"


def _check_translation(options: Options, name: str) -> None:
    if options.pair is not None:
        raise InputError("{name} translates one text: give its target with --keys, and no --pair.", name=name)
    if options.slides:
        raise OptionError(
            "--window reads the text of one stack; {name} has an encoder and a decoder.",
            hint="--attention encoder takes one text.",
            name=name,
        )
