"""Switch attention heads off: a head's output is zeros, or its mean over the text's tokens, and W_o reads that.

Zeros as in Michel et al. 2019, "Are sixteen heads really better than one?", section 2.3; the mean as in Wang et al.
2023, "Interpretability in the wild", section 2, here over the tokens of the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from attnviz.core.errors import MissingError, OptionError
from attnviz.core.types import Float32
from attnviz.i18n.messages import listed
from attnviz.models.families.hooks import HeadOutputs, Hook, Sublayer

_HEAD = re.compile(r"\s*([0-9]{1,9})\s*\.\s*([0-9]{1,9}|\*)\s*")


class HeadsOff(Hook):
    """Switch heads of one stack off, in its self-attention or in its cross-attention.

    heads: (layer, head) pairs. way: "zero" or "mean". The mean is kept from the first pass, so that tokens which are
    added to a text get the mean over that text: a hook serves one text. tokens: how many of the first pass's first
    tokens are the text, None for all of them.
    Raises MissingError during a pass for a head that its layer does not have.
    """

    def __init__(
        self, heads: Iterable[tuple[int, int]], way: str = "zero", *, cross: bool = False, tokens: int | None = None
    ) -> None:
        self.way, self.cross, self._tokens = way, cross, tokens
        self._heads: dict[int, list[int]] = {}
        for layer, head in sorted(set(heads)):
            self._heads.setdefault(layer, []).append(head)
        self._means: dict[int, Float32] = {}

    def head_outputs(self, at: Sublayer, heads: HeadOutputs) -> Float32:
        """Return the heads' outputs [heads, n, d_h] with those that are off replaced."""
        chosen = self.heads_of(at)
        if not chosen:
            return heads.context
        if chosen[-1] >= len(heads.context):
            raise no_such_head(f"{at.layer}.{chosen[-1]}", at.layer, len(heads.context))
        changed = heads.context.copy()
        changed[chosen] = 0 if self.way == "zero" else self._mean(at.layer, heads.context[chosen])
        return changed

    def heads_of(self, at: Sublayer) -> list[int]:
        """Return the numbers of the sublayer's heads that are off."""
        return self._heads.get(at.layer, []) if at.cross == self.cross else []

    def _mean(self, layer: int, context: Float32) -> Float32:
        """Return the mean over the text's tokens of these heads' outputs [heads, n, d_h]: [heads, 1, d_h]."""
        if layer not in self._means:
            self._means[layer] = (
                context[:, : self._tokens].mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
            )
        return self._means[layer]


def check_heads(specs: Sequence[str]) -> None:
    """Raise OptionError for what is not written as L.H or L.*; whether there is such a head is not known yet."""
    for spec in specs:
        if _HEAD.fullmatch(spec) is None:
            raise OptionError(
                "--ablate takes a layer and a head of it, counted from 0, as 3.1 or L3H1, or 3.* for all heads of "
                "layer 3, not {value!r}.",
                value=spec,
            )


def find_heads(
    specs: Sequence[str], layers: int, heads: int, attending: Sequence[int] | None = None
) -> tuple[tuple[int, int], ...]:
    """Return the (layer, head) pairs that texts as 3.1 and 3.* name, in order, each once.

    layers, heads: how many layers the stack has, and heads in each. attending: the layers that have heads, None for
    all.
    Raises OptionError for a text of another form, MissingError for a layer or head that there is not.

    >>> find_heads(["1.*", "0.1"], layers=2, heads=2)
    ((0, 1), (1, 0), (1, 1))
    """
    check_heads(specs)
    found: set[tuple[int, int]] = set()
    for spec in specs:
        match = _HEAD.fullmatch(spec)
        assert match is not None
        layer = int(match[1])
        if layer >= layers:
            raise MissingError(
                "There is no head {head}: the model has layers 0 to {last}.", head=spec.strip(), last=layers - 1
            )
        if attending is not None and layer not in attending:
            raise MissingError(
                "There is no head {head}: layer {layer} has no attention; layers {layers} have.",
                head=spec.strip(),
                layer=layer,
                layers=listed(map(str, attending)),
            )
        chosen = range(heads) if match[2] == "*" else [int(match[2])]
        if chosen[-1] >= heads:
            raise no_such_head(spec.strip(), layer, heads)
        found.update((layer, head) for head in chosen)
    return tuple(sorted(found))


def no_such_head(spec: str, layer: int, heads: int) -> MissingError:
    """Return the error for a head that its layer does not have."""
    return MissingError(
        "There is no head {head}: layer {layer} has heads 0 to {last}.", head=spec, layer=layer, last=heads - 1
    )
