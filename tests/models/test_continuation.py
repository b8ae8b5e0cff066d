"""What a model says next: the tokens and logits of transformers' generate(), and what each token attended to."""

from __future__ import annotations

import numpy as np
import pytest
from golden_models import load
from near import assert_near, assert_within
from paths import GOLDEN
from real_models import GEMMA3, SMOLLM2, needs_gemma3, needs_smollm2

from attnviz.models.cache import TextReader
from attnviz.models.continuation import RowHook
from attnviz.models.families.config import Configuration
from attnviz.models.families.hooks import hooked
from attnviz.models.forward import Network, Request
from attnviz.models.generate import decode_tokens, read_rules, start_token, with_defaults
from attnviz.models.model import load as load_model

ANSWERS = dict(np.load(GOLDEN / "next.npz"))
REAL_ANSWERS = dict(np.load(GOLDEN / "next_real.npz"))
NAMES = sorted({key.partition("/")[0] for key in ANSWERS})
LAST = Request(layers=(), logits=[-1], traces=False)


def decoded(name, steps, hook=None):
    """What a golden model adds to the golden text: its ids and logits [steps, vocabulary]."""
    config, tensors, _ = load(name)
    network, ids = Network(config, tensors), ANSWERS[f"{name}/ids"].tolist()
    double, hidden = network.shape.encoder_decoder, None
    if double:
        hidden = network.encode(np.array(ids))
        ids = [start_token(Configuration(config))]
    config = with_defaults(config | ({"forced_eos_token_id": 0} if config["model_type"] == "marian" else {}))
    reader = TextReader(network, hidden, *([] if hook is None else [hook]))
    rules = read_rules(Configuration(config), prompt=len(ids), steps=steps, alone=not double)
    return list(decode_tokens(lambda ids: reader(ids, LAST).logits[0], ids, rules))


@pytest.mark.parametrize("name", NAMES)
def test_transformers_adds_the_same_tokens(name):
    """Every family that goes on with a text takes the tokens that transformers takes, with its logits."""
    said, logits = ANSWERS[f"{name}/said"], ANSWERS[f"{name}/logits"].astype(np.float32)
    found = decoded(name, len(said))
    assert [one.id for one in found] == said.tolist()
    reach = 1e-3 * np.abs(logits).max()
    assert_within([one.logits for one in found], logits, reach, "the golden logits are float16")


@pytest.mark.parametrize("name", NAMES)
def test_what_the_last_token_attended_to(name):
    """The kept row and its lengths are those of a pass that measures all rows; shares sum to 1 over the text."""
    hook = RowHook(cross=Network(*load(name)[:2]).shape.encoder_decoder, continued=True)
    steps = min(3, len(ANSWERS[f"{name}/said"]))
    said = [one.id for one in decoded(name, steps, hook)]
    config, tensors, _ = load(name)
    network, ids = Network(config, tensors), ANSWERS[f"{name}/ids"].tolist()
    request = Request(layers=None, traces=False, contributions=True)
    if network.shape.encoder_decoder:
        hidden = network.encode(np.array(ids))
        read = [start_token(Configuration(config)), *said[:-1]]
        request = Request(layers=None, traces=False, contributions=True, cross_attention=True)
        whole, keys = network.decode(np.array(read), hidden, request), len(ids)
    else:
        read = [*ids, *said[:-1]]
        whole, keys = network.read(np.array(read), request), len(read)
    assert_near(hook.weights(), whole.weights[:, :, -1], size=10)
    lengths = whole.contributions[:, :, -1, :keys].astype(np.float64).sum(axis=1)
    shares = (lengths / lengths.sum(axis=-1, keepdims=True)).mean(axis=0)
    assert_near(hook.shares(keys), shares, size=10)
    assert_near(hook.shares(keys).sum(dtype=np.float64), 1.0)


def test_rows_of_one_pass():
    """A hook keeps any rows of a pass, by their numbers."""
    config, tensors, answers = load("bert")
    hook = RowHook((0, 3))
    with hooked(hook):
        whole = Network(config, tensors).read(answers["text0_ids"], Request(contributions=True))
    for row, number in enumerate((0, 3)):
        np.testing.assert_array_equal(hook.weights(row), whole.weights[:, :, number])
        lengths = whole.contributions[:, :, number].astype(np.float64).sum(axis=1)
        shares = (lengths / lengths.sum(axis=-1, keepdims=True)).mean(axis=0)
        assert_near(hook.shares(len(answers["text0_ids"]), row), shares)


REAL = [pytest.param("smollm2", SMOLLM2, marks=needs_smollm2), pytest.param("gemma3", GEMMA3, marks=needs_gemma3)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "reference"), REAL)
def test_real_models_add_what_transformers_adds(name, reference):
    """SmolLM2 and Gemma 3 take the 20 tokens that transformers takes, with its logits."""
    answers = {key.partition("/")[2]: array for key, array in REAL_ANSWERS.items() if key.startswith(name)}
    model, ids = load_model(reference), answers["ids"].tolist()
    reader, rules = TextReader(model.network), read_rules(Configuration({}), prompt=len(ids), steps=20, alone=True)
    with model.network.keep_weights():
        found = list(decode_tokens(lambda ids: reader(ids, LAST).logits[0], ids, rules))
    assert [one.id for one in found[: len(answers["said"])]] == answers["said"].tolist()
    for one, best, expected in zip(found, answers["best"], answers["logits"], strict=False):
        assert_within(one.logits[best], expected, 1e-3 * np.abs(expected).max(), "the law is 1e-3 of the largest logit")
