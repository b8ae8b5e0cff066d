"""How attention came about: computed by the toy, by a model, or elsewhere; and what was done to it since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from attnviz.core.thumbnail import Box, Thumbnail

# How heads may be reduced to one map (core.reductions), and the word for all of these beside each other.
REDUCTIONS = ("mean", "max", "rollout", "flow", "norm", "value-zeroing")
EVERY = "all"

TOY_UNKNOWN = "[UNK]"  # the piece of a token that the toy's lexicon lacks


@dataclass(frozen=True)
class ToyOrigin:
    """The toy's layer, with every setting as it was used: what `auto` stands for is resolved.

    embedding: "vectors" where the rows of a matrix were given. position: None where several schemes were tried.
    lexicon: files with words of a reader's own.
    """

    tokens: str
    embedding: str
    dim: int | None
    heads: int
    projection: str
    position: str | None
    mask: str
    temperature: float
    seed: int = 0
    offset: int = 0
    lexicon: tuple[str, ...] = ()

    def to_settings(self) -> dict[str, object]:
        """Return the settings under their own names; `lexicon` only where there is one."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "lexicon"}
        return found | ({"lexicon": list(self.lexicon)} if self.lexicon else {})


class UnknownWords(NamedTuple):
    """How many words a text has, and how many of them a model's vocabulary lacks."""

    unknown: int
    words: int

    def plus(self, other: UnknownWords) -> UnknownWords:
        """Count the words of both texts."""
        return UnknownWords(self.unknown + other.unknown, self.words + other.words)


class Pair(NamedTuple):
    """The second of two texts that a model read together (None: not known), and where it starts in the source."""

    text: str | None
    start: int


class RowPrecision(NamedTuple):
    """What explains row sums that are not exactly 1: a number format's name, and how far from 1 they are at most.

    name: as "bfloat16" or "3 decimals", or "unknown".
    """

    name: str
    off: float


# The name where only the size of the error is known.
UNKNOWN_PRECISION = "unknown"


class SlidingWindow(NamedTuple):
    """How many tokens each window has, and how many tokens of the text on the next one starts."""

    size: int
    stride: int


class HeadsSwitchedOff(NamedTuple):
    """The (layer, head) pairs that were switched off in a pass, and what their output was: "zero" or "mean"."""

    heads: tuple[tuple[int, int], ...]
    way: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the heads as they are written, layer.head."""
        return tuple(f"{layer}.{head}" for layer, head in self.heads)


class PictureOrigin(NamedTuple):
    """A picture that a model read: its name, the rows and columns of its patches, and a small copy of it.

    thumbnail: None where it is not known what the picture shows.
    """

    name: str
    rows: int
    columns: int
    thumbnail: Thumbnail | None = None

    def patch_box(self, row: int, column: int) -> Box | None:
        """Return where a patch lies in the picture, in its pixels; None where that is not known."""
        return None if self.thumbnail is None else self.thumbnail.box.part(self.rows, self.columns, row, column)

    def to_settings(self) -> dict[str, object]:
        """Return it as a document holds it."""
        found: dict[str, object] = {"picture": self.name, "patches": [self.rows, self.columns]}
        return found if self.thumbnail is None else found | {"thumbnail": self.thumbnail.to_settings()}


@dataclass(frozen=True)
class ModelOrigin:
    """A real model's forward pass.

    name, reference, family: which model. layers, heads, dim: its size, not what is shown. mask: "causal" or "none".
    unknown: the vocabulary's piece for what it lacks ("[UNK]"), or None. attention: of an encoder-decoder "encoder",
    "decoder" or "cross". switched_off: heads without which the pass was made. picture: what it read in place of a text.
    """

    name: str
    family: str
    layers: int
    heads: int
    mask: str
    reference: str | None = None
    dim: int | None = None
    unknown: str | None = None
    attention: str | None = None
    unknown_words: UnknownWords | None = None
    pair: Pair | None = None
    window: SlidingWindow | None = None
    switched_off: HeadsSwitchedOff | None = None
    picture: PictureOrigin | None = None

    def to_settings(self) -> dict[str, object]:
        """Return the settings under the names that the toy's have where they mean the same."""
        found: dict[str, object] = {
            "model": self.name,
            **({} if self.reference is None else {"reference": self.reference}),
            "family": self.family,
            "layers": self.layers,
            "heads": self.heads,
            "dim": self.dim,
            **dict.fromkeys(("embedding", "tokens", "projection"), "model"),
            "position": "own",
            "mask": self.mask,
            "temperature": 1.0,
            "unknown": self.unknown,
        }
        if self.attention is not None:
            found["attention"] = self.attention
        if self.unknown_words is not None:
            found["unknown_words"] = {"unknown": self.unknown_words.unknown, "words": self.unknown_words.words}
        if self.pair is not None:
            found |= {"pair": self.pair.text, "pair_start": self.pair.start}
        if self.window is not None:
            found |= {"window": self.window.size, "stride": self.window.stride}
        if self.switched_off is not None:
            found |= {"ablate": list(self.switched_off.names), "ablation": self.switched_off.way}
        if self.picture is not None:
            found |= self.picture.to_settings()
        return found


@dataclass(frozen=True)
class GivenOrigin:
    """Weights that were computed elsewhere: only how many layers and heads there are is known, or not even that.

    unknown: the vocabulary's piece for what it lacks ("[UNK]"), where the text of such tokens is known.
    """

    layers: int | None = None
    heads: int | None = None
    unknown: str | None = None

    def to_settings(self) -> dict[str, object]:
        """Return what is known under the names that the other origins use."""
        known = {"layers": self.layers, "heads": self.heads, "unknown": self.unknown}
        return {"embedding": "given", "tokens": "given"} | {
            name: value for name, value in known.items() if value is not None
        }


@dataclass(frozen=True)
class HiddenTokens:
    """Special tokens that are not shown, and how much weight went to them.

    pieces: their texts. shares: for each layer's number, the share of each head, a mean over the rows shown.
    renormalized: whether the rows over the other tokens were made to sum to 1.
    """

    pieces: tuple[str, ...]
    shares: tuple[tuple[int | str, tuple[float, ...]], ...]
    renormalized: bool

    def share_of(self, layer: int | str) -> tuple[float, ...]:
        """Return the share of each head of the layer of this number; KeyError where it has none."""
        return dict(self.shares)[layer]

    def mean_of(self, layers: Sequence[int | str]) -> HiddenTokens:
        """Return the shares of the mean of these layers, under the name "mean"."""
        each = [self.share_of(layer) for layer in layers]
        mean = tuple(sum(heads) / len(each) for heads in zip(*each, strict=True))
        return replace(self, shares=(("mean", mean),))

    def to_settings(self) -> dict[str, object]:
        """Return it as a document holds it."""
        return {"pieces": list(self.pieces), "shares": self.shares_by_layer(), "renormalized": self.renormalized}

    def shares_by_layer(self) -> dict[str, list[float]]:
        """Return the shares as a document holds them: a list for each layer's number."""
        return {str(layer): list(shares) for layer, shares in self.shares}


PASSAGES = "passages"  # how pieces are joined where passages are given


class Passage(NamedTuple):
    """A named stretch of a text: source[start:end], and how many tokens it has."""

    name: str
    start: int
    end: int
    tokens: int


@dataclass(frozen=True)
class Provenance:
    """How attention came about, and what was done to it since.

    origin: what computed it; None where nothing is known. joined: "char", "word", "sentence", "line" or "passages"
    where pieces were joined. passages: those that pieces were joined to, in the text's order; of cross-attention those
    of the keys. answer: the row that is told of by default, the last passage or what a model wrote. hidden: the tokens
    that are not shown. normalized: whether rows were divided by their sums. partial: whether rows may sum to less than
    1, since some keys are not there. precision: of weights that were given, what explains row sums that miss 1 by more
    than float32 rounds. mean_layers: the layers that the layer "mean" is the mean of; mean_heads: the heads that the
    head "mean" is, where these are not all. reduced: how heads were reduced to one map, one of REDUCTIONS or "all".
    least_even: whether the one head that is shown was chosen as the least even of its layer. others: settings of a
    document that mean nothing here; they are written back as they were read.
    """

    origin: ToyOrigin | ModelOrigin | GivenOrigin | None = None
    joined: str | None = None
    hidden: HiddenTokens | None = None
    normalized: bool = False
    partial: bool = False
    precision: RowPrecision | None = None
    mean_layers: tuple[int, ...] = ()
    mean_heads: tuple[int | str, ...] = ()
    reduced: str | None = None
    least_even: bool = False
    passages: tuple[Passage, ...] = ()
    answer: str | None = None
    others: tuple[tuple[str, object], ...] = ()

    @property
    def toy(self) -> ToyOrigin | None:
        """The toy's settings, if the toy computed it."""
        return self.origin if isinstance(self.origin, ToyOrigin) else None

    @property
    def model(self) -> ModelOrigin | None:
        """The model, if one computed it."""
        return self.origin if isinstance(self.origin, ModelOrigin) else None

    @property
    def picture(self) -> PictureOrigin | None:
        """The picture whose patches are the tokens, where there is one."""
        return None if self.model is None else self.model.picture

    @property
    def layers(self) -> int:
        """How many layers there are, shown or not; 1 where nothing is known."""
        return (1 if isinstance(self.origin, ToyOrigin | None) else self.origin.layers) or 1

    @property
    def heads(self) -> int:
        """How many heads a layer has, shown or not; 1 where nothing is known."""
        return (1 if self.origin is None else self.origin.heads) or 1

    @property
    def position(self) -> str | None:
        """The position scheme: the toy's, "own" for a model's, "none" where nothing is known."""
        if isinstance(self.origin, ToyOrigin):
            return self.origin.position
        return "none" if self.model is None else "own"

    @property
    def mask(self) -> str:
        """The mask as --mask spells it; "none" where nothing is known."""
        return "none" if isinstance(self.origin, GivenOrigin | None) else self.origin.mask

    @property
    def unknown_words(self) -> UnknownWords | None:
        """How many words the model's vocabulary lacks, where a model computed it."""
        return None if self.model is None else self.model.unknown_words

    @property
    def unknown(self) -> str | None:
        """The piece for what the model's vocabulary, or the toy's lexicon, lacks; None where there is none."""
        if isinstance(self.origin, ToyOrigin):
            return TOY_UNKNOWN
        return None if self.origin is None else self.origin.unknown

    def of_model(self, **changes: Any) -> Provenance:
        """Return the same with fields of the ModelOrigin changed; unchanged where no model computed it."""
        return self if self.model is None else replace(self, origin=replace(self.model, **changes))

    def to_settings(self) -> dict[str, object]:
        """Return it as a document's `settings` object: names and plain values, in a fixed order."""
        found = {} if self.origin is None else self.origin.to_settings()
        if self.joined is not None:
            found["joined"] = self.joined
        if self.hidden is not None:
            found["hidden"] = self.hidden.to_settings()
        if self.normalized or isinstance(self.origin, GivenOrigin):
            found["normalized"] = self.normalized
        if self.partial:
            found["partial"] = True
        if self.precision is not None:
            found["precision"] = self.precision._asdict()
        if self.mean_layers:
            found["mean_layers"] = list(self.mean_layers)
        if self.mean_heads:
            found["mean_heads"] = list(self.mean_heads)
        if self.reduced is not None:
            found["reduced"] = self.reduced
        if self.passages:
            found |= {"passages": [one._asdict() for one in self.passages], "answer": self.answer}
        return found | {name: value for name, value in self.others if name not in found}


NOTHING_KNOWN = Provenance()


def from_settings(settings: Mapping[str, Any]) -> Provenance:
    """Read what `Provenance.to_settings` wrote; the values must have been checked.

    Names that mean nothing here are kept in `others`.
    """
    hidden = settings.get("hidden")
    found = Provenance(
        origin=_origin(settings),
        joined=settings.get("joined"),
        hidden=None if hidden is None else _hidden(hidden),
        normalized=settings.get("normalized", False),
        partial=settings.get("partial", False),
        precision=None if settings.get("precision") is None else RowPrecision(**settings["precision"]),
        mean_layers=tuple(settings.get("mean_layers", ())),
        mean_heads=tuple(settings.get("mean_heads", ())),
        reduced=settings.get("reduced"),
        passages=tuple(Passage(**one) for one in settings.get("passages", ())),
        answer=settings.get("answer"),
    )
    known = found.to_settings()
    return replace(found, others=tuple((name, value) for name, value in settings.items() if name not in known))


def _origin(settings: Mapping[str, Any]) -> ToyOrigin | ModelOrigin | GivenOrigin | None:
    if settings.get("model") is not None:
        return _model(settings)
    embedding = settings.get("embedding")
    if embedding == "given":
        return GivenOrigin(settings.get("layers"), settings.get("heads"), settings.get("unknown"))
    return (
        None
        if embedding is None
        else ToyOrigin(
            **{one.name: settings[one.name] for one in fields(ToyOrigin) if one.name in settings}
            | {"lexicon": tuple(settings.get("lexicon", ()))}
        )
    )


def _model(settings: Mapping[str, Any]) -> ModelOrigin:
    words, start, window = (settings.get(name) for name in ("unknown_words", "pair_start", "window"))
    return ModelOrigin(
        name=settings["model"],
        **{name: settings[name] for name in ("family", "layers", "heads", "mask")},
        reference=settings.get("reference"),
        dim=settings.get("dim"),
        unknown=settings.get("unknown"),
        attention=settings.get("attention"),
        unknown_words=None if words is None else UnknownWords(words["unknown"], words["words"]),
        pair=None if start is None else Pair(settings.get("pair"), start),
        window=None if window is None else SlidingWindow(window, settings["stride"]),
        switched_off=_switched_off(settings),
        picture=_picture(settings),
    )


def _picture(settings: Mapping[str, Any]) -> PictureOrigin | None:
    """Return the picture that a model read, with the grid of its patches."""
    if settings.get("picture") is None:
        return None
    rows, columns = settings["patches"]
    return PictureOrigin(settings["picture"], rows, columns, _thumbnail(settings.get("thumbnail")))


def _thumbnail(given: Mapping[str, Any] | None) -> Thumbnail | None:
    if given is None:
        return None
    from attnviz.core.thumbnail import Box, Thumbnail, decode_png

    height, width = given["size"]
    return Thumbnail(decode_png(given["png"]), height, width, Box(*given["box"]))


def _switched_off(settings: Mapping[str, Any]) -> HeadsSwitchedOff | None:
    """Return the heads without which a pass was made, which are written as layer.head."""
    if settings.get("ablate") is None:
        return None
    heads = [spec.split(".") for spec in settings["ablate"]]
    return HeadsSwitchedOff(tuple((int(layer), int(head)) for layer, head in heads), settings["ablation"])


def _hidden(hidden: Mapping[str, Any]) -> HiddenTokens:
    shares: Mapping[str, Sequence[float]] = hidden["shares"]
    numbered = tuple(
        ("mean" if layer == "mean" else int(layer), tuple(each))
        for layer, each in shares.items()
        if layer == "mean" or layer.isdecimal()
    )
    return HiddenTokens(tuple(hidden["pieces"]), numbered, hidden["renormalized"])
