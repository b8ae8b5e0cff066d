"""How byte-level vocabularies of .gguf files cut a text: three facts for each name in tokenizer.ggml.pre.

The names, and which of them begin with a token and ignore merges, are llama.cpp's (src/llama-vocab.cpp at its commit
00ad355); the cuts are those of the models' own tokenizer.json, as far as llama.cpp follows them.
"""

from __future__ import annotations

from typing import NamedTuple

from attnviz.models.tokenizers.legacy import GPT2, LLAMA3, QWEN2


class PreTokenizer(NamedTuple):
    """What a name stands for.

    cuts: regular expressions, each of which cuts what the one before has left. begins: whether a text begins with a
    token of its own where the file does not say. ignores_merges: whether a word that the vocabulary has is taken whole.
    composes: whether the text is put into NFC first.
    """

    cuts: tuple[str, ...]
    begins: bool = False
    ignores_merges: bool = False
    composes: bool = False


_DIGIT, _DIGITS, _THREE = r"\p{N}", r"\p{N}+", r"\p{N}{1,3}"
_THREE_FROM_RIGHT = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"
_MARKS = r"[\p{P}\$\+<=>\^~\|]+"
_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SPACES = r"\s+(?!\S)|\s+"
_LINES = rf"\s*[\r\n]+|{_SPACES}"
_NO_WORD = r"[^\r\n\p{L}\p{N}]?"


def _cased(digits: str, endings: str = "") -> str:
    """Return the cut that parts a word where small letters are followed by a capital, as in GPT-4o and Tekken."""
    return (
        rf"{_NO_WORD}{_UPPER}*{_LOWER}+{endings}|{_NO_WORD}{_UPPER}+{_LOWER}*{endings}|{digits}"
        rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_LINES}"
    )


_GPT4O = _cased(_THREE, f"{_ENDINGS}?")
_ASCII_MARK = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"""
_MARKED_WORD = rf"{_ASCII_MARK}[A-Za-z]+|[^\r\n\p{{L}}\p{{P}}\p{{S}}]?[\p{{L}}\p{{M}}]+"
_DEEPSEEK_WORD = rf"{_MARKED_WORD}| ?[\p{{P}}\p{{S}}]+[\r\n]*|{_LINES}"
_HAN_KANA = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
_EAST_ASIAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
_DEEPSEEK3 = (_THREE, _HAN_KANA, _DEEPSEEK_WORD)
_QWEN2_ALONE = QWEN2.removeprefix(f"{_ENDINGS}|")
_BLOOM = r" ?[^(\s|.,!?…。，、।۔،)]+"
_JAIS2 = LLAMA3.removesuffix(_SPACES) + "|".join(
    [*(rf"\s{{{2**power}}}(?!\S)" for power in range(9, 1, -1)), r"\s{1,2}(?!\S)", r"\s{1}"]
)

_KINDS: tuple[tuple[PreTokenizer, str], ...] = (
    (
        PreTokenizer((LLAMA3,), begins=True, ignores_merges=True),
        "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
    ),
    (PreTokenizer((LLAMA3,)), "dbrx smaug-bpe chatglm-bpe glm4"),
    (PreTokenizer((_JAIS2,)), "jais-2"),
    (PreTokenizer((QWEN2,), composes=True), "qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2"),
    (PreTokenizer((QWEN2,)), "hunyuan solar-open grok-2"),
    (
        PreTokenizer(
            (rf"{_ENDINGS}|{_NO_WORD}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_LINES}",),
            composes=True,
        ),
        "qwen35",
    ),
    (PreTokenizer((_QWEN2_ALONE,)), "ufakzeka"),
    (PreTokenizer((r"[^\n]+|[\n]+", QWEN2)), "laguna"),
    (
        PreTokenizer((GPT2,)),
        "gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert jina-v1-en "
        "jina-v2-code roberta-bpe mpt olmo jais trillion granite-docling exaone4",
    ),
    (PreTokenizer((_DIGIT, GPT2)), "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2"),
    (PreTokenizer((r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]")), "falcon"),
    (PreTokenizer((_MARKS, GPT2, _DIGITS, "[0-9][0-9][0-9]")), "default"),
    (PreTokenizer((_cased(_DIGIT),), begins=True, ignores_merges=True), "tekken"),
    (PreTokenizer((_GPT4O,)), "gpt-4o llama4 kanana2 talkie minimax-m2"),
    (PreTokenizer((_GPT4O,), ignores_merges=True), "granite-embed-multi-97m"),
    (PreTokenizer((r"\d{1,3}(?=(?:\d{3})*\b)", _GPT4O)), "tiny_aya cohere2moe"),
    (
        PreTokenizer(
            (
                r"[\r\n]",
                r"\s?[\p{Lu}\p{Ll}\p{Lt}]+",
                "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
                r"\s+$",
                _EAST_ASIAN,
                _DIGITS,
            )
        ),
        "deepseek-llm",
    ),
    (PreTokenizer((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _EAST_ASIAN, _DIGIT)), "deepseek-coder"),
    (PreTokenizer(_DEEPSEEK3), "deepseek-v3 hunyuan-dense joyai-llm hy_v4"),
    (PreTokenizer((_THREE, _HAN_KANA, rf"{_MARKED_WORD}| ?[\p{{P}}\p{{S}}]+|[\r\n]|{_SPACES}", _DIGIT)), "spark2_5"),
    (
        PreTokenizer(
            (
                "[\uac00-\ud7a3\u3131-\u318e]+|[！…“”‘’—：；，\u3001-\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|"
                + _HAN_KANA,
                _cased(_DIGIT, f"{_ENDINGS}?"),
            ),
            ignores_merges=True,
        ),
        "youtu",
    ),
    (PreTokenizer((_BLOOM,)), "poro-chat bloom gpt3-finnish"),
    (PreTokenizer((_BLOOM, _DIGIT)), "viking"),
    (
        PreTokenizer(
            (
                r"<sentinel:[0-9]+>",
                r"(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
                r"([\t\n]|    |  )",
                _DIGIT,
                r"[\p{P}!-/:-@\[-`{-~]",
                GPT2,
            ),
            begins=True,
        ),
        "chameleon",
    ),
    (PreTokenizer((_DIGITS, _THREE_FROM_RIGHT)), "superbpe"),
    (
        PreTokenizer(
            (rf"'(?i:[sdmt]|ll|ve|re)|{_NO_WORD}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]|{_SPACES}",)
        ),
        "bailingmoe bailingmoe2 llada-moe",
    ),
    (PreTokenizer((rf"{_ENDINGS}|{_NO_WORD}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{_LINES}",)), "seed-coder"),
    (
        PreTokenizer(
            (
                _THREE_FROM_RIGHT,
                "[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf"
                "\u0e00-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af"
                "\u1100-\u11ff]+",
                _DEEPSEEK_WORD,
            )
        ),
        "afmoe",
    ),
    (
        PreTokenizer(
            (
                rf"{_ENDINGS}|{_NO_WORD}(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}"
                rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]?|\s*[\r\n]|{_SPACES}",
            )
        ),
        "exaone-moe",
    ),
    (PreTokenizer((_THREE, LLAMA3.replace("{1,3}", "+")), ignores_merges=True), "minicpm5"),
)
PRE_TOKENIZERS = {name: kind for kind, names in _KINDS for name in names.split()}

# Names whose pieces are no bytes of GPT-2's alphabet, or whose merges are made from the vocabulary.
NOT_BYTE_LEVEL = ("gemma4", "granite-embed-multi-311m", "sarvam-moe", "whitespace", "kimi-k2")
