"""`attnviz.run` and `attnviz.load_weights`: attention of a text, of a matrix, or of a file of weights."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from numpy.typing import ArrayLike

from attnviz.api.toy_or_model import Joining, choose, joining_of
from attnviz.core.argument_kinds import TEXTS, check_arguments
from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.core.label_list import check_labels
from attnviz.core.read_file import need_text
from attnviz.core.token import stand_for_text
from attnviz.i18n.messages import message
from attnviz.models.options import Options, check_one_map, check_options
from attnviz.text.tokenize import KnownWords
from attnviz.toy.settings import MOST_TOKENS, Settings, check_size

if TYPE_CHECKING:
    from attnviz.models.model import Model
    from attnviz.toy.word_vectors import Progress


@overload
def run(text: str | None = None, settings: Settings | Options | None = None, **given: Any) -> Attention: ...


@overload
def run(
    text: list[str] | tuple[str, ...], settings: Settings | Options | None = None, **given: Any
) -> list[Attention]: ...


@check_arguments(text=TEXTS)
def run(
    text: str | list[str] | tuple[str, ...] | None = None,
    settings: Settings | Options | None = None,
    *,
    keys: str | None = None,
    vectors: str | Path | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    layers: str | Collection[int] | None = None,
    reduce: str | None = None,
    contributions: bool = False,
    progress: Progress | None = None,
    most: int = MOST_TOKENS,
    image: Any = None,
    **options: Any,
) -> Attention | list[Attention]:
    """Compute who looks at whom in `text`, or among the rows of `vectors` ([tokens, dim], or a .csv or .npy file).

    A list of texts gives a list, one Attention a text.

    With `keys`, another text, the words of `text` ask the words of that one: cross-attention. `options` are the fields
    of Settings, or, with `model`, those of a real model: pair, merge, parts, words, chat, no_special, renormalize,
    window, stride, attention, source_language, target_language, download. labels name the rows of a matrix: a list,
    or a string read as --labels is;
    progress(done, total) is told how many bytes of an embedding's file are read. The toy has one layer of `heads`
    heads; of a model, `layers` (counted from 0, -1 is the last; None is all; a text as "0,2-4" or "mean") are
    computed. reduce: one map a layer in place of the heads: mean, max, rollout, flow (Abnar and Zuidema 2020), norm
    (Kobayashi et al. 2020, 2021), value-zeroing (Mohebbi et al. 2023), or all beside each other. contributions: let the
    model measure what each head adds, so that small maps are named by it; the toy's are known anyhow. most: more
    tokens are refused. image: a picture in place of a text, for a model that reads pictures: a file, an open Pillow
    image or an array [height, width, 3] of bytes; its tokens are patches, r0c0 the first of the first row.
    Raises an AttnvizError that says what was expected, what came and what to do.

    Examples:
        >>> run("猫吃鱼").weights.shape
        (1, 1, 3, 3)
    """
    chosen, joining = choose(settings, options, joins=True), joining_of(settings, options)
    more: dict[str, Any]
    if image is not None:
        if text is not None or vectors is not None or keys is not None or labels is not None:
            raise InputError("A model reads a picture or a text, not both: give image alone.")
        if isinstance(chosen, Settings):
            raise OptionError("{option} goes with --model.", option="--image")
        more = {"reduce": reduce, "contributions": contributions}
        return _open(chosen).attend_picture(image, chosen, layers=layers, **more)
    texts = list(text) if isinstance(text, list | tuple) else [text]
    for one in texts:
        if one is not None:
            need_text(one)
    if isinstance(chosen, Settings) or any((one is None) == (vectors is None) for one in texts):
        from attnviz.toy.attend import attend_to
        from attnviz.toy.words import open_word_files, read_words

        toy = chosen if isinstance(chosen, Settings) else Settings()
        word_files = open_word_files((*texts, keys), [toy], progress)
        reading: dict[str, Any] = {
            "keys": keys,
            "vectors": vectors,
            "labels": labels,
            "word_files": word_files,
            "most": most,
        }
        _check_reduction(reduce, joining.parts)
        found = [attend_to(*read_words(one, toy, **reading)) for one in texts]
        found = found if reduce is None else [_reduced(one, reduce) for one in found]
        found = [joining.apply(one) for one in found]
    elif None in texts:
        raise InputError("A model reads a text: give a text, not vectors.")
    else:
        more = {"reduce": reduce, "contributions": contributions}
        found = [run_model(one, chosen, keys, layers, **more) for one in texts if one is not None]
    return found if isinstance(text, list | tuple) else found[0]


def run_model(
    text: str,
    options: Options,
    keys: str | None = None,
    layers: str | Collection[int] | None = None,
    *,
    reduce: str | None = None,
    contributions: bool = False,
) -> Attention:
    """Run a real model on a text; it stays open for the next one."""
    model = _open(options)
    more: dict[str, Any] = {"reduce": reduce, "contributions": contributions, "known": joining_words(options)}
    return model.attend(text, options, keys=keys, layers=layers, **more)


def _open(options: Options) -> Model:
    """Check the options and open the model that they name; it stays open for the next text."""
    check_options(options)
    from attnviz.models.model import opened

    assert options.model is not None
    return opened(options.model, options.download)


def joining_words(options: Options) -> KnownWords | None:
    """Return the lexicon's words, by which Chinese characters are joined where rjieba is not installed."""
    if options.joins != "word":
        return None
    from attnviz.toy import lexicon

    return lexicon.packaged()


@check_arguments()
def load_weights(
    path: str | Path,
    *,
    labels: str | Sequence[str] = (),
    normalize: bool = False,
    partial: bool = False,
    merge: str = "char",
    parts: Any = None,
    no_special: bool = False,
    renormalize: bool = False,
    reduce: str | None = None,
    most: int = MOST_TOKENS,
) -> tuple[Attention, ...]:
    """Read the attentions that a .npz, .json or .npy file holds, one for each text: weights that are already computed.

    A model, which computes them, is opened by `attnviz.load`.
    labels: names for the tokens (and, as a second string, for the keys): a file, or a list with commas or spaces.
    normalize: divide rows by their sums rather than refuse them; partial: take rows that sum to less than 1, of which
    some keys are not there. merge, parts, no_special, renormalize, reduce: as with a model, but
    that norm and value-zeroing need values, which no file has. most: more tokens are refused.
    Raises an AttnvizError that says what is wrong where.

    Examples:
        >>> run("猫吃鱼", heads=4).save("cat.npz")
        >>> load_weights("cat.npz")[0].weights.shape
        (1, 4, 3, 3)
    """
    if not isinstance(path, str | PathLike):
        raise InputError("A file is named by a string or a path, not by {kind}.", kind=type(path).__name__)
    check_options(Options(merge=merge, parts=parts, no_special=no_special, renormalize=renormalize))
    from attnviz.io.read_data import read_attentions

    check_labels(labels)
    _check_reduction(reduce, parts)
    names = [labels] if isinstance(labels, str) else list(labels)
    found = read_attentions(Path(path), labels=names, normalize=normalize, partial=partial)
    for attention in found:
        check_size(len(attention.query), len(attention.key), 1, most)  # the heads are in memory already
    if reduce is not None:
        found = tuple(_reduced(one, reduce) for one in found)
    joining = Joining(merge, parts)
    return tuple(_as_read(one, joining, no_special=no_special, renormalize=renormalize) for one in found)


def _check_reduction(reduce: str | None, parts: object = None) -> None:
    """Raise OptionError for a reduction that there is not, and for all of them where passages are told of."""
    if reduce is not None:
        from attnviz.core.reductions import check_reduction

        check_reduction(reduce)
        check_one_map(reduce, parts)


def _reduced(attention: Attention, reduce: str) -> Attention:
    """Return the toy's attention, or one that was given, reduced to one map a layer."""
    if attention.provenance.toy is not None and attention.traces:
        from attnviz.toy.reduce import reduce_toy

        return reduce_toy(attention, reduce)
    from attnviz.core.reductions import reduce_attention

    return reduce_attention(attention, reduce)


def _as_read(attention: Attention, joining: Joining, *, no_special: bool, renormalize: bool) -> Attention:
    """Join pieces and hide special tokens as with a model; what was joined already stays."""
    from attnviz.text.merge_pieces import hide_special, merge_tokens

    merge = joining.merge
    if attention.source is None and (merge in ("word", "sentence", "line") or joining.parts is not None):
        from attnviz.text.rebuild_source import rebuild_source

        if merge == "line":
            raise MissingError(
                "A file of weights keeps no line ends, by which --merge line joins.", hint="Use --merge sentence."
            )
        attention = rebuild_source(attention)
    merged = joining.apply(attention) if joining.parts is not None else merge_tokens(attention, merge)
    if not no_special:
        return merged
    if all(all(stand_for_text(side)) for side in (merged.query, merged.key)):
        return replace(merged, notes=(*merged.notes, message("No token here is known to be a special one.")))
    return hide_special(merged, renormalize=renormalize)
