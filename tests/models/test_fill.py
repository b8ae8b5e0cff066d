"""What stands at a mask: the probabilities that transformers gives, from the text to the last of them."""

from __future__ import annotations

import numpy as np
import pytest
from near import assert_near, assert_within
from paths import GOLDEN
from tiny_models import model_of

from attnviz.models.model import load

ANSWERS = dict(np.load(GOLDEN / "fill.npz"))
# As in tests/golden/make_fill.py.
MODELS = {"bert": "bert", "roberta": "roberta", "deberta-v2": "bert", "modernbert": "bert", "electra": "bert"}


@pytest.mark.parametrize("name", MODELS)
def test_transformers_fills_the_same(name, tmp_path):
    """Tokens, places and every probability are those of transformers; candidates are in the order of these."""
    pytest.importorskip("tokenizers")
    found = load(model_of(tmp_path / "tiny", name, MODELS[name])).fill("the ___ eats the ___ .", top=800)
    expected = ANSWERS[f"{name}/shares"]
    assert found.encoded.ids.tolist() == ANSWERS[f"{name}/ids"].tolist()
    assert [mask.place for mask in found.masks] == ANSWERS[f"{name}/places"].tolist()
    for mask, shares in zip(found.masks, expected, strict=True):
        by_id = np.zeros(len(shares))
        by_id[[one.id for one in mask.candidates]] = [one.probability for one in mask.candidates]
        assert_within(by_id, shares, 1e-4 * shares.max(), "a softmax over hundreds of float32 logits")
        assert_near(sum(one.probability for one in mask.candidates), 1)
        assert mask.candidates[0].probability == max(one.probability for one in mask.candidates)
