"""Bad input gets one line on standard error, exit code 1 or 2, and nothing is written."""

import os
import subprocess
import sys

import numpy as np
import pytest

from attnviz import cli


def attnviz(capsys, *arguments):
    """Run the command line in this process: exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    return stop.value.code, out, err


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with a few bad files, as the working folder."""
    monkeypatch.chdir(tmp_path)
    bad = tmp_path / "bad"
    bad.mkdir()
    files = {
        "latin.txt": b"caf\xe9 au lait",
        "empty.txt": b"",
        "blank.txt": b" \n\t ",
        "empty.csv": b"",
        "header.csv": b"a,b\n",
        "ragged.csv": b"1,2\n3\n",
        "words.csv": b"1,2\n3,x\n",
        "nan.csv": b"1,2\nnan,4\n",
        "inf.csv": b"1,inf\n3,4\n",
        "huge.csv": b"1,1e999\n3,4\n",
        "text.npy": b"1,2",
        "good.csv": b"1,2\n3,4\n",
    }
    for name, data in files.items():
        (bad / name).write_bytes(data)
    np.save(bad / "w.npy", np.eye(3))
    np.save(bad / "wide.npy", np.full((2, 3), 1 / 3))
    np.save(bad / "sums.npy", np.eye(3) * 1.5)
    np.save(bad / "five.npy", np.eye(3)[None, None, None])
    return tmp_path


CASES = [
    # arguments, exit code, words that the line must have
    (["run", ""], 1, ["empty"]),
    (["run", " \t\n"], 1, ["empty"]),
    (["run", "--file", "bad/empty.txt"], 1, ["empty"]),
    (["run", "--file", "bad/blank.txt"], 1, ["blank"]),
    (["run", "--file", "nowhere.txt"], 1, ["nowhere.txt", "no file"]),
    (["run", "--file", "bad"], 1, ["folder"]),
    (["run", "--file", "bad/latin.txt"], 1, ["UTF-8", "0xe9", "position 3"]),
    (["run", "--vectors", "nowhere.csv"], 1, ["nowhere.csv"]),
    (["run", "--vectors", "bad/empty.csv"], 1, ["no numbers"]),
    (["run", "--vectors", "bad/header.csv"], 1, ["no numbers"]),
    (["run", "--vectors", "bad/ragged.csv"], 1, ["row 2", "1 columns", "2"]),
    (["run", "--vectors", "bad/words.csv"], 1, ["row 2", "column 2", "'x'"]),
    (["run", "--vectors", "bad/nan.csv"], 1, ["row 2", "column 1", "nan"]),
    (["run", "--vectors", "bad/inf.csv"], 1, ["row 1", "column 2", "inf"]),
    (["run", "--vectors", "bad/huge.csv"], 1, ["row 1", "column 2", "1e999"]),
    (["run", "--vectors", "bad/text.npy"], 1, ["text.npy"]),
    (["run", "--vectors", "bad/latin.txt"], 2, [".csv", ".npy"]),
    (["run", "--vectors", "bad/good.csv", "--heads", "3"], 2, ["heads", "2 dimensions"]),
    (["run", "--vectors", "bad/good.csv", "--dim", "8"], 2, ["2 dimensions", "8"]),
    (["run", "--vectors", "bad/good.csv", "猫"], 2, ["--vectors", "TEXT"]),
    (["run", "猫", "--embedding", "hash", "--dim", "0"], 2, ["--dim", "0"]),
    (["run", "猫", "--embedding", "hash", "--dim", "9", "--heads", "2"], 2, ["9 dimensions", "2"]),
    (["run", "猫", "--dim", "32"], 2, ["64", "32"]),
    (["run", "猫", "--heads", "0"], 2, ["--heads", "0"]),
    (["run", "猫", "--heads", "3"], 2, ["1, 2 or 4"]),
    (["run", "猫", "--heads", "x"], 2, ["--heads", "x"]),
    (["run", "猫", "--tokens", "chars"], 2, ["--tokens", "Did you mean char?"]),
    (["run", "猫", "--embedding", "hsah"], 2, ["Did you mean hash?"]),
    (["run", "猫", "--projection", "randm"], 2, ["Did you mean random?"]),
    (["run", "猫", "--projection", "lexicon", "--embedding", "hash"], 2, ["identity"]),
    (["run", "猫", "--position", "sinusoid"], 2, ["Did you mean sinusoidal?"]),
    (["run", "猫", "--mask", "causl"], 2, ["Did you mean causal?"]),
    (["run", "猫", "--mask", "window:-1"], 2, ["window:-1"]),
    (["run", "猫", "--mask", "window:"], 2, ["window:"]),
    (["run", "猫", "--show", "score"], 2, ["Did you mean scores?"]),
    (["run", "猫", "--view", "block"], 2, ["--view", "Did you mean blocks?"]),
    (["run", "猫", "--scale", "logs"], 2, ["--scale", "Did you mean log?"]),
    (["run", "猫", "--sinks", "hid"], 2, ["--sinks", "Did you mean hide?"]),
    (["run", "猫", "--top", "0"], 2, ["--top", "from 1", "0"]),
    (["run", "猫", "--top", "x"], 2, ["--top", "x"]),
    (["run", "猫", "--top", "3", "--view", "blocks"], 2, ["--top", "--view top"]),
    (["run", "猫", "--squeeze", "--view", "text"], 2, ["--squeeze", "--view table"]),
    (["run", "猫", "--token", "猫", "--view", "blocks"], 2, ["--token", "--view text, table and top"]),
    (["run", "猫", "--token", "狗"], 1, ["'狗'", "there are 猫", "0 to 0"]),
    (["run", "猫", "--token", "猫#2"], 1, ["猫#2", "once"]),
    (["run", "猫", "--token", "7"], 1, ["'7'", "0 to 0"]),
    (["run", "猫", "--token", ""], 1, ["''", "猫"]),
    (["run", "猫", "--view", "text", "--show", "scores"], 2, ["--view text", "weights"]),
    (["compare", "猫吃", "吃猫", "--view", "text"], 2, ["compare", "--view table"]),
    (["compare", "猫吃", "吃猫", "--view", "tble"], 2, ["Did you mean table?"]),
    (["run", "猫", "--temperature", "0"], 2, ["--temperature", "0"]),
    (["run", "猫", "--temperature", "-1"], 2, ["--temperature", "-1"]),
    (["run", "猫", "--temperature", "nan"], 2, ["--temperature", "nan"]),
    (["run", "猫", "--seed", "-1"], 2, ["--seed", "-1"]),
    (["run", "猫", "--precision", "0"], 2, ["--precision", "0"]),
    (["run", "猫", "--head", "9"], 1, ["head 9"]),
    (["run", "猫", "--head", "who"], 1, ["head who"]),
    (["run", "猫", "--layer", "1"], 1, ["layer 1"]),
    (["run", "猫", "--layer", "x"], 2, ["--layer"]),
    (["run", "猫", "--save", "cat.jpg"], 2, [".jpg", ".png"]),
    (["run", "猫", "--save", "nowhere/cat.png"], 1, ["nowhere", "folder"]),
    (["run", "猫", "--save", "bad"], 2, ["bad"]),
    (["export", "猫"], 2, ["file"]),
    (["export", "猫", "x.png", "--scale", "logs"], 2, ["--scale", "Did you mean log?"]),
    (["export", "猫", "x.png", "--sinks", "hid"], 2, ["--sinks", "Did you mean hide?"]),
    (["export", "猫", "x.png", "--kind", "bars", "--scale", "log"], 2, ["--kind bars", "--scale row"]),
    (["run", "猫", "--save", "x.png", "--kind", "bars", "--scale", "log"], 2, ["--kind bars", "--scale row"]),
    (["export", "猫", "x.json", "--scale", "log"], 2, ["--scale", "pages"]),
    (["export", "猫", "x.csv", "--sinks", "hide"], 2, ["--sinks", "pages"]),
    (["export", "猫", "cat.txt"], 2, [".txt"]),
    (["run", "猫", "--save", "cat.json", "--head", "9"], 1, ["head 9"]),
    (["run", "猫" * 4097], 1, ["4,097", "4,096", "67 MB", "--tokens sentence"]),
    (["run", "猫", "", "--save", "x.png"], 1, ["empty"]),
    (["run", "--colour", "red", "猫"], 2, ["--colour", "--"]),
    (["run", "--weights", "nowhere.npz"], 1, ["nowhere.npz", "no file"]),
    (["run", "--weights", "bad"], 2, [".npz, .json or .npy"]),
    (["run", "--weights", "."], 2, [".npz, .json or .npy", "'.'"]),
    (["run", "--weights", "bad/text.npy"], 1, ["text.npy", "NumPy"]),
    (["run", "--weights", "x.safetensors"], 2, ["load_file('x.safetensors')"]),
    (["run", "--weights", "x.pt"], 2, ["torch.load('x.pt', weights_only=True)"]),
    (["run", "--weights", "bad/five.npy"], 1, ["(1, 1, 1, 3, 3)"]),
    (["run", "--weights", "bad/sums.npy"], 1, ["Layer 0, head 0, row 0 sums to 1.5", "--normalize"]),
    (["run", "--weights", "bad/wide.npy"], 1, ["2 queries and 3 keys", "--labels"]),
    (["run", "--weights", "bad/w.npy", "--labels", "a,b"], 1, ["2 names for 3"]),
    (["run", "--weights", "bad/w.npy", "猫"], 2, ["--weights", "TEXT"]),
    (["run", "--weights", "bad/w.npy", "--vectors", "bad/good.csv"], 2, ["--weights", "--vectors"]),
    (["run", "--weights", "bad/w.npy", "--mask", "causal"], 2, ["--mask", "already computed"]),
    (["run", "--weights", "bad/w.npy", "--labels", "a b c", "--show", "scores", "--save", "x.json"], 1, ["scores"]),
    (["run", "--weights", "bad/w.npy", "--labels", "a b c", "--head", "1"], 1, ["head 1"]),
    (["run", "猫", "--labels", "a"], 2, ["--labels", "--weights or --vectors"]),
    (["run", "猫", "--normalize"], 2, ["--normalize", "--weights"]),
    (["run", "--vectors", "bad/good.csv", "--labels", "a,b,c"], 1, ["3 names for 2"]),
    (["run", "--vectors", "bad/good.csv", "--labels", "a", "--labels", "b"], 2, ["once with --vectors"]),
    (["export", "--weights", "bad/w.npy"], 2, ["no file to write"]),
    (["run", "bad/w.npy"], 2, ["is a file here", "--weights bad/w.npy"]),
    (["compare", "bad/w.npy", "bad/w.npy"], 2, ["is a file here", "--weights bad/w.npy"]),
    (["compare", "--weights", "bad/w.npy"], 2, ["of two texts", "--weights a.npz --weights b.npz"]),
    (["compare", "猫", "狗", "--weights", "bad/w.npy"], 2, ["'猫'", ".npz, .json or .npy"]),
    (["compare", "--weights", "bad/w.npy", "bad/wide.npy"], 1, ["2 queries and 3 keys"]),
    (["compare", "--weights", "bad/w.npy", "bad/sums.npy"], 1, ["sums.npy", "row 0 sums to 1.5", "--normalize"]),
    (["compare", "--weights", "bad/w.npy", "bad/w.npy", "--mask", "causal"], 2, ["--mask", "already computed"]),
    (["compare", "--weights", "bad/w.npy", "bad/w.npy", "--keys", "猫"], 2, ["--keys", "--labels"]),
    (["compare", "--weights", "bad/w.npy", "bad/w.npy", "--labels", "a b"], 1, ["2 names for 3"]),
    (["compare", "--weights", "bad/w.npy", "bad/w.npy", *["--labels", "a b c"] * 3], 2, ["once for each"]),
    (["compare", "--weights", "bad/w.npy", "bad/w.npy", "--head", "1", "--labels", "a b c"], 1, ["no head 1"]),
    (["compare", "--weights", "bad/w.npy", "bad/w.npy", "--layer", "all"], 2, ["one layer"]),
    (["compare", "猫", "狗", "--labels", "a"], 2, ["--labels", "--weights"]),
    (["compare", "猫", "狗", "--normalize"], 2, ["--normalize", "--weights"]),
    (["explain", "--weights", "bad/sums.npy"], 1, ["sums to 1.5", "--normalize"]),
    (["lab", "--weights", "bad/w.npy"], 2, ["--weights", "lab computes anew", "run, compare, explain, export"]),
    (["ablate", "--weights", "bad/w.npy"], 2, ["ablate computes anew", "--vectors", "run, compare, explain, export"]),
    (["cost", "--weights", "bad/w.npy"], 2, ["--weights", "run, compare, explain, export"]),
    (["rnu", "猫"], 2, ["rnu", "run"]),
    (["compare", "猫"], 2, ["two texts"]),
    (["compare", "猫", "狗", "鱼"], 1, ["no word in common"]),
    (["compare", "-", "-"], 2, ["only once"]),
    (["compare", "猫吃", "-", "--keys", "-"], 2, ["only once"]),
    (["run", "-", "--keys", "-"], 2, ["only once"]),
    (["run", "猫", "--keys", ""], 1, ["empty"]),
    (["run", "猫", "--keys", "鱼", "--mask", "causal"], 2, ["causal", "--keys"]),
    (["compare", "猫", "猫", "--keys", "鱼", "--mask", "causal"], 2, ["causal", "--keys"]),
    (["run", "--vectors", "bad/good.csv", "--keys", "鱼"], 1, ["vectors"]),
    (["run", "猫", "--position", "all"], 2, ["--position", "rope"]),
    (["run", "猫", "--offset", "-1"], 2, ["--offset", "-1"]),
    (["run", "猫", "--offset", "9999999999"], 2, ["--offset", "1,000,000"]),
    (["run", "猫", "--position", "rope", "--embedding", "hash", "--dim", "9"], 2, ["even", "9"]),
    (["compare", "a b", "b a", "--position", "all", "--embedding", "hash", "--dim", "5"], 2, ["even", "5"]),
    (["compare", "猫", "狗"], 1, ["no word in common"]),
    (["compare", "猫吃", "吃猫", "--save", "x.npz"], 2, [".npz"]),
    (["lab", "猫", "狗"], 2, ["one text", "2"]),
    (["lab", ""], 1, ["empty"]),
    (["lab", "猫吃鱼", "--vary", "colour=1,2"], 2, ["colour", "heads"]),
    (["lab", "猫吃鱼", "--vary", "temprature=1,2"], 2, ["Did you mean temperature?"]),
    (["lab", "猫吃鱼", "--vary", "temperature="], 2, ["temperature", "values"]),
    (["lab", "猫吃鱼", "--vary", "temperature"], 2, ["temperature", "values"]),
    (["lab", "猫吃鱼", "--vary", "temperature=, ,"], 2, ["temperature", "values"]),
    (["lab", "猫吃鱼", "--vary", ""], 2, ["--vary"]),
    (["lab", "猫吃鱼", "--vary", "temperature=1,x"], 2, ["'x'", "numbers"]),
    (["lab", "猫吃鱼", "--vary", "temperature=1,0"], 2, ["--temperature", "0"]),
    (["lab", "猫吃鱼", "--vary", "heads=1,2.5"], 2, ["'2.5'", "whole"]),
    (["lab", "猫吃鱼", "--vary", "heads=1,3"], 2, ["1, 2 or 4", "3"]),
    (["lab", "猫吃鱼", "--vary", "heads=all"], 2, ["'all'", "whole"]),
    (["lab", "猫吃鱼", "--vary", "heads=" + "9" * 5000], 2, ["whole"]),
    (["lab", "猫吃鱼", "--vary", "position=rope,sinus"], 2, ["sinus", "alibi"]),
    (["lab", "猫吃鱼", "--vary", "mask=none,window:x"], 2, ["window"]),
    (["lab", "猫吃鱼", "--vary", "dim=32,64"], 2, ["64", "32"]),
    (["lab", "猫吃鱼", "--vary", "heads=1,2", "--vary", "heads=4"], 2, ["two different"]),
    (["lab", "猫吃鱼", "--vary", "heads=1", "--vary", "seed=1", "--vary", "offset=1"], 2, ["two different"]),
    (["lab", "猫吃鱼", "--vary", "seed=" + ",".join(map(str, range(401)))], 2, ["400", "401"]),
    (["lab", "猫吃鱼", "--keys", "cat fish", "--vary", "mask=none,causal"], 2, ["causal"]),
    (["lab", "--vectors", "bad/good.csv", "--vary", "embedding=toy,hash"], 2, ["embedding", "--vectors"]),
    (["lab", "--vectors", "bad/good.csv", "--vary", "heads=1,3"], 2, ["2 dimensions", "3"]),
    (["lab", "猫 " * 513], 1, ["512", "513"]),
    (["lab", "猫吃鱼", "--head", "9"], 1, ["head 9"]),
    (["lab", "猫吃鱼", "--long", "1"], 2, ["--long", "4,096"]),
    (["lab", "猫吃鱼", "--vary", "temperature=1,2", "--temperature", "2"], 2, ["--vary temperature", "--temperature"]),
    (["lab", "猫吃鱼", "--long", "9", "--vary", "position=none", "--position", "rope"], 2, ["--vary position", "one"]),
    (["cost", "-5"], 2, ["-5", "0 to 10^30"]),
    (["lab", "猫吃鱼", "--long", "4097"], 2, ["--long", "4,096"]),
    (["lab", "猫吃鱼", "--long", "64", "--vary", "heads=1,2"], 2, ["positions"]),
    (["lab", "猫吃鱼", "--long", "64", "--head", "0"], 2, ["--head"]),
    (["lab", "猫吃鱼", "--long", "64", "--embedding", "hash", "--dim", "3", "--position", "rope"], 2, ["even"]),
    (["lab", "猫吃鱼", "--position", "rope", "--mask", "causal", "--embedding", "hash", "--dim", "9"], 2, ["even"]),
    (["lab", "猫吃鱼", "--save", "x.npz"], 2, [".npz"]),
    (["ablate", "猫吃鱼", "狗"], 2, ["one text"]),
    (["ablate", "猫吃鱼", "--token", "狗"], 1, ["狗", "猫 吃 鱼"]),
    (["ablate", "猫吃鱼", "--token", "7"], 1, ["7", "0 to 2"]),
    (["ablate", "猫吃鱼", "--by", "words"], 2, ["Did you mean word?"]),
    (["ablate", "猫吃鱼", "--head", "all"], 2, ["mean, not all"]),
    (["ablate", "猫吃鱼", "--head", "9"], 1, ["head 9"]),
    (["ablate", "猫 " * 513], 1, ["512", "513"]),
    (["ablate", "猫吃鱼", "--precision", "0"], 2, ["--precision"]),
    (["ablate", "猫吃鱼", "--save", "x.html"], 2, [".html"]),
    (["cost", "x"], 2, ["'x'", "10^12"]),
    (["cost", "--", "-5"], 2, ["-5", "0"]),
    (["cost", "1.5"], 2, ["1.5"]),
    (["cost", "1e31"], 2, ["10^30"]),
    (["cost", "1e999"], 2, ["1e999"]),
    (["cost", "5", "--heads", "3"], 2, ["64", "3"]),
    (["cost", "5", "--layers", "0"], 2, ["--layers", "0"]),
    (["cost", "5", "--mask", "windo:3"], 2, ["--mask"]),
    (["cost", "5", "--save", "x.npz"], 2, [".npz"]),
]


@pytest.mark.parametrize(("arguments", "code", "words"), CASES, ids=lambda value: str(value)[:60])
def test_one_line_and_nothing_written(capsys, folder, arguments, code, words):
    """A mistake is told in one line with what was expected, and leaves nothing behind."""
    before = sorted(folder.rglob("*"))
    got, out, err = attnviz(capsys, *arguments)
    assert (got, out) == (code, ""), err
    assert err.startswith("attnviz: ")
    assert err.count("\n") == 1, err
    assert [word for word in words if word not in err] == [], err
    assert sorted(folder.rglob("*")) == before


def test_no_text_on_a_terminal():
    """Without a text, on a terminal, the line says how to give one instead of waiting for input."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "attnviz", "run"], stdin=theirs, capture_output=True, timeout=60, check=False
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2
    assert done.stdout == b""
    assert "attnviz run" in done.stderr.decode()


@pytest.mark.parametrize(
    "text", ["[/INST] [red]x", "a\x1b[2Jb", "a\u202eb", "a\u200bb", "a" + "\u0301" * 40, "\x07 bell", "a\x9bb"]
)
@pytest.mark.parametrize("command", [["run"], ["run", "--tokens", "char"], ["compare", "b a"]])
def test_hostile_text_is_shown_harmlessly(capsys, text, command):
    """No control character or bidi control of a text reaches the screen, and markup stays text."""
    code, out, err = attnviz(capsys, *command, f"{text} a b")
    assert code == 0
    assert not set("\x1b\x07\x9b\u202e\u200b") & set(out + err)
    assert "\u0301" * 4 not in out + err
    if "INST" in text and command == ["run"]:
        assert "INST" in out


@pytest.mark.parametrize("encoding", ["ascii", "cp936", "latin-1", "utf-8"])
@pytest.mark.parametrize(
    "arguments",
    [["run", "猫吃鱼 é"], ["compare", "猫 é", "é 猫"], ["run", "猫吃鱼", "--json"], ["run", "--help"], ["run", ""]],
)
def test_any_encoding(encoding, arguments):
    """In any encoding of the terminal there is no traceback, and no more columns than the terminal has."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "attnviz", *arguments], env=environment, capture_output=True, check=False
    )
    assert done.returncode == (1 if arguments[-1] == "" else 0)
    assert b"Traceback" not in done.stderr
    out = done.stdout.decode(encoding)
    if "--json" not in arguments and "--help" not in arguments:
        assert max(map(len, out.splitlines()), default=0) <= 80


def test_closed_pipe_ends_quietly():
    """A reader that stops reading gets no traceback."""
    line = f'"{sys.executable}" -m attnviz run "{"猫吃鱼 " * 60}" | head -1'
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert b"Broken" not in done.stderr
