"""attnviz as other programs meet it: real processes, pipes, encodings, terminals, and completion."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT
from rich.cells import cell_len
from tiny_models import model_of

from attnviz import run
from attnviz.cli import COMMANDS
from attnviz.core.positions import SCHEMES
from attnviz.io.write_data import attention_document, to_json

ESCAPE = re.compile(rb"\x1b\[")
HOSTILE = "[/INST] [red]x \x1b[2J \u202e b" + "\u0301" * 40


def clean(**changed):
    """The environment without what colours, widens or translates, and with these changes."""
    left_out = (
        "FORCE_COLOR",
        "NO_COLOR",
        "COLUMNS",
        "LINES",
        "PYTHONIOENCODING",
        "PYTHONUTF8",
        "TTY_COMPATIBLE",
        "TERM",
    )
    kept = {name: value for name, value in os.environ.items() if name not in left_out and not name.startswith("LC_")}
    return kept | {"LANG": "C.UTF-8", "TERM": "xterm-256color", **changed}


def attnviz(*arguments, data=None, cwd=None, **environment):
    """`python -m attnviz`: the finished process, in bytes."""
    given = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
    return subprocess.run(
        [sys.executable, "-m", "attnviz", *arguments],
        env=clean(**environment),
        cwd=cwd,
        capture_output=True,
        timeout=120,
        check=False,
        **given,
    )


def good(*arguments, **options):
    """The standard output of a process that must succeed."""
    done = attnviz(*arguments, **options)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def test_pipe_has_no_colours():
    """Into a pipe or a file goes plain text."""
    out = good("run", "猫吃鱼")
    assert not ESCAPE.search(out)
    assert "猫".encode() in out


def test_force_color():
    """FORCE_COLOR=1 colours a pipe too, and the words are the same without the colours."""
    out = good("run", "猫吃鱼", "--view", "table", FORCE_COLOR="1")
    assert ESCAPE.search(out)
    assert re.sub(rb"\x1b\[[0-9;]*m", b"", out) == good("run", "猫吃鱼", "--view", "table")


# Each step and each share is drawn at once, whatever the machine's speed.
AT_ONCE = """
from attnviz.cli import progress, main
def drawing(call):
    def drawn(line, *given):
        call(line, *given)
        with line._lock:
            line._draw()
    return drawn
progress.PATIENCE = 3600
for name in ("begin", "tell"):
    setattr(progress._Line, name, drawing(getattr(progress._Line, name)))
"""
VECTORS = "".join(f"w{i} {i} 1 2\n" for i in range(50_000))
MANY = " ".join(f"w{i}" for i in range(20))


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["run", "w1 w2", "--tokens", "space", "--lang", "zh", "--embedding", "x.vec"], ("正在读取词向量", "%")),
        (["run", MANY, "--embedding", "hash", "--json"], ("Writing JSON",)),
        (["run", MANY, "--embedding", "hash", "--view", "table"], ("Drawing",)),
        (["export", MANY, "x.svg", "--embedding", "hash"], ("Writing x.svg",)),
        (["next", "the", "--model", "gpt2", "--steps", "2", "--save", "x.svg"], ("Writing x.svg",)),
    ],
)
def test_progress(tmp_path, arguments, shown):
    """What takes long is named on standard error, only on a terminal; the line is gone before anything is printed."""
    pty = pytest.importorskip("pty")
    code = f"{AT_ONCE}main({arguments!r})"
    (tmp_path / "x.vec").write_text(VECTORS if "x.vec" in arguments else "")
    if "gpt2" in arguments:
        model_of(tmp_path / "gpt2", "gpt2")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", code]
    options = {"env": clean(COLUMNS="80"), "cwd": tmp_path, "stdin": subprocess.DEVNULL, "timeout": 60, "check": True}
    watched = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, **options)
    os.close(theirs)
    line = os.read(ours, 65536).decode()
    os.close(ours)
    assert all(words in line for words in shown), line
    assert ("Reading word vectors" in line or "词向量" in line) == ("x.vec" in arguments), line
    last = line.replace("\r\n", "\n").rpartition("\n")[2]
    assert last.endswith("\r")
    assert not last.split("\r")[-2].strip()
    assert b"\r" not in watched.stdout


def test_progress_is_for_terminals(tmp_path):
    """Where standard error is no terminal nothing is said of progress."""
    code = (
        "from attnviz.cli import progress, main; progress.PATIENCE = 0.0; main(['run', 'w1', '--embedding', 'x.vec'])"
    )
    (tmp_path / "x.vec").write_text(VECTORS)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=clean(), capture_output=True, timeout=60, check=True)
    assert done.stderr == b""


def test_progress_leaves_the_screen_as_it_is():
    """On a terminal that standard output shares, nothing of the line is left once the result is printed."""
    code = f"{AT_ONCE}main(['run', '猫吃鱼'])"
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], env=clean(), stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = b""
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while part := os.read(ours, 65536):
                written += part
    os.close(ours)
    assert process.returncode == 0
    before, _, after = written.partition(b"\x1b[")
    assert not before.rpartition(b"\r")[2].strip()
    assert b" s)" not in after


def test_help_without_docstrings(monkeypatch):
    """Python's -OO, which drops docstrings, leaves each command's description in its --help."""
    from attnviz.cli import COMMANDS, ablate, app, load_command

    monkeypatch.setattr(ablate.command, "__doc__", None)
    assert load_command("ablate").help == COMMANDS["ablate"][1]
    assert "attention in your terminal" in app.info.help


def terminal(*arguments, width=None, **environment):
    """What a process writes to a terminal of its own: 80 columns wide, or of a width that no variable tells."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    if width is not None:
        termios.tcsetwinsize(theirs, (25, width))
    told = {"COLUMNS": "80"} if width is None else {}
    with subprocess.Popen(
        [sys.executable, "-m", "attnviz", *arguments],
        env=clean(**(told | environment)),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            written += part
        process.wait(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    return written


def test_no_color():
    """A terminal gets colours, and none with NO_COLOR."""
    assert re.search(rb"\x1b\[[0-9;]*4[0-9]", terminal("run", "猫吃鱼"))
    assert not re.search(rb"\x1b\[[0-9;]*[34][0-9]", terminal("run", "猫吃鱼", NO_COLOR="1"))


@pytest.mark.parametrize(
    ("environment", "ground"),
    [
        ({"COLORTERM": "truecolor"}, rb"48;2;\d+;\d+;\d+m"),
        ({"COLORTERM": "", "TERM": "xterm-256color"}, rb"48;5;\d+m"),
        ({"COLORTERM": "", "TERM": "xterm"}, rb"\x1b\[[0-9;]*(4[0-7]|10[0-7])m"),
    ],
)
def test_colours_step_down(environment, ground):
    """True colour, 256 or 16 colours, as the terminal says it can."""
    written = terminal("run", "猫吃鱼", "--view", "blocks", **environment)
    assert re.search(ground, written)
    assert (b"48;2;" in written) == (environment["COLORTERM"] == "truecolor")


@pytest.mark.parametrize(
    ("environment", "shown"),
    [({"TERM": "dumb"}, "▒▒"), ({"NO_COLOR": "1"}, "▒▒"), ({"LANG": "C", "TERM": "dumb"}, " 2 7 3")],
)
def test_blocks_without_colour(environment, shown):
    """A dumb terminal and NO_COLOR get shades, the C locale digits."""
    written = terminal("run", "猫吃鱼", "--view", "blocks", **environment)
    assert shown.encode() in written
    assert not re.search(rb"\x1b\[[0-9;]*[34][0-9]", written)
    assert "LANG" not in environment or not set("▒░█▓▀").intersection(written.decode())


@pytest.mark.parametrize("width", [20, 33])
def test_a_dumb_terminal_is_as_wide_as_it_is(width):
    """Nothing is wider than COLUMNS says, nor than the terminal where it says nothing, in a dumb one either."""
    for environment in ({"COLUMNS": str(width)}, {}):
        written = terminal("run", "the cat eats the fish", width=width, TERM="dumb", **environment).decode()
        assert max(map(len, written.splitlines())) <= width


def test_ascii_blocks_in_colour():
    """In the C locale coloured cells are spaces, two a cell: no block element is needed."""
    written = terminal("run", "猫吃鱼 " * 30, "--view", "blocks", LANG="C").decode()
    assert re.search(r"\x1b\[[0-9;]*48[0-9;]*m ", written)
    assert not set("▒░█▓▀▄┊┄").intersection(written)


def test_auto_on_a_terminal():
    """On a terminal a sentence of thirty words is a heatmap, in a pipe the text; both say how to get the others."""
    text = "the cat eats the fish in the garden and the dog sees it . " * 2
    shown = re.sub(r"\x1b\[[0-9;]*m", "", terminal("run", text).decode()), good("run", text, COLUMNS="80").decode()
    assert "other views: table, top, text" in " ".join(shown[0].split())
    assert "other views: table, blocks, top" in " ".join(shown[1].split())


def test_auto_names_itself_once():
    """Both tables of a comparison are in one view, which the last one names; a file does not need to be told."""
    written = re.sub(r"\x1b\[[0-9;]*m", "", terminal("compare", "猫吃鱼", "鱼吃猫", "-v").decode())
    assert " ".join(written.split()).count("this is --view table; others: blocks, top") == 1
    assert b"--view" not in good("compare", "猫吃鱼", "鱼吃猫", "-v")


@pytest.mark.slow
@pytest.mark.parametrize("view", ["top", "blocks", "text"])
def test_thousands_of_words(view):
    """5,000 words are looked at in the views that sum up, with numbers that are not all 0."""
    lines = good("run", "the cat eats a fish " * 1000, "--view", view, COLUMNS="80").decode().splitlines()
    assert max(cell_len(line) for line in lines) <= 80
    if view == "top":
        assert [int(line.split()[0]) for line in lines if re.match(r" +\d+ \w+ +(\d|all alike)", line)] == list(
            range(5000)
        )
        assert re.search(r" \.000[1-9]\d ", lines[1000])


def test_hostile_text_on_a_terminal():
    """On a terminal too a text's own controls are shown, not obeyed."""
    written = terminal("run", HOSTILE, "--tokens", "space")
    assert b"\x1b[2J" not in written
    assert "\u202e".encode() not in written
    assert "\u0301".encode() * 4 not in written


def test_hostile_text_in_a_picture(tmp_path):
    """A picture of a hostile text has no control character but white space, and says nothing."""
    done = attnviz("export", HOSTILE, str(tmp_path / "x.svg"), "--tokens", "space", "--embedding", "hash")
    assert (done.returncode, done.stdout) == (0, b"")
    assert not {chr(byte) for byte in (tmp_path / "x.svg").read_bytes() if byte < 32} - {"\n", "\t"}
    assert "\u202e" not in (tmp_path / "x.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", [HOSTILE, "\x1b]0;title\x07"])
def test_hostile_error(text):
    """An error or a note that names a hostile text is one line without its controls."""
    done = attnviz("compare", text, "猫")
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert not set(done.stderr.decode()) & set("\x1b\x07\u202e")


@pytest.mark.parametrize(
    ("environment", "encoding", "shown"),
    [
        ({"PYTHONIOENCODING": "ascii"}, "ascii", "\\u732b"),
        ({"PYTHONIOENCODING": "cp936"}, "cp936", "猫"),
        ({"LC_ALL": "C"}, "utf-8", "猫"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "ascii", "\\u732b"),
    ],
)
def test_encodings(environment, encoding, shown):
    """In any locale the words come as that locale can write them, in colour too."""
    out = good("run", "-", data="猫吃鱼".encode(), FORCE_COLOR="1", **environment).decode(encoding)
    assert shown in out
    assert ".583" in out


@pytest.mark.parametrize("encoding", ["cp936", "utf-16"])
def test_json_in_any_encoding(encoding):
    """JSON is one document, and the same, in any encoding of standard output."""
    out = good("run", "猫吃鱼", "--json", PYTHONIOENCODING=encoding).decode(encoding)
    assert json.loads(out) == json.loads(to_json(attention_document(run("猫吃鱼"))))


@pytest.mark.parametrize("encoding", ["ascii", "cp936"])
def test_errors_in_any_encoding(encoding):
    """An error is one line that the encoding can write."""
    done = attnviz("run", "--file", "没有é.txt", PYTHONIOENCODING=encoding)
    assert done.returncode == 1
    assert done.stderr.decode(encoding).count("\n") == 1


@pytest.mark.parametrize("arguments", [("run",), ("run", "-")])
@pytest.mark.parametrize(
    "locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}], ids=["utf8", "c"]
)
def test_standard_input(arguments, locale):
    """A text comes through a pipe as UTF-8, whatever the locale is."""
    out = good(*arguments, "--json", data="\ufeff猫吃鱼\n".encode(), **locale)
    assert [token["text"] for token in json.loads(out)["tokens"]] == ["猫", "吃", "鱼"]


def test_closed_standard_input():
    """Where there is no standard input at all, the line says so."""
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m attnviz run <&-'],
        env=clean(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert done.stdout == b""
    assert done.stderr.startswith(b"attnviz: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("options", ["", "--json --projection random"])
def test_closed_pipe(options):
    """A reader that stops after one line ends it quietly: no traceback, nothing on standard error."""
    line = f'yes "猫 吃 鱼" | head -36 | "{sys.executable}" -m attnviz run - {options} | head -c 20'
    done = subprocess.run(["sh", "-c", line], env=clean(), capture_output=True, timeout=60, check=False)
    assert len(done.stdout) == 20
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_full_standard_output():
    """Where standard output cannot be written the exit code says so, in one line and not in a traceback."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "attnviz", "run", "猫吃鱼"],
            env=clean(),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1, done.stderr.decode()


def test_two_ways_to_start():
    """`attnviz` and `python -m attnviz` are the same."""
    script = Path(sys.executable).with_name("attnviz")
    if not script.exists():
        pytest.skip("the package is not installed beside this Python")
    for arguments in (["--version"], ["run", "--help"]):
        done = subprocess.run([str(script), *arguments], env=clean(), capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, good(*arguments), b"")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("attnviz ", sorted(COMMANDS)),
        ("attnviz run --position ", sorted(SCHEMES)),
        ("attnviz run --position s", ["sinusoidal"]),
        ("attnviz compare --embedding ", ["hash", "onehot", "toy"]),
        ("attnviz export --projection ", ["auto", "identity", "lexicon", "random"]),
        ("attnviz run --prec", ["--precision"]),
        ("attnviz run --lang ", ["en", "zh"]),
        ("attnviz --lang ", ["en", "zh"]),
    ],
)
def test_completion(words, offered):
    """The shell completes commands, options and closed choices."""
    count = len(words.split(" ")) - 1
    done = attnviz(_ATTNVIZ_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(count))
    assert (done.returncode, sorted(done.stdout.decode().split()), done.stderr) == (0, offered, b"")


@pytest.mark.parametrize(
    ("environment", "arguments", "spoken"),
    [
        ({"LANG": "zh_CN.UTF-8"}, [], "谁在看"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh"}, [], "谁在看"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, [], "who looks"),
        ({}, ["--lang", "zh"], "谁在看"),
        ({"LANG": "zh_CN.UTF-8"}, ["--lang", "en"], "who looks"),
        ({}, ["--lang=zh"], "谁在看"),
        ({"LANG": "zh_CN.UTF-8", "PYTHONIOENCODING": "ascii"}, [], "who looks"),
    ],
)
def test_language(environment, arguments, spoken):
    """The locale says which language is spoken, --lang says it better; what cannot be written is not tried."""
    assert spoken in good("run", "猫吃鱼", *arguments, **environment).decode()
    assert spoken in good(*arguments, "run", "猫吃鱼", **environment).decode()


def test_data_is_never_translated(tmp_path):
    """JSON and CSV are the same in both languages, and so are a picture's and a matrix's numbers."""
    for language in ("en", "zh"):
        folder = tmp_path / language
        folder.mkdir()
        options = ("--lang", language, "--heads", "4")
        assert b"who acts" in good("run", "猫吃鱼", "--json", *options)
        good("export", "猫吃鱼", "x.json", "x.csv", "x.npz", "x.svg", *options, cwd=folder)
    for name in ("x.json", "x.csv", "x.npz"):
        assert (tmp_path / "en" / name).read_bytes() == (tmp_path / "zh" / name).read_bytes()
    assert (tmp_path / "en" / "x.svg").read_bytes() != (tmp_path / "zh" / "x.svg").read_bytes()


@pytest.mark.parametrize(
    "arguments", [("--lang", "fr", "run", "猫"), ("run", "猫", "--lang=fr"), ("--help", "--lang=x")]
)
def test_wrong_language(arguments):
    """A language there is not is wrong usage, wherever it stands."""
    done = attnviz(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--lang takes one of en, zh" in done.stderr


def test_english_reads_no_catalogue():
    """English loads neither the catalogue nor typer's words in Chinese."""
    code = (
        "import sys, contextlib, io; from attnviz.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main(['run', '猫吃鱼'])\n"
        "from attnviz.i18n import messages\n"
        "print(messages._catalogue.cache_info().misses, 'attnviz.cli.typer_text' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=clean(), capture_output=True, timeout=60, check=True)
    assert done.stdout.split() == [b"0", b"False"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_script(shell):
    """The script that installs completion is printed for each shell."""
    assert b"_ATTNVIZ_COMPLETE" in good(_ATTNVIZ_COMPLETE=f"source_{shell}")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["bash completion installed in", "Completion will take"]),
        ("zh", ["bash 的自动补全已安装到", "重新打开终端"]),
    ],
)
def test_completion_is_installed(tmp_path, language, words):
    """Installing completion is told in the language in use, and so is a shell that there is not."""
    own = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    out = good("--install-completion", "bash", "--lang", language, **own).decode()
    assert [word in line for line, word in zip(out.splitlines(), words, strict=True)] == [True, True]
    assert list(tmp_path.rglob("attnviz.sh"))
    done = attnviz("--install-completion", "tcsh", "--lang", language, **own)
    assert done.returncode == 2
    assert ("不能是" in done.stderr.decode()) is (language == "zh")


def test_same_result_in_every_process():
    """Two processes with other hash seeds print the same, bit for bit."""
    options = ("run", "qwert yuiop", "--embedding", "hash", "--projection", "random", "--json")
    assert good(*options, PYTHONHASHSEED="1") == good(*options, PYTHONHASHSEED="2")


def test_same_files_in_every_process(tmp_path):
    """Two processes write the same bytes, in every format."""
    names = ["x.svg", "x.pdf", "x.png", "x.npz", "x.csv", "x.json"]
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        good("export", "猫吃鱼", *names, cwd=tmp_path / seed, PYTHONHASHSEED=seed)
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_the_article():
    """The article's numbers come out of the article's file."""
    out = good("run", "--vectors", str(ROOT / "samples" / "article.csv")).decode()
    assert all(number in out for number in (".2693075", ".3289329", ".4017596", ".1814472", ".6180147"))
