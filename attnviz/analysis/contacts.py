"""The contacts of a protein that ESM's attention tells (Rao et al. 2021): which residues lie near each other.

A logistic regression over the weights of all heads, which the checkpoint brings, after two steps: each head's weights
are made symmetric, and the average product correction (Dunn et al. 2008) takes away what a residue has
with every other. All is float32, as in transformers' EsmContactPredictionHead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attnviz.core.argument_kinds import check_arguments
from attnviz.core.errors import InputError
from attnviz.core.token import Token
from attnviz.core.types import Float32
from attnviz.models.families.registry import written_name
from attnviz.models.families.weights import Weights
from attnviz.models.forward import Request, token_ids

if TYPE_CHECKING:
    from attnviz.models.model import Model

# The id of <eos> in every ESM vocabulary, which the head leaves out.
_END = 2


class ContactPair(NamedTuple):
    """Two residues, counted from 0, and the probability that they touch."""

    first: int
    second: int
    probability: float


@dataclass(frozen=True, eq=False)
class Contacts:
    """The contacts of a protein.

    residues: its tokens, without those around them. probabilities [residue, residue]: that two of them touch (less than
    8 angstrom between their beta carbons), symmetric.
    """

    residues: tuple[Token, ...]
    probabilities: Float32

    def __repr__(self) -> str:
        """Show how many residues there are."""
        return f"<Contacts of {len(self.residues)} residues>"

    def pairs(self, top: int | None = None, *, apart: int = 6) -> list[ContactPair]:
        """Return pairs of residues at least `apart` places from each other, the likeliest first; top: how many.

        Neighbours touch in every protein, so that they are left out (Rao et al. 2021, section 3).
        """
        first, second = np.triu_indices(len(self.residues), k=apart)
        found = self.probabilities[first, second]
        order = np.argsort(-found, kind="stable")[:top]
        return [ContactPair(int(first[i]), int(second[i]), float(found[i])) for i in order]


@check_arguments()
def contacts(text: str, model: str | Path | Model, *, download: bool = False) -> Contacts:
    """Return the contacts of a protein's residues, as an ESM model's attention tells them.

    text: amino acids by their letters. model: as in `load`, or an open one.
    Raises InputError for a model that is no ESM, or whose checkpoint has no contact head.

    Examples:
        >>> contacts("MKTAYIAKQR", "facebook/esm2_t6_8M_UR50D")
        <Contacts of 10 residues>
    """
    from attnviz.models.model import Model, opened

    network = model if isinstance(model, Model) else opened(str(model), download)
    shape = network.shape
    if shape.family != "esm":
        raise InputError(
            "{name} ({family}) has no head for the contacts of a protein: ESM models have.",
            name=network.name,
            family=written_name(shape.family),
        )
    encoded = network.tokenizer.encode(text)
    weights = Weights(network.checkpoint.tensors, ("", "esm."))
    name, size = "contact_head.regression", shape.layers * shape.heads
    slope = weights.take(f"{name}.weight", shape=(1, size))[0]
    offset = weights.take(f"{name}.bias", shape=(1,))[0]
    output = network.network.read(token_ids(encoded.ids.tolist()), Request(traces=False))
    kept = (np.asarray(encoded.ids) != _END).astype(np.float32)
    maps = (output.weights * kept * kept[:, None])[..., 1:-1, 1:-1]
    maps = maps.reshape(size, *maps.shape[-2:])
    scores = np.tensordot(slope, corrected_average_product(maps + maps.swapaxes(-1, -2)), axes=1) + offset
    probabilities = (1 / (1 + np.exp(-scores))).astype(np.float32)
    probabilities.flags.writeable = False
    return Contacts(tuple(encoded.tokens[1:-1]), probabilities)


def corrected_average_product(x: Float32) -> Float32:
    """Return x [..., n, n] less its rows' sums times its columns' sums by its whole sum (Dunn et al. 2008)."""
    rows, columns = x.sum(axis=-1, keepdims=True), x.sum(axis=-2, keepdims=True)
    corrected: Float32 = x - rows * columns / x.sum(axis=(-2, -1), keepdims=True)
    return corrected
