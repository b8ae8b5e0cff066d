"""Make ends.tsv: which pieces transformers puts around a text, for each tokenizer class, template and pair of flags.

Run it twice, with transformers 5 and with transformers 4, each in an environment of its own:

    python tests/golden/make_ends.py 5        # writes the column of transformers 5 and empties the other
    python tests/golden/make_ends.py 4        # adds the column of transformers 4

A folder has a tiny tokenizer.json, whose post-processor is the template, and a tokenizer_config.json with the class and
the flags; or, with the template `older`, the older files of tokenizers.zip. A cell says what stands around `the cat`:
- for nothing, b for the begin token, e for the end token; error where transformers does not open the folder.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

HERE = Path(__file__).parent
WORDS = ["<unk>", "<s>", "</s>", "▁", "t", "h", "e", "c", "a", "▁t", "▁th", "▁the", "▁c", "▁ca", "▁cat"]
MERGES = [("▁", "t"), ("▁t", "h"), ("▁th", "e"), ("▁", "c"), ("▁c", "a"), ("▁ca", "t")]
CLASSES = (
    "LlamaTokenizerFast",
    "LlamaTokenizer",
    "CodeLlamaTokenizerFast",
    "GemmaTokenizerFast",
    "CohereTokenizerFast",
    "PreTrainedTokenizerFast",
    "Qwen2TokenizerFast",
    "GPT2TokenizerFast",
    "GPTNeoXTokenizerFast",
    "BertTokenizerFast",
    "RobertaTokenizerFast",
    "",
)
TEMPLATES = ("-", "b", "e", "be")
FLAGS = tuple(itertools.product(("", "false", "true"), repeat=2))
MODEL_TYPES = {
    "LlamaTokenizerFast": "llama",
    "LlamaTokenizer": "llama",
    "CodeLlamaTokenizerFast": "llama",
    "GemmaTokenizerFast": "gemma",
    "CohereTokenizerFast": "cohere",
    "Qwen2TokenizerFast": "qwen2",
    "GPT2TokenizerFast": "gpt2",
    "GPTNeoXTokenizerFast": "gpt_neox",
    "BertTokenizerFast": "bert",
    "RobertaTokenizerFast": "roberta",
}


def folder_of(path: Path, name: str, template: str, begin: str, end: str) -> Path:
    """Write one folder."""
    path.mkdir(parents=True, exist_ok=True)
    numbers = {piece: number for number, piece in enumerate(WORDS)}
    tokenizer = Tokenizer(models.BPE(vocab=numbers, merges=MERGES, unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    if template != "-":
        parts = [*(["<s>"] if "b" in template else []), "$A", *(["</s>"] if "e" in template else [])]
        pair = [*parts, *(f"{part}:1" for part in parts)]
        pair[pair.index("$A:1")] = "$B:1"
        ends = [(piece, numbers[piece]) for piece in ("<s>", "</s>") if piece in parts]
        tokenizer.post_processor = processors.TemplateProcessing(single=parts, pair=pair, special_tokens=ends)
    tokenizer.save(str(path / "tokenizer.json"))
    settings = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
    if name.startswith(("Bert", "Roberta")):
        settings |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "</s>"}
    if name:
        settings["tokenizer_class"] = name
    for key, value in (("add_bos_token", begin), ("add_eos_token", end)):
        if value:
            settings[key] = value == "true"
    (path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    config = {"model_type": MODEL_TYPES.get(name, "mistral" if name else "llama")}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


OLDER = {"LlamaTokenizer": "llama", "GemmaTokenizer": "llama", "GPT2Tokenizer": "gpt2", "Qwen2Tokenizer": "qwen2"}


def older_folder_of(path: Path, name: str, begin: str, end: str) -> Path:
    """Write a folder of older files; the begin and end tokens are the pieces 1 and 2, as in a tokenizer.json above."""
    with zipfile.ZipFile(HERE / "tokenizers.zip") as archive:
        archive.extractall(path, [one for one in archive.namelist() if one.startswith(f"{OLDER[name]}/")])
    path /= OLDER[name]
    byte_level = "llama" not in str(path)
    pieces = json.loads((path / "vocab.json").read_text(encoding="utf-8")) if byte_level else {"<s>": 1, "</s>": 2}
    named = {number: piece for piece, number in pieces.items()}
    settings = {"bos_token": named[1], "eos_token": named[2], "unk_token": named[2] if byte_level else "<unk>"}
    settings["tokenizer_class"] = name
    for key, value in (("add_bos_token", begin), ("add_eos_token", end)):
        if value:
            settings[key] = value == "true"
    (path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    config = {"model_type": name.removesuffix("Tokenizer").lower()}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def ends_of(path: Path) -> str:
    """Return what transformers puts around a text."""
    try:
        ids = transformers.AutoTokenizer.from_pretrained(path)("the cat")["input_ids"]
    except TypeError:  # RoBERTa's class of transformers 4 does not open such a file
        return "error"
    return ("b" * (ids[0] == 1) + "e" * (ids[-1] == 2)) or "-"


def main() -> None:
    """Write the column of the installed transformers."""
    version = sys.argv[1]
    assert transformers.__version__.startswith(f"{version}.")
    table = HERE / "ends.tsv"
    known = {}
    if version == "4":
        for line in table.read_text(encoding="utf-8").splitlines()[1:]:
            *key, five, _ = line.split("\t")
            known[tuple(key)] = five
    lines = ["class\ttemplate\tadd_bos_token\tadd_eos_token\ttransformers 5\ttransformers 4"]
    with tempfile.TemporaryDirectory() as place:
        cases = [*itertools.product(CLASSES, TEMPLATES, FLAGS), *itertools.product(OLDER, ("older",), FLAGS)]
        for number, (name, template, (begin, end)) in enumerate(cases):
            path = Path(place) / str(number)
            if template == "older":
                found = ends_of(older_folder_of(path, name, begin, end))
            else:
                found = ends_of(folder_of(path, name, template, begin, end))
            key = (name, template, begin, end)
            both = (found, "") if version == "5" else (known[key], found)
            lines.append("\t".join((*key, *both)))
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
