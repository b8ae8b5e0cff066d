"""Text and settings in, Attention out: the wiring, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from attnviz.analysis.compare_given import compare_given
from attnviz.analysis.comparison import Comparison, compare_attentions
from attnviz.analysis.order_blindness import blind_to
from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.core.positions import SCHEMES
from attnviz.i18n.messages import Message, message
from attnviz.toy import lexicon
from attnviz.toy.attend import attend_to
from attnviz.toy.settings import MOST_SUMMED_UP, MOST_TOKENS, Computing, Settings, check, check_size, with_options
from attnviz.toy.word_vectors import Progress
from attnviz.toy.words import Words, cut_as, how_to_cut, read, read_ahead, read_words

if TYPE_CHECKING:
    from attnviz.explanation.elements import Explanation

__all__ = [
    "MOST_SUMMED_UP",
    "MOST_TOKENS",
    "Computing",
    "Settings",
    "Words",
    "attend_to",
    "blind_to",
    "check",
    "check_size",
    "compare",
    "explain",
    "load_weights",
    "read",
    "read_ahead",
    "read_words",
    "run",
    "with_options",
]


def run(
    text: str | None = None,
    settings: Settings | None = None,
    *,
    keys: str | None = None,
    vectors: str | Path | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    layers: Collection[int] | None = None,
    progress: Progress | None = None,
    most: int = MOST_TOKENS,
    **options: Any,
) -> Attention:
    """Who looks at whom in `text`, or among the rows of `vectors` (a matrix [tokens, dim], or a .csv or .npy file).

    With `keys`, another text, the words of `text` ask the words of that one: cross-attention. `options` are the fields
    of Settings; labels name the rows of a matrix: a list, or a string that is read as --labels is; progress(done,
    total) is told how many bytes of an embedding's file are read. The toy has one layer of `heads` heads; of a model,
    `layers` (counted from 0, -1 is the last; None is all) are computed. most: more tokens are refused.
    Raises an AttnvizError that says what was expected, what came and what to do.

    Examples:
        >>> run("猫吃鱼").weights.shape
        (1, 1, 3, 3)
    """
    chosen = with_options(settings or Settings(), options)
    if chosen.model is not None and (text is None) != (vectors is None):
        return _run_model(text, chosen, keys, layers)
    return attend_to(*read_words(text, chosen, keys=keys, vectors=vectors, labels=labels, progress=progress, most=most))


def _run_model(text: str | None, settings: Settings, keys: str | None, layers: Collection[int] | None) -> Attention:
    """A text through a real model, which stays open for the next one."""
    check(settings)
    if text is None:
        raise InputError("A model reads a text: give one, not vectors.")
    from attnviz.models.model import opened
    from attnviz.models.options import Options

    assert settings.model is not None
    options = Options(**{one.name: getattr(settings, one.name) for one in fields(Options)})
    return opened(settings.model, settings.download).attend(text, options, keys=keys, layers=layers)


def load_weights(
    path: str | Path, *, labels: str | Sequence[str] = (), normalize: bool = False, most: int = MOST_TOKENS
) -> tuple[Attention, ...]:
    """The attentions that a .npz, .json or .npy file holds, one for each text: weights that are already computed.

    A model, which computes them, is opened by `attnviz.load`.
    labels: names for the tokens (and, as a second string, for the keys): a file, or a list with commas or spaces.
    normalize: divide rows by their sums rather than refuse them. most: more tokens are refused.
    Raises an AttnvizError that says what is wrong where.
    """
    from attnviz.io.read_data import read_attentions

    found = read_attentions(Path(path), labels=[labels] if isinstance(labels, str) else labels, normalize=normalize)
    for attention in found:
        check_size(len(attention.query), len(attention.key), len(attention.heads), most)
    return found


def explain(
    text: str | None = None,
    settings: Settings | None = None,
    *,
    token: str | int | None = None,
    cell: str | int | None = None,
    head: str | int | None = None,
    layer: str | int | None = None,
    **given: Any,
) -> Explanation:
    """One row of `run(text, settings, **given)`, every number of it, from embedding to output.

    token: whose row, by its text, as `猫#2` or by index; without it, the word whose row is least even. cell: explain
    only the weight of this key. head: a number, a name, or "all" to compare the heads; layer: a number.
    Raises an AttnvizError, a MissingError for a token, head or layer that is not there among them.

    Examples:
        >>> [step.name for step in explain("猫吃鱼", token="猫", cell="吃").steps][:3]
        ['embedding', 'query', 'key']
    """
    from attnviz.explanation.build import explain_attention

    attention = run(text, settings, **given)
    return explain_attention(attention, token=token, cell=cell, head=head, layer=layer)


def compare(
    text_a: str | Attention,
    text_b: str | Attention,
    settings: Settings | None = None,
    *,
    keys: str | None = None,
    layer: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Comparison:
    """The same words in another order: what changes, and what does not.

    `options` are the fields of Settings. Without `position` two runs are made, with none and with sinusoidal; with
    it, none and that one; with "all", every scheme. `keys`: another text, whose words both texts ask. Where only the
    cutting into words differs, both texts are cut by character. A model makes one run, of `layer` (the last, if None);
    an encoder-decoder that of its encoder, or, with `keys`, how the words of that target look at both texts.
    progress: as in run. Two Attentions, computed here or elsewhere, are compared as they are, without further settings.
    Raises an AttnvizError, an InputError where the texts have no word in common among them.

    Examples:
        >>> [run.order_blind for run in compare("猫吃鱼", "鱼吃猫").runs]
        [True, False]
    """
    if isinstance(text_a, Attention) or isinstance(text_b, Attention):
        if isinstance(text_a, str) or isinstance(text_b, str):
            raise InputError("compare takes two texts or two Attentions, not one of each.")
        if settings is not None or keys is not None or options:
            raise OptionError("Two Attentions are already computed: no setting can change them.")
        return compare_given(text_a, text_b, layer=layer)
    chosen = with_options(settings or Settings(), options)
    if chosen.model is not None:
        return _compare_model(text_a, text_b, chosen, keys, layer)
    if layer not in (None, 0):
        raise MissingError("There is no layer {layer}: the toy has one, 0.", layer=layer)
    schemes = tuple(SCHEMES) if chosen.position == "all" else ("none", chosen.position or "sinusoidal")
    chosen = replace(chosen, position=schemes[-1])
    check(chosen)
    finer = _common_cut(text_a, text_b, chosen)
    notes: tuple[Message, ...] = ()
    if finer is not None:
        chosen = replace(chosen, tokens=finer)
        notes = (message("Only the cutting into words differs, so both texts are cut by character."),)
    read_ahead((text_a, text_b, keys), [chosen], progress)
    a, b = (read(text, chosen, keys=keys, progress=progress) for text in (text_a, text_b))
    if {token.text for token in b.tokens} <= {token.text for token in a.tokens}:
        b = replace(b, embedded=replace(b.embedded, notes=()))  # the words of the first text are told already
    each = [replace(chosen, position=scheme) for scheme in dict.fromkeys(schemes)]
    pairs = [(attend_to(a, one), attend_to(b, one)) for one in each]
    return compare_attentions(pairs, blind_to=[blind_to(a, one) for one in each], same=_same_word(chosen), notes=notes)


def _compare_model(text_a: str, text_b: str, settings: Settings, keys: str | None, layer: int | None) -> Comparison:
    """Two texts through a real model."""
    check(settings)
    from attnviz.models.model import opened

    assert settings.model is not None
    translates = opened(settings.model, settings.download).shape.encoder_decoder
    if translates and settings.attention == "auto" and keys is None:
        settings = replace(settings, attention="encoder")  # the words of the two texts, not of their translations
    which = [-1 if layer is None else layer]
    a, b = (run(text, settings, keys=keys, layers=which) for text in (text_a, text_b))
    return compare_attentions([(a, b)])


def _same_word(settings: Settings) -> Callable[[str], str]:
    """What makes two tokens one word: for the toy also another case, since Cat and cat have one vector."""
    if settings.embedding != "toy":
        return str
    return lambda text: lexicon.normal_form(text) if lexicon.is_known(text) else text


def _common_cut(text_a: str, text_b: str, settings: Settings) -> str | None:
    """A finer cut that gives both texts the same tokens, where the chosen one does not; else None."""
    same = _same_word(settings)

    def bag(text: str, how: str) -> Counter[str]:
        return Counter(same(token.text) for token in cut_as(text, how))

    if bag(text_a, how_to_cut(settings)) == bag(text_b, how_to_cut(settings)):
        return None
    if bag(text_a, "han") == bag(text_b, "han"):
        return "han"
    return "char" if "".join(text_a.split()) == "".join(text_b.split()) else None
