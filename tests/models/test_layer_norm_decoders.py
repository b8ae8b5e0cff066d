"""BLOOM, Falcon, MPT, GPT-Neo and GPTBigCode: what their configs may not say, and laws of ALiBi in a real model."""

from __future__ import annotations

import numpy as np
import pytest
from golden_models import load
from near import assert_near

from attnviz.core.errors import InputError
from attnviz.models.forward import forward


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("mpt", {"attn_config": {"alibi": False}}, "attn_config.alibi = False"),
        ("mpt", {"attn_config": {"qk_ln": True}}, "attn_config.qk_ln = True"),
        ("mpt", {"attn_config": {"attn_type": "multiquery_attention"}}, "attn_config.attn_type"),
        ("mpt", {"attn_config": {"alibi_bias_max": 16}}, "attn_config.alibi_bias_max = 16"),
        ("mpt", {"attn_config": 3}, "must be an object"),
        ("mpt", {"attn_config": {"clip_qkv": "x"}}, "clip_qkv as a number"),
        ("mpt", {"no_bias": False}, "no_bias = False"),
        ("mpt", {"norm_type": "rmsnorm"}, "norm_type = 'rmsnorm'"),
        ("mpt", {"logit_scale": 0.5}, "logit_scale = 0.5"),
        ("gpt_neo", {"attention_types": [[["global"], 1]]}, "attention_types as a list"),
        ("gpt_neo", {"attention_types": [[["global", "odd"], 3]]}, "attention_types as a list"),
        ("gpt_neo", {"attention_types": 7}, "attention_types as a list"),
        ("gpt_neo", {"attention_types": [[["global"], "x"]]}, "attention_types as a list"),
        ("falcon-grouped", {"num_kv_heads": 4}, "4 key and value heads"),
        ("falcon", {"num_attention_heads": 5}, "do not divide"),
        ("bloom", {"n_head": 5}, "do not divide"),
        ("gpt_bigcode", {"multi_query": "yes"}, "multi_query as true or false"),
    ],
)
def test_configs_that_cannot_be(name, changes, words):
    """A config that would change what a layer computes, or makes no sense, is refused by its key."""
    config, tensors, answers = load(name)
    with pytest.raises(InputError, match=words):
        forward({**config, **changes}, tensors, answers["text0_ids"])


@pytest.mark.parametrize("name", ["bloom", "mpt", "falcon-alibi"])
def test_alibi_falls_with_distance(name):
    """The bias falls by the same amount for each step away from a token, and each head has a slope of its own."""
    config, tensors, answers = load(name)
    for trace in forward(config, tensors, answers["text0_ids"]).traces:
        steps = np.diff(trace.bias, axis=-1)
        assert (steps > 0).all()
        assert_near(steps, np.broadcast_to(steps[:, :1, :1], steps.shape), size=trace.bias)
        assert len({float(step) for step in steps[:, 0, 0]}) == len(steps)


def test_one_key_head_serves_all():
    """With multi_query every head of a layer has the same keys and values, and queries of its own."""
    for name in ("gpt_bigcode", "falcon"):
        config, tensors, answers = load(name)
        for trace in forward(config, tensors, answers["text0_ids"]).traces:
            assert all(np.array_equal(trace.key[0], key) for key in trace.key)
            assert all(np.array_equal(trace.value[0], value) for value in trace.value)
            assert not np.array_equal(trace.query[0], trace.query[1])
