"""Tokenizer classes of transformers: which of them cut a text by the files that are read here, and what some add.

A folder names its class as tokenizer_class, in tokenizer_config.json or in config.json. A file's name does not tell how
a text is cut: BertJapaneseTokenizer also has a vocab.txt, but cuts words with MeCab first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

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
BYTE_LEVEL = (*ROBERTA, DEBERTA, "GPT2Tokenizer", "CodeGenTokenizer", "Qwen2Tokenizer", "GPTNeoXTokenizer")
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

# The class that transformers 5 has for a family (TOKENIZER_MAPPING_NAMES of models/auto/tokenization_auto.py); "" where
# it takes tokenizer.json as it is, whatever class a folder names.
_OF_FAMILY = {
    family: name
    for name, families in {
        "BertTokenizer": "bert distilbert electra ernie layoutlm squeezebert megatron-bert nomic_bert",
        "MobileBertTokenizer": "mobilebert",
        "MPNetTokenizer": "mpnet",
        "BigBirdTokenizer": "big_bird",
        "RobertaTokenizer": "roberta data2vec-text ibert roberta-prelayernorm bart",
        "MvpTokenizer": "mvp",
        DEBERTA: "deberta",
        "XLMRobertaTokenizer": "xlm-roberta xmod gte jina_embeddings_v3",
        "CamembertTokenizer": "camembert",
        "AlbertTokenizer": "albert",
        "DebertaV2Tokenizer": "deberta-v2",
        "RemBertTokenizer": "rembert",
        "XLNetTokenizer": "xlnet",
        "T5Tokenizer": "t5 mt5",
        "PegasusTokenizer": "pegasus",
        "MBartTokenizer": "mbart",
        "BlenderbotTokenizer": "blenderbot",
        "GPT2Tokenizer": "gpt2 gptj codegen gpt_neo opt phi starcoder2",
        "GPTNeoXTokenizer": "gpt_neox mpt olmo olmoe",
        "Qwen2Tokenizer": "qwen2 qwen3 qwen2_moe qwen3_moe qwen3_next",
        "CohereTokenizer": "cohere cohere2",
        "GemmaTokenizer": "gemma gemma2 gemma3 gemma3_text",
        "": "xlm-roberta-xl modernbert gpt_bigcode mistral internlm2 phi3 mixtral olmo2 olmo3 granite granitemoe glm "
        "glm4 glm4_moe glm4_moe_lite ernie4_5 ministral3 stablelm umt5",
    }.items()
    for family in families.split()
}
# Classes that transformers 5 does not have: it takes their tokenizer.json as it is.
_GONE_IN_5 = ("RealmTokenizer", "RetriBertTokenizer")
# Families whose folders are known to name a wrong class: the family's own counts.
_NAMES_WRONG = ("qwen2",)

# What transformers 5 puts around a text whatever tokenizer.json says: it makes these classes anew when it opens them.
# The names of special tokens, and their texts where the settings give none; None for nothing.
End = tuple[str, str] | None


class ClassEnds(NamedTuple):
    """The tokens that a class puts around a text, and around two.

    last: one that stands after all others, as segment 2. doubled: the end token stands twice between two texts.
    segments: the second text is segment 1. replaces: whether they take the place of others in tokenizer.json. fills:
    whether they are put where tokenizer.json has none.
    """

    begin: End
    end: End
    last: End = None
    doubled: bool = False
    segments: bool = False
    replaces: bool = True
    fills: bool = True


_CLS, _SEP = ("cls", "[CLS]"), ("sep", "[SEP]")
_BERT_ENDS = ClassEnds(_CLS, _SEP, segments=True)
_ROBERTA_ENDS = ClassEnds(("cls", "<s>"), ("sep", "</s>"), doubled=True)
_XLM_ROBERTA_ENDS = ClassEnds(("bos", "<s>"), ("eos", "</s>"), doubled=True)
BERT_LIKE = tuple(name for name in WORD_PIECE if name != "MPNetTokenizer")
CLASS_ENDS: dict[str, ClassEnds] = {
    "CodeLlamaTokenizer": ClassEnds(("bos", "<s>"), None),
    "GPTNeoXTokenizer": ClassEnds(None, None),
    **dict.fromkeys((*BERT_LIKE, "BigBirdTokenizer", "DebertaV2Tokenizer", "SplinterTokenizer"), _BERT_ENDS),
    "AlbertTokenizer": _BERT_ENDS._replace(replaces=False),
    "RemBertTokenizer": _BERT_ENDS._replace(fills=False),
    DEBERTA: ClassEnds(_CLS, _SEP),
    **dict.fromkeys((*ROBERTA, "MPNetTokenizer"), _ROBERTA_ENDS),
    **dict.fromkeys(("XLMRobertaTokenizer", "CamembertTokenizer"), _XLM_ROBERTA_ENDS),
    **dict.fromkeys(("T5Tokenizer", "PegasusTokenizer"), ClassEnds(None, ("eos", "</s>"))),
    "XLNetTokenizer": ClassEnds(None, ("sep", "<sep>"), last=("cls", "<cls>"), segments=True),
}
# The classes that set whether a space is put before a text, and what they do where no setting says so.
PREFIX_SPACE = {**dict.fromkeys((*BYTE_LEVEL, "CohereTokenizer"), False), "BlenderbotTokenizer": True}
# The same of ▁, where a setting says so.
PREFIX_MARK = ("LlamaTokenizer", "CodeLlamaTokenizer")
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
    "blenderbot": "BlenderbotTokenizer",
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
    return _named_class(config, settings) or _BY_FAMILY.get(str(config.get("model_type")))


def _named_class(config: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    for place in (settings, config):
        found = place.get("tokenizer_class")
        if isinstance(found, str) and found:
            return found.removesuffix("Fast")
    return None


def class_in_5(config: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Return the class with which transformers 5 opens a folder's tokenizer; None where it takes tokenizer.json as is.

    The folder's class counts, unless its family has none, or is known to name a wrong one.
    """
    family = str(config.get("model_type"))
    own, named = _OF_FAMILY.get(family), _named_class(config, settings)
    if own is not None and named not in (None, own) and (not own or family in _NAMES_WRONG):
        named = own
    found = own if named is None else named
    return None if not found or found in (*_GENERIC, *_GONE_IN_5) else found


def adds_again(name: str | None) -> Again | None:
    """Return how a tokenizer class of transformers 5 adds special tokens once more; None for most; name: the class."""
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
