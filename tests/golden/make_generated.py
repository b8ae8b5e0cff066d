"""Make generated.npz: what transformers' generate() returns, in many ways, and one pass over the result.

Run where torch and transformers are installed: python tests/golden/make_generated.py

Every model is tiny and random. NAME/step/layer is [batch, heads, query, key] as generate() gave it; NAME/text is the
number of the text, NAME/beams its beam_indices, NAME/mask the attention mask; NAME/expected [layers, heads, query, key]
is one forward pass over the same tokens without padding, from eager attention in float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "bos_token_id": 1,
    "eos_token_id": None,
    "pad_token_id": 0,
}
KEYWORDS: dict[str, Any] = {
    "max_new_tokens": 4,
    "return_dict_in_generate": True,
    "output_attentions": True,
    "do_sample": False,
}
PROMPT = torch.tensor([[3, 4, 5]])


def eager(model: Any) -> Any:
    """Return the model with attention that gives its weights."""
    model.eval().set_attn_implementation("eager")
    return model


def whole(model: Any, ids: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return the attention of one pass, [layers, heads, query, key]."""
    found = model(input_ids=ids, output_attentions=True).attentions
    return np.stack([layer[0].detach().numpy() for layer in found])


def steps_of(name: str, steps: Any) -> dict[str, Any]:
    """Return every array of the steps by its name."""
    return {
        f"{name}/{step}/{layer}": array.detach().numpy()
        for step, layers in enumerate(steps)
        for layer, array in enumerate(layers)
    }


def main() -> None:
    """Write generated.npz beside this script."""
    torch.manual_seed(5)
    llama = eager(transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES)))
    mistral = eager(transformers.MistralForCausalLM(transformers.MistralConfig(**SIZES, sliding_window=3)))
    padded, mask = torch.tensor([[0, 0, 3], [5, 6, 7]]), torch.tensor([[0, 0, 1], [1, 1, 1]])
    long = torch.tensor([[0, 0, 3, 8, 9], [5, 6, 7, 4, 3]])
    long_mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    runs: dict[str, tuple[Any, torch.Tensor, dict[str, Any], int]] = {
        "greedy": (llama, PROMPT, {}, 0),
        "no cache": (llama, PROMPT, {"use_cache": False}, 0),
        "static cache": (llama, PROMPT, {"cache_implementation": "static"}, 0),
        "one token": (llama, PROMPT, {"max_new_tokens": 1}, 0),
        "beams": (llama, PROMPT, {"num_beams": 3, "num_return_sequences": 2}, 1),
        "samples": (llama, PROMPT, {"do_sample": True, "num_return_sequences": 3}, 2),
        "left padding": (llama, padded, {"attention_mask": mask}, 0),
        "padding, no cache": (llama, long, {"attention_mask": long_mask, "use_cache": False}, 0),
        "padding, static cache": (llama, long, {"attention_mask": long_mask, "cache_implementation": "static"}, 0),
        "padding, sliding window": (mistral, long, {"attention_mask": long_mask}, 0),
        "sliding window": (mistral, PROMPT, {}, 0),
        "sliding static": (mistral, PROMPT, {"cache_implementation": "static"}, 0),
    }
    arrays: dict[str, Any] = {}
    for name, (model, ids, options, text) in runs.items():
        made = model.generate(ids, **{**KEYWORDS, **options})
        arrays |= steps_of(name, made.attentions)
        arrays[f"{name}/text"] = np.array(text)
        if getattr(made, "beam_indices", None) is not None:
            arrays[f"{name}/beams"] = made.beam_indices.numpy()
        sequence = made.sequences[text : text + 1, :-1]
        if "attention_mask" in options:
            arrays[f"{name}/mask"] = options["attention_mask"].numpy()
            sequence = sequence[:, int((options["attention_mask"][text] == 0).sum()) :]
        arrays[f"{name}/expected"] = whole(model, sequence)
    t5 = eager(
        transformers.T5ForConditionalGeneration(
            transformers.T5Config(
                vocab_size=40, d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2, decoder_start_token_id=0
            )
        )
    )
    made = t5.generate(PROMPT, **{**KEYWORDS, "num_beams": 3, "num_return_sequences": 2})
    once = t5(input_ids=PROMPT, decoder_input_ids=made.sequences[1:2, :-1], output_attentions=True)
    for kind in ("decoder", "cross"):
        arrays |= steps_of(kind, getattr(made, f"{kind}_attentions"))
        arrays[f"{kind}/text"] = np.array(1)
        arrays[f"{kind}/beams"] = made.beam_indices.numpy()
        found = getattr(once, f"{kind}_attentions")
        arrays[f"{kind}/expected"] = np.stack([layer[0].detach().numpy() for layer in found])
    np.savez_compressed(Path(__file__).with_name("generated.npz"), **arrays)


if __name__ == "__main__":
    main()
