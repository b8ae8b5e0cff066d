"""Text and settings in, Attention out: the wiring, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnviz import embeddings, lexicon
from attnviz.blindness import Blindness, blindness
from attnviz.comparison import Comparison, compare_attentions
from attnviz.data import Attention, Token
from attnviz.embeddings import Embedded, check_embedding, embed, read_vectors
from attnviz.errors import InputError, MissingError, OptionError, unknown_choice
from attnviz.given import compare_given
from attnviz.masks import make_mask, parse_mask
from attnviz.merging import MERGES
from attnviz.messages import Message, message
from attnviz.models import toy
from attnviz.positions import LARGEST_OFFSET, SCHEMES, Place, positions
from attnviz.tokens import TOKENIZERS, tokenize
from attnviz.wordfile import Progress

if TYPE_CHECKING:
    from attnviz.explanation import Explanation

MOST_TOKENS = 4096


@dataclass(frozen=True)
class Settings:
    """How attention is computed; change it with dataclasses.replace. A value of None means the default in place.

    tokens: auto, lexicon, char, han, word, space, sentence. embedding: toy, hash, onehot, or the path of a word2vec or
    GloVe text file (.vec, .txt, .gz). dim: for hash, default 32.
    heads: at least 1, divides dim. projection: auto, identity, lexicon, random. position: a key of
    positions.SCHEMES. mask: none, causal, window:K, window:K,causal. temperature: above 0, divides the logits.
    seed: for what is random, 0 or more. offset: the first position, 0 or more.
    model: a reference to a real model, which has tokens, vectors, heads, positions and a mask of its own (see
    models.loaded.load); download: fetch it where it is not here. pair: a second segment. merge: none, char or word.
    no_special: hide [CLS] and the like; renormalize: rows over the rest sum to 1. window, stride: slide over a text
    that is longer than the model can take.
    """

    tokens: str = "auto"
    embedding: str = "toy"
    dim: int | None = None
    heads: int = 1
    projection: str = "auto"
    position: str | None = None
    mask: str = "none"
    temperature: float = 1.0
    seed: int = 0
    offset: int = 0
    model: str | None = None
    download: bool = False
    pair: str | None = None
    merge: str = "char"
    no_special: bool = False
    renormalize: bool = False
    window: int | None = None
    stride: int | None = None


# The settings that a real model takes; it has its own in place of all the others.
FOR_MODELS = ("model", "download", "pair", "merge", "no_special", "renormalize", "window", "stride")


@dataclass(frozen=True, eq=False)
class Words:
    """Tokens and their vectors, the text they are from, and the words they ask where those are another text's."""

    tokens: tuple[Token, ...]
    embedded: Embedded
    source: str | None = None
    asked: Words | None = None

    def reordered(self, order: Sequence[int]) -> Words:
        """The same words in another order of their indexes, asking the same ones."""
        vectors = replace(self.embedded, vectors=self.embedded.vectors[list(order)])
        return replace(self, tokens=tuple(self.tokens[i] for i in order), embedded=vectors)

    def without(self, index: int) -> Words:
        """The same words without one of those that are asked: the words' own, or those of the other text."""
        if self.asked is not None:
            return replace(self, asked=self.asked.without(index))
        return self.reordered([i for i in range(len(self.tokens)) if i != index])


def run(
    text: str | None = None,
    settings: Settings | None = None,
    *,
    keys: str | None = None,
    vectors: str | Path | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    layers: Collection[int] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Attention:
    """Who looks at whom in `text`, or among the rows of `vectors` (a matrix [tokens, dim], or a .csv or .npy file).

    With `keys`, another text, the words of `text` ask the words of that one: cross-attention. `options` are the fields
    of Settings; labels name the rows of a matrix: a list, or a string that is read as --labels is; progress(done,
    total) is told how many bytes of an embedding's file are read. The toy has one layer of `heads` heads; of a model,
    `layers` (counted from 0, -1 is the last; None is all) are computed.
    Raises an AttnvizError that says what was expected, what came and what to do.

    >>> run("猫吃鱼").weights.shape
    (1, 1, 3, 3)
    """
    chosen = with_options(settings or Settings(), options)
    if chosen.model is not None and (text is None) != (vectors is None):
        return _run_model(text, chosen, keys, layers)
    return attend_to(*read_words(text, chosen, keys=keys, vectors=vectors, labels=labels, progress=progress))


def read_words(
    text: str | None,
    chosen: Settings,
    *,
    keys: str | None = None,
    vectors: str | Path | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    progress: Progress | None = None,
) -> tuple[Words, Settings]:
    """The words of a text, or the rows of a matrix, and the settings that they are computed under; all is checked."""
    if (text is None) == (vectors is None):
        raise InputError("Give either a text or vectors.")
    if chosen.model is not None:
        raise OptionError("This computes with the toy's one layer, not with a model.", hint="Leave the model out.")
    if text is not None:
        return read(text, chosen, keys=keys, progress=progress), chosen
    if keys is not None:
        raise InputError("The words of a second text are asked by the words of a first one: give a text, not vectors.")
    chosen = replace(chosen, embedding="vectors", tokens="given")
    check(chosen)
    names, matrix = _matrix(vectors, labels)
    if chosen.dim not in (None, matrix.shape[1]):
        raise OptionError(
            "The vectors have {own} dimensions, not {dim}.",
            hint="Leave --dim out.",
            own=matrix.shape[1],
            dim=chosen.dim,
        )
    check_size(len(matrix), len(matrix), chosen.heads)
    return Words(tuple(Token(name) for name in names), Embedded(matrix)), chosen


def _run_model(text: str | None, settings: Settings, keys: str | None, layers: Collection[int] | None) -> Attention:
    """A text through a real model, which stays open for the next one."""
    check(settings)
    if text is None:
        raise InputError("A model reads a text: give one, not vectors.")
    from attnviz.models.loaded import opened

    assert settings.model is not None
    return opened(settings.model, settings.download).attend(
        text, pair=settings.pair, keys=keys, layers=layers, merge=settings.merge, special=not settings.no_special,
        renormalize=settings.renormalize, window=settings.window, stride=settings.stride,
    )  # fmt: skip


def load_weights(
    path: str | Path, *, labels: str | Sequence[str] = (), normalize: bool = False
) -> tuple[Attention, ...]:
    """The attentions that a .npz, .json or .npy file holds, one for each text: weights that are already computed.

    labels: names for the tokens (and, as a second string, for the keys): a file, or a list with commas or spaces.
    normalize: divide rows by their sums rather than refuse them. Raises an AttnvizError that says what is wrong where.
    """
    from attnviz.storage.reading import read_attentions

    found = read_attentions(Path(path), labels=[labels] if isinstance(labels, str) else labels, normalize=normalize)
    for attention in found:
        check_size(len(attention.query), len(attention.key), len(attention.heads))
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

    >>> [step.name for step in explain("猫吃鱼", token="猫", cell="吃").steps][:3]
    ['embedding', 'query', 'key']
    """
    from attnviz.explanation import explain_attention

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
    cutting into words differs, both texts are cut by character. A model makes one run, of `layer` (the last, if None).
    progress: as in run. Two Attentions, computed here or elsewhere, are compared as they are, without further settings.
    Raises an AttnvizError, an InputError where the texts have no word in common among them.

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
        which = [-1 if layer is None else layer]
        both = [run(text, chosen, keys=keys, layers=which) for text in (text_a, text_b)]
        return compare_attentions([(both[0], both[1])])
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
    each = [replace(chosen, position=scheme) for scheme in dict.fromkeys(schemes)]
    pairs = [(attend_to(a, one), attend_to(b, one)) for one in each]
    return compare_attentions(pairs, blind_to=[blind_to(a, one) for one in each], same=_same_word(chosen), notes=notes)


def blind_to(words: Words, settings: Settings) -> Blindness:
    """What attention under these settings cannot see in these words: any order, the mirror image, or nothing."""
    return blindness(lambda order: attend_to(words.reordered(order), settings), len(words.tokens))


def _same_word(settings: Settings) -> Callable[[str], str]:
    """What makes two tokens one word: for the toy also another case, since Cat and cat have one vector."""
    if settings.embedding != "toy":
        return str
    return lambda text: lexicon.normal_form(text) if lexicon.is_known(text) else text


def _common_cut(text_a: str, text_b: str, settings: Settings) -> str | None:
    """A finer cut that gives both texts the same tokens, where the chosen one does not; else None."""
    same = _same_word(settings)

    def bag(text: str, how: str) -> Counter[str]:
        return Counter(same(token.text) for token in tokenize(text, how))

    if bag(text_a, how_to_cut(settings)) == bag(text_b, how_to_cut(settings)):
        return None
    if bag(text_a, "han") == bag(text_b, "han"):
        return "han"
    return "char" if "".join(text_a.split()) == "".join(text_b.split()) else None


def attend_to(words: Words, settings: Settings, *, hidden: int | None = None) -> Attention:
    """The one layer of the toy over vectors that are already there; nobody may look at the word `hidden`."""
    dim = words.embedded.vectors.shape[1]
    settings = replace(
        settings,
        position=settings.position or "none",
        dim=dim,
        projection=_projection(settings, cross=words.asked is not None),
        tokens=how_to_cut(settings),
    )
    asked = words.asked or words
    queries, keys = len(words.tokens), len(asked.tokens)
    allowed = make_mask(settings.mask, queries, keys)
    if hidden is not None:
        seen = np.arange(keys) != hidden
        allowed = np.tile(seen, (queries, 1)) if allowed is None else allowed & seen
    place = Place(queries, keys, dim, settings.heads, "causal" in settings.mask.lower(), settings.offset, settings.seed)
    trace = toy.layer(
        words.embedded.vectors,
        toy.make_projection(settings.projection, dim, seed=settings.seed),
        key_inputs=None if words.asked is None else asked.embedded.vectors,
        heads=settings.heads,
        positions=positions(settings.position or "none", place),
        allowed=allowed,
        temperature=settings.temperature,
        features=words.embedded.features,
    )
    return Attention(
        query=words.tokens,
        key=asked.tokens,
        weights=trace.weights[None],
        allowed=allowed,
        heads=_head_names(settings),
        source=words.source,
        key_source=None if words.asked is None else words.asked.source,
        output=trace.output,
        traces=(trace,),
        settings=_recorded(settings),
        notes=words.embedded.notes,
    )


def _recorded(settings: Settings) -> dict[str, Any]:
    """The settings of the toy as data, without those of models."""
    return {name: value for name, value in asdict(settings).items() if name not in FOR_MODELS}


def read(text: str, settings: Settings, *, keys: str | None = None, progress: Progress | None = None) -> Words:
    """The words of a text and their vectors, and those of the text they ask; all is checked before it is computed."""
    check(settings)
    tokens = cut(text, settings)
    if keys is None:
        check_size(len(tokens), len(tokens), settings.heads)
        return Words(tokens, embed(tokens, settings.embedding, settings.dim, progress=progress), text)
    if "causal" in settings.mask.lower():
        raise OptionError(
            "A causal mask forbids to look ahead in one's own text; the words of another text do not come before or "
            "after.",
            hint="Leave --mask causal out, or --keys.",
        )
    asked = cut(keys, settings)
    check_size(len(tokens), len(asked), settings.heads)
    both = embed((*tokens, *asked), settings.embedding, settings.dim, progress=progress)
    own, other = both.vectors[: len(tokens)], both.vectors[len(tokens) :]
    return Words(tokens, replace(both, vectors=own), text, Words(asked, replace(both, vectors=other), keys))


def read_ahead(texts: Iterable[str | None], each: Iterable[Settings], progress: Progress | None = None) -> None:
    """Read the files of word vectors that these texts need under any of these settings: each file once for all."""
    given = [text for text in texts if text is not None]
    cuts: dict[str, dict[str, None]] = {}
    for settings in each:
        check(settings)
        cuts.setdefault(settings.embedding, {})[how_to_cut(settings)] = None
    for how, own in cuts.items():
        embeddings.read_ahead((token for cut in own for text in given for token in tokenize(text, cut)), how, progress)


def cut(text: str, settings: Settings) -> tuple[Token, ...]:
    """The tokens of `text`; InputError where there are none."""
    tokens = tokenize(text, how_to_cut(settings))
    if not tokens:
        raise InputError("The text is empty or blank: at least one word was expected.")
    return tokens


def how_to_cut(settings: Settings) -> str:
    """The tokenizer that `auto` stands for: the lexicon's words with the toy, else every Han character by itself."""
    if settings.tokens != "auto":
        return settings.tokens
    return "lexicon" if settings.embedding == "toy" else "han"


def with_options(settings: Settings, options: dict[str, Any]) -> Settings:
    """The settings with some fields changed; OptionError for a field there is not."""
    for name in options:
        if name not in Settings.__dataclass_fields__:
            raise unknown_choice("run()", name, Settings.__dataclass_fields__)
    if isinstance(options.get("embedding"), Path):
        options = options | {"embedding": str(options["embedding"])}
    return replace(settings, **options)


def check(settings: Settings) -> None:
    """Raise OptionError for a value that cannot be, before anything is computed."""
    _check_company(settings)
    if settings.merge not in MERGES:
        raise unknown_choice("--merge", settings.merge, MERGES)
    if settings.tokens not in ("auto", "given", *TOKENIZERS):
        raise unknown_choice("--tokens", settings.tokens, ("auto", *TOKENIZERS))
    check_embedding(settings.embedding)
    if settings.projection not in toy.PROJECTIONS:
        raise unknown_choice("--projection", settings.projection, toy.PROJECTIONS)
    if settings.position is not None and settings.position not in SCHEMES:
        raise unknown_choice("--position", settings.position, SCHEMES)
    parse_mask(settings.mask)
    if settings.heads < 1:
        raise OptionError("--heads must be at least 1, not {heads}.", heads=settings.heads)
    if settings.embedding == "toy" and settings.heads not in (1, 2, len(lexicon.GROUPS)):
        raise OptionError(
            "The toy's features come in {groups} groups: --heads must be 1, 2 or {groups}, not {heads}.",
            hint="For other numbers use --embedding hash.",
            groups=len(lexicon.GROUPS),
            heads=settings.heads,
        )
    if not (np.isfinite(settings.temperature) and settings.temperature > 0):
        raise OptionError("--temperature must be a number above 0, not {value}.", value=settings.temperature)
    if settings.seed < 0:
        raise OptionError("--seed must be 0 or more, not {seed}.", seed=settings.seed)
    if not 0 <= settings.offset <= LARGEST_OFFSET:
        raise OptionError(
            "--offset must be from 0 to {largest}, not {offset}.", largest=f"{LARGEST_OFFSET:,}", offset=settings.offset
        )
    if settings.projection == "lexicon" and settings.embedding != "toy":
        raise OptionError(
            "--projection lexicon is made of the toy's features; it does not fit --embedding {embedding}.",
            hint="Use --projection identity or random.",
            embedding=settings.embedding,
        )


def _check_company(settings: Settings) -> None:
    """A model's settings go with a model, and the toy's without one."""
    for one in fields(settings):
        if getattr(settings, one.name) == one.default or one.name == "model":
            continue
        option = f"--{one.name.replace('_', '-')}"
        if settings.model is None and one.name in FOR_MODELS:
            raise OptionError("{option} goes with --model.", option=option)
        if settings.model is not None and one.name not in FOR_MODELS:
            raise OptionError("{option} is for the toy: a model has its own.", hint="Leave it out.", option=option)
    if settings.renormalize and not settings.no_special:
        raise OptionError("--renormalize goes with --no-special: without it every row sums to 1 already.")


def check_size(queries: int, keys: int, heads: int) -> None:
    """Refuse a full table of weights that nobody could read, and say what it would cost."""
    if queries * keys > MOST_TOKENS**2:
        gigabytes = 4 * heads * queries * keys / 1e9
        raise InputError(
            "{count} tokens are more than {most}: the full table would have {cells} weights ({size}).",
            hint="Give a shorter text, or cut it into sentences with --tokens sentence.",
            count=f"{max(queries, keys):,}",
            most=f"{MOST_TOKENS:,}",
            cells=f"{heads * queries * keys:,}",
            size=f"{gigabytes:.1f} GB" if gigabytes >= 0.1 else f"{gigabytes * 1000:.0f} MB",
        )


def _projection(settings: Settings, *, cross: bool = False) -> str:
    if settings.projection != "auto":
        return settings.projection
    # A sentence looks for what it shares with another, and so does a word of another text.
    asks = settings.embedding == "toy" and settings.tokens != "sentence" and not cross
    return "lexicon" if asks else "identity"


def _head_names(settings: Settings) -> tuple[int | str, ...]:
    """A head has a name only where it is exactly one of the toy's groups."""
    if settings.embedding == "toy" and settings.heads == len(lexicon.GROUPS):
        return tuple(lexicon.GROUPS)
    return tuple(range(settings.heads))


def _matrix(vectors: Any, labels: str | Sequence[str] | None) -> tuple[tuple[str, ...], NDArray[np.floating]]:
    if isinstance(vectors, str | Path):
        found, matrix = read_vectors(Path(vectors))
    else:
        try:
            matrix = np.asarray(vectors, dtype=np.result_type(np.asarray(vectors), np.float32))
        except ValueError:
            raise InputError("vectors must be a matrix [tokens, dim]: all its rows equally long.") from None
        if matrix.dtype.kind != "f" or matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
            raise InputError(
                "vectors must be a matrix [tokens, dim] of finite numbers, not of shape {shape}.", shape=matrix.shape
            )
        found = tuple(f"x{i}" for i in range(len(matrix)))
    if isinstance(labels, str):
        from attnviz.storage.reading import split_labels

        labels = split_labels(labels, len(matrix))
    if labels is not None and len(labels) != len(matrix):
        raise InputError("{labels} labels for {rows} rows.", labels=len(labels), rows=len(matrix))
    return tuple(labels) if labels is not None else found, matrix
