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
from attnviz.models.generate import GenerationRules, decode_tokens, likeliest, read_rules, start_token, with_defaults
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


@pytest.mark.parametrize(
    ("rules", "prompt", "open_at"),
    [
        (GenerationRules(ends=(0,), limit=6), [3, 4], 0),
        (GenerationRules(ends=(0,), never=(7, 5), limit=6), [3, 4], 0),
        (GenerationRules(ends=(0,), banned=((4, 7),), not_first=(5,), limit=6), [3, 4], 0),
        (GenerationRules(ends=(7,), fewest_new=2, limit=6), [3, 4], 0),
        (GenerationRules(ends=(0,), first=2, never=(7,), limit=6), [3], 1),
        (GenerationRules(ends=(0,), first=2, last=1, limit=2), [3], None),
    ],
    ids=["free", "never", "banned", "not yet the end", "a forced first", "all forced"],
)
def test_branches_follow_the_rules(rules, prompt, open_at):
    """Branch 0 is what greedy decoding adds; the others part at the first token that nothing forces, by rank."""
    scores = np.array([0.1, 0.2, 0.3, 0.35, 0.4, 0.6, 0.5, 0.9], dtype=np.float32)

    def ids(branch, choose=likeliest):
        return [one.id for one in decode_tokens(lambda _: scores, prompt, rules, choose, branch)]

    greedy = ids(None)
    assert ids(0) == greedy
    if open_at is None:
        assert ids(1) == greedy
        return
    firsts = [ids(branch)[open_at] for branch in range(9)]
    barred = {None, *rules.never, *rules.not_first, *(one[-1] for one in rules.banned)}
    barred |= set(rules.ends) if rules.fewest_new else set()
    ranked = [number for number in np.argsort(-scores).tolist() if number not in barred]
    assert firsts == (ranked + ranked[-1:] * 9)[:9]
    assert all(ids(branch)[:open_at] == greedy[:open_at] for branch in range(3))
    drawn = [ids(branch, lambda _: 6) for branch in (0, 2)]  # what is drawn comes after the branch's own token
    assert [one[open_at] for one in drawn] == [ranked[0], ranked[2]]
    assert all(set(one[open_at + 1 :]) == {6} for one in drawn if one[open_at] not in rules.ends)


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
