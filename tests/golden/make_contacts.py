"""Write contacts.json: what ESM's tokenizer and its contact head in transformers give for some proteins.

The models are the tiny ones of make_models.py, whose random heads tell random contacts.

    /tmp/modelsvenv/bin/python tests/golden/make_contacts.py
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch
from transformers import EsmForMaskedLM, EsmTokenizer

HERE = Path(__file__).parent
# The vocabulary of facebook/esm2_t6_8M_UR50D.
VOCABULARY = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
TEXTS = ["MKTAYIAKQRQISFVK", "M K T<mask>AY", "mkt LAGVx B1Z", "A-G.<null_1>W", "M", "L<eos>A"]
PROTEIN = "MKTAYIAKQRQISF"


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "vocab.txt")
        path.write_text("\n".join(VOCABULARY))
        tokenizer = EsmTokenizer(str(path))
    found = {
        "vocabulary": VOCABULARY,
        "ids": {text: tokenizer(text)["input_ids"] for text in TEXTS},
        "pair": tokenizer("MK", "TA")["input_ids"],
        "protein": PROTEIN,
        "contacts": {},
    }
    ids = tokenizer(PROTEIN, return_tensors="pt")
    for name in ("esm", "esm-1b"):
        model = EsmForMaskedLM.from_pretrained(HERE / "models" / name, attn_implementation="eager").float().eval()
        with torch.no_grad():
            contacts = model.predict_contacts(ids["input_ids"], ids["attention_mask"])
        found["contacts"][name] = contacts[0].tolist()
    (HERE / "contacts.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
