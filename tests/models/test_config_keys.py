"""Every key of a config is honoured, harmless or reported; the tables are what a pass really reads."""

from __future__ import annotations

import json
import lzma
import shutil
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
from golden_models import MODELS
from golden_models import load as load_golden
from near import assert_apart, assert_weights_near
from paths import GOLDEN

from attnviz.cli import main
from attnviz.core.errors import InputError
from attnviz.models.families.config import Configuration
from attnviz.models.families.config_keys import FIXED, USES, classify_keys, fixed_keys, harmless_keys
from attnviz.models.families.registry import FAMILIES, family_of, stack_of, text_config
from attnviz.models.families.rotary import KEYS, SCALINGS, rotation_for
from attnviz.models.forward import Network, Request, forward, token_ids

CONFIGS = json.loads(lzma.decompress((GOLDEN / "configs.json.xz").read_bytes()))
NAMES = sorted(folder.name for folder in MODELS.iterdir() if folder.is_dir())


class Recording(Mapping):
    """A config that remembers which of its keys were asked for, those that it does not have among them."""

    def __init__(self, values, asked=None, inner=None):
        self.values_, self.asked, self.inner = values, set() if asked is None else asked, inner

    def __getitem__(self, name):
        self.asked.add(name)
        value = self.values_[name]
        return (
            Recording(value, self.inner)
            if self.inner is not None and name.startswith("rope_") and isinstance(value, Mapping)
            else value
        )

    def __contains__(self, name):
        self.asked.add(name)
        return name in self.values_

    def get(self, name, default=None):
        self.asked.add(name)
        return self[name] if name in self.values_ else default

    def __iter__(self):
        return iter(self.values_)

    def __len__(self):
        return len(self.values_)


# Settings beside the golden ones that lead to the branches which these do not take.
BRANCHES = {
    "qwen2": [{"use_sliding_window": True, "layer_types": None, "sliding_window": 4}],
    "qwen3": [{"use_sliding_window": True, "layer_types": None, "sliding_window": 4}],
    "smollm3": [{"no_rope_layers": None}, {"layer_types": None, "sliding_window": 4}],
    "bert": [{"is_decoder": True}],
    "gemma2": [{"layer_types": None}],
    "olmo3": [{"layer_types": None}, {"rope_parameters": None}],
    "modernbert": [{"layer_types": None}, {"rope_parameters": None}],
    "nomic_bert": [{"layer_norm_eps": None}],
    "cohere2": [{"layer_types": None}],
    "exaone4": [{"layer_types": None, "sliding_window_pattern": 4}],
    "qwen2_moe": [{"use_sliding_window": True, "layer_types": None, "sliding_window": 4}],
    "hunyuan_v1_dense": [{"rope_parameters": None}],
    "gpt_oss": [{"layer_types": None}, {"num_local_experts": None, "num_experts": 5}],
    "gemma3": [{"layer_types": None}, {"rope_parameters": None}],
    **{
        name: [{"layer_types": None, "full_attention_interval": 2}] for name in ("qwen3_5", "qwen3_5_moe", "qwen3_next")
    },
    "qwen3_moe": [{"num_local_experts": None, "num_experts": 5}],
    "modernbert-decoder": [{"layer_types": None}, {"rope_parameters": None}],
    "dots1": [{"layer_types": None}],
    "exaone_moe": [{"layer_types": None, "mlp_layer_types": None}],
    "vaultgemma": [{"layer_types": None}],
    "llama4": [
        {"no_rope_layers": None, "moe_layers": None, "layer_types": None},
        {"moe_layers": None, "no_rope_layers": []},
    ],
    "lfm2": [{"layer_types": None, "full_attn_idxs": [1, 3]}],
}
# Names that sizes may have beside their own: of the table that all families share, and some of one family.
TRANSLATORS = ("marian", "bart", "plbart", "mvp", "mbart", "pegasus", "m2m_100", "blenderbot", "blenderbot-small")
SIZES = {
    "t5": {"d_kv": "head_dim"},
    "mt5": {"d_kv": "head_dim"},
    "umt5": {"d_kv": "head_dim"},
    **{name: {"d_model": "hidden_size"} for name in TRANSLATORS},
}
# What opening a model reads in any family, see config_keys.
OPENING = {"model_type", "architectures", "auto_map", "text_config", "text_config_dict"}


def renamed(config):
    """The config with each size under the name that most families use, in place of the family's own."""
    family = family_of(config)
    keys = stack_of(family).keys
    common = {name: usual for (name, _), (usual, _) in zip(keys, type(keys)(), strict=True)}
    names = {**{one: usual for one, usual in common.items() if usual not in config}, **SIZES.get(family, {})}
    return {names.get(name, name): value for name, value in config.items()}


@cache
def golden_configs():
    """The config of each golden model, by its name."""
    return {name: json.loads((MODELS / name / "config.json").read_text()) for name in NAMES}


def read_by(family):
    """The keys that passes of a family read, over all golden models of it, and those inside its rotary positions."""
    asked, inner = set(), set()
    for name in [name for name, config in golden_configs().items() if family_of(config) == family]:
        config, tensors, answers = load_golden(name)
        for values in [config, renamed(config), *({**config, **one} for one in BRANCHES.get(family, []))]:
            watched = Recording(text_config(values), asked, inner)
            network = Network(watched, tensors)
            network.check()
            assert network.has_segments in (True, False)
            targets = answers.get("text0_target_ids")
            forward(
                watched,
                tensors,
                answers["text0_ids"],
                logits="text0_logits" in answers,
                **({} if targets is None else {"target_ids": targets}),
            )
            if targets is not None:
                network.read(token_ids(answers["text0_ids"]), Request())
    return asked - OPENING - set(fixed_keys(stack_of(family))), inner


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"smollm"}))
def test_declared_keys_are_those_that_are_read(family):
    """A key that is read is declared, and a key that is declared is read: the table cannot drift."""
    asked, inner = read_by(family)
    assert asked == stack_of(family).read_keys()
    assert inner - {"full_attention", "sliding_attention"} <= set(KEYS)  # the kinds of layers have theirs inside


def test_rotary_keys_are_those_that_are_read():
    """The same of the keys inside rope_parameters, over every scaling that there is."""
    inner = set()
    for family in ("llama", "phi3", "gpt_neox", "hunyuan_v1_dense", "ministral3", "phimoe"):
        inner |= read_by(family)[1]
    numbers = dict.fromkeys(("factor", "high_freq_factor", "original_max_position_embeddings"), 8)
    for name in SCALINGS:
        watched = Recording(
            {
                "model_type": "llama",
                "hidden_size": 8,
                "num_attention_heads": 2,
                "rope_parameters": {
                    "rope_type": name,
                    **numbers,
                    "low_freq_factor": 1,
                    "long_factor": [1, 1],
                    "short_factor": [1, 1],
                },
            },
            set(),
            inner,
        )
        Network(watched, {}).check()
        rotation_for(Configuration(watched), 4, 3000)
    assert inner == set(KEYS)


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"smollm"}))
def test_no_key_of_transformers_is_unknown(name):
    """Each key of a family's default config is honoured or harmless; so is each of the golden models'."""
    golden = [config for config in golden_configs().values() if family_of(config) == name]
    for config in map(text_config, [CONFIGS.get(name, {}), *golden]):
        found = classify_keys(config, stack_of(name))
        assert [key.name for key in found if key.use == "unknown"] == []
        assert {key.use for key in found} <= set(USES)
        assert {key.name for key in found if "." not in key.name} >= set(config)
        assert all((key.reason is not None) == (key.use == "harmless") for key in found)


def test_no_key_is_declared_twice():
    """A key that changes nothing is read by no family, and none that must have a value is called harmless."""
    every = set().union(*(stack_of(name).read_keys() for name in FAMILIES))
    assert every & set(harmless_keys()) == set()
    for name in FAMILIES:
        stack = stack_of(name)
        others = stack.read_keys() | set(harmless_keys()) | set(stack.harmless)
        assert others & set(fixed_keys(stack)) == set()


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "qwen3_moe", "num_experts": 128, "num_experts_per_tok": 8, "norm_topk_prob": True},
        {"model_type": "hunyuan_v1_dense", "use_qk_norm": True, "use_cla": False, "mlp_bias": False},
        {"model_type": "hunyuan_v1_moe", "use_qk_norm": True, "num_experts": 64, "moe_topk": [8] * 32},
        {"model_type": "dots1", "scoring_func": "noaux_tc", "topk_method": "noaux_tc", "n_routed_experts": 128},
        {"model_type": "minimax_m2", "use_qk_norm": True, "qk_norm_type": "per_layer", "shared_intermediate_size": 0},
        {"model_type": "phi3", "attention_bias": False, "lm_head_bias": False, "mlp_bias": False},
        {"model_type": "llama4_text", "no_rope_layers": [], "interleave_moe_layer_step": 1},
    ],
)
def test_switches_of_published_configs(config):
    """What published configs of a family say of its own ways is not refused, and each key has its use."""
    Network(config, {}).check()
    assert [key.name for key in classify_keys(config, stack_of(family_of(config))) if key.use == "unknown"] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_keys_that_are_not_known(family):
    """A key that nothing here knows is unknown, and a key without a value is harmless."""
    found = classify_keys({"model_type": family, "residual_scale": 0.5, "strange": None}, stack_of(family))
    assert [key.use for key in found] == ["honoured", "unknown", "harmless"]
    inside = {"rope_parameters": {"rope_type": "default", "strange_section": [1, 2]}}
    uses = {key.name: key.use for key in classify_keys({"model_type": family, **inside}, stack_of(family))}
    if uses["rope_parameters"] == "honoured":
        assert uses["rope_parameters.strange_section"] == "unknown"
        assert uses["rope_parameters.rope_type"] == "honoured"


@pytest.mark.parametrize(
    ("family", "key", "value"),
    [
        ("bert", "pruned_heads", {"0": [1]}),
        ("gpt2", "pruned_heads", {"1": [0, 2]}),
        ("llama", "attn_logit_softcapping", 50.0),
        ("gemma", "final_logit_softcapping", 30.0),
        ("gemma", "use_bidirectional_attention", True),
        ("bert", "position_embedding_type", "relative_key"),
        ("llama", "alibi", True),
        ("gpt2", "multi_query", True),
        ("mistral", "num_local_experts", 8),
        ("qwen2", "use_qk_norm", True),
        ("llama", "rope_interleaved", True),
    ],
)
def test_keys_that_change_the_computation(family, key, value):
    """Where it has the value that is computed, or none, the model opens; any other value is refused by the key."""
    for harmless in (None, *FIXED.get(key, (False,))):
        if key != "position_embedding_type":
            Network({"model_type": family, key: harmless}, {}).check()
    with pytest.raises(InputError, match=r"pruned|relative_key|changes what a layer computes") as caught:
        Network({"model_type": family, key: value}, {}).check()
    assert key in str(caught.value) or "relative_key" in str(caught.value)


def test_one_head_dimension_in_gpt_neox():
    """GPT-NeoX's heads share the hidden size; a head_dim that says otherwise would rotate another share."""
    config, tensors, answers = load_golden("gpt_neox")
    same = forward({**config, "head_dim": 8}, tensors, answers["text0_ids"])
    np.testing.assert_array_equal(same.weights, forward(config, tensors, answers["text0_ids"]).weights)
    with pytest.raises(InputError, match="head_dim"):
        Network({**config, "head_dim": 16}, tensors).check()


def test_models_lists_the_keys(capsys, tmp_path):
    """`models REF` has a row for each key with its use and value; unknown ones come last, in both languages."""
    folder = tmp_path / "m"
    shutil.copytree(MODELS / "bert", folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    strange = {**config, "residual_scale": [0.5, 0.5]}
    (folder / "config.json").write_text(json.dumps(strange), encoding="utf-8")
    for language, last, ignored in (
        ("en", "unknown: not read", "ignored: training"),
        ("zh", "不认识：没有读", "忽略：训练"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["models", str(folder), "--lang", language])
        out, err = capsys.readouterr()
        assert (end.value.code or 0, err) == (0, "")
        table, _, caption = out.partition("\n\n")
        assert "-v" in caption
        rows = {line.split()[0]: line for line in table.splitlines()[3:]}
        assert set(strange) <= set(rows)
        assert last in rows["residual_scale"]
        assert ignored in rows["hidden_dropout_prob"]
        assert list(rows)[-1] == "residual_scale"
        assert "[0.5, 0.5]" in rows["residual_scale"]
    with pytest.raises(SystemExit):
        main(["models", str(folder), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert {key["name"]: key["value"] for key in found["keys"]} == strange
    assert [key["name"] for key in found["keys"] if key["use"] == "unknown"] == ["residual_scale"]


def test_models_of_nothing(capsys, tmp_path):
    """A reference to nothing is one line."""
    with pytest.raises(SystemExit) as end:
        main(["models", str(tmp_path / "none")])
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (1, "", 1)


def test_t5_follows_keys_beside_feed_forward_proj():
    """is_gated_act and dense_act_fn go before what feed_forward_proj says, as in transformers."""
    config, tensors, answers = load_golden("t5-silu")
    assert (config["is_gated_act"], config["dense_act_fn"]) == (True, "silu")
    network, other = (
        Network({**config, "feed_forward_proj": "relu", "dense_act_fn": name}, tensors) for name in ("silu", "relu")
    )
    near, far = (one.read(answers["text0_ids"], Request((0, 1))) for one in (network, other))
    assert_weights_near(near.weights, answers["text0_encoder"], near.traces)
    assert_apart(far.weights, answers["text0_encoder"], by=1e-5)
