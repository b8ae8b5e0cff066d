"""How large a page is, how long it takes to make and how much memory, beside bertviz and circuitsvis where they are.

Run it as `python benchmarks/pages.py [--peers PYTHON]`, with the Python that has attnviz. `--peers` names the Python of
another environment, with bertviz or circuitsvis in it; neither is a dependency. Each page is made in a process of its
own, ours and theirs in turn, from the same weights: random logits of standard deviation 2, softmaxed, causal or not, 12
layers x 12 heads. Seconds are those of making the page and writing it, imports left out; memory is the most the process
had, less what it had once the weights and its imports were there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

COUNTS = (64, 128, 256, 512)

WEIGHTS = """
import resource, sys, time
import numpy as np
count, causal, path = int(sys.argv[1]), sys.argv[2] == "causal", sys.argv[3]
logits = np.random.default_rng(0).standard_normal((12, 12, count, count), dtype=np.float32)
logits *= 2
if causal:
    logits[..., ~np.tril(np.ones((count, count), bool))] = -np.inf
logits -= logits.max(axis=-1, keepdims=True)
weights = np.exp(logits, out=logits)
weights /= weights.sum(axis=-1, keepdims=True)
words = [f"w{i}" for i in range(count)]
"""

# Each has `prepare` what it needs, then makes the page and writes it; the rest is the same for all.
MAKERS = {
    "attnviz": """
from attnviz import Attention, Token
from attnviz.export import save_attention
import attnviz.render.page
tokens = tuple(Token(word) for word in words)
settings = dict(embedding="vectors", tokens="given", dim=64, projection="identity", heads=12, position="none",
                mask="causal" if causal else "none", temperature=1)
allowed = np.tril(np.ones((count, count), bool)) if causal else None
attention = Attention(tokens, tokens, weights, allowed, settings=settings)
def make():
    from pathlib import Path
    save_attention(attention, Path(path))
""",
    "bertviz": """
import torch
from bertviz import model_view
tensors = tuple(torch.from_numpy(weights[i : i + 1]) for i in range(12))
def make():
    page = model_view(tensors, words, html_action="return")
    open(path, "w", encoding="utf-8").write(page.data)
""",
    "circuitsvis": """
from circuitsvis.attention import attention_heads
heads = weights.reshape(144, count, count)
def make():
    page = attention_heads(attention=heads, tokens=words)
    open(path, "w", encoding="utf-8").write(str(page))
""",
}

MEASURED = """
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
make()
spent = time.perf_counter() - started
print(spent, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def measure(python: str, maker: str, count: int, mask: str, folder: str) -> tuple[float, float, float]:
    """Megabytes of the page, seconds to make it, and megabytes of memory on top; the run's errors end everything."""
    path = Path(folder) / "page.html"
    code = WEIGHTS + MAKERS[maker] + MEASURED
    done = subprocess.run(
        [python, "-c", code, str(count), mask, str(path)], capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{maker}, {count} words: {last[0]}")
    seconds, memory = map(float, done.stdout.split()[-2:])
    return path.stat().st_size / 1e6, seconds, memory


def found(python: str | None) -> list[tuple[str, str]]:
    """The peers that this Python can import, each with it."""
    if python is None:
        return []
    tried = [
        (name, subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False)) for name in MAKERS
    ]
    return [(name, python) for name, done in tried if name != "attnviz" and done.returncode == 0]


def main() -> None:
    """Measure every page and print the table."""
    parser = argparse.ArgumentParser(description="Size, seconds and memory of saved pages.")
    parser.add_argument("--peers", metavar="PYTHON", help="a Python that has bertviz or circuitsvis")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="pages of each kind (3 if not given)")
    parser.add_argument("--most", type=int, default=512, metavar="N", help="words at most (512 if not given)")
    given = parser.parse_args()
    makers = [("attnviz", sys.executable), *found(given.peers)]
    print(f"{'words':>5} {'mask':<6} {'made by':<12} {'page MB':>8} {'seconds':>8} {'memory MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for count in (count for count in COUNTS if count <= given.most):
            for mask in ("none", "causal"):
                rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name, _ in makers}
                for _ in range(given.runs):
                    for name, python in makers:
                        try:
                            rows[name].append(measure(python, name, count, mask, folder))
                        except RuntimeError as error:
                            print(error, file=sys.stderr)
                for name, several in rows.items():
                    if several:
                        size, seconds, memory = (median(column) for column in zip(*several, strict=True))
                        print(
                            f"{count:>5} {mask:<6} {name:<12} {size:>8.2f} {seconds:>8.2f} {memory:>9.0f}", flush=True
                        )


if __name__ == "__main__":
    main()
