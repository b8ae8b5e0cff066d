"""Attention as data: one JSON document, a long CSV, or an .npz of arrays; `reading` reads them back."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.analysis.comparison import GIVEN, Comparison, Run
from attnviz.analysis.entropy import pair_shares
from attnviz.analysis.passages import passage_shares, passages_document
from attnviz.core.attention_data import Attention, Token
from attnviz.core.tokenized_text import TokenizedText
from attnviz.i18n.visible_text import visible

if TYPE_CHECKING:
    from attnviz.explanation.elements import Explanation

SCHEMA = 1

# What acts in a terminal or hides in a text: control characters but for a tab and a line's end, which CSV and JSON have
# their own way of writing, lone surrogates, what turns or ends a line, has no width, or is a tag outside a flag.
_UNSAFE = re.compile(
    "\U0001f3f4[\U000e0020-\U000e007f]+"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def attention_document(attention: Attention) -> dict[str, Any]:
    """Return the attention as plain data under `"schema": 1`; numbers in full float32 precision."""
    document: dict[str, Any] = {"schema": SCHEMA, "tokens": [_token(token) for token in attention.query]}
    shares, taken = pair_shares(attention), passage_shares(attention)
    if attention.is_cross or attention.has_sink:
        document["keys"] = [_token(token) for token in attention.key]
    return document | {
        "layers": list(attention.layers),
        "heads": list(attention.heads),
        "weights": attention.weights.tolist(),
        "allowed": None if attention.allowed is None else attention.allowed.tolist(),
        "output": None if attention.output is None else attention.output.tolist(),
        **({} if shares is None else {"pair_shares": shares.tolist()}),
        **({} if taken is None else {"passage_shares": passages_document(taken)}),
        "settings": attention.provenance.to_settings(),
    }


def tokens_document(found: TokenizedText) -> dict[str, Any]:
    """Return how a text was cut as plain data: each token with its pieces and their ids."""
    settings: dict[str, object] = {"tokens": found.cut}
    if found.model is not None:
        settings = {"tokens": "model", "model": found.model, "reference": found.reference, "joined": found.joined}
    unknown = found.is_unknown
    return {
        "schema": SCHEMA,
        "text": found.text,
        "tokens": [
            {
                "text": token.text,
                "start": token.start,
                "end": token.end,
                "special": found.special[i],
                "unknown": unknown[i],
                **({} if found.model is None else {"pieces": [_piece(one) for one in found.pieces[i]]}),
            }
            for i, token in enumerate(found.tokens)
        ],
        "settings": settings,
    }


def token_rows(found: TokenizedText) -> list[dict[str, Any]]:
    """Return a row a token: number, text, start, end, pieces, ids (those of several with spaces), special, unknown."""
    unknown = found.is_unknown
    return [
        {
            "number": i,
            "text": token.text,
            "start": token.start,
            "end": token.end,
            "pieces": None if found.model is None else " ".join(one.piece for one in found.pieces[i] if one.piece),
            "ids": " ".join(str(one.id) for one in found.pieces[i] if one.id is not None) or None,
            "special": found.special[i],
            "unknown": unknown[i],
        }
        for i, token in enumerate(found.tokens)
    ]


def _piece(token: Token) -> dict[str, Any]:
    return {"piece": token.piece, "id": token.id, "start": token.start, "end": token.end}


def comparison_document(comparison: Comparison, head: str | None = None) -> dict[str, Any]:
    """Return the comparison as plain data: matrices [query][key] in A's order, [head][query][key] with head="all"."""
    keys = {} if comparison.keys is None else {"keys": [_token(token) for token in comparison.keys]}
    names = {} if comparison.names is None else {"names": list(map(str, comparison.names))}
    return {
        "schema": SCHEMA,
        **names,
        "tokens": [_token(token) for token in comparison.tokens],
        **keys,
        "only_a": list(comparison.only_a),
        "only_b": list(comparison.only_b),
        "runs": [_run(run, head) | _apart(comparison, run, head) for run in comparison.runs],
        "settings": _compared_settings(comparison),
    }


def _compared_settings(comparison: Comparison) -> dict[str, object]:
    """Return how both texts were computed: positions stand with each run, and what both hid is told of each."""
    found = comparison.provenance.to_settings()
    hidden = comparison.provenance.hidden
    if hidden is not None and comparison.hidden_b is not None:
        found["hidden"] = hidden.to_settings() | {"shares_b": comparison.hidden_b.shares_by_layer()}
    if comparison.differing is not None:
        found["differing"] = {one.name: [one.a, one.b] for one in comparison.differing}
    return found | {"position": None}


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation as plain data: every step's arrays by name, with their shapes, in full precision."""
    document: dict[str, Any] = {"schema": SCHEMA, "tokens": [_token(token) for token in explanation.query]}
    if explanation.key != explanation.query:
        document["keys"] = [_token(token) for token in explanation.key]
    return document | {
        "token": explanation.token,
        "cell": explanation.cell,
        "layer": explanation.layer,
        "head": explanation.head,
        "heads": list(explanation.heads),
        "features": None if explanation.features is None else list(explanation.features),
        "steps": [
            {
                "name": step.name,
                "title": str(step.title),
                "formula": str(step.formula),
                "arrays": {name: _array(values) for name, values in step.arrays.items() if values is not None},
                **({"table": [one._asdict() for one in step.table]} if step.table else {}),
            }
            for step in explanation.steps
        ],
        "settings": explanation.provenance.to_settings(),
    }


def _array(values: Any) -> dict[str, Any]:
    array = np.asarray(values)
    return {"shape": list(array.shape), "values": array.tolist()}


def inventory_document(models: list[dict[str, Any]], names: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Return what can be used, as plain data: the models that are here, and the names of every other choice."""
    return {"schema": SCHEMA, "models": models, **{kind: list(each) for kind, each in names.items()}}


def families_document(families: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the families of models that are computed, as plain data."""
    return {"schema": SCHEMA, "families": families}


def config_document(config: dict[str, Any]) -> dict[str, Any]:
    """Return what is done with each key of a model's config, as plain data."""
    return {"schema": SCHEMA, **config}


def to_json(document: Any, *, ascii_only: bool = False) -> str:
    """Write the document in one line that ends with a newline; text is kept readable unless it must be ASCII."""
    text = _json_text(document, ascii_only)
    if not text.isprintable():
        text = _UNSAFE.sub(lambda found: json.dumps(found.group())[1:-1], text)
    return text + "\n"


def _json_text(value: Any, ascii_only: bool) -> str:
    """Return what json.dumps returns, made row by row: one call for megabytes lets no other thread run meanwhile."""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        keys = (json.dumps(key, ensure_ascii=ascii_only) for key in value)
        parts = [f"{key}: {_json_text(each, ascii_only)}" for key, each in zip(keys, value.values(), strict=True)]
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple):
        return f"[{', '.join([_json_text(each, ascii_only) for each in value])}]"
    return json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)


def attention_csv(attention: Attention) -> str:
    """Return CSV with a line per weight: layer, head, query and key index and text, weight (empty if forbidden)."""
    allowed = attention.masks
    rows = (
        (
            layer,
            _harmless(head),
            i,
            _harmless(query.text),
            j,
            _harmless(key.text),
            "" if allowed is not None and not allowed[a, b, i, j] else weight,
        )
        for a, layer in enumerate(attention.layers)
        for b, head in enumerate(attention.heads)
        for i, (query, row) in enumerate(zip(attention.query, attention.weights[a, b].tolist(), strict=True))
        for j, (key, weight) in enumerate(zip(attention.key, row, strict=True))
    )
    return _csv(("layer", "head", "query_index", "query", "key_index", "key", "weight"), rows)


def comparison_csv(comparison: Comparison, head: str | None = None) -> str:
    """Return CSV with a line per cell: position, head, query and key index and text, a, b and delta = b - a."""
    return rows_csv(comparison_rows(comparison, head))


def comparison_rows(comparison: Comparison, head: str | None = None) -> list[dict[str, Any]]:
    """Return a row per cell: position, head, query and key index and text, a, b and delta = b - a."""
    return [
        {
            "position": run.position,
            "head": name,
            "query_index": i,
            "query": query.text,
            "key_index": j,
            "key": key.text,
            "a": float(a[i, j]),
            "b": float(b[i, j]),
            "delta": float(b[i, j] - a[i, j]),
        }
        for run in comparison.runs
        for name, a, b in _matrices(run, head)
        for i, query in enumerate(comparison.tokens)
        for j, key in enumerate(comparison.keys or comparison.tokens)
    ]


def explanation_rows(explanation: Explanation) -> list[dict[str, Any]]:
    """Return a row per key and head: head, key index and text, score (None where it is not known) and weight."""
    found = {name: values for step in explanation.steps for name, values in step.arrays.items()}
    weights = np.atleast_2d(np.asarray(found["weights"]))
    scores = np.full(weights.shape, np.nan) if "scores" not in found else np.atleast_2d(np.asarray(found["scores"]))
    return [
        {
            "head": head,
            "key_index": j,
            "key": key.text,
            "score": None if not np.isfinite(scores[i, j]) else float(scores[i, j]),
            "weight": float(weights[i, j]),
        }
        for i, head in enumerate(explanation.heads)
        for j, key in enumerate(explanation.key)
    ]


def rows_csv(rows: list[dict[str, Any]]) -> str:
    """Write the rows, a line each, under their fields' names; a field that is null is empty."""
    header = tuple(rows[0]) if rows else ()
    return _csv(header, (tuple(_harmless(value) for value in row.values()) for row in rows))


def attention_npz(attention: Attention) -> bytes:
    """Write the arrays of the attention in NumPy's .npz: weights, tokens, spans, layers, heads and more."""
    arrays: dict[str, Any] = {
        "weights": attention.weights,
        "tokens": np.array([token.text for token in attention.query]),
        "keys": np.array([token.text for token in attention.key]),
        "spans": np.array([_span(token) for token in attention.query]),
        **_pieces("pieces", attention.query),
        "layers": np.array(attention.layers),
        "heads": np.array([str(head) for head in attention.heads]),
        "settings": np.array(json.dumps(attention.provenance.to_settings())),
    }
    if attention.is_cross or attention.has_sink:
        arrays |= {"key_spans": np.array([_span(token) for token in attention.key])} | _pieces(
            "key_pieces", attention.key
        )
    if attention.allowed is not None:
        arrays["allowed"] = attention.allowed
    if attention.output is not None:
        arrays["output"] = attention.output
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _token(token: Token) -> dict[str, Any]:
    found: dict[str, Any] = {"text": token.text, "start": token.start, "end": token.end}
    if token.piece is not None:
        found["piece"] = token.piece
    if token.id is not None:
        found["id"] = token.id
    return found


def _pieces(name: str, tokens: tuple[Token, ...]) -> dict[str, Any]:
    """Return the tokens' vocabulary entries as an array of this name; none where no token has one."""
    if all(token.piece is None for token in tokens):
        return {}
    return {name: np.array([token.piece or "" for token in tokens])}


def _span(token: Token) -> tuple[int, int]:
    """Return where the token stands in the source text, (-1, -1) where there is no such place."""
    return (-1, -1) if token.start is None or token.end is None else (token.start, token.end)


def _matrices(run: Run, head: str | None) -> list[tuple[int | str, Any, Any]]:
    """Return the name, A and B of each head that `head` names."""
    return [("mean" if i is None else run.heads[i], *run.matrices(i)) for i in run.choose(head)]


def _run(run: Run, head: str | None) -> dict[str, Any]:
    a, b = (np.stack(side) for side in list(zip(*_matrices(run, head), strict=True))[1:])
    if head != "all" and len(a) == 1:
        a, b = a[0], b[0]
    delta = b - a
    return {
        "position": run.position,
        "mask": run.mask,
        "a": a.tolist(),
        "b": b.tolist(),
        "delta": delta.tolist(),
        "max_abs_delta": float(np.abs(delta).max()),
        "max_abs_output_delta": run.outputs,
        "order_blind": run.order_blind,
        "blind_to": run.blind_to,
    }


def _apart(comparison: Comparison, run: Run, head: str | None) -> dict[str, Any]:
    """Return how far apart two given maps are, for each head that `head` names; nothing for texts in two orders."""
    if run.position != GIVEN:
        return {}
    names = ["mean" if i is None else run.heads[i] for i in run.choose(head)]
    return {
        "distances": [
            {
                "head": name,
                "total_variation": one.mean_variation,
                "jensen_shannon": one.mean_divergence,
                "correlation": one.correlation,
                "farthest": one.farthest,
                "rows": one.variation.tolist(),
            }
            for name, one in zip(names, comparison.distances(run, head), strict=True)
        ]
    }


def _harmless(cell: Any) -> Any:
    """Make a cell safe to open and to print: control characters are written out, and spreadsheets run nothing.

    A text that begins with = + - @, in full width too, or with a tab or a line's end, gets an apostrophe before it.
    JSON documents and .npz files have every text as it is.
    """
    if not isinstance(cell, str):
        return cell
    if not cell.isprintable():
        cell = _UNSAFE.sub(lambda found: visible(found.group(), "picture"), cell)  # a flag's tags are visible already
    return "'" + cell if cell[:1] in _RUN_BY_SPREADSHEETS else cell


def _csv(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()
