"""The options that commands share: their names, panels and help.

A command takes dataclasses (AttentionInput, Settings, ViewOptions, OutputOptions). `with_options` turns their fields
into typer's parameters, with the types and defaults that the dataclasses have, and builds the dataclasses from the
values. Where an option means something else to a command, the field's metadata has its help.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from attnviz.core.masks import SPELLINGS
from attnviz.core.positions import SCHEMES
from attnviz.core.provenance import EVERY, REDUCTIONS
from attnviz.i18n.messages import LANGUAGES, translate
from attnviz.models import ABLATIONS, ATTENTIONS
from attnviz.text.merge_pieces import MERGES
from attnviz.text.tokenize import TOKENIZERS
from attnviz.toy import EMBEDDINGS, PROJECTIONS
from attnviz.views.prepared.attention import SHOWS
from attnviz.views.prepared.color_scale import SPREADS
from attnviz.views.prepared.refine import SINKS
from attnviz.views.prepared.style import ANNOTATE, EVERY_KIND, MAPS, THEMES
from attnviz.views.terminal.choose_view import VIEW_CHOICES


@dataclass(frozen=True, eq=False, repr=False)
class FileInput:
    """Input options of commands that read texts and nothing else: a file, and how it is written."""

    file: Path | None = None
    encoding: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class TextInput:
    """Input options of commands that compute attention: a file, vectors, the text of the keys, labels, an encoding."""

    file: Path | None = None
    vectors: Path | None = None
    keys: str | None = None
    labels: list[str] = field(default_factory=list)
    encoding: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class AttentionInput(TextInput):
    """Input options of commands that also accept --weights."""

    weights: Path | None = None
    normalize: bool = False
    partial: bool = False
    image: Path | None = None


@dataclass(frozen=True, eq=False, repr=False)
class ViewOptions:
    """What is shown of an attention, and how."""

    show: list[str] = field(default_factory=list)
    layer: str | None = None
    head: str | None = None
    precision: int | None = None
    view: str = "auto"
    squeeze: bool = False
    top: int | None = None
    scale: str = "global"
    sinks: str = "keep"
    token: str | None = None
    reduce: str | None = None
    verbose: bool = field(default=False, metadata={"short": "-v"})


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonViewOptions:
    """What is shown of a comparison. Its tokens are aligned, so there is no running text and no sink to mark."""

    layer: str | None = None
    head: str | None = None
    precision: int | None = None
    view: str = "auto"
    squeeze: bool = False
    top: int | None = None
    scale: str = "global"
    reduce: str | None = None
    verbose: bool = field(default=False, metadata={"short": "-v"})


@dataclass(frozen=True, eq=False, repr=False)
class OutputOptions:
    """Where the result goes."""

    save: list[Path] = field(default_factory=list)
    json: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class PictureOptions:
    """Style options of a picture that has only one kind: those fields of Style that apply to it."""

    style: str = "paper"
    width: str | None = None
    dpi: int | None = None
    title: str | None = None
    no_title: bool = False
    font: list[str] = field(default_factory=list)
    svg_text: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class MapOptions(PictureOptions):
    """Style options of a picture that is a map of numbers, or may be one: also the ends of its colours."""

    vmin: float | None = None
    vmax: float | None = None


@dataclass(frozen=True, eq=False, repr=False)
class VerboseOption:
    """Whether the whole caption is printed, or a first one of a line."""

    verbose: bool = field(default=False, metadata={"short": "-v"})


@dataclass(frozen=True, eq=False, repr=False)
class AltOption:
    """Whether to print a sentence that describes the picture."""

    alt: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class LanguageOption:
    """The option that every command takes: the language of its output."""

    lang: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class OptionText:
    """Help text of one option: its panel, its help, and the name of its value or its closed choices.

    choices: a tuple, or a function that returns one where importing them takes time.
    """

    panel: str
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] | Callable[[], tuple[str, ...]] = ()

    def closed(self) -> tuple[str, ...]:
        """Return the closed choices."""
        return self.choices() if callable(self.choices) else self.choices


def _ways() -> tuple[str, ...]:
    from attnviz.analysis.ablation import WAYS

    return WAYS


def _columns() -> tuple[str, ...]:
    from attnviz.analysis.heads import COLUMNS

    return COLUMNS


def _axes() -> tuple[str, ...]:
    from attnviz.analysis.lab import MODEL_VARIES, VARIES

    return tuple(f"{name}=" for name in {**VARIES, **MODEL_VARIES})


OPTIONS: dict[str, OptionText] = {
    "file": OptionText("Input", "Read the text from this file, UTF-8 unless --encoding says otherwise.", "PATH"),
    "encoding": OptionText(
        "Input", "Encoding of the files and of standard input that are read as text, such as gbk.", "NAME"
    ),
    "vectors": OptionText(
        "Input", "Read a matrix from this .csv or .npy file, one row a token, instead of a text.", "PATH"
    ),
    "keys": OptionText(
        "Input",
        "Another text: the words of the text look at the words of this one. With a model that translates, "
        "the target text, whose words look at those of the text.",
        "TEXT",
    ),
    "weights": OptionText("Input", "Show your own attention, from this .npz, .json or .npy file.", "PATH"),
    "labels": OptionText(
        "Input",
        "Names for the rows of --weights or --vectors: a file, or a list with commas or spaces. "
        "Given twice: for the rows, then for the columns.",
        "NAMES",
    ),
    "image": OptionText(
        "Input", "Read this picture, with a --model that reads pictures; its tokens are patches.", "PATH"
    ),
    "normalize": OptionText("Input", "Divide rows of --weights that do not sum to 1 by their sums, and say so."),
    "partial": OptionText(
        "Input",
        "Show rows of --weights that sum to less than 1 as they are: some keys, such as an attention sink, are not "
        "there.",
    ),
    "tokens": OptionText(
        "Computation",
        "Way to cut the text into words; auto: lexicon with the toy, else han.",
        None,
        ("auto", *TOKENIZERS),
    ),
    "embedding": OptionText(
        "Computation",
        "Source of the word vectors; also a word2vec or GloVe text file (.vec, .txt, gzipped or not).",
        "toy|hash|onehot|PATH.vec",
        EMBEDDINGS,
    ),
    "lexicon": OptionText(
        "Computation",
        "Words of your own for the toy: a word, its language and its features on each line. Repeatable.",
        "FILE.tsv",
    ),
    "dim": OptionText(
        "Computation", "Dimensions of hashed vectors (32 if not given); the toy has 104, a file its own.", "N"
    ),
    "heads": OptionText("Computation", "Number of heads; with the toy 1, 2 or 4.", "N"),
    "projection": OptionText(
        "Computation",
        "Source of queries, keys and values; auto: lexicon with the toy's words, else identity.",
        None,
        PROJECTIONS,
    ),
    "position": OptionText(
        "Computation",
        "Position scheme, which tells the order of the words; in compare and lab also all, for every scheme.",
        None,
        tuple(SCHEMES),
    ),
    "mask": OptionText(
        "Computation",
        "Mask, which says who may look at whom: none, causal, window:K, or window:K,causal.",
        "MASK",
        SPELLINGS,
    ),
    "temperature": OptionText("Computation", "Number that divides the scores: below 1 sharper, above 1 flatter.", "T"),
    "layers": OptionText("Computation", "Number of layers.", "N"),
    "seed": OptionText("Computation", "Seed of random numbers.", "N"),
    "offset": OptionText("Computation", "Number of the first position; 0 if not given.", "N"),
    "model": OptionText("Model", "Real model: a folder, a .gguf file, pkg:NAME, or a name on the hub.", "REF"),
    "download": OptionText("Model", "Download the model from the hub if it is not on this machine."),
    "pair": OptionText("Model", "Second segment, for a model that takes two.", "TEXT"),
    "merge": OptionText(
        "Model",
        "Pieces to join: those of one character, also those of one word (Chinese words too), sentence or line, or "
        "none; words of the toy: those of one sentence or line.",
        None,
        MERGES,
    ),
    "parts": OptionText(
        "Model",
        "Join to passages, and tell how much the answer took from each: this file has a passage of the text a line, or "
        "blank lines between them, or is JSON, a list or names with texts.",
        "FILE",
    ),
    "words": OptionText(
        "Model",
        "Words of the text, with spaces between them, to which pieces are joined; they must spell the text.",
        "WORDS",
    ),
    "chat": OptionText(
        "Model", "Render the text by the model’s chat template: a user’s message, or a JSON list of messages."
    ),
    "chat_template": OptionText("Model", "Name of the chat template, where the model has several.", "NAME"),
    "no_special": OptionText("Model", "Hide the special tokens, which stand for no text, such as [CLS]."),
    "renormalize": OptionText("Model", "With --no-special: let the rows sum to 1 again."),
    "window": OptionText("Model", "Read a longer text in sliding windows of this many tokens.", "N"),
    "attention": OptionText(
        "Model",
        "Attention of an encoder-decoder to show; auto: cross, from the target's words to the text's (in "
        "compare: encoder).",
        None,
        ("auto", *ATTENTIONS),
    ),
    "ablate": OptionText(
        "Model",
        "Head to switch off: layer and head, counted from 0, or all heads of a layer. May be given several times.",
        "L.H|L.*",
    ),
    "ablation": OptionText(
        "Model", "Output of a head that is switched off: zeros, or its mean over the text's tokens.", None, ABLATIONS
    ),
    "at": OptionText(
        "Model", "Layers in which settings are changed: 3, 0,5, 2-4, or all (if not given).", "N,N-N|all", ("all",)
    ),
    "answer": OptionText(
        "Computation",
        "Word whose probability is watched, one token of the vocabulary: as the next, or at [MASK].",
        "WORD",
    ),
    "against": OptionText(
        "Computation", "Word that the other text leads to: its logit is taken from the answer’s.", "WORD"
    ),
    "watch": OptionText(
        "Computation", "Word whose probability and rank are told after each layer; one token of the vocabulary.", "WORD"
    ),
    "stride": OptionText(
        "Model", "Tokens from the start of one window to that of the next; half a window if not given.", "N"
    ),
    "generate": OptionText(
        "Model", "Let the model add this many tokens to the text first, each the likeliest, and show all.", "N"
    ),
    "source_language": OptionText("Model", "Language of the text, for NLLB and mBART: eng_Latn, en_XX.", "CODE"),
    "target_language": OptionText("Model", "Language of the translation, for NLLB and mBART: zho_Hans, zh_CN.", "CODE"),
    "steps": OptionText("Decoding", "Tokens that the model adds, unless it ends the text before.", "N"),
    "top_p": OptionText(
        "Decoding",
        "With --temperature: draw among the likeliest tokens that together have this probability, up to 1.",
        "P",
    ),
    "branches": OptionText(
        "Decoding",
        "Continuations side by side: the first begins with the likeliest token, the second with the next.",
        "N",
    ),
    "by": OptionText(
        "Computation", "What to remove and how: words from the text, words by a mask, or heads.", None, _ways
    ),
    "vary": OptionText(
        "Computation",
        "Setting to vary in place of positions and masks, such as temperature=0.5,1,2; for two settings, given twice.",
        "NAME=A,B,C",
        _axes,
    ),
    "long": OptionText("View", "Repeat the text to this many tokens and show the mean weight by distance.", "N"),
    "show": OptionText("View", "Numbers to show; may be given several times.", None, SHOWS),
    "layer": OptionText(
        "View", "Layers, counted from 0: 3, 0,5, 2-4, mean (of all), or all.", "N,N-N|mean|all", ("mean", "all")
    ),
    "head": OptionText(
        "View",
        "Heads, counted from 0: 3, 0,5, 2-4, names, mean (of all), or all.",
        "N,N-N|NAME|mean|all",
        ("mean", "all"),
    ),
    "reduce": OptionText(
        "View",
        "One map a layer in place of the heads: by mean or maximum, through the layers (rollout, flow), by what words "
        "add (norm) or change (value-zeroing); all: these beside each other.",
        None,
        (*REDUCTIONS, EVERY),
    ),
    "precision": OptionText(
        "View",
        "Decimal places of a number, 1 to 9 (3 if not given, more beyond 100 words, 4 in explain; 7 for --vectors).",
        "N",
    ),
    "view": OptionText(
        "View",
        "View in the terminal; auto: chosen by the size, the width, and whether the output is a terminal.",
        None,
        VIEW_CHOICES,
    ),
    "squeeze": OptionText("View", "In a table, fold rows that are the same as the one above."),
    "top": OptionText("View", "Number of strongest keys that the view top shows (3 if not given).", "K"),
    "scale": OptionText(
        "View",
        "Range of the colours: all numbers together, each head or row by itself, or ratios (logarithmic).",
        None,
        SPREADS,
    ),
    "sinks": OptionText("View", "Treatment of a first or special token that takes most of every row.", None, SINKS),
    "token": OptionText(
        "View",
        "Word whose row is shown, in explain, in arcs, bars and text, and in the views text, table and top: its text, "
        "猫#2, or its index; of a picture a patch, as 3,5 (row and column, counted from 0).",
        "WORD|INDEX",
    ),
    "verbose": OptionText("View", "Say in full how it was computed; without it a short caption says what is shown."),
    "cell": OptionText("View", "Explain only the weight of this key: a word, 猫#2, or an index.", "KEY"),
    "sort": OptionText("View", "Column to sort by, the largest first.", "COLUMN", _columns),
    "like": OptionText("View", "Compare all heads with this one, such as 18.6: layer 18, head 6.", "L.H"),
    "example": OptionText("View", "Show each head's strongest pair, as words."),
    "map": OptionText("View", "Show a map of layers and heads, with names in its cells, in place of the list."),
    "color": OptionText(
        "Picture", "Column that colours the map; adds if not given, with --like the likeness.", "COLUMN", _columns
    ),
    "probe": OptionText(
        "Computation", "Read repeated random tokens too: scores for induction, duplicate tokens and the previous token."
    ),
    "probe_tokens": OptionText("Computation", "Number of random tokens of the probe, which are read twice.", "N"),
    "save": OptionText(
        "Output", "Save to this file too; its suffix chooses the format. May be given several times.", "FILE"
    ),
    "kind": OptionText(
        "Picture",
        "Kind of picture; auto: a heatmap, or patches of a picture; table: of a .tex, .md or .html.",
        None,
        EVERY_KIND,
    ),
    "overlay": OptionText(
        "Picture", "With --kind arcs or text: several heads in one drawing, each in a colour of its own."
    ),
    "svg_text": OptionText("Picture", "Keep the words of an .svg as text that can be edited, in the reader's fonts."),
    "style": OptionText(
        "Picture", "Style of the picture: for a paper, for a slide, or light on dark.", None, tuple(THEMES)
    ),
    "width": OptionText(
        "Picture", "Width, such as 8.5cm, 85mm, 240pt or 3.3in; as wide as needed if not given.", "LENGTH"
    ),
    "dpi": OptionText(
        "Picture", "Dots per inch of a .png, 30 to 1200 (200 if not given; 150 with --style slide).", "N"
    ),
    "title": OptionText("Picture", "Title above the picture.", "TEXT"),
    "no_title": OptionText("Picture", "Leave out title and caption."),
    "vmin": OptionText("Picture", "Number at the low end of a map’s colours.", "N"),
    "vmax": OptionText("Picture", "Number at the high end of the colours, so that several pictures compare.", "N"),
    "cmap": OptionText(
        "Picture", "Colour map of matplotlib; those listed are even: equal steps look equal.", None, MAPS
    ),
    "annotate": OptionText("Picture", "Numbers in the cells; auto: where they fit and stay legible.", None, ANNOTATE),
    "mass": OptionText(
        "Picture",
        "With --kind arcs: draw each word's strongest arcs, until they hold this share of its weight.",
        "SHARE",
    ),
    "font": OptionText(
        "Picture", "Draw with this font first: a file, or an installed font's name. May be given several times.", "FONT"
    ),
    "alt": OptionText("Picture", "Print a sentence that describes the picture."),
    "worksheet": OptionText("Output", "Leave the answers blank, and print them at the end."),
    "families": OptionText("Input", "List the families of models that are computed, with their papers."),
    "json": OptionText("Output", "Print one JSON document and nothing else."),
    "lang": OptionText(
        "Output", "Language of the output, English or Chinese; by default that of the locale.", None, LANGUAGES
    ),
}


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """Return `function` with the fields of its dataclass parameters as options; a field of two of them goes to both."""
    hints = get_type_hints(function)
    hints.pop("return", None)
    groups = {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and hasattr(hint, "__dataclass_fields__")
    }
    own = [
        parameter.replace(annotation=get_type_hints(function, include_extras=True)[name])
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in groups
    ]
    spelled: dict[str, inspect.Parameter] = {}
    for group in (*groups.values(), LanguageOption):
        of_field = get_type_hints(group)
        spelled |= {one.name: _parameter(one, of_field[one.name]) for one in fields(group)}

    def call(**given: Any) -> None:
        # --lang was read before anything was printed (attnviz/cli/language.py)
        built = {name: group(**{one.name: given[one.name] for one in fields(group)}) for name, group in groups.items()}
        function(**{parameter.name: given[parameter.name] for parameter in own}, **built)

    call.__doc__ = function.__doc__
    call.__name__ = function.__name__
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *spelled.values())]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _parameter(one: Field[Any], hint: Any) -> inspect.Parameter:
    words = OPTIONS[one.name]
    choices = words.closed()
    metavar = one.metadata.get("metavar") or words.metavar or "|".join(choices) or None
    option = typer.Option(
        f"--{one.name.replace('_', '-')}",
        *((one.metadata["short"],) if "short" in one.metadata else ()),
        help=translate(one.metadata.get("help", words.help)),
        metavar=metavar,
        rich_help_panel=translate(words.panel),
        show_default=one.default not in (MISSING, None, False, ()),
        autocompletion=_completer(choices) if choices else None,
    )
    default = [] if one.default in (MISSING, ()) else one.default
    hint = one.metadata.get("hint", list[str] if hint == tuple[str, ...] else hint)
    return inspect.Parameter(
        one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[hint, option]
    )


def _completer(choices: Iterable[str]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete
