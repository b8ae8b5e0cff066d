"""Write languages.json.xz: the tokenizers of translators between many languages, and what they put around a text.

For mBART, mBART-50 and NLLB with several settings: the two files that `save_pretrained` writes, and the ids that
transformers gives for some texts after it has opened them again.

    /tmp/modelsvenv/bin/python tests/golden/make_languages.py
"""

from __future__ import annotations

import json
import lzma
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import transformers

HERE = Path(__file__).parent
TEXTS = ["the cat", "猫吃鱼", "a cat"]
PIECES = ["▁the", "▁cat", "▁a", "▁", "猫", "吃", "鱼"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
CODES = ["eng_Latn", "zho_Hans", "fra_Latn"]
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "nllb": ("NllbTokenizer", {}),
    "nllb-chinese": ("NllbTokenizer", {"src_lang": "zho_Hans", "tgt_lang": "eng_Latn"}),
    "nllb-legacy": ("NllbTokenizer", {"src_lang": "fra_Latn", "legacy_behaviour": True}),
    "mbart": ("MBartTokenizer", {}),
    "mbart-chinese": ("MBartTokenizer", {"src_lang": "zh_CN", "tgt_lang": "en_XX"}),
    "mbart50": ("MBart50Tokenizer", {}),
    "mbart50-chinese": ("MBart50Tokenizer", {"src_lang": "zh_CN"}),
}


def make(name: str, settings: dict[str, Any]) -> Any:
    """A tokenizer of a few pieces: characters for NLLB, whole words for mBART."""
    if name == "NllbTokenizer":
        pieces = [*SPECIAL, "▁", *sorted(set("thecata猫吃鱼"))]
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
        return transformers.NllbTokenizer(vocab=vocabulary, merges=[], extra_special_tokens=CODES, **settings)
    codes = __import__(
        f"transformers.models.{name.removesuffix('Tokenizer').lower()}.tokenization_{name.removesuffix('Tokenizer').lower()}",
        fromlist=["FAIRSEQ_LANGUAGE_CODES"],
    ).FAIRSEQ_LANGUAGE_CODES
    vocabulary = [(piece, 0.0) for piece in SPECIAL] + [(piece, -2.0) for piece in PIECES]
    vocabulary += [(code, 0.0) for code in codes] + [("<mask>", 0.0)]
    return getattr(transformers, name)(vocab=vocabulary, **settings)


def main() -> None:
    """Save each tokenizer, open it again, and write down what it gives."""
    found = {}
    for case, (name, settings) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            make(name, settings).save_pretrained(folder)
            opened = getattr(transformers, name).from_pretrained(folder)
            files = {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(folder).iterdir())}
            found[case] = {"files": files, "ids": [opened(text)["input_ids"] for text in TEXTS]}
    document = {"transformers": transformers.__version__, "texts": TEXTS, "cases": found}
    (HERE / "languages.json.xz").write_bytes(lzma.compress(json.dumps(document, ensure_ascii=False).encode()))


if __name__ == "__main__":
    main()
