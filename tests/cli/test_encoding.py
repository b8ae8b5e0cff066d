"""Files in other encodings: recognized in the error, and read with the option that it names."""

import io
import json
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from attnviz import cli

TEXT = "我上周买的手机屏幕碎了"


def attnviz(capsys, *arguments):
    """Run the command line in this process: exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return stop.value.code, out, err


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a text, a table and labels in GBK, as the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.txt").write_bytes(TEXT.encode("gbk"))
    (tmp_path / "x.csv").write_bytes("词,甲\n猫,1\n鱼,0.5\n".encode("gbk"))
    (tmp_path / "labels.txt").write_bytes("猫\n鱼\n".encode("gbk"))
    (tmp_path / "w.json").write_text("[[1, 0], [0.5, 0.5]]")
    (tmp_path / "x.json").write_bytes('{"tokens": ["碎了"], "weights": [[1]]}'.encode("gbk"))
    (tmp_path / "x y.vec").write_bytes("猫 1 2\n我 3 4\n上周 5 6\n屏幕 5 6\n".encode("gbk"))
    np.save(tmp_path / "w.npy", np.eye(2))
    return tmp_path


COMMANDS = [
    (["run", "--file", "x.txt"], ["手机"]),
    (["run", "--file", "x.txt", "--json"], ["手机"]),
    (["explain", "--file", "x.txt", "--token", "手机"], ["手机"]),
    (["ablate", "--file", "x.txt"], ["手机"]),
    (["lab", "--file", "x.txt"], []),
    (["export", "--file", "x.txt", "out.json"], []),
    (["tokens", "--file", "x.txt"], ["手机"]),
    (["tokens", "-"], ["手机"]),
    (["run", "-"], ["手机"]),
    (["run"], ["手机"]),
    (["compare", "-", "碎了"], ["碎"]),
    (["run", "猫吃", "--keys", "-"], ["手机"]),
    (["run", "--vectors", "x.csv"], ["猫"]),
    (["lab", "--vectors", "x.csv"], []),
    (["explain", "--vectors", "x.csv", "--token", "猫"], ["猫"]),
    (["run", "--vectors", "w.npy", "--labels", "labels.txt"], ["猫"]),
    (["run", "--weights", "w.json", "--labels", "labels.txt"], ["猫"]),
    (["compare", "--weights", "w.json", "--weights", "w.json", "--labels", "labels.txt"], ["猫"]),
]


@pytest.mark.parametrize(("arguments", "words"), COMMANDS, ids=lambda value: " ".join(value))
def test_hint_of_every_command_works(capsys, folder, monkeypatch, arguments, words):
    """Each command refuses a text in GBK with an option, and with that option reads it."""

    def standard_input():
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode("gbk")), isatty=lambda: False))

    if "labels.txt" in arguments or "x.csv" in arguments:
        monkeypatch.setattr(sys, "stdin", None)
    else:
        standard_input()
    code, out, error = attnviz(capsys, *arguments)
    assert (code, out, error.count("\n")) == (1, "", 1)
    hint = re.search(r"Add: (--encoding gbk)\.$", error.strip())
    assert hint, error
    if sys.stdin is not None:
        standard_input()
    code, out, error = attnviz(capsys, *arguments, *hint[1].split())
    assert code == 0, error
    assert [word for word in words if word not in out] == []
    if "out.json" in arguments:
        assert "手机" in (folder / "out.json").read_text(encoding="utf-8")


def test_same_result_as_utf8(capsys, folder):
    """A table in GBK gives what it gives in UTF-8, labels and numbers."""
    (folder / "u.csv").write_text((folder / "x.csv").read_bytes().decode("gbk"), encoding="utf-8")
    _, ours, _ = attnviz(capsys, "run", "--vectors", "x.csv", "--encoding", "gbk", "--json")
    _, theirs, _ = attnviz(capsys, "run", "--vectors", "u.csv", "--json")
    assert ours == theirs
    assert [each["text"] for each in json.loads(ours)["tokens"]] == ["猫", "鱼"]


@pytest.mark.parametrize(
    "arguments", [["run", "--weights", "x.json"], ["run", "我", "--embedding", "x y.vec", "--tokens", "char"]]
)
@pytest.mark.usefixtures("folder")
def test_printed_conversion_works(capsys, arguments):
    """Where --encoding does not apply, the command that the error prints makes a file that is read."""
    code, _, error = attnviz(capsys, *arguments)
    assert (code, error.count("\n")) == (1, 1)
    command = re.search(r"Convert it with: (iconv .*)\.\n$", error)[1]
    subprocess.run(["sh", "-c", command], check=True, timeout=30)
    made = shlex.split(command)[-1]
    assert attnviz(capsys, *(made if each in ("x.json", "x y.vec") else each for each in arguments))[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--file", "x.txt", "--encoding", "gbkk"], "Did you mean gbk?"),
        (["run", "--file", "x.txt", "--encoding", "rot13"], "not an encoding of texts"),
        (["run", "猫", "--encoding", "gbk"], "neither is read as text"),
        (["compare", "猫", "猫", "--encoding", "gbk"], "neither is read as text"),
        (["run", "--vectors", "w.npy", "--encoding", "gbk"], "neither is read as text"),
        (["run", "--weights", "w.json", "--encoding", "gbk"], "neither is read as text"),
        (["run", "--file", "x.txt", "--encoding"], "requires an argument"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_wrong_use(capsys, arguments, words):
    """An encoding that is none, or that nothing is read in, is refused in one line."""
    code, out, error = attnviz(capsys, *arguments)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert words in error


@pytest.mark.parametrize("way", ["file", "input"])
def test_encoding_of_the_locale(call, tmp_path, monkeypatch, way):
    """Bytes that are a word in the locale's encoding, and another letter in UTF-8, are told to be read as UTF-8."""
    path = tmp_path / "x.txt"
    path.write_bytes("猫".encode("gbk"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes()), isatty=lambda: False))
    source = ["--file", str(path)] if way == "file" else ["-"]
    monkeypatch.setattr("locale.getencoding", lambda: "GBK")
    code, out, err = call("tokens", *source, "--json")
    assert code == 0
    assert json.loads(out)["text"] == "è"
    assert err.count("\n") == 1
    assert "in gbk, the encoding of this locale, it begins with “猫”. If that is right, add: --encoding gbk." in err
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes()), isatty=lambda: False))
    assert json.loads(call("tokens", *source, "--json", "--encoding", "gbk")[1])["text"] == "猫"
    path.write_text("猫 è", encoding="utf-8")
    assert call("tokens", "--file", str(path), "--json")[2] == ""
    monkeypatch.setattr("locale.getencoding", lambda: "UTF-8")
    path.write_text("è", encoding="utf-8")
    assert "locale" not in call("tokens", "--file", str(path), "--json")[2]
