"""How large a page is, how long it takes to make and how much memory, beside bertviz and circuitsvis where they are.

Run it as `python benchmarks/pages.py [--peers PYTHON] [--model REF] [--browser]`, with the Python that has attnviz.
`--peers` names the Python of another environment, with bertviz or circuitsvis in it; neither is a dependency. Each page
is made in a process of its own, ours and theirs in turn, from the same weights: random logits of standard deviation 2,
softmaxed, causal or not, 12 layers x 12 heads. With `--model` they are the weights of a real model on two English texts
of that many tokens each; where it has fewer than 12 layers, the second text's layers stand for the missing ones.
Seconds are those of making the page and writing it, imports left out; memory is the most the process had, less what it
had once the weights and its imports were there.

`--browser` opens our pages in headless Chromium (the system's, by playwright) and measures how long it takes until a
first head, and until another head, is on the screen: the median of 9, in the slowest of the views.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from attnviz.core.errors import InputError

COUNTS = (64, 128, 256, 512)
LAYERS = 12
TEXT = Path(__file__).parent.parent / "docs" / "tutorial.md"
VIEWS = ("matrix", "arcs", "words", "heads")

WEIGHTS = """
import resource, sys, time
import numpy as np
count, causal, path, given = int(sys.argv[1]), sys.argv[2] == "causal", sys.argv[3], sys.argv[4]
if given:
    weights = np.load(given)
else:
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
from attnviz.api.save import save_attention
from attnviz.core.provenance import Provenance, ToyOrigin
import attnviz.views.page
tokens = tuple(Token(word) for word in words)
origin = ToyOrigin(embedding="vectors", tokens="given", dim=64, projection="identity", heads=12, position="none",
                   mask="causal" if causal else "none", temperature=1)
allowed = np.tril(np.ones((count, count), bool)) if causal else None
attention = Attention(tokens, tokens, weights, allowed, provenance=Provenance(origin))
def make():
    from pathlib import Path
    save_attention(attention, Path(path))
""",
    "bertviz": """
import torch
from bertviz import model_view
tensors = tuple(torch.from_numpy(weights[i : i + 1]) for i in range(len(weights)))
def make():
    page = model_view(tensors, words, html_action="return")
    open(path, "w", encoding="utf-8").write(page.data)
""",
    "circuitsvis": """
from circuitsvis.attention import attention_heads
heads = weights.reshape(-1, count, count)
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

# Clicks on the next head and says how long it took until that is on the screen, in milliseconds.
SWITCH = """async () => {
    const before = document.documentElement.dataset.shown, started = performance.now();
    document.getElementById('next-head').click();
    while (document.documentElement.dataset.shown === before) await new Promise((go) => setTimeout(go, 0));
    return performance.now() - started;
}"""


class Page(NamedTuple):
    """What one page took: megabytes, seconds and megabytes of memory; milliseconds to open it and to switch heads."""

    size: float
    seconds: float
    memory: float
    opened: float = float("nan")
    switched: float = float("nan")


def measure(python: str, maker: str, count: int, mask: str, folder: str, given: str) -> Page:
    """Make a page; the run's errors end everything."""
    path = Path(folder) / f"{maker}.html"
    code = WEIGHTS + MAKERS[maker] + MEASURED
    arguments = [python, "-c", code, str(count), mask, str(path), given]
    done = subprocess.run(arguments, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{maker}, {count} words: {last[0]}")
    seconds, memory = map(float, done.stdout.split()[-2:])
    return Page(path.stat().st_size / 1e6, seconds, memory)


def browse(path: Path) -> tuple[float, float]:
    """Milliseconds until our page shows its first head, and another one: the median of 9, in the slowest view."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        started = time.perf_counter()
        tab.goto(path.as_uri())
        tab.wait_for_selector("html[data-shown]")
        opened = (time.perf_counter() - started) * 1000
        switched = []
        for view in VIEWS:
            tab.click(f"#view-{view}")
            tab.wait_for_timeout(200)
            switched.append(median(tab.evaluate(SWITCH) for _ in range(9)))
        browser.close()
    return opened, max(switched)


def real_weights(reference: str, count: int) -> np.ndarray:
    """Return a real model's weights [12, heads, count, count] on the tutorial, cut to `count` tokens twice."""
    import attnviz

    model = attnviz.load(reference)
    prose = [line for line in TEXT.read_text(encoding="utf-8").splitlines() if len(line) > 80 and line[0] not in "|$#!"]
    whole = " ".join(prose)
    layers: list[np.ndarray] = []
    start = 0
    while len(layers) < LAYERS:
        found, start = _of_length(model, whole, start, count)
        layers.extend(found)
    return np.stack(layers[:LAYERS])


def _of_length(model: object, text: str, start: int, count: int) -> tuple[np.ndarray, int]:
    """Return the weights on the piece of the text that begins at `start` and has `count` tokens, and where it ends."""
    low, high = start + count, min(len(text), start + 12 * count)
    while low < high:
        middle = (low + high) // 2
        try:
            tokens = len(model.attend(text[start:middle], merge="none", layers=[0]).query)  # type: ignore[attr-defined]
        except InputError:  # more than the model can take
            tokens = count + 1
        if tokens == count:
            return model.attend(text[start:middle], merge="none").weights, middle  # type: ignore[attr-defined]
        low, high = (middle + 1, high) if tokens < count else (low, middle)
    raise SystemExit(f"No piece of {TEXT.name} has {count} tokens.")


def found(python: str | None) -> list[tuple[str, str]]:
    """Return the peers that this Python can import, each with it."""
    if python is None:
        return []
    tried = [
        (name, subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False)) for name in MAKERS
    ]
    return [(name, python) for name, done in tried if name != "attnviz" and done.returncode == 0]


def measured(
    makers: list[tuple[str, str]], count: int, mask: str, runs: int, folder: str, given: str
) -> dict[str, list[Page]]:
    """Pages of each maker, in turn."""
    rows: dict[str, list[Page]] = {name: [] for name, _ in makers}
    for _ in range(runs):
        for name, python in makers:
            try:
                rows[name].append(measure(python, name, count, mask, folder, given))
            except RuntimeError as error:
                print(error, file=sys.stderr)
    return rows


def main() -> None:
    """Measure every page and print the table."""
    parser = argparse.ArgumentParser(description="Size, seconds and memory of saved pages.")
    parser.add_argument("--peers", metavar="PYTHON", help="a Python that has bertviz or circuitsvis")
    parser.add_argument("--model", metavar="REF", help="weights of a real model, as --model of attnviz takes it")
    parser.add_argument("--browser", action="store_true", help="open our pages in Chromium, and switch heads")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="pages of each kind (3 if not given)")
    parser.add_argument("--most", type=int, default=512, metavar="N", help="words at most (512 if not given)")
    given = parser.parse_args()
    makers = [("attnviz", sys.executable), *found(given.peers)]
    print(
        f"{'words':>5} {'mask':<6} {'made by':<12} {'page MB':>8} {'seconds':>8} {'memory MB':>9} {'open ms':>8} "
        f"{'switch ms':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for count in (count for count in COUNTS if count <= given.most):
            weights = ""
            if given.model is not None:
                weights = f"{folder}/weights.npy"
                np.save(weights, real_weights(given.model, count))
            for mask in ("none",) if given.model else ("none", "causal"):
                for name, several in measured(makers, count, mask, given.runs, folder, weights).items():
                    if not several:
                        continue
                    row = Page(*(median(column) for column in zip(*several, strict=True)))
                    if name == "attnviz" and given.browser:
                        row = Page(*row[:3], *browse(Path(folder) / "attnviz.html"))
                    print(
                        f"{count:>5} {mask:<6} {name:<12} {row.size:>8.2f} {row.seconds:>8.2f} {row.memory:>9.0f} "
                        f"{row.opened:>8.0f} {row.switched:>9.0f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
