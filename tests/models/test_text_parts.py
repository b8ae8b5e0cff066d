"""Models that read pictures beside texts: their text part is the model that it is alone."""

from __future__ import annotations

import numpy as np
import pytest
from golden_models import load
from near import assert_weights_near

from attnviz.core.errors import InputError
from attnviz.models.families.architectures import check_architecture
from attnviz.models.families.coverage import is_computed
from attnviz.models.families.registry import family_of, part_config, shape_of
from attnviz.models.families.text_parts import WRAPPERS
from attnviz.models.forward import Network, forward

GOLDEN = {"lfm2": "lfm2", "llama": "llama", "mistral": "mistral", "qwen2": "qwen2", "qwen3": "qwen3"}
BEGINNINGS = ("language_model.model.", "model.language_model.", "model.text_model.", "model.")


def wrapped(name, config, **more):
    """A config of several parts around one of a text model, as transformers writes it."""
    classes = [f"{WRAPPERS[name].classes}ForConditionalGeneration"]
    vision = {"vision_config": {"hidden_size": 8}, "image_token_id": 40, "projector_hidden_act": "gelu"}
    return {"model_type": name, "architectures": classes, "text_config": config, **vision, **more}


def inside(beginning, tensors):
    """A text model's tensors, as a model of several parts names them."""
    return {beginning + name.removeprefix("model."): one for name, one in tensors.items() if "lm_head" not in name}


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("name", sorted(set(WRAPPERS) - {"qwen3_vl_moe"}))
def test_a_text_part_is_the_model_alone(name, beginning):
    """Weights and logits are transformers' for the text model, whatever the names of the tensors begin with."""
    config, tensors, answers = load(GOLDEN[WRAPPERS[name].text])
    whole = wrapped(name, {**config, "architectures": None})
    parts = inside(beginning, tensors) | {"lm_head.weight": tensors.get("lm_head.weight", tensors[embedding(tensors)])}
    found = forward(whole, parts, answers["text0_ids"], logits=True)
    alone = forward(config, tensors, answers["text0_ids"], logits=True)
    assert_weights_near(found.weights, answers["text0_weights"], [one for one in alone.traces if one is not None])
    np.testing.assert_array_equal(found.logits, alone.logits)
    network = Network(whole, parts)
    assert [key.name for key in network.config_keys() if key.use == "unknown"] == []
    assert is_computed(name)


def embedding(tensors):
    """The name of the table of token vectors."""
    return next(name for name in tensors if name.endswith("embed_tokens.weight"))


def test_text_config_names_the_family():
    """The text part may be of another family than usual; without text_config the keys stand in the config itself."""
    assert family_of(wrapped("llava", {"model_type": "mistral"})) == "mistral"
    assert family_of(wrapped("mistral3", {"model_type": "ministral3"})) == "ministral3"
    assert family_of(wrapped("qwen2_5_vl", {"model_type": "qwen2_5_vl_text"})) == "qwen2"
    assert family_of({"model_type": "qwen2_5_vl", "hidden_size": 8}) == "qwen2"
    assert shape_of({"model_type": "qwen2_vl", "hidden_size": 24, "num_attention_heads": 3}).dim == 24
    with pytest.raises(InputError, match="Mamba"):
        family_of(wrapped("llava", {"model_type": "mamba"}))


def test_three_kinds_of_positions_are_one_without_pictures():
    """Qwen2-VL's rotation is plain for a text; its sections change nothing."""
    config, tensors, answers = load("qwen2")
    plain = {key: value for key, value in config.items() if not key.startswith("rope_")} | {"rope_theta": 300.0}
    scaled = plain | {"rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 1]}}
    one, other = (forward(each, tensors, answers["text0_ids"]).weights for each in (plain, scaled))
    np.testing.assert_array_equal(one, other)
    uses = {key.name: key.use for key in Network(scaled, tensors).config_keys()}
    assert uses["rope_scaling.mrope_section"] == "harmless"


def test_the_head_is_tied_as_the_whole_says():
    """What the text part says of it does not count, as in transformers; the table stands in for a missing head."""
    config, tensors, answers = load("llama")
    parts = inside("language_model.model.", tensors)
    tied = wrapped("mistral3", {**config, "model_type": "llama", "tie_word_embeddings": False})
    logits = forward(tied, parts, answers["text0_ids"], logits=True).logits
    assert logits is not None
    with pytest.raises(InputError, match=r"no tensor lm_head\.weight"):
        forward({**tied, "tie_word_embeddings": False}, parts, answers["text0_ids"], logits=True)


def test_experts_of_qwen3_vl_share_the_whole():
    """The shares of a token's experts sum to 1 in Qwen3-VL-MoE where the config is silent, in Qwen3-MoE they do not."""
    assert part_config(wrapped("qwen3_vl_moe", {}), "qwen3_moe")["norm_topk_prob"] is True
    assert part_config(wrapped("qwen3_vl_moe", {"norm_topk_prob": False}), "qwen3_moe")["norm_topk_prob"] is False


def test_other_classes_are_refused():
    """A class of someone's own may compute something else."""
    whole = wrapped("llava", {"model_type": "llama"})
    assert check_architecture(whole, "llama", "Llama") == ()
    with pytest.raises(InputError, match="LlavaBiModel"):
        check_architecture({**whole, "architectures": ["LlavaBiModel"]}, "llama", "Llama")
