"""Models that are not computed: named rightly, with a way to see their attention, before any number is judged."""

from __future__ import annotations

import json
import lzma
import sys
import types

import numpy as np
import pytest
from golden_models import load as load_golden
from paths import GOLDEN
from tiny_models import model_of

import attnviz
from attnviz.core.errors import InputError
from attnviz.models.families.architectures import check_architecture
from attnviz.models.families.coverage import is_computed
from attnviz.models.families.registry import FAMILIES, OTHER_NAMES, VISION_FAMILIES, VISION_PARTS, family_of
from attnviz.models.families.unsupported import known_families, recipe
from attnviz.models.forward import Network
from attnviz.models.model import load

CONFIGS = json.loads(lzma.decompress((GOLDEN / "configs.json.xz").read_bytes()))


def refused(config):
    """The line that refuses a config."""
    with pytest.raises(InputError) as caught:
        Network(config, {}).check()
    return str(caught.value)


def test_every_default_config_of_transformers():
    """Of over 800 families each is opened, or refused by its own name; none for a number in its config."""
    assert len(CONFIGS) > 800
    opened = set()
    for name, config in CONFIGS.items():
        if is_computed(name):
            Network(config, {}).check()
            opened.add(name)
            continue
        line = refused(config)
        assert f"(model_type {config['model_type']!r})" in line
        assert known_families()[config["model_type"].lower()].written in line
        assert "from_arrays" in line or "without attention weights" in line
        assert "\n" not in line
    alone = {"smollm", "new", "gpt-sw3", "internlm2", "jina_bert_v2"}  # names that transformers has no config for
    assert {*FAMILIES, *OTHER_NAMES, *VISION_FAMILIES, *VISION_PARTS} - opened == alone


def test_parts_of_other_configs():
    """The config of a part of a multimodal model, or of an encoder-decoder of two families, is refused by its name."""
    parts = [
        part
        for config in CONFIGS.values()
        for part in config.values()
        if isinstance(part, dict) and part.get("model_type") and not is_computed(part["model_type"])
    ]
    assert len(parts) > 300
    for part in parts:
        assert repr(part["model_type"]) in refused(part)
    both = {"model_type": "encoder-decoder", "encoder": {"model_type": "bert"}, "decoder": {"model_type": "gpt2"}}
    assert "model_type 'encoder-decoder'" in refused({**both, "is_encoder_decoder": True})
    assert "encoder_attentions" in refused({**both, "is_encoder_decoder": True})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "neither a model_type nor architectures"),
        ({"hidden_size": 768, "type_vocab_size": 2, "vocab_size": 30522}, "neither a model_type nor architectures"),
        ({"architectures": []}, "neither a model_type nor architectures"),
        ({"architectures": ["StrangeModel"]}, "StrangeModel, are of no family"),
        ({"model_type": "", "architectures": ["XLMModel"]}, "XLMModel, are of no family"),
        ({"model_type": "tomorrow"}, "the family tomorrow"),
        ({"model_type": "Yi"}, "the family Yi"),
        ({"model_type": "chatglm", "auto_map": {"AutoModel": "modeling_chatglm.ChatGLMModel"}}, "trust_remote_code"),
        ({"model_type": "mamba"}, "Mamba (model_type 'mamba') mixes its tokens without attention weights"),
        ({"model_type": "gemma3n", "num_hidden_layers": -1}, "Gemma3n"),
        ({"model_type": "bigbird_pegasus"}, "encoder_attentions"),
    ],
)
def test_what_a_config_says_of_its_family(config, words):
    """Without a model_type, with an unknown one, with code of its own, without attention: each has its sentence."""
    assert words in refused(config)


def test_a_model_type_that_is_no_text():
    """A model_type of another type is said to be one."""
    with pytest.raises(InputError, match="model_type as text"):
        family_of({"model_type": 3})


def test_a_folder_is_refused_by_its_family_first(tmp_path):
    """Neither missing weights nor a quantization hide whose checkpoint it is."""
    config = {"model_type": "gemma3n", "quantization_config": {"quant_method": "gptq"}}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match="Gemma3n"):
        load(tmp_path)


@pytest.mark.parametrize("attentions", ["attentions", "encoder_attentions"])
def test_the_three_lines_work(monkeypatch, attentions):
    """The lines that a refusal prints are Python, and show the weights that a library returns."""
    weights = np.full((1, 2, 3, 3), 1 / 3, dtype=np.float32)

    class Inputs(dict):
        def tokens(self):
            return ["a", "b", "c"]

    class Tokenizer:
        @classmethod
        def from_pretrained(cls, path):
            assert path == "p"
            return lambda text, return_tensors: Inputs(input_ids=[text, return_tensors])

    class Model:
        @classmethod
        def from_pretrained(cls, path, attn_implementation):
            assert (path, attn_implementation) == ("p", "eager")
            return lambda **_: types.SimpleNamespace(**{attentions: (weights, weights)})

    library = types.SimpleNamespace(AutoModel=Model, AutoTokenizer=Tokenizer)
    monkeypatch.setitem(sys.modules, "transformers", library)
    lines = recipe({}, encoder=attentions != "attentions")
    assert lines.count(";") == 2
    *first, last = lines.split("; ")
    names = {"AutoModel": Model, "AutoTokenizer": Tokenizer, "attnviz": attnviz, "path": "p", "text": "a b c"}
    exec("; ".join(first), names)
    shown = eval(last, names)
    assert shown.weights.shape == (2, 2, 3, 3)
    assert [token.text for token in shown.query] == ["a", "b", "c"]


KNOWN = {
    "bert": ["BertModel", "BertForMaskedLM", "TFBertModel", "FlaxBertForSequenceClassification", "BertLMHeadModel"],
    "roberta": ["RobertaForMaskedLM", "XLMRobertaModel"],
    "xlm-roberta": ["XLMRobertaForTokenClassification", "RobertaModel"],
    "gpt2": ["GPT2LMHeadModel", "GPT2DoubleHeadsModel"],
    "gpt_neox": ["GPTNeoXForCausalLM"],
    "llama": ["LlamaForCausalLM", "LLaMAForCausalLM"],
    "qwen2": ["Qwen2ForCausalLM", "Qwen2ForRewardModel"],
    "phi3": ["Phi3ForCausalLM"],
    "t5": ["T5EncoderModel", "T5WithLMHeadModel"],
    "marian": ["MarianMTModel"],
}


@pytest.mark.parametrize("family", KNOWN)
def test_classes_of_a_family(family):
    """A family's own classes need no note; code beside one of them is not run, and a note says so."""
    for name in KNOWN[family]:
        assert check_architecture({"architectures": [name]}, family, "X") == ()
        assert check_architecture({"architectures": name}, family, "X") == ()
        code = {"AutoConfig": "c.C", "AutoModel": f"owner/name--modeling_x.{name}", "AutoTokenizer": ["a.B", None]}
        (note,) = check_architecture({"architectures": [name], "auto_map": code}, family, "X")
        assert "(modeling_x.py) is not run" in str(note)
    assert check_architecture({"auto_map": {"AutoConfig": "c.C"}}, family, "X") == ()
    assert check_architecture({"architectures": None, "auto_map": None}, family, "X") == ()
    assert check_architecture({"architectures": ["", " "]}, family, "X") == ()


OTHERS = {
    "llama": [
        "LlamaBiModel",
        "LlamaEncoderModel",
        "LlamaForMNTP",
        "LlamaForMaskedLM",
        "LlamaBidirectionalModel",
        "MistralForCausalLM",
    ],
    "qwen2": ["Qwen2BiModel", "Qwen2ForSentenceEmbedding", "Qwen2MoeForCausalLM", "Qwen2VLForConditionalGeneration"],
    "mistral": ["MistralBiForMNTP", "LlamaForCausalLM"],
    "gpt2": ["GPT2LMHeadCustomModel"],
    "bert": ["JinaBertForMaskedLM", "RobertaModel", "BertAdapterModel", "NomicBertModel"],
    "xlm-roberta": ["XLMRobertaLoRA", "XLMRobertaXLModel"],
}


@pytest.mark.parametrize("family", OTHERS)
@pytest.mark.parametrize("where", ["architectures", "auto_map"])
def test_classes_that_may_compute_something_else(family, where):
    """A class that is none of the family's is refused by its name, wherever it is named, with two ways out."""
    for name in OTHERS[family]:
        given = [name] if where == "architectures" else {"AutoModel": f"modeling_own.{name}"}
        with pytest.raises(InputError, match=name) as caught:
            check_architecture({where: given}, family, FAMILIES[family].written)
        assert "from_arrays" in str(caught.value)
        assert "take auto_map and architectures out" in str(caught.value)
        assert ("trust_remote_code" in str(caught.value)) == (where == "auto_map")


def test_a_head_of_ones_own_on_an_encoder():
    """An unknown head changes nothing in the layers of an encoder: a note says what is computed."""
    (note,) = check_architecture({"architectures": ["BertForIntents"]}, "bert", "BERT")
    assert "BertForIntents" in str(note)
    with pytest.raises(InputError, match="BertForIntents"):
        check_architecture(
            {"architectures": ["BertForIntents"], "auto_map": {"AutoModel": "a.BertForIntents"}}, "bert", ""
        )


def test_the_way_out_of_an_unknown_class(tmp_path):
    """Taking the two keys out of config.json opens the model, as the error says; notes stand below the attention."""
    folder = model_of(tmp_path / "m", "llama")
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    own = {"AutoModel": "modeling_llama_bi.LlamaBiModel"}
    path.write_text(json.dumps(config | {"architectures": ["LlamaBiModel"], "auto_map": own}), encoding="utf-8")
    with pytest.raises(InputError, match="LlamaBiModel"):
        load(folder)
    path.write_text(json.dumps({**config, "architectures": None}), encoding="utf-8")
    assert load(folder).attend("the cat").notes == ()
    path.write_text(json.dumps({**config, "auto_map": {"AutoModel": "m.LlamaForCausalLM"}}), encoding="utf-8")
    assert "(m.py) is not run" in str(load(folder).attend("the cat").notes[0])


def test_golden_configs_name_classes_of_their_family():
    """What transformers writes is known to be its own."""
    for name in ("llama", "bert", "marian", "t5", "smollm3", "gpt_neox", "xlm-roberta"):
        config, _, _ = load_golden(name)
        assert Network(config, {}).notes == ()
