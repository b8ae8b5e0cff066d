"""How attention was computed, in the words of a caption."""

from __future__ import annotations

from collections.abc import Callable, Container
from pathlib import PurePath
from typing import Any

from attnviz.data import Attention
from attnviz.messages import Message, message
from attnviz.render.prepare.model import describe_model


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
        return describe_model(s, layers, _count_heads(s["heads"], heads))
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
