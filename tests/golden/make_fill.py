"""Make fill.npz: what transformers puts at the masks of a text, with tiny checkpoints that have a head for words.

Run where torch, transformers and pytest are installed:

    PYTHONPATH=tests /tmp/modelsvenv/bin/python tests/golden/make_fill.py

The checkpoints are those of tests/tiny_models.py: golden weights with as many words as a tiny tokenizer has. NAME/ids
are the text's tokens, NAME/places where its masks stand, and NAME/shares [masks, vocabulary] the probabilities there.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import torch
import transformers
from tiny_models import model_of

HERE = Path(__file__).parent
# The family, whose tokenizer it is given, and how that writes a mask.
MODELS = {
    "bert": ("bert", "[MASK]"),
    "roberta": ("roberta", "<mask>"),
    "deberta-v2": ("bert", "[MASK]"),
    "modernbert": ("bert", "[MASK]"),
    "electra": ("bert", "[MASK]"),
}
TEXT = "the {mask} eats the {mask} ."


TOKENIZERS = {"bert": "BertTokenizerFast", "roberta": "RobertaTokenizerFast"}


def filled(folder: Path, words: str, mask: str) -> dict[str, np.ndarray]:
    """The tokens of the text, and the probabilities at its masks."""
    tokenizer = getattr(transformers, TOKENIZERS[words]).from_pretrained(folder)
    given = {"attn_implementation": "eager", "dtype": torch.float32}
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder, **given).eval()
    ids = tokenizer(TEXT.format(mask=mask), return_tensors="pt")["input_ids"]
    places = torch.nonzero(ids[0] == tokenizer.mask_token_id)[:, 0]
    with torch.no_grad():
        shares = model(input_ids=ids).logits[0, places].softmax(dim=-1)
    return {"ids": ids[0].numpy().astype(np.int32), "places": places.numpy(), "shares": shares.numpy()}


def main() -> None:
    """Write fill.npz."""
    found: dict[str, np.ndarray] = {}
    for name, (words, mask) in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            for key, array in filled(model_of(Path(folder) / "tiny", name, words), words, mask).items():
                found[f"{name}/{key}"] = array
    np.savez_compressed(HERE / "fill.npz", **found)


if __name__ == "__main__":
    main()
