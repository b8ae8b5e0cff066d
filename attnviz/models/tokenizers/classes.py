"""Tokenizer classes of transformers: which of them cut a text by the files that are read here, and what some add.

A folder names its class as tokenizer_class, in tokenizer_config.json or in config.json. A file's name does not tell how
a text is cut: BertJapaneseTokenizer also has a vocab.txt, but cuts words with MeCab first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from attnviz.core.errors import InputError
from attnviz.core.read_file import is_there
from attnviz.i18n.messages import Message, message
from attnviz.models.tokenizers.added_tokens import Again

MAKE_JSON = (
    "python -c \"from transformers import AutoTokenizer; AutoTokenizer.from_pretrained('.').save_pretrained('.')\""
)
SHOW_ARRAYS = (
    "attnviz.Attention.from_arrays(outputs.attentions, tokenizer.convert_ids_to_tokens(inputs.input_ids[0].tolist()))"
)

# Names without the suffix Fast. These say nothing of how a text is cut.
_GENERIC = ("PreTrainedTokenizer", "TokenizersBackend", "AutoTokenizer")

# The classes that cut by each kind of files as they are read in legacy.py.
WORD_PIECE = (
    *("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MPNetTokenizer", "MobileBertTokenizer"),
    *("ConvBertTokenizer", "SqueezeBertTokenizer", "LayoutLMTokenizer", "LxmertTokenizer", "RetriBertTokenizer"),
    *("RealmTokenizer", "DPRQuestionEncoderTokenizer", "DPRContextEncoderTokenizer", "DPRReaderTokenizer"),
)
ROBERTA = ("RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer", "MvpTokenizer")
DEBERTA = "DebertaTokenizer"
BYTE_LEVEL = (*ROBERTA, DEBERTA, "GPT2Tokenizer", "CodeGenTokenizer", "Qwen2Tokenizer")
SENTENCEPIECE = (
    *("LlamaTokenizer", "GemmaTokenizer", "XLMRobertaTokenizer", "CamembertTokenizer", "T5Tokenizer"),
    "AlbertTokenizer",
)
MARIAN = ("MarianTokenizer",)

# Classes that do not cut by tokenizer.json: in Python, or with words that another program cuts first.
_BY_THEMSELVES = frozenset(
    (
        *("BartphoTokenizer", "BertJapaneseTokenizer", "BertGenerationTokenizer", "BertweetTokenizer"),
        *("BioGptTokenizer", "BlenderbotSmallTokenizer", "ByT5Tokenizer", "CTRLTokenizer", "CanineTokenizer"),
        *("ClvpTokenizer", "CpmAntTokenizer", "CpmTokenizer", "DiaTokenizer", "EsmTokenizer", "FSMTTokenizer"),
        *("FlaubertTokenizer", "GPTNeoXJapaneseTokenizer", "GPTSw3Tokenizer", "JukeboxTokenizer"),
        *("KoBertTokenizer", "KoBERTTokenizer", "LukeTokenizer", "M2M100Tokenizer", "MLukeTokenizer"),
        *("MgpstrTokenizer", "MyT5Tokenizer", "PerceiverTokenizer", "PhobertTokenizer", "ProphetNetTokenizer"),
        *("RagTokenizer", "RoCBertTokenizer", "RoFormerTokenizer", "Speech2TextTokenizer", "SpeechT5Tokenizer"),
        *("TapasTokenizer", "TransfoXLTokenizer", "VitsTokenizer", "Wav2Vec2CTCTokenizer"),
        *("Wav2Vec2PhonemeCTCTokenizer", "XLMProphetNetTokenizer", "XLMTokenizer"),
    )
)

# What transformers 5 puts around a text whatever tokenizer.json says: it makes these classes anew when it opens them.
# The names of two special tokens, and their texts where the settings give none; None for nothing.
End = tuple[str, str] | None
CLASS_ENDS: dict[str, tuple[End, End]] = {
    "CodeLlamaTokenizer": (("bos", "<s>"), None),
    "GPTNeoXTokenizer": (None, None),
    "BertTokenizer": (("cls", "[CLS]"), ("sep", "[SEP]")),
    "RobertaTokenizer": (("cls", "<s>"), ("sep", "</s>")),
}
# Translators between many languages: the source language where the settings give none (src_lang), and whether its token
# stands before the text or after the end token.
LANGUAGES = {
    "NllbTokenizer": ("eng_Latn", True),
    "MBartTokenizer": ("en_XX", False),
    "MBart50Tokenizer": ("en_XX", True),
}
# The classes for which transformers 4 puts its own ends around a text, and whether a begin token where no flag says so.
REWRITTEN_IN_4 = {
    **dict.fromkeys(("LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "CohereTokenizer"), True),
    "GPTNeoXTokenizer": False,
}


# The classes that add special tokens once more, after the folder's own (transformers 5).
_AGAIN: dict[str, Again] = {"Qwen2Tokenizer": "plain", "CohereTokenizer": "given"}

# The class that a family's folder has in mind where it names none, if its files are like those of another class.
_BY_FAMILY = {
    "bert-generation": "BertGenerationTokenizer",
    "deberta": DEBERTA,
    "esm": "EsmTokenizer",
    "flaubert": "FlaubertTokenizer",
    "luke": "LukeTokenizer",
    "roformer": "RoFormerTokenizer",
    "splinter": "SplinterTokenizer",
    "xlm": "XLMTokenizer",
}


def class_of(config: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Return the name of a folder's tokenizer class, without the suffix Fast; None where nothing tells."""
    for place in (settings, config):
        found = place.get("tokenizer_class")
        if isinstance(found, str) and found:
            return found.removesuffix("Fast")
    return _BY_FAMILY.get(str(config.get("model_type")))


def adds_again(name: str | None, config: Mapping[str, Any]) -> Again | None:
    """Return how a tokenizer class of transformers 5 adds special tokens once more; None for most; name: the class."""
    family = str(config.get("model_type"))
    if name is None and family.startswith(("qwen2", "qwen3")) and not family.startswith("qwen3_5"):
        name = "Qwen2Tokenizer"
    return _AGAIN.get(name or "")


def own_code(settings: Mapping[str, Any]) -> tuple[str | None, str | None] | None:
    """Return the classes of a tokenizer whose code comes with the model, the plain and the fast one, by auto_map."""
    found = settings.get("auto_map")
    if isinstance(found, Mapping):
        found = found.get("AutoTokenizer")
    if isinstance(found, str):
        return found, None
    if not isinstance(found, list) or not found:
        return None
    plain, fast = (*(one if isinstance(one, str) else None for one in found), None)[:2]
    return None if plain is None and fast is None else (plain, fast)


def check_class(folder: Path, config: Mapping[str, Any], settings: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise InputError where a folder's tokenizer class is none of `known`, which cut by the files that it has."""
    own = own_code(settings)
    if own is not None:
        raise _own_code_error(folder, own)
    name = class_of(config, settings)
    if name is not None and name not in known and name not in _GENERIC:
        raise _unknown_class_error(folder, name, settings)
    if is_there(folder / "bpe.codes"):  # of PhoBERT and BERTweet, whose vocab.txt is none of WordPiece
        raise InputError(
            "{path!r} cuts a text by merges and a vocabulary of its own, which is not supported.",
            hint="Where transformers is installed, show what it computed with: {line}",
            path=str(folder / "bpe.codes"),
            line=SHOW_ARRAYS,
        )


def _own_code_error(folder: Path, own: tuple[str | None, str | None]) -> InputError:
    return InputError(
        "{path!r} names a tokenizer whose code comes with the model, {name}; code of a model is never run.",
        hint="Where transformers is installed, show what it computed with: {line}",
        path=str(folder / "tokenizer_config.json"),
        name=own[0] or own[1],
        line=SHOW_ARRAYS,
    )


def _unknown_class_error(folder: Path, name: str, settings: Mapping[str, Any]) -> InputError:
    file = "tokenizer_config.json" if isinstance(settings.get("tokenizer_class"), str) else "config.json"
    if name in _BY_THEMSELVES:
        return InputError(
            "{path!r} names the tokenizer {name}, which does not cut a text by these files alone.",
            hint="Where transformers is installed, show what it computed with: {line}",
            path=str(folder / file),
            name=name,
            line=SHOW_ARRAYS,
        )
    return InputError(
        "{path!r} names the tokenizer {name}, which is not known to cut a text by these files; tokenizer.json was "
        "expected.",
        hint="Make it, where transformers is installed, with: {line}",
        path=str(folder / file),
        name=name,
        line=MAKE_JSON,
    )


def check_json_class(folder: Path, config: Mapping[str, Any], settings: Mapping[str, Any]) -> tuple[Message, ...]:
    """Raise InputError where the tokenizer class does not cut by tokenizer.json; return a note where it may not."""
    own = own_code(settings)
    if own is not None and own[1] is None:
        raise _own_code_error(folder, own)
    if own is not None:
        return (
            message(
                "The tokenizer’s code that comes with the model, {name}, is not run: tokenizer.json cuts the text.",
                name=own[1],
            ),
        )
    name = class_of(config, settings)
    if name in _BY_THEMSELVES:
        raise InputError(
            "{path!r} names the tokenizer {name}, which does not cut a text by tokenizer.json.",
            hint="If tokenizer.json cuts as it does, name PreTrainedTokenizerFast in its place; else show what "
            "transformers computed with: {line}",
            path=str(folder / ("tokenizer_config.json" if "tokenizer_class" in settings else "config.json")),
            name=name,
            line=SHOW_ARRAYS,
        )
    return ()


def ends_in_4(name: str | None, settings: Mapping[str, Any]) -> tuple[bool, bool] | None:
    """Return whether transformers 4 puts a begin and an end token around a text, by its flags; None where it has none.

    Its classes of Llama's kind rewrite tokenizer.json's template by add_bos_token and add_eos_token.
    """
    if name not in REWRITTEN_IN_4:
        return None
    begin, end = settings.get("add_bos_token"), settings.get("add_eos_token")
    return (begin if isinstance(begin, bool) else REWRITTEN_IN_4[name]), end is True
