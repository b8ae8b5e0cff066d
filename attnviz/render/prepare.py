"""What is drawn, decided once: the cells, their place on the colour scale, the labels, the words of the caption.

Table, picture and page draw a `Prepared` and decide nothing, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.comparison import Comparison, Run
from attnviz.data import Attention, Token, Trace
from attnviz.errors import MissingError, unknown_choice
from attnviz.messages import Message, listed, message, translate, word
from attnviz.render.labels import Medium, visible
from attnviz.render.scale import Scale, signed_scale, weight_scale

SHOWS = ("weights", "scores", "output", "qkv")
MOST_HEADS = 4
FORBIDDEN = "·"
UNKNOWN = "[?]"


@dataclass(frozen=True, eq=False)
class Panel:
    """One matrix: values [rows, columns] as computed, forbidden cells [rows, columns] or None, and its title.

    caption: one line that stands below it, as a small multiple. numbers: which token each column is, where some are
    left out.
    """

    title: Message | None
    values: NDArray[np.floating]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    scale: Scale
    forbidden: NDArray[np.bool_] | None = None
    plus: bool = False
    caption: Message | None = None
    numbers: tuple[int, ...] | None = None

    def texts(self, digits: int) -> list[list[str]]:
        """Each cell's number as people read it; · where the mask forbids."""
        shown = [[number(float(value), digits, plus=self.plus) for value in row] for row in self.values]
        if self.forbidden is not None:
            for i, j in np.argwhere(self.forbidden):
                shown[i][j] = FORBIDDEN
        return shown

    def places(self) -> NDArray[np.float64]:
        """Each cell's place on the colour scale, 0 to 1."""
        return self.scale.place(self.values if self.forbidden is None else np.where(self.forbidden, 0, self.values))


@dataclass(frozen=True, eq=False)
class Prepared:
    """Panels with the same kind of numbers: what stands above them, below them, and how many digits they have.

    across: how many panels a reader wants side by side; notes: sentences, one a line. headings: of the rows and columns
    of a grid of panels, layers and heads, where they are that.
    """

    kind: str
    panels: tuple[Panel, ...]
    heading: Message | None
    caption: tuple[Message, ...]
    notes: tuple[Message, ...] = ()
    digits: int = 3
    across: int = 1
    headings: tuple[tuple[Message, ...], tuple[Message, ...]] | None = None


def number(value: float, digits: int, *, plus: bool = False) -> str:
    """A number without its leading zero; 0 is exactly nothing, .000 is too little for the digits.

    >>> number(0.4172, 3), number(-1.5, 2), number(0.0, 3), number(0.25, 2, plus=True)
    ('.417', '-1.50', '0', '+.25')
    """
    if value == 0:
        return "0"
    sign = "+" if plus else ""
    if abs(value) < 1e6:
        whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
        written = f"{value:{sign}.{min(digits, 9 - whole)}f}"  # float32 has no tenth digit
    else:
        written = f"{value:{sign}.{min(digits, 5)}e}"
    sign, rest = (written[0], written[1:]) if written[0] in "+-" else ("", written)
    return sign + (rest[1:] if rest.startswith("0.") else rest)


def choose_heads(attention: Attention, head: str | None = None, layer: str | None = None) -> Attention:
    """The layers and heads to look at: by default the last layer, and its one head, all of up to 4, else their mean.

    head: a number, a name, mean or all. layer: a number or all.
    """
    chosen = attention.select(layer=_layer(attention, layer))
    if head is None:
        return chosen if len(chosen.heads) <= MOST_HEADS else chosen.mean()
    if head == "all":
        return chosen
    if head == "mean":
        return chosen.mean()
    named = {translate(name): name for name in chosen.heads if isinstance(name, str)}
    if head in named:
        return chosen.select(head=named[head])
    return chosen.select(head=int(head) if head.lstrip("-").isdecimal() and head not in chosen.heads else head)


def _layer(attention: Attention, layer: str | None) -> int | None:
    if layer == "all":
        return None
    if layer is None:
        return attention.layers[-1]
    if not layer.lstrip("-").isdecimal():
        raise unknown_choice("--layer", layer, (*map(str, attention.layers), "all"))
    return int(layer)


def check_show(attention: Attention, show: str) -> None:
    """Raise where `show` names what there is not: weights that were given have no scores, cards or output."""
    lacking = (show == "output" and attention.output is None) or (show in ("scores", "qkv") and not attention.traces)
    if lacking and "model" in attention.settings:
        _need_traces(attention)
    elif lacking:
        raise MissingError(
            "Only the weights are known here, so --show {show} has nothing to show.",
            hint="Weights that were given were computed elsewhere.",
            show=show,
        )


def prepare(
    attention: Attention, show: str = "weights", *, medium: Medium = "terminal", digits: int = 3
) -> tuple[Prepared, ...]:
    """The prepared forms of what `show` names: weights, scores, output or qkv, of all its layers and heads."""
    if show not in SHOWS:
        raise unknown_choice("--show", show, SHOWS)
    if show != "output":
        check_show(attention, show)
    makers = {"weights": _weights, "scores": _scores, "output": _output, "qkv": _cards}
    unknown = attention.settings.get("unknown")
    rows, columns = _labels(attention.query, medium, unknown), _labels(attention.key, medium, unknown)
    return tuple(replace(form, digits=digits) for form in makers[show](attention, rows, columns))


def _labels(tokens: tuple[Token, ...], medium: Medium, unknown: object = None) -> tuple[str, ...]:
    return tuple(label(token, medium, unknown) for token in tokens)


def label(token: Token, medium: Medium = "terminal", unknown: object = None) -> str:
    """A token as its row and column are called: ␣ for a space that is a token, [?] after what a model does not know.

    unknown: the piece that a model's vocabulary has for what is not in it.

    >>> label(Token("猫", 0, 1, piece="[UNK]"), unknown="[UNK]")
    '猫[?]'
    """
    text = token.text.replace(" ", "␣") if token.text and not token.text.strip(" ") else token.text
    is_unknown = unknown is not None and token.start is not None and unknown in (token.piece or "").split(" ")
    return visible(text, medium) + (UNKNOWN if is_unknown else "")


def _weights(attention: Attention, rows: tuple[str, ...], columns: tuple[str, ...]) -> tuple[Prepared, ...]:
    weights = np.stack([trace.weights for trace in attention.traces]) if attention.traces else attention.weights
    scale = weight_scale(weights)
    forbidden = None if attention.allowed is None else ~attention.allowed
    panels = tuple(
        Panel(head_title(attention, layer, head), weights[i, j], rows, columns, scale, forbidden)
        for i, layer in enumerate(attention.layers)
        for j, head in enumerate(attention.heads)
    )
    heading = message("who looks ↓   at whom →")
    headings = (
        tuple(message("layer {layer}", layer=layer) for layer in attention.layers),
        tuple(map(head_name, attention.heads)),
    )
    caption = (*describe(attention), _row_meaning(attention))
    return (Prepared("weights", panels, heading, caption, headings=headings),)


def _row_meaning(attention: Attention) -> Message:
    """What a row of weights is, and how much of it is not shown."""
    hidden = attention.settings.get("hidden")
    if hidden is None:
        return message("each row is one word's attention and sums to 1")
    shares = [hidden["shares"][str(layer)] for layer in attention.layers]
    if all(isinstance(head, int) for head in attention.heads):
        shares = [[share[int(head)] for head in attention.heads] for share in shares]
    fields = {"share": number(float(np.mean(shares)), 2), "pieces": listed(hidden["pieces"])}
    if hidden["renormalized"]:
        return message("each row is re-normalized to sum to 1; {share} of the weight went to {pieces}", **fields)
    return message("each row is one word's attention; {share} of the weight, not shown, went to {pieces}", **fields)


def _scores(attention: Attention, rows: tuple[str, ...], columns: tuple[str, ...]) -> tuple[Prepared, ...]:
    _need_traces(attention)
    forbidden = None if attention.allowed is None else ~attention.allowed
    scale = signed_scale(np.stack([trace.logits for trace in attention.traces]))
    panels = tuple(
        Panel(head_title(attention, layer, head), trace.logits[j], rows, columns, scale, forbidden)
        for layer, trace in zip(attention.layers, attention.traces, strict=True)
        for j, head in enumerate(attention.heads)
    )
    meaning = message("scores: query · key / sqrt(d), before the softmax")
    return (Prepared("scores", panels, message("who asks ↓   whom →"), (*describe(attention), meaning)),)


def _output(attention: Attention, rows: tuple[str, ...], columns: tuple[str, ...]) -> tuple[Prepared, ...]:  # noqa: ARG001
    if attention.output is None:
        return ()
    features = _named(attention, attention.traces[-1].features if attention.traces else None)
    panel, note = _vectors(None, attention.output, rows, features)
    meaning = message("output: each word's new vector, the mean of the values by its weights")
    return (Prepared("output", (panel,), message("new vector ↓   feature →"), (*describe(attention), meaning), note),)


def _need_traces(attention: Attention) -> None:
    """Scores and cards are of single pieces: joined ones, and windows, have none."""
    if attention.traces or not attention.layers:
        return
    if "window" in attention.settings:
        raise MissingError("Over windows there are weights only: a score is of one window.", hint="Leave --window out.")
    raise MissingError(
        "Joined pieces have no score and no vectors of their own: each piece has.", hint="Use --merge none."
    )


def _cards(attention: Attention, rows: tuple[str, ...], columns: tuple[str, ...]) -> tuple[Prepared, ...]:
    _need_traces(attention)
    forms = []
    for layer, trace in zip(attention.layers, attention.traces, strict=True):
        for j in range(len(attention.heads)):
            forms.append(_head_cards(attention, layer, trace, j, rows, columns))
    return tuple(forms)


def _head_cards(
    attention: Attention, layer: int, trace: Trace, j: int, rows: tuple[str, ...], columns: tuple[str, ...]
) -> Prepared:
    features = _named(attention, None if trace.head_features is None else trace.head_features[j])
    cards = [
        (message("query"), trace.query[j], rows),
        (message("key"), trace.key[j], columns),
        (message("value"), trace.value[j], columns),
    ]
    if not attention.is_cross and all(np.array_equal(trace.query[j], card) for _, card, _ in cards):
        cards = [(message("query = key = value"), trace.query[j], rows)]
    where = head_title(attention, layer, attention.heads[j])
    panels: list[Panel] = []
    notes: list[Message] = []
    for name, vectors, labels in cards:
        title = name if where is None else message("{where}: {card}", where=where, card=name)
        panel, note = _vectors(title, vectors, labels, features)
        panels.append(panel)
        notes.extend(note)
    meaning = message("each word's cards: what it asks, what it answers, what it hands over")
    distinct = tuple({str(note): note for note in notes}.values())
    return Prepared("qkv", tuple(panels), message("card ↓   feature →"), (*describe(attention), meaning), distinct)


def _vectors(
    title: Message | None, vectors: NDArray[np.floating], rows: tuple[str, ...], features: tuple[str, ...] | None
) -> tuple[Panel, tuple[Message, ...]]:
    """Vectors as a panel; where columns have names, those that are 0 for every word are left out, and that is said."""
    if features is None:
        columns = tuple(str(column) for column in range(vectors.shape[1]))
        return Panel(title, vectors, rows, columns, signed_scale(vectors)), ()
    used = np.flatnonzero(np.any(vectors != 0, axis=0))
    hidden = vectors.shape[1] - len(used)
    note = (message("{count} features that are 0 for every word are left out", count=hidden),) if hidden else ()
    panel = Panel(title, vectors[:, used], rows, tuple(features[i] for i in used), signed_scale(vectors))
    return panel, note


def _named(attention: Attention, features: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The toy's features in the language in use; the columns of one-hot vectors are the text's own words."""
    if features is None or attention.settings.get("embedding") != "toy":
        return features
    return tuple(map(translate, features))


def head_title(attention: Attention, layer: int, head: int | str) -> Message | None:
    """A head's title under its original number and name; None where there is only one head and one layer to tell."""
    several_layers = len(attention.layers) > 1 or attention.layers != (0,)
    if len(attention.heads) == 1 and head == 0 and int(attention.settings.get("heads", 1)) <= 1:
        return message("layer {layer}", layer=layer) if several_layers else None
    return message("layer {layer}, {title}", layer=layer, title=head_name(head)) if several_layers else head_name(head)


def head_name(head: int | str) -> Message:
    """What a head is called: by its number, or by its own name."""
    if head == "mean":
        return message("mean of the heads")
    return message("head: {name}", name=word(head)) if isinstance(head, str) else message("head {head}", head=head)


def describe(attention: Attention) -> tuple[Message, ...]:
    """How it was computed, part by part."""
    return describe_settings(attention.settings, attention.heads, layers=attention.layers)


def describe_settings(
    s: Any,
    heads: tuple[int | str, ...] = (),
    *,
    position: bool = True,
    layers: tuple[int, ...] = (),
    without: Container[str] = (),
) -> tuple[Message, ...]:
    """The settings in words; a setting at a value that changes nothing is left out, except positions and mask.

    without: the settings that are told elsewhere, positions among them where `position` is False.
    """
    if s.get("model") is not None:
        return _describe_model(s, heads, layers)
    if s.get("embedding", "given") == "given":
        return _given(s, heads)
    makers: dict[str, Callable[[], Message | None]] = {
        "embedding": lambda: _EMBEDDINGS.get(
            s["embedding"], message("vectors of {name}", name=PurePath(s["embedding"]).name)
        ),
        "tokens": lambda: _TOKENS.get(s["tokens"]),
        "dim": lambda: None if s["embedding"] in ("toy", "onehot") else message("{dim} dimensions", dim=s["dim"]),
        "projection": lambda: _PROJECTIONS[s["projection"]],
        "heads": lambda: _count_heads(s["heads"], heads),
        "position": lambda: _position_words(s["position"]) if position else None,
        "mask": lambda: message("no mask") if s["mask"] == "none" else message("{mask} mask", mask=s["mask"]),
        "temperature": lambda: (
            None if s["temperature"] == 1 else message("temperature {value}", value=f"{s['temperature']:g}")
        ),
        "normalized": lambda: message("rows divided by their sums") if s.get("normalized") else None,
    }
    parts = (maker() for name, maker in makers.items() if name not in without)
    return tuple(part for part in parts if part is not None)


def _position_words(scheme: str) -> Message:
    return message("no positions") if scheme == "none" else message("{scheme} positions", scheme=scheme)


def _describe_model(s: Any, heads: tuple[int | str, ...], layers: tuple[int, ...]) -> tuple[Message, ...]:
    """Family, name, which layer, which heads."""
    family = message("{text}", text=_FAMILIES.get(s["family"], s["family"]))
    parts = [family, message("{text}", text=visible(s["model"]))]
    if len(layers) == 1:
        parts.append(message("layer {layer}", layer=layers[0]))
    elif layers:
        parts.append(message("{shown} of {count} layers", shown=len(layers), count=s["layers"]))
    parts.append(_count_heads(s["heads"], heads))
    if s["mask"] == "causal":
        parts.append(message("causal mask"))
    if s.get("window") is not None:
        parts.append(message("windows of {window}, {stride} apart", window=s["window"], stride=s["stride"]))
    return tuple(parts)


# How the families' authors write them.
_FAMILIES = {
    "bert": "BERT", "roberta": "RoBERTa", "xlm-roberta": "XLM-RoBERTa", "camembert": "CamemBERT",
    "distilbert": "DistilBERT", "electra": "ELECTRA", "mpnet": "MPNet", "albert": "ALBERT", "gpt2": "GPT-2",
    "gpt_neox": "GPT-NeoX", "opt": "OPT", "llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3",
    "smollm": "SmolLM", "smollm3": "SmolLM3", "gemma": "Gemma", "phi3": "Phi-3", "t5": "T5", "mt5": "mT5",
    "marian": "Marian",
}  # fmt: skip


def _given(s: Any, shown: tuple[int | str, ...]) -> tuple[Message, ...]:
    """Weights that were computed elsewhere: nothing is known of how, so nothing is said of it."""
    parts = [message("your own weights")]
    if "layers" in s:
        layers = message("1 layer") if s["layers"] == 1 else message("{count} layers", count=s["layers"])
        parts.append(message("{layers} x {heads}", layers=layers, heads=_count_heads(s["heads"], ())))
    if shown == ("mean",) or 0 < len(shown) < s.get("heads", 0):
        parts.append(_count_heads(s["heads"], shown) if "heads" in s else message("mean of the heads"))
    if s.get("normalized"):
        parts.append(message("rows divided by their sums"))
    return tuple(parts)


def _count_heads(count: int, shown: tuple[int | str, ...]) -> Message:
    if shown == ("mean",):
        return message("mean of {count} heads", count=count)
    if 0 < len(shown) < count:
        return message("{shown} of {count} heads", shown=len(shown), count=count)
    return message("1 head") if count == 1 else message("{count} heads", count=count)


_EMBEDDINGS = {
    "toy": message("toy embedding"), "hash": message("hashed vectors"), "onehot": message("one-hot vectors"),
    "vectors": message("given vectors"),
}  # fmt: skip
_TOKENS = {
    "lexicon": message("words of the lexicon"), "han": message("words, each Han character by itself"),
    "char": message("characters"), "word": message("words by rjieba"), "space": message("words between spaces"),
    "sentence": message("sentences"),
}  # fmt: skip
_PROJECTIONS = {
    "identity": message("Q = K = V = X"), "lexicon": message("lexicon projection"),
    "random": message("random projection"),
}  # fmt: skip


def prepare_comparison(
    comparison: Comparison, *, head: str | None = None, medium: Medium = "terminal", digits: int = 3
) -> tuple[Prepared, ...]:
    """A, B and B - A for each run, in A's order, on one scale: the mean of the heads, one head, or with "all" each."""
    unknown = comparison.settings.get("unknown")
    rows = _labels(comparison.tokens, medium, unknown)
    columns = _labels(comparison.keys or comparison.tokens, medium, unknown)
    texts = tuple(message("{text}", text=visible(text, medium)) for text in (comparison.text_a, comparison.text_b))
    matrices = [[_matrices(run, index) for index in run.choose(head)] for run in comparison.runs]
    weights = weight_scale(np.array([each[:2] for run in matrices for each in run]))
    changes = signed_scale(np.array([each[2] for run in matrices for each in run]))
    forms = []
    for run, found, verdict in zip(comparison.runs, matrices, comparison.verdicts(), strict=True):
        panels: list[Panel] = []
        for index, (a, b, change) in zip(run.choose(head), found, strict=True):
            titles = _run_titles(run, index, texts)
            panels.append(Panel(titles[0], a, rows, columns, weights, run.forbidden_a))
            panels.append(Panel(titles[1], b, rows, columns, weights, run.forbidden_b))
            panels.append(Panel(titles[2], change, rows, columns, changes, _both(run), plus=True))
        threshold = message("changes up to {threshold} are rounding", threshold=f"{run.threshold:.1g}")
        caption = (*_describe_comparison(comparison, _shown_heads(run, head)), threshold)
        forms.append(Prepared("comparison", tuple(panels), _run_heading(run), caption, (verdict,), digits, across=3))
    return tuple(forms)


def _describe_comparison(comparison: Comparison, heads: tuple[int | str, ...]) -> tuple[Message, ...]:
    words = describe_settings(comparison.settings, heads, position=False, layers=comparison.layers)
    hidden = comparison.settings.get("hidden")
    if not isinstance(hidden, Mapping):
        return words
    return (*words, message("{pieces} not shown", pieces=listed(hidden["pieces"])))


def _run_heading(run: Run) -> Message:
    if run.position == "own":
        return message("with the model's own positions")
    return message("without positions") if run.position == "none" else message(
        "with {scheme} positions", scheme=run.position
    )  # fmt: skip


def _matrices(run: Run, index: int | None) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """A, B and the change of one head, or of the mean of the heads; rounding is no change, and has no colour."""
    a, b = run.matrices(index)
    change = b - a
    return a, b, np.where(np.abs(change) <= run.threshold, np.float32(0), change)


def _both(run: Run) -> NDArray[np.bool_] | None:
    """Cells that the mask forbids in both texts."""
    if run.forbidden_a is None or run.forbidden_b is None:
        return None
    return run.forbidden_a & run.forbidden_b


def _run_titles(run: Run, index: int | None, texts: tuple[Message, ...]) -> tuple[Message, ...]:
    titles = (*texts, message("change"))
    if index is None or len(run.heads) == 1:
        return titles
    return tuple(message("{title}, {head}", title=title, head=head_name(run.heads[index])) for title in titles)


def join(forms: tuple[Prepared, ...]) -> Prepared:
    """Several prepared forms as one, for a single picture: each panel's title says which form it is from."""
    if len(forms) == 1:
        return forms[0]
    panels = tuple(
        replace(
            panel,
            title=form.heading
            if panel.title is None
            else message("{title} {heading}", title=panel.title, heading=form.heading),
        )
        for form in forms
        for panel in form.panels
    )
    notes = tuple({str(note): note for form in forms for note in form.notes}.values())
    return replace(forms[0], panels=panels, heading=None, notes=notes)


def _shown_heads(run: Run, head: str | None) -> tuple[int | str, ...]:
    return tuple("mean" if index is None else run.heads[index] for index in run.choose(head))
