"""Tokenizers built from older files: vocab.txt, vocab.json with merges.txt, and SentencePiece models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.core.errors import InputError
from attnviz.core.read_file import is_there
from attnviz.models.formats.files import MOST_NAMES, read_json, read_side_text, text_of, too_many_names
from attnviz.models.tokenizers.added_tokens import (
    SPLIT_SPECIAL,
    Again,
    ListedToken,
    TokenSettings,
    add_tokens,
    checked_id,
)
from attnviz.models.tokenizers.classes import (
    BYTE_LEVEL,
    DEBERTA,
    MAKE_JSON,
    MARIAN,
    ROBERTA,
    SENTENCEPIECE,
    WORD_PIECE,
    adds_again,
    check_class,
    class_in_5,
    class_of,
)
from attnviz.models.tokenizers.esm import ESM, esm_tokenizer
from attnviz.models.tokenizers.partial_merges import LARGE, Merges, PartialMerges
from attnviz.models.tokenizers.sentencepiece import CONTROL, UNKNOWN, USER_DEFINED, SentencePiece, read_sentencepiece
from attnviz.models.tokenizers.tokenizer import TextTokenizer, call_library, note_ends_in_4, set_ends

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# The cuts between words of byte-level vocabularies, as the models' authors published them.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
LLAMA3 = _CL100K.replace("DIGITS", "{1,3}")
QWEN2 = _CL100K.replace("DIGITS", "")

_ROBERTA_FAMILIES = (
    *("roberta", "longformer", "led", "bart", "mvp", "data2vec-text", "ibert", "roberta-prelayernorm"),
)
# More blanks of T5 than any model has.
_MOST_EXTRA_IDS = 10_000
_SENTENCEPIECE_FILES = ("sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model", "source.spm")


def from_older_files(folder: Path, config: Mapping[str, Any], settings: TokenSettings) -> TextTokenizer:
    """Build the tokenizer of a folder without tokenizer.json; raises InputError where its files do not suffice."""
    family = str(config.get("model_type"))
    if is_there(folder / "source.spm") and is_there(folder / "vocab.json"):
        check_class(folder, config, settings.values, MARIAN)
        return marian_tokenizer(folder, "source.spm", settings)
    if is_there(folder / "vocab.txt") and class_of(config, settings.values) in ESM:
        return esm_tokenizer(folder / "vocab.txt", read_lines(folder / "vocab.txt"), settings)
    if is_there(folder / "vocab.txt"):
        check_class(folder, config, settings.values, WORD_PIECE)
        return _read_word_piece(folder, settings)
    if is_there(folder / "vocab.json") and is_there(folder / "merges.txt"):
        check_class(folder, config, settings.values, BYTE_LEVEL)
        return _read_byte_level(folder, class_in_5(config, settings.values), family, settings)
    kind = _sentencepiece_kind(config, settings.values)
    for name in _SENTENCEPIECE_FILES:
        if is_there(folder / name) and kind is not None:
            check_class(folder, config, settings.values, SENTENCEPIECE)
            anew = class_in_5(config, settings.values) == _LLAMA
            return _from_sentencepiece(folder / name, kind, settings, anew=anew)
    present = [name for name in _SENTENCEPIECE_FILES if is_there(folder / name)]
    if present:
        raise InputError(
            "{path!r} alone is not enough to cut a text for a {family} model; tokenizer.json was expected.",
            hint="Make it, where transformers is installed, with: {line}",
            path=str(folder / present[0]),
            family=family,
            line=MAKE_JSON,
        )
    check_class(folder, config, settings.values, ())
    raise InputError(
        "{path!r} has no tokenizer: tokenizer.json, vocab.txt, or vocab.json with merges.txt was expected.",
        path=str(folder),
    )


def read_lines(path: Path) -> list[str]:
    """Return the lines of a UTF-8 file, without their ends; raises InputError where it is none."""
    text = read_side_text(path)
    if text.count("\n") > MOST_NAMES:
        raise too_many_names(str(path), MOST_NAMES)
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _read_word_piece(folder: Path, settings: TokenSettings) -> TextTokenizer:
    """Build BERT's WordPiece, or MPNet's, whose ends are <s> and </s>."""
    path = folder / "vocab.txt"
    pieces = read_lines(path)
    if sum(piece.startswith("▁") for piece in pieces) > len(pieces) // 100 + 1:
        raise InputError(
            "{path!r} holds SentencePiece’s pieces, which begin with ▁, and not WordPiece’s; tokenizer.json was "
            "expected.",
            hint="Make it, where transformers is installed, with: {line}",
            path=str(path),
            line=MAKE_JSON,
        )
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return word_piece_tokenizer(vocabulary, str(path), settings.values, settings)


def word_piece_tokenizer(
    vocabulary: dict[str, int], name: str, settings: Mapping[str, Any], added: TokenSettings | None = None
) -> TextTokenizer:
    """Build a WordPiece tokenizer over BERT's normalization; cased where do_lower_case is false.

    added: tokens beside the vocabulary.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    begin = text_of(settings, "cls_token") or ("[CLS]" if "[CLS]" in vocabulary else "<s>")
    end = text_of(settings, "sep_token") or ("[SEP]" if "[SEP]" in vocabulary else "</s>")
    unknown = text_of(settings, "unk_token") or "[UNK]"
    for piece in (begin, end, unknown):
        if piece not in vocabulary:
            raise InputError("{path!r} has no {piece!r}.", path=name, piece=piece)
    tokenizer = call_library(name, lambda: Tokenizer(models.WordPiece(vocabulary, unk_token=unknown)))
    lower = settings.get("do_lower_case", True)
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True) is not False,
        strip_accents=settings.get("strip_accents"),
        lowercase=lower is not False,
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    mark = text_of(settings, "mask_token") or ("[MASK]" if "[MASK]" in vocabulary else "<mask>")
    pad = text_of(settings, "pad_token") or ("[PAD]" if "[PAD]" in vocabulary else "<pad>")
    special = _special_tokens(piece for piece in (pad, unknown, begin, end, mark) if piece in vocabulary)
    numbers = (end, vocabulary[end]), (begin, vocabulary[begin])
    if end == "</s>":
        tokenizer.post_processor = processors.RobertaProcessing(*numbers, add_prefix_space=False)
    else:
        tokenizer.post_processor = processors.BertProcessing(*numbers)
    _add_all(tokenizer, name, added, special)
    return TextTokenizer(tokenizer, name, unknown=unknown)


def _add_all(
    tokenizer: Tokenizer,
    name: str,
    added: TokenSettings | None,
    defaults: Iterable[ListedToken],
    again: Again | None = None,
) -> None:
    """Add the tokens that a folder lists beside the vocabulary, and the defaults of its kind.

    name: the file that an error names.
    """
    call_library(name, lambda: add_tokens(tokenizer, added or TokenSettings({}), defaults, again=again))


def _special_tokens(pieces: Iterable[str]) -> list[ListedToken]:
    return [ListedToken(piece, {"special": True, "normalized": False}) for piece in pieces]


def _read_byte_level(folder: Path, name: str | None, family: str, settings: TokenSettings) -> TextTokenizer:
    """Build GPT-2's byte-level BPE, with RoBERTa's or Qwen's cuts and ends, by the class `name` or by the family.

    add_bos_token and add_eos_token are followed; without them there is nothing around a text of GPT-2's or Qwen's kind.
    """
    from tokenizers import processors

    values = settings.values
    vocabulary = _checked_ids(read_json(folder / "vocab.json"), folder / "vocab.json")
    merges = _merges(folder / "merges.txt")
    prefix = values.get("add_prefix_space") is True
    qwen = name == "Qwen2Tokenizer" or (name is None and family.startswith("qwen"))
    composes = qwen or name == "GPTNeoXTokenizer"
    tokenizer = byte_level_tokenizer(
        vocabulary, merges, str(folder), QWEN2 if qwen else None, prefix, composes=composes
    )
    file = str(folder / "vocab.json")
    _add_all(tokenizer, file, settings, (), adds_again(name))
    if name in ROBERTA or (name not in BYTE_LEVEL and family in _ROBERTA_FAMILIES):
        cls, sep = text_of(values, "cls_token") or "<s>", text_of(values, "sep_token") or "</s>"
        first, last = (_piece_id(tokenizer, piece, file) for piece in (cls, sep))
        tokenizer.post_processor = processors.RobertaProcessing((sep, last), (cls, first), add_prefix_space=prefix)
        return TextTokenizer(tokenizer, file)
    if name == DEBERTA:
        # Of two texts the first ends with one [SEP], as its authors and transformers 4 have it; version 5 puts two.
        ends = [text_of(values, f"{one}_token") or f"[{one.upper()}]" for one in ("cls", "sep")]
        set_pair_ends(tokenizer, *ends, doubled=False, segments=False)
        return TextTokenizer(tokenizer, file)
    begin, end = (
        text_of(values, f"{one}_token") or "<|endoftext|>" if values.get(f"add_{one}_token") is True else None
        for one in ("bos", "eos")
    )
    if begin is not None or end is not None:
        set_ends(tokenizer, begin, end)
    return TextTokenizer(tokenizer, file)


def _piece_id(tokenizer: Tokenizer, piece: str, name: str) -> int:
    """Return a piece's id; raises InputError where it is not in the vocabulary."""
    number = tokenizer.token_to_id(piece)
    if number is None:
        raise InputError("{path!r} has no {piece!r}.", path=name, piece=piece)
    return number


def byte_level_tokenizer(
    vocabulary: dict[str, int],
    merges: list[tuple[str, str]],
    name: str,
    words: str | tuple[str, ...] | None = None,
    prefix: bool = False,
    ignore_merges: bool = False,
    composes: bool = False,
) -> Tokenizer:
    """Build a byte-level BPE tokenizer.

    words: the cuts between words, one after the other, GPT-2's if None. composes: put the text into NFC first.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    model = call_library(name, lambda: models.BPE(vocab=vocabulary, merges=merges, ignore_merges=ignore_merges))
    tokenizer = Tokenizer(model)
    if composes:
        tokenizer.normalizer = normalizers.NFC()
    cuts = (words,) if isinstance(words, str) else words or ()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            *(pre_tokenizers.Split(Regex(cut), behavior="isolated") for cut in cuts),
            pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=not cuts),
        ]
    )
    return tokenizer


def _checked_ids(vocabulary: Mapping[str, Any], path: Path) -> dict[str, int]:
    """Return a vocabulary of piece -> id; raises InputError for an id that is none."""
    return {piece: checked_id(number, piece, path) for piece, number in vocabulary.items()}


def _merges(path: Path) -> list[tuple[str, str]]:
    """Return the pairs of merges.txt, one a line after the version in its first line."""
    found = []
    for number, line in enumerate(read_lines(path), 1):
        if not line or line.startswith("#version"):
            continue
        pair = line.split(" ")
        if len(pair) != 2:
            raise InputError(
                "{path!r}, line {number}: two pieces separated by a space were expected.", path=str(path), number=number
            )
        found.append((pair[0], pair[1]))
    return found


# SentencePiece -------------------------------------------------------------------------------------------------------


def _xlm_roberta_pieces(model: SentencePiece) -> list[tuple[str, float]]:
    """Return XLM-RoBERTa's vocabulary: four pieces of its own, the pieces from the fourth on, and <mask>."""
    own = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return [*own, *model.scored()[3:], ("<mask>", 0.0)]


def _camembert_pieces(model: SentencePiece) -> list[tuple[str, float]]:
    """Return CamemBERT's vocabulary: five pieces of its own, three of them unused, those from the second on, <mask>."""
    own = [("<s>NOTUSED", 0.0), ("<pad>", 0.0), ("</s>NOTUSED", 0.0), ("<unk>", 0.0), ("<unk>NOTUSED", -100.0)]
    return [*own, *model.scored()[1:], ("<mask>", 0.0)]


# How each class reads a SentencePiece model, and the class of families whose folders name none.
_KINDS = {
    "LlamaTokenizer": "llama",
    "GemmaTokenizer": "gemma",
    "XLMRobertaTokenizer": "xlm-roberta",
    "CamembertTokenizer": "camembert",
    "T5Tokenizer": "t5",
    "AlbertTokenizer": "albert",
}
_FAMILY_KINDS = {
    **dict.fromkeys(("llama", "mistral", "mixtral", "phi3"), "llama"),
    **dict.fromkeys(("gemma", "gemma2", "gemma3", "gemma3_text"), "gemma"),
    **dict.fromkeys(("t5", "mt5"), "t5"),
    "xlm-roberta": "xlm-roberta",
    "camembert": "camembert",
    "albert": "albert",
}
_UNIGRAMS: dict[str, Callable[[SentencePiece], list[tuple[str, float]]]] = {
    "xlm-roberta": _xlm_roberta_pieces,
    "camembert": _camembert_pieces,
    "t5": SentencePiece.scored,
    "albert": SentencePiece.scored,
}
_LLAMA = "LlamaTokenizer"
_ENDS = {
    "xlm-roberta": ("<s>", "</s>"),
    "camembert": ("<s>", "</s>"),
    "t5": (None, "</s>"),
    "albert": ("[CLS]", "[SEP]"),
}


def _sentencepiece_kind(config: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Return how a folder's SentencePiece model is read, by its class or else its family; None where neither says."""
    kind = _KINDS.get(class_in_5(config, settings) or "")
    return kind or _FAMILY_KINDS.get(str(config.get("model_type")))


def _from_sentencepiece(path: Path, kind: str, settings: TokenSettings, *, anew: bool) -> TextTokenizer:
    """Build a tokenizer from a SentencePiece model.

    anew: transformers 5 makes LlamaTokenizer anew, without the ▁ that is put after each special token where legacy is
    not false.
    """
    values = settings.values
    model = read_sentencepiece(path)
    if kind in ("llama", "gemma"):
        return _byte_fallback(path, model, kind, settings, anew=anew)
    if model.is_bpe:
        raise InputError("{path!r} holds merges, but a {family} model needs scores.", path=str(path), family=kind)
    pieces = _UNIGRAMS[kind](model)
    extra = _extra_ids(values) if kind == "t5" else []
    model = replace(model, collapses=True)  # as transformers has it, whatever the model says
    tokenizer = unigram_tokenizer([*pieces, *((piece, 0.0) for piece in reversed(extra))], model, str(path))
    if kind == "albert":
        _albert_normal_form(tokenizer, values)
    begin, end = _ENDS[kind]
    usual = {"pad": "<pad>", "unk": "<unk>", "mask": "[MASK]" if kind == "albert" else "<mask>"}
    if kind in ("xlm-roberta", "camembert"):  # in the others' models these are control pieces, whatever the settings
        usual = {name: text_of(values, f"{name}_token") or piece for name, piece in usual.items()}
    named = [piece for piece in (begin, end, *usual.values()) if piece]
    special = _special_tokens(piece for piece in (*named, *extra) if tokenizer.token_to_id(piece) is not None)
    _add_all(tokenizer, str(path), settings, special)
    set_pair_ends(tokenizer, begin, end, doubled=kind in ("xlm-roberta", "camembert"), segments=kind == "albert")
    return TextTokenizer(tokenizer, str(path), unknown=model.unknown)


def _extra_ids(values: Mapping[str, Any]) -> list[str]:
    """Return T5's blanks, <extra_id_0> and so on; extra_ids says how many."""
    count = values.get("extra_ids")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= _MOST_EXTRA_IDS:
        count = 100
    return [f"<extra_id_{number}>" for number in range(count)]


def _byte_fallback(
    path: Path, model: SentencePiece, kind: str, settings: TokenSettings, *, anew: bool
) -> TextTokenizer:
    """Build Llama's or Gemma's tokenizer with the begin and end tokens that the settings ask for."""
    values = settings.values
    defaults = ("<bos>", "<eos>") if kind == "gemma" else ("<s>", "</s>")
    begin, end = (
        (text_of(values, f"{one}_token") or default) if values.get(f"add_{one}_token") is True else None
        for one, default in zip(("bos", "eos"), defaults, strict=True)
    )
    if values.get("add_prefix_space") is False:
        model = replace(model, add_prefix=False)
    legacy = values.get("legacy")
    prepend = not anew and legacy is not False
    if prepend and kind == "llama" and model.add_prefix:
        # Else the ▁ that each part of the text begins with would be put before the token.
        raw = (token._replace(flags={**token.flags, "normalized": False}) for token in settings.listed)
        settings = settings._replace(listed=tuple(raw))
    found = byte_fallback_tokenizer(
        model, str(path), begin, end, gemma=kind == "gemma", prepend=prepend, always=legacy is True, added=settings
    )
    return found.with_notes(*note_ends_in_4(found, _LLAMA, values))


def set_pair_ends(tokenizer: Tokenizer, begin: str | None, end: str | None, *, doubled: bool, segments: bool) -> None:
    """Set the ends of one text, and of two: <s> A </s></s> B </s> if doubled; B is segment 1 with `segments`."""
    from tokenizers import processors

    second = 1 if segments else 0
    single = [*([f"{begin}:0"] if begin else []), "$A:0", f"{end}:0"]
    pair = [*single, *([f"{end}:0"] if doubled else []), f"$B:{second}", f"{end}:{second}"]
    pieces = [(piece, tokenizer.token_to_id(piece)) for piece in (begin, end) if piece]
    missing = next((piece for piece, number in pieces if number is None), None)
    if missing is not None:
        raise InputError("The tokenizer has no {piece!r}, which ends a text.", piece=missing)
    tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=pieces)


def unigram_tokenizer(pieces: list[tuple[str, float]], model: SentencePiece, name: str) -> Tokenizer:
    """Build SentencePiece's Unigram: its own normalization, ▁ before each word, white space collapsed if it says so."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    unknown = next((number for number, (piece, _) in enumerate(pieces) if piece == model.unknown), None)
    tokenizer = Tokenizer(
        call_library(name, lambda: models.Unigram(pieces, unk_id=unknown, byte_fallback=model.byte_fallback))
    )
    if model.charsmap:
        tokenizer.normalizer = call_library(name, lambda: normalizers.Precompiled(model.charsmap))
    scheme = "always" if model.add_prefix else "never"
    if model.collapses:
        steps = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme)]
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
        return tokenizer
    rules = [] if tokenizer.normalizer is None else [tokenizer.normalizer]
    prefix = [normalizers.Prepend("▁")] if model.add_prefix else []
    tokenizer.normalizer = normalizers.Sequence([*rules, *prefix, normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never")
    return tokenizer


def _albert_normal_form(tokenizer: Tokenizer, settings: Mapping[str, Any]) -> None:
    """Put ALBERT's steps before SentencePiece's: plain quotation marks, no accents, small letters."""
    from tokenizers import normalizers

    steps: list[Any] = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    if settings.get("keep_accents") is not True:
        steps += [normalizers.NFKD(), normalizers.StripAccents()]
    if settings.get("do_lower_case", True) is not False:
        steps.append(normalizers.Lowercase())
    if tokenizer.normalizer is not None:
        steps.append(tokenizer.normalizer)
    tokenizer.normalizer = normalizers.Sequence(steps)


def byte_fallback_tokenizer(
    model: SentencePiece,
    name: str,
    begin: str | None,
    end: str | None,
    *,
    gemma: bool = False,
    prepend: bool = False,
    always: bool = False,
    added: TokenSettings | None = None,
) -> TextTokenizer:
    """Build SentencePiece's BPE with bytes for what it lacks, as in Llama, Mistral, Gemma and Phi-3.

    gemma: no ▁ before a text. prepend: ▁ before a text even if it begins with a space, and after each added token, as
    Phi-3 has it and all with legacy. always: ▁ also after an added token within a text. added: tokens beside the
    vocabulary.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = {piece.text: number for number, piece in enumerate(model.pieces)}

    def bpe(merges: Merges) -> Any:
        """Return the package's model with these merges."""
        return call_library(
            name,
            lambda: models.BPE(
                vocab=vocabulary, merges=merges, fuse_unk=True, byte_fallback=True, unk_token=model.unknown
            ),
        )

    partial = gemma and len(model.pieces) >= LARGE
    tokenizer = Tokenizer(bpe([] if partial else model.merges(by_number=gemma)))
    if gemma:
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", behavior="merged_with_previous")
    elif prepend:
        marks = [normalizers.Prepend("▁")] if model.add_prefix else []
        tokenizer.normalizer = normalizers.Sequence([*marks, normalizers.Replace(" ", "▁")])
    else:
        scheme = ("always" if always else "first") if model.add_prefix else "never"
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme, split=False)
    special = _special_tokens(piece.text for piece in model.pieces if piece.kind in (CONTROL, UNKNOWN))
    others = [
        ListedToken(piece.text, {"special": False, "normalized": False})
        for piece in model.pieces
        if piece.kind == USER_DEFINED
    ]
    _add_all(tokenizer, name, added, [*special, *others])
    if begin is not None or end is not None:
        set_ends(tokenizer, begin, end)
    merges = PartialMerges(model, bpe, lambda text: text.replace(" ", "▁")) if partial else None
    return TextTokenizer(tokenizer, name, unknown=model.unknown, merges=merges)


def marian_tokenizer(folder: Path, file: str, settings: TokenSettings) -> TextTokenizer:
    """Build Marian's tokenizer: SentencePiece cuts (source.spm or target.spm), vocab.json's ids, </s> at the end."""
    name = folder / (
        "target_vocab.json" if file == "target.spm" and is_there(folder / "target_vocab.json") else "vocab.json"
    )
    numbers = _checked_ids(read_json(name), name)
    model = read_sentencepiece(folder / file)
    # A control piece that has no number of its own must not be found in a text; where special tokens are split no
    # control piece may, nor any added token, for transformers then looks for none (PythonBackend.tokenize).
    split = settings.values.get(SPLIT_SPECIAL) is True
    hidden = {"</s>", "<pad>", *(piece.text for piece in model.pieces if piece.kind == CONTROL)} if split else set()
    if split:
        settings = settings._replace(
            listed=tuple(token._replace(flags={**token.flags, "special": True}) for token in settings.listed)
        )
    own = [
        (f"\0{piece}" if (piece not in numbers or piece in hidden) and piece != model.unknown else piece, score)
        for piece, score in model.scored()
    ]
    pieces = [*own, *((piece, 0.0) for piece in ("</s>", "<pad>") if piece not in {*model.texts(), *hidden})]
    tokenizer = unigram_tokenizer(pieces, model, str(folder / file))
    _add_all(tokenizer, str(folder / file), settings, _special_tokens(("</s>", "<pad>", model.unknown)))
    numbers |= {token.text: token.id for token in settings.listed if token.id is not None}
    for piece in (token.content for token in tokenizer.get_added_tokens_decoder().values()):
        numbers.setdefault(piece, max(numbers.values(), default=-1) + 1)  # a new one takes the next id
    set_pair_ends(tokenizer, None, "</s>", doubled=False, segments=False)
    return TextTokenizer(tokenizer, str(folder / file), unknown=model.unknown, renumber=numbers)
