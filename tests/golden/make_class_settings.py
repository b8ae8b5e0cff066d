"""Make class_settings.json: ids of transformers 5 where a tokenizer's class and settings count beside its files.

    python tests/golden/make_class_settings.py

Each case is a folder with a tiny tokenizer.json or with the older files of tokenizers.zip, a class, a family and
settings. The ids are those of TEXTS; of Unigrams, whose letters are cut by what tokenizer.json says, of the first
alone.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path

import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

HERE = Path(__file__).parent
TEXTS = ["the cat", "The  Cat 猫鱼 cafe\u0301", " the</s>cat <s> [SEP]the[MASK]", "<extra_id_0> the<unk>cat </x>"]
LETTERS = [*"thecafsTC</>[]_xn_unkSEPMA013", "猫", "鱼", "e\u0301", "\u0301"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>", "<pad>", "<unk>", "<mask>", "<sep>", "<cls>"]


def word_piece() -> Tokenizer:
    """Return BERT's kind."""
    pieces = dict.fromkeys([*SPECIAL, *LETTERS, *(f"##{one}" for one in LETTERS), "the", "cat", "Cat", "cafe", "caf"])
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def byte_level() -> Tokenizer:
    """Return GPT-2's kind."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("c", "a"), ("ca", "t"), ("Ġ", "cat")]
    pieces = dict.fromkeys([*SPECIAL, *alphabet, *("".join(pair) for pair in merges)])
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def metaspace() -> Tokenizer:
    """Return Llama's kind."""
    merges = [("t", "h"), ("th", "e"), ("▁", "the"), ("c", "a"), ("ca", "t"), ("▁", "cat")]
    pieces = dict.fromkeys([*SPECIAL, "▁", *LETTERS, *("".join(pair) for pair in merges)])
    tokenizer = Tokenizer(
        models.BPE({piece: i for i, piece in enumerate(pieces)}, merges, unk_token="<unk>", fuse_unk=True)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return tokenizer


def unigram() -> Tokenizer:
    """Return the kind of XLM-RoBERTa and T5."""
    pieces = dict.fromkeys([*SPECIAL, "▁", *LETTERS, "▁the", "▁cat", "the", "cat"])
    tokenizer = Tokenizer(models.Unigram([(piece, -len(piece) / 9) for piece in pieces], unk_id=8))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    return tokenizer


MAKERS = {"word piece": word_piece, "byte level": byte_level, "metaspace": metaspace, "unigram": unigram}
NAMED = {"bos": "<s>", "eos": "</s>", "unk": "<unk>", "pad": "<pad>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
BERTS = {"bos": None, "eos": None, "unk": "[UNK]", "pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
XLNETS = {**NAMED, "cls": "<cls>", "sep": "<sep>"}

# Kind, class, family, named tokens.
CLASSES = (
    *(("word piece", name, "bert", BERTS) for name in ("BertTokenizerFast", "ElectraTokenizerFast", "LxmertTokenizer")),
    ("word piece", "DistilBertTokenizerFast", "distilbert", BERTS),
    ("word piece", "MPNetTokenizerFast", "mpnet", {**NAMED, "unk": "[UNK]"}),
    ("word piece", "PreTrainedTokenizerFast", "bert", BERTS),
    ("word piece", "RetriBertTokenizerFast", "bert", BERTS),
    ("word piece", "", "bert", BERTS),
    ("word piece", "", "nomic_bert", BERTS),
    ("word piece", "BertTokenizerFast", "modernbert", BERTS),
    ("word piece", "MobileBertTokenizerFast", "mobilebert", BERTS),
    *(("byte level", name, "roberta", NAMED) for name in ("RobertaTokenizerFast", "BartTokenizerFast", "")),
    ("byte level", "PreTrainedTokenizerFast", "roberta", NAMED),
    ("byte level", "GPT2TokenizerFast", "gpt2", NAMED),
    ("byte level", "", "gpt2", NAMED),
    ("byte level", "GPT2TokenizerFast", "granite", NAMED),
    ("byte level", "MvpTokenizerFast", "mvp", NAMED),
    ("byte level", "DebertaTokenizerFast", "deberta", BERTS),
    ("unigram", "XLMRobertaTokenizerFast", "xlm-roberta", NAMED),
    ("unigram", "", "xlm-roberta", NAMED),
    ("unigram", "XLMRobertaTokenizerFast", "xlm-roberta-xl", NAMED),
    ("unigram", "CamembertTokenizerFast", "camembert", NAMED),
    ("unigram", "T5TokenizerFast", "t5", NAMED),
    ("unigram", "XLNetTokenizerFast", "xlnet", XLNETS),
    ("unigram", "PreTrainedTokenizerFast", "t5", NAMED),
)
PREFIX = ({}, {"add_prefix_space": True}, {"add_prefix_space": False})
SETTINGS = {
    "word piece": (
        *({}, {"do_lower_case": False}, {"do_lower_case": True}, {"strip_accents": False}, {"strip_accents": True}),
        {"tokenize_chinese_chars": False},
    ),
    "byte level": PREFIX,
    "unigram": ({},),
}
CASES_OF_FILES = {
    "word piece": ({}, {"lowercase": False}, {"handle_chinese_chars": False}, {"strip_accents": True}),
    "byte level": ({}, {"prefix": True}),
    "unigram": ({},),
}
OLDER = (
    *(
        ("llama", name, family, {"add_bos_token": True, **legacy, **prefix})
        for name in ("", "LlamaTokenizer", "GemmaTokenizer")
        for family in ("llama", "mistral", "gemma")
        for legacy in ({}, {"legacy": True}, {"legacy": False})
        for prefix in ({},)
    ),
    *(
        ("llama", "", family, {"add_bos_token": True, "added_tokens_decoder": {"620": {"content": "</x>", **flags}}})
        for family in ("llama", "mistral")
        for flags in ({"normalized": True, "special": False}, {"normalized": False, "special": True})
    ),
    *(("t5", "", "t5", {"extra_ids": count}) for count in (0, 20, 100)),
    *(("t5", name, "mt5", {}) for name in ("", "T5Tokenizer")),
    ("xlm-roberta", "CamembertTokenizer", "xlm-roberta", {}),
    ("camembert", "XLMRobertaTokenizer", "camembert", {}),
    ("marian", "", "marian", {"additional_special_tokens": ["</x>", "cat"]}),
    *(("qwen2", name, "qwen3", {}) for name in ("", "GPT2Tokenizer", "Qwen2Tokenizer")),
    *(("gpt2", "", family, {}) for family in ("gpt_neox", "olmo", "opt", "phi")),
    *(("roberta", "", family, {"sep_token": "</s>", "cls_token": "<s>"}) for family in ("mvp", "bart", "ibert")),
    *((kind, "", kind, {"split_special_tokens": True}) for kind in ("bert", "gpt2", "roberta", "t5", "albert")),
)


def cases() -> list[tuple[str, str, str, dict[str, object], dict[str, object]]]:
    """Return kind, class, family, settings and what tokenizer.json has otherwise; template: begin and end tokens."""
    found = []
    for kind, name, family, named in CLASSES:
        tokens = {f"{one}_token": piece for one, piece in named.items() if piece}
        for template in ("-", "b", "be"):
            found.append((kind, name, family, tokens, {"template": template}))
        for settings in SETTINGS[kind]:
            for edit in CASES_OF_FILES[kind]:
                found.append((kind, name, family, {**tokens, **settings}, {"template": "be", **edit}))
        found.append((kind, name, family, {**tokens, "split_special_tokens": True}, {"template": "be"}))
    for prefix in ({"add_prefix_space": True}, {"add_prefix_space": False}):
        found.append(("metaspace", "LlamaTokenizerFast", "llama", {"bos_token": "<s>", **prefix}, {"template": "b"}))
    return found + [(*case, {"older": True}) for case in OLDER]


def texts_of(case: tuple) -> list[str]:
    """Return the texts of a case."""
    return TEXTS[:1] if case[0] in ("unigram", "metaspace") else TEXTS


def folder_of(path: Path, case: tuple) -> Path:
    """Write the folder of a case."""
    kind, name, family, settings, edits = case
    path.mkdir(parents=True, exist_ok=True)
    if edits.get("older"):
        with zipfile.ZipFile(HERE / "tokenizers.zip") as archive:
            archive.extractall(path, [one for one in archive.namelist() if one.startswith(f"{kind}/")])
        path /= kind
        written = path / "tokenizer_config.json"
        settings = {**(json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}), **settings}
    else:
        tokenizer = MAKERS[kind]()
        tokenizer.add_special_tokens([AddedToken(piece, normalized=False) for piece in SPECIAL])
        if kind == "word piece":
            for key in ("lowercase", "handle_chinese_chars", "strip_accents"):
                if key in edits:
                    setattr(tokenizer.normalizer, key, edits[key])
        if edits.get("prefix"):
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        begin, end = (settings.get("cls_token") or settings.get("bos_token")), settings.get("sep_token")
        parts = [*([begin] if "b" in edits["template"] else []), "$A", *([end] if "e" in edits["template"] else [])]
        numbers = [(piece, tokenizer.token_to_id(piece)) for piece in dict.fromkeys(parts) if piece != "$A"]
        if edits["template"] != "-":
            pair = [*parts, "$B", *parts[parts.index("$A") + 1 :]]
            tokenizer.post_processor = processors.TemplateProcessing(single=parts, pair=pair, special_tokens=numbers)
        tokenizer.save(str(path / "tokenizer.json"))
    named = {"tokenizer_class": name} if name else {}
    settings = {key: value for key, value in settings.items() if key != "tokenizer_class"}
    (path / "tokenizer_config.json").write_text(json.dumps({**settings, **named}), encoding="utf-8")
    (path / "config.json").write_text(json.dumps({"model_type": family}), encoding="utf-8")
    return path


def main() -> None:
    """Write class_settings.json."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for number, case in enumerate(cases()):
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder_of(Path(place) / str(number), case))
            rows.append([list(tokenizer(text)["input_ids"]) for text in texts_of(case)])
    content = {"made with": f"transformers {transformers.__version__}", "ids": rows}
    text = json.dumps(content, ensure_ascii=False).replace("]], [[", "]],\n[[") + "\n"
    (HERE / "class_settings.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
