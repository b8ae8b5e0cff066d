"""What is given in place of weights is called by its name, and the error says what to give instead."""

from __future__ import annotations

import re

import numpy as np
import pytest
from near import assert_rows_sum_to_one

import attnviz
from attnviz import Attention
from attnviz.core.errors import AttnvizError
from attnviz.core.misgiven_arrays import misgiven

RANDOM = np.random.default_rng(5).standard_normal
CAUSAL = np.tril(np.ones((4, 4), dtype=bool))
SCORES = RANDOM((2, 3, 4, 4))
MASKED = np.where(CAUSAL, SCORES, -np.inf)
WEIGHTS = attnviz.softmax(SCORES)
CROSS = attnviz.softmax(RANDOM((2, 3, 4, 6)))

HIDDEN, LOGARITHMS, TRANSPOSED = "hidden states, [tokens", "logarithms of weights", "transposed, [key, query]"
BEFORE = "scores before the softmax"
MISGIVEN = {
    "hidden states": (RANDOM((1, 4, 8)), HIDDEN),
    "hidden states of one text": (RANDOM((4, 8)), HIDDEN),
    "fewer dimensions than tokens": (RANDOM((1, 8, 3)), HIDDEN),
    "hidden states after ReLU": (np.abs(RANDOM((1, 4, 8))) * 3, HIDDEN),
    "hidden states of all layers": (tuple(RANDOM((1, 4, 8)) for _ in range(3)), HIDDEN),
    "hidden states of heads": (RANDOM((1, 12, 4, 8)), HIDDEN),
    "logits over a vocabulary": (RANDOM((1, 4, 50)), HIDDEN),
    "scores": (SCORES, BEFORE),
    "masked scores": (MASKED, BEFORE),
    "scores masked by a large number": (np.where(CAUSAL, SCORES, np.finfo(np.float32).min), BEFORE),
    "square hidden states": (RANDOM((1, 8, 8)), BEFORE),
    "logarithms": (np.log(WEIGHTS), LOGARITHMS),
    "masked logarithms": (
        np.where(CAUSAL, MASKED - np.log(np.exp(MASKED).sum(-1, keepdims=True)), -np.inf),
        LOGARITHMS,
    ),
    "transposed": (WEIGHTS.swapaxes(-1, -2), TRANSPOSED),
    "transposed causal": (attnviz.softmax(SCORES, CAUSAL).swapaxes(-1, -2), TRANSPOSED),
    "transposed cross-attention": (CROSS.swapaxes(-1, -2), TRANSPOSED),
    "heads last": (np.moveaxis(WEIGHTS[0], 0, -1), "[query, key, head]"),
    "heads after queries": (WEIGHTS[0].swapaxes(0, 1), "[query, head, key]"),
    "ids": (np.array([[101, 3, 5, 7, 102]]), "ids of tokens"),
    "ids of a batch": (np.array([[101, 3, 5, 7, 102]] * 2), "ids of tokens"),
    "attention_mask": (np.ones((1, 4)), "as those of a mask"),
    "causal mask": (CAUSAL, "as those of a mask"),
}


@pytest.mark.parametrize("name", MISGIVEN)
def test_what_is_no_weights(name):
    """Each is named, without a claim of cross-attention; the remedy that the error names gives weights."""
    given, words = MISGIVEN[name]
    with pytest.raises(AttnvizError, match=re.escape(words)) as error:
        Attention.from_arrays(given)
    line = str(error.value)
    assert "\n" not in line
    assert "are cross-attention:" not in line
    if code := re.search(r"(?:np|attnviz)\.(?:exp|swapaxes|moveaxis|softmax)\(.*?\)", line):
        scope = {"np": np, "attnviz": attnviz, "weights": given, "scores": given}
        if name not in ("transposed cross-attention", "square hidden states"):
            assert_rows_sum_to_one(Attention.from_arrays(eval(code[0], scope)).weights)


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".json"])
def test_files(tmp_path, suffix):
    """Files are read by the same eyes."""
    path = tmp_path / f"hidden{suffix}"
    states = RANDOM((1, 4, 8))
    if suffix == ".json":
        path.write_text(str(states.tolist()), encoding="utf-8")
    else:
        (np.savez if suffix == ".npz" else np.save)(path, **{"weights" if suffix == ".npz" else "arr": states})
    with pytest.raises(AttnvizError, match="4 rows of 8 numbers that do not sum to 1 are hidden states"):
        attnviz.load_weights(path)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.where(np.arange(16).reshape(4, 4) == 5, -0.01, 0.25), "row 1, column 1 is -0.01"),
        (np.where(np.arange(16).reshape(4, 4) == 5, np.nan, 0.25), "row 1, column 1 is nan"),
        (WEIGHTS * 0.6, "sums to 0.6"),
        (WEIGHTS * 1.111, "model.eval()"),
        (np.zeros((4, 4)), "sums to 0, not to 1"),
        (CROSS, "are cross-attention"),
        (CROSS * 0.7, "are cross-attention"),
    ],
)
def test_faults_of_weights(weights, words):
    """What are weights but for a fault keeps the error that names the place, or the cause."""
    with pytest.raises(AttnvizError, match=re.escape(words)):
        Attention.from_arrays(weights)


def test_weights_are_weights():
    """Weights of any shape are none of these."""
    for found in (WEIGHTS, CROSS, np.ones((1, 1, 1, 1)), np.eye(3)[None, None]):
        assert misgiven(found) is None
