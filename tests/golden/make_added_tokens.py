"""Make added_tokens.json: ids of texts with tokens that stand beside a vocabulary, in every place they may be listed.

Run where transformers 5 and sentencepiece are installed:

    python tests/golden/make_added_tokens.py

The tiny tokenizers are those of tokenizers.zip; `json` is the one of BERT as a tokenizer.json. A case adds files to a
folder, or settings to its tokenizer_config.json; its texts are cut by AutoTokenizer. Left out is what transformers 5
alone makes of a few classes: it drops the additional tokens of a special_tokens_map.json that stand nowhere else, and
renames pieces of the vocabulary by the names in the settings.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import transformers

HERE = Path(__file__).parent
LLAMA = {"llama": {}, "llama+legacy": {"legacy": True}, "llama+bare": {"add_prefix_space": False}}
SENTENCEPIECE = ("xlm-roberta", "t5", "camembert", "albert", *LLAMA)
LEFT_OUT = {
    *((kind, "special_tokens_map.json") for kind in SENTENCEPIECE),
    *((kind, "named") for kind in ("qwen2", "xlm-roberta", "camembert")),
}
KINDS = ("bert", "bert-cased", "gpt2", "roberta", "qwen2", "xlm-roberta", "t5", "camembert", "albert", "json", *LLAMA)
TEXTS = [
    "[E1] the cat [/E1] eats the fish",
    "the [e1] cat",
    "xx[E1]yy  [/E1]  zz",
    "<|im_start|>the cat eats<|im_end|>",
    "the <mask> cat [MASK] eats",
    "猫<|im_start|> 鱼 <|im_end|>",
    "catfish cat fish",
    " two  spaces ",
]
FLAGS = (
    {},
    {"special": True},
    {"lstrip": True, "rstrip": True},
    {"single_word": True},
    {"normalized": True},
    {"normalized": True, "special": True, "lstrip": True},
)
NEW = ("[E1]", "[/E1]", "<|im_start|>", "<|im_end|>", "fish")


def entry(piece: str, **flags: bool) -> dict[str, object]:
    """Write a token as tokenizer_config.json lists it."""
    plain = dict.fromkeys(("special", "lstrip", "rstrip", "single_word", "normalized"), False)
    return {"content": piece, **plain, **flags}


def listings(first: int) -> dict[str, dict[str, dict[str, object]]]:
    """Return the files that a case adds; first: the id of the first new token."""
    numbers = {piece: first + i for i, piece in enumerate(NEW)}
    found = {
        "added_tokens.json": {"added_tokens.json": dict(numbers)},
        "additional_special_tokens": {"tokenizer_config.json": {"additional_special_tokens": list(NEW)}},
        "extra_special_tokens": {"tokenizer_config.json": {"extra_special_tokens": list(NEW)}},
        "special_tokens_map.json": {"special_tokens_map.json": {"additional_special_tokens": list(NEW)}},
        "both": {
            "added_tokens.json": dict(numbers),
            "special_tokens_map.json": {"additional_special_tokens": list(NEW[:2])},
        },
        "named": {
            "tokenizer_config.json": {
                "pad_token": "[E1]",
                "mask_token": {"__type": "AddedToken", **entry("[/E1]", lstrip=True)},
            }
        },
    }
    for i, flags in enumerate(FLAGS):
        decoder = {str(number): entry(piece, **flags) for piece, number in numbers.items()}
        found[f"added_tokens_decoder {i}"] = {"tokenizer_config.json": {"added_tokens_decoder": decoder}}
    return found


def add_files(folder: Path, files: dict[str, dict[str, object]]) -> None:
    """Write the files; what a file has already stays."""
    for name, content in files.items():
        path = folder / name
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**before, **content}), encoding="utf-8")


def base(place: Path, kind: str) -> Path:
    """Unpack one tiny tokenizer."""
    folder = place / kind
    with zipfile.ZipFile(HERE / "tokenizers.zip") as archive:
        wanted = "bert" if kind == "json" else kind.partition("+")[0]
        archive.extractall(place, [name for name in archive.namelist() if name.startswith(f"{wanted}/")])
    if kind in LLAMA:
        add_files(place / "llama", {"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", **LLAMA[kind]}})
        if kind != "llama":
            (place / "llama").rename(folder)
    if kind == "json":
        made = transformers.AutoTokenizer.from_pretrained(place / "bert")
        folder.mkdir()
        made.backend_tokenizer.save(str(folder / "tokenizer.json"))
        shutil.copy(place / "bert" / "config.json", folder / "config.json")
        (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}', encoding="utf-8")
    return folder


def main() -> None:
    """Write every case's ids."""
    cases = []
    with tempfile.TemporaryDirectory() as place:
        for kind in KINDS:
            folder = base(Path(place), kind)
            first = len(transformers.AutoTokenizer.from_pretrained(folder))
            for name, files in listings(first).items():
                if (kind, name) in LEFT_OUT:
                    continue
                case = folder.parent / "case"
                shutil.copytree(folder, case)
                add_files(case, files)
                made = transformers.AutoTokenizer.from_pretrained(case)
                ids = [made(text)["input_ids"] for text in TEXTS]
                cases.append({"tokenizer": kind, "case": name, "first": first, "ids": ids})
                shutil.rmtree(case)
    lines = ",\n  ".join(json.dumps(case) for case in cases)
    version = json.dumps({"transformers": transformers.__version__})
    document = f'{{"made_with": {version},\n "cases": [\n  {lines}\n ]}}\n'
    (HERE / "added_tokens.json").write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
