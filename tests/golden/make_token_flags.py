"""Make token_flags.json: ids of texts with a token whose flags are given in several places at once.

Run where transformers 5 and sentencepiece are installed, then, to add what transformers 4 gives, where that one is:

    python tests/golden/make_token_flags.py
    python tests/golden/make_token_flags.py 4

The tiny tokenizers are those of make_added_tokens.py. A case writes files into a folder; the first place that names the
token gives its flags. `4` says whether transformers 4 gives the same ids: it lets the later of two places count, has no
special tokens with names of a model's own, and opens no list under extra_special_tokens.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import transformers

HERE = Path(__file__).parent
KINDS = ("bert", "gpt2", "json", "qwen2", "llama", "t5")
TEXTS = ("the [E1] cat", "xx[E1]yy  [E1]  zz", "the [e1] cat")
CONFIG, MAP, LIST = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
FLAGS = (
    {"special": True, "lstrip": True},
    {"special": True, "rstrip": True},
    {"special": True, "single_word": True},
    {"special": True, "normalized": True},
    {"normalized": True},
)


def entry(**flags: bool) -> dict[str, Any]:
    """Write the token as tokenizer_config.json gives it."""
    plain = dict.fromkeys(("special", "lstrip", "rstrip", "single_word", "normalized"), False)
    return {"__type": "AddedToken", "content": "[E1]", **plain, **flags}


def cases(first: int) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """Yield the name of each case and the files that it writes; first: the id of the token."""
    text, other = "[E1]", {name: value for name, value in entry(rstrip=True).items() if name != "__type"}
    listed = {LIST: {text: first}}
    for i, flags in enumerate(FLAGS):
        token = entry(**flags)
        mapped = {name: value for name, value in token.items() if name != "__type"}
        decoder = {"added_tokens_decoder": {str(first): mapped}}
        yield f"decoder {i}", {CONFIG: decoder}
        yield f"decoder {i}, additional", {CONFIG: {**decoder, "additional_special_tokens": [text]}}
        yield (
            f"decoder {i}, additional object",
            {CONFIG: {**decoder, "additional_special_tokens": [entry(rstrip=True)]}},
        )
        yield f"decoder {i}, extra", {CONFIG: {**decoder, "extra_special_tokens": [text]}}
        yield f"decoder {i}, pad", {CONFIG: {**decoder, "pad_token": entry(rstrip=True)}}
        yield f"decoder {i}, map's additional", {CONFIG: decoder, MAP: {"additional_special_tokens": [text]}}
        yield f"decoder {i}, map's pad", {CONFIG: decoder, MAP: {"pad_token": other}}
        yield f"list, additional {i}", {**listed, CONFIG: {"additional_special_tokens": [token]}}
        yield f"list, pad {i}", {**listed, CONFIG: {"pad_token": token}}
        yield f"list, map's pad {i}", {**listed, MAP: {"pad_token": mapped}}
        yield f"additional {i}", {CONFIG: {"additional_special_tokens": [token]}}
        yield (
            f"additional {i}, map's",
            {CONFIG: {"additional_special_tokens": [token]}, MAP: {"additional_special_tokens": [text]}},
        )
        yield f"own name {i}", {CONFIG: {"image_token": token}}
        yield f"own name {i} of the map", {MAP: {"image_token": mapped}}
        yield f"own name {i} of extra", {CONFIG: {"extra_special_tokens": {"image_token": token}}}
    yield "list, additional", {**listed, CONFIG: {"additional_special_tokens": [text]}}
    yield "list, pad", {**listed, CONFIG: {"pad_token": text}}
    yield "own name", {CONFIG: {"image_token": text}}


def shared() -> dict[str, Any]:
    """Return what make_added_tokens.py defines."""
    found = {"__file__": str(HERE / "make_added_tokens.py"), "__name__": "make_added_tokens"}
    exec((HERE / "make_added_tokens.py").read_text(encoding="utf-8"), found)
    return found


def main() -> None:
    """Write every case's ids, or, with 4, whether this version gives the same."""
    made, path = shared(), HERE / "token_flags.json"
    known = json.loads(path.read_text(encoding="utf-8"))["cases"] if sys.argv[1:] else []
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for kind in KINDS:
            folder = made["base"](Path(place), kind)
            first = len(transformers.AutoTokenizer.from_pretrained(folder))
            for name, files in cases(first):
                case = folder.parent / "case"
                shutil.copytree(folder, case)
                made["add_files"](case, files)
                try:
                    tokenizer = transformers.AutoTokenizer.from_pretrained(case)
                    ids = [tokenizer(text)["input_ids"] for text in TEXTS]
                except (AttributeError, TypeError, ValueError) as error:
                    if not known:
                        raise
                    ids = [type(error).__name__]
                if known:
                    row = known[len(rows)]
                    rows.append({**row, "4": "same" if row["ids"] == ids else "other"})
                else:
                    rows.append({"tokenizer": kind, "case": name, "first": first, "ids": ids})
                shutil.rmtree(case)
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    before = json.loads(path.read_text(encoding="utf-8"))["made_with"] if known else []
    version = json.dumps([*before, f"transformers {transformers.__version__}"])
    path.write_text(f'{{"made_with": {version},\n "cases": [\n  {lines}\n ]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
