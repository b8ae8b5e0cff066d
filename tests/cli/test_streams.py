"""Standard streams that are closed, full or slow: a result arrives whole, or the exit code says that it did not."""

import errno
import io
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_process import clean

from attnviz import cli
from attnviz.cli import sources
from attnviz.cli.printing import print_line
from attnviz.core.errors import InputError
from attnviz.views.terminal.cell_width import cell_len

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX file descriptors")
A = f"{sys.executable} -m attnviz"
WORDS = " ".join(f"w{i}" for i in range(120))  # about 300 kB of JSON, more than a pipe holds


def shell(command, cwd=None, **environment):
    """A command line in a shell: its exit code, standard output and standard error."""
    done = subprocess.run(
        ["bash", "-c", command.replace("attnviz ", f"{A} ")],
        env=clean(**environment),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("view", ["--json", "--view table --precision 9"])
def test_cut_result_is_an_error(tmp_path, unbuffered, view):
    """A file limit in the middle of a result ends with exit code 1 and a line, also without Python's buffer."""
    command = f"ulimit -f 10; attnviz run '{WORDS}' --embedding hash {view} > out"
    code, _, error = shell(command, tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert (code, error) == (1, "attnviz: Standard output cannot be written: File too large.\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_pipe_that_does_not_block(unbuffered):
    """All of a result goes through a pipe that refuses to block, as other runtimes give to their children."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    command = [sys.executable, "-m", "attnviz", "run", WORDS, "--embedding", "hash", "--json"]
    with subprocess.Popen(command, stdout=theirs, env=clean(PYTHONUNBUFFERED=unbuffered)) as process:
        os.close(theirs)
        time.sleep(1.5)
        with open(ours, "rb") as file:
            written = file.read()
    assert process.returncode == 0
    assert len(json.loads(written)["tokens"]) == 120


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("attnviz run 猫吃鱼 >&-", 1, "Standard output cannot be written: Bad file descriptor."),
        ("attnviz run --help >&-", 1, "Standard output cannot be written: Bad file descriptor."),
        ("attnviz export 猫吃鱼 cat.json >&-", 0, ""),
        ("attnviz run 猫吃鱼 >&- 2>&-", 1, ""),
        ("attnviz run >&- 2>&- <&-", 2, ""),
        ("attnviz run 猫吃zorg 2>&-", 0, ""),
        ("attnviz run 猫吃zorg 2>/dev/full", 0, ""),
        ("attnviz run 猫 --view no 2>/dev/full", 2, ""),
        (
            "ulimit -n 6; attnviz run 猫吃鱼 >/dev/full",
            1,
            "Standard output cannot be written: No space left on device.",
        ),
        ("attnviz run <&-", 2, "There is no text."),
        ("attnviz run - <&-", 1, "Standard input is closed."),
    ],
)
def test_closed_and_full_streams(tmp_path, command, code, words):
    """A closed or full stream is told in one line, and costs nothing that does not go there."""
    got, _, error = shell(command, tmp_path)
    assert got == code, error
    assert words in error
    assert error.count("\n") == bool(words)
    assert (tmp_path / "cat.json").exists() == ("cat.json" in command)


def test_broken_error_stream_keeps_the_result():
    """The notes of a command are lost with standard error, its result is not."""
    assert shell("attnviz run 猫吃zorg 2>/dev/full")[1] == shell("attnviz run 猫吃zorg 2>/dev/null")[1] != b""
    assert shell("attnviz run 猫吃zorg --json 2> >(exec <&-; sleep 1)")[1][:11] == b'{"schema": '


def test_broken_standard_input(monkeypatch):
    """What the system says of standard input is told as that."""

    class Broken(io.BytesIO):
        def read(self, _):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Broken(), isatty=lambda: False))
    with pytest.raises(InputError, match="Standard input cannot be read: Input/output error"):
        sources.read_stdin()


@pytest.mark.parametrize(
    "setting",
    [{"COLUMNS": "²", "TERM": "dumb"}, {"COLUMNS": "1000000000", "TERM": "dumb"}, {"COLUMNS": "-3"}, {"LINES": "x"}],
)
def test_screen_sizes_that_are_none(setting):
    """A size of the screen that cannot be is not taken from the environment."""
    code, out, error = shell("attnviz run --help", **setting)
    assert (code, error) == (0, "")
    assert len(out) < 100_000


def test_foreign_matplotlib_backend(tmp_path):
    """A picture needs no display, whatever MPLBACKEND names."""
    assert shell("attnviz export 猫 cat.png", tmp_path, MPLBACKEND="zorg") == (0, b"", "")


@pytest.mark.parametrize("form", ["json", "png", "csv", "html"])
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_only_files_are_replaced(tmp_path, form, kind):
    """A pipe, a socket or a device is no file to replace, also at the end of a link; it stays what it was."""
    target = tmp_path / f"x.{form}"
    place = tmp_path / "special"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(place))
    else:
        place = "/dev/null"
    target.symlink_to(place)
    before = os.stat(place).st_mode
    for command in ("export 猫 x.{}", "run 猫 --save x.{}"):
        code, _, error = shell("attnviz " + command.format(form), tmp_path)
        assert (code, error.count("\n")) == (1, 1)
        assert "is not a regular file" in error
    assert os.stat(place).st_mode == before
    assert not stat.S_ISREG(before)


def test_modes_are_kept_and_respected(tmp_path):
    """A file keeps its mode, and one that is protected from writing stays as it is."""
    kept, protected = tmp_path / "kept.json", tmp_path / "protected.json"
    for path, mode in ((kept, 0o640), (protected, 0o444)):
        path.write_text("old")
        path.chmod(mode)
    assert shell("attnviz export 猫 kept.json", tmp_path) == (0, b"", "")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert kept.read_text() != "old"
    code, _, error = shell("attnviz export 猫 protected.json", tmp_path)
    assert (code, "protected from writing" in error, protected.read_text()) == (1, True, "old")


def test_leftovers_of_a_killed_write(tmp_path):
    """The temporary file of a killed process is removed by the next run; one that is being written is not."""
    import fcntl

    dead, alive, other = (tmp_path / name for name in (".x.json.00000001.tmp", ".x.json.00000002.tmp", ".x.json.tmp"))
    for path in (dead, alive, other):
        path.write_bytes(b"half")
    with open(alive, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert shell("attnviz export 猫 x.json", tmp_path)[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [alive.name, other.name, "x.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("export 猫 shut/x.json", "'shut/x.json' cannot be written: Permission denied"),
        ("export 猫 " + "n" * 300 + ".json", "cannot be written: File name too long"),
        ("run 猫 --model shut/model", "'shut/model' cannot be read: Permission denied"),
        ("run --file shut/x.txt", "'shut/x.txt' cannot be read: Permission denied"),
        ("run --vectors shut/x.csv", "'shut/x.csv' cannot be read: Permission denied"),
        ("run --weights shut/x.json", "'shut/x.json' cannot be read: Permission denied"),
        ("run 猫 --embedding shut/x.vec", "'shut/x.vec' cannot be read: Permission denied"),
        ("run --weights w.json --labels shut/x.txt", "'shut/x.txt' cannot be read: Permission denied"),
        ("export 猫 x.png --font shut/x.ttf", "'shut/x.ttf' cannot be used: Permission denied"),
    ],
)
def test_system_errors_name_their_place(arguments, words):
    """What the system refuses is told with its own name and reason, never as a fault of standard output."""
    if os.getuid() == 0 and "n" * 300 not in arguments and subprocess.call(["which", "setpriv"], stdout=-3):
        pytest.skip("everything is open to root")
    drop = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all "
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "w.json").write_text("[[1]]")
        (folder / "shut").mkdir(mode=0)
        command = f"{drop if os.getuid() == 0 else ''}attnviz {arguments}"
        code, _, error = shell(command, folder, HOME="/nonexistent")
    if "Permission denied" in error and "python" in error:
        pytest.skip("this Python is closed to other users")
    assert (code, error.count("\n")) == (2 if "--font" in arguments else 1, 1), error
    assert words in error, error


def test_folder_that_is_gone(tmp_path):
    """In a working folder that was removed commands still compute, and say what cannot be written."""
    command = f"mkdir {tmp_path}/gone; cd {tmp_path}/gone; rmdir {tmp_path}/gone; attnviz "
    assert shell(command + "run 猫")[::2] == (0, "")
    code, _, error = shell(command + "export 猫 x.json")
    assert (code, error.count("\n")) == (1, 1), error
    assert "Standard output" not in error
    code, _, error = shell(command + "run 猫 --model x")
    assert code == 1
    assert "The working folder is gone" in error


def test_arguments_in_a_chinese_locale(monkeypatch):
    """An argument that the locale decoded stays as it is, also where its bytes would be valid UTF-8."""
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode("gb18030", "surrogateescape"))
    assert "猫".encode("gb18030").decode("utf-8") == "è"
    assert sources.decode_argument("猫") == "猫"
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode("ascii", "surrogateescape"))
    assert sources.decode_argument("猫".encode().decode("ascii", "surrogateescape")) == "猫"


@pytest.mark.parametrize("lost", [True, False])
def test_memory_that_a_library_lacked(monkeypatch, capsys, lost):
    """What C code can only report is not printed, and an error that follows from it is told as little memory."""

    class Reader:
        def __del__(self):
            if lost:
                raise MemoryError

    def fail(_):
        del [Reader()][0]
        raise RuntimeError("FT_Open_Face failed")

    monkeypatch.setattr(cli, "_run", fail)
    monkeypatch.delenv("ATTNVIZ_DEBUG", raising=False)
    with pytest.raises(SystemExit) as stop:
        cli.main([])
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert ("not enough memory" in error, "bug in attnviz" in error) == (lost, not lost)


def test_pipe_of_vectors(tmp_path):
    """The command line opens a pipe once: whoever writes to it would take a look at it for its end."""
    command = "mkfifo v.csv; (echo cat,1,2 > v.csv) & attnviz run --vectors v.csv"
    code, out, error = shell(command, tmp_path)
    assert (code, error) == (0, "")
    assert b"cat" in out


@pytest.mark.parametrize(
    "command", ["cost 10 --save x.png", "ablate 猫吃鱼 --token 猫 --save x.svg", "export 猫 x.png"]
)
def test_cache_that_cannot_be_written(tmp_path, command):
    """Where matplotlib cannot write its cache its own words about that reach nobody."""
    code, _, error = shell(f"attnviz {command}", tmp_path, MPLCONFIGDIR="/dev/null/x")
    assert (code, error) == (0, "")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        """Return True."""
        return True

    def fileno(self):
        """Return the number of standard error."""
        return 2


@pytest.mark.parametrize("columns", [0, 40, 60, 200])
def test_notes_break_between_words(monkeypatch, columns):
    """A note fits a narrow terminal and breaks no word; elsewhere, or where the width is not known, it is one line."""
    text = (
        "The toy does not know “qwxzz” and “zzxqw”: 2 of 3 words have made-up vectors, which mean nothing. 猫吃鱼" * 2
    )
    shown = {}
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
        print_line(text)
        shown[stream.isatty()] = stream.getvalue().splitlines()
    assert shown[False] == [f"attnviz: {text}"]
    assert " ".join(shown[True]) == shown[False][0]
    assert (len(shown[True]) == 1) == (columns == 0)
    assert max(map(cell_len, shown[True])) <= (columns or 1000)
