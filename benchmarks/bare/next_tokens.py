"""What a reader would write with torch and transformers: greedy tokens of a GGUF model, timed after loading.

    python next_tokens.py FILE.gguf STEPS TEXT

It adds one token first, which reads the text and warms up; then it prints how long each further step took, in seconds
from that on, and the tokens that were added.
"""

import os
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
path, steps, text = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
given = {"gguf_file": path.name, "attn_implementation": "eager", "dtype": torch.float32}
model = AutoModelForCausalLM.from_pretrained(str(path.parent), **given).eval()
ids = tokenizer(text, return_tensors="pt")["input_ids"]
said, times = [], []
with torch.no_grad():
    out = model(ids, use_cache=True)
    for _ in range(steps + 1):
        said.append(int(out.logits[0, -1].argmax()))
        started = time.perf_counter(), time.process_time()
        out = model(torch.tensor([[said[-1]]]), past_key_values=out.past_key_values, use_cache=True)
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
times = times[1:]
print(*said[:steps])
print(sum(wall for wall, _ in times), sum(cpu for _, cpu in times))
