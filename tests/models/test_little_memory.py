"""Under a limit on memory a model is refused in one line, before a library ends the process."""

from __future__ import annotations

import errno
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from golden_models import MODELS
from real_models import MINILM, SMOLLM2, needs_minilm, needs_smollm2

from attnviz import cli
from attnviz.core import memory_limit
from attnviz.core.errors import InputError
from attnviz.core.memory_limit import memory_left
from attnviz.models import model, model_base
from attnviz.models.forward import Request


@needs_minilm
def test_too_little_is_refused(monkeypatch):
    """What is needed and what is left are named; without a limit nothing is asked."""
    opened = model.load(MINILM)
    monkeypatch.setattr(model_base, "memory_left", lambda: 20_000_000)
    with pytest.raises(InputError, match=r"needs about 59 MB of memory, and this process may take 20 MB more. Raise"):
        _ = opened.tokenizer
    monkeypatch.setattr(model_base, "memory_left", lambda: None)
    assert opened.tokenizer.size == 30522


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_what_is_left():
    """Without a limit it is unknown; under one it is what is left of it."""
    code = "from attnviz.core.memory_limit import memory_left; print(memory_left())"
    command = f"ulimit -v 500000; {shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    limited = subprocess.run(["bash", "-c", command], capture_output=True, encoding="utf-8", check=True)
    assert 0 < int(limited.stdout) < 500_000 * 1024
    assert memory_left() is None or memory_left() > 0


@needs_smollm2
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("kilobytes", range(200_000, 340_001, 20_000))
def test_one_line_at_every_limit(kilobytes):
    """Whatever the limit, there is a result, or one line that says what is lacking."""
    command = f"ulimit -v {kilobytes}; {shlex.quote(sys.executable)} -m attnviz run 'the cat' --model {SMOLLM2}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, len(done.stderr.splitlines())) in ((0, 0), (1, 1)), done.stderr
    assert "shorter text" not in done.stderr or "or a smaller model" in done.stderr


@needs_smollm2
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize(
    ("kilobytes", "words", "said"),
    [
        (200_000, 2, r"\.gguf' takes [0-9]+ MB of memory, .* Raise its limit \(ulimit -v\), or choose a smaller model"),
        (
            350_000,
            360,
            r"on 36[0-9] tokens: their weights \(layers x heads = 30 x 9\) alone take 14[0-9] MB, .* with --layer",
        ),
    ],
)
def test_what_takes_the_memory_is_named(kilobytes, words, said):
    """A model that is too large is not the text's fault; weights of many tokens are."""
    arguments = f"run '{'cat ' * words}' --view top --layer all --model {SMOLLM2}"
    command = f"ulimit -v {kilobytes}; {shlex.quote(sys.executable)} -m attnviz {arguments}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert re.search(said, done.stderr), done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed, lambda path, weights: np.save(path, weights)])
def test_a_file_of_weights_is_named(tmp_path, save):
    """Weights in a file that fill the memory are the file's fault: it is named with what it holds, unpacked."""
    path = tmp_path / ("w.npz" if save in (np.savez, np.savez_compressed) else "w.npy")
    save(path, weights=np.full((30, 12, 200, 200), 1 / 200, dtype=np.float32))
    command = f"ulimit -v 250000; {shlex.quote(sys.executable)} -m attnviz run --weights {path} --layer 0"
    done = subprocess.run(["bash", "-c", command], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert "There is not enough memory for the 58 MB in " in done.stderr
    assert "Raise its limit (ulimit -v), or save fewer layers or heads." in done.stderr
    assert "text" not in done.stderr


@pytest.mark.parametrize(
    ("limit", "hint"), [(300_000_000, "may take 300 MB in all. Raise its limit"), (None, "Choose")]
)
def test_where_memory_runs_out(monkeypatch, limit, hint):
    """A pass that runs out of memory names the model, or the tokens that take it, with and without a limit."""
    opened = model.load(MODELS / "gpt2")

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(memory_limit, "memory_limit", lambda: limit)
    monkeypatch.setattr(type(opened.network), "read", fail)
    few, many = np.zeros(2, dtype=np.int64), np.zeros(5_000, dtype=np.int64)
    with pytest.raises(InputError, match="however short the text is") as caught:
        opened._forward(few, few, Request(layers=(0,)))
    assert hint in str(caught.value)
    with pytest.raises(
        InputError, match=r"on 5,000 tokens: their weights \(layers x heads = 1 x [0-9]+\) alone"
    ) as caught:
        opened._forward(many, many, Request(layers=(0,)))
    assert ("Raise its limit" in str(caught.value)) == (limit is not None)


@pytest.mark.parametrize(
    ("limit", "said"), [(300_000_000, "this process may take 300 MB in all. Raise its"), (None, "Give")]
)
def test_a_command_that_runs_out_of_memory(monkeypatch, capsys, limit, said):
    """Whatever ran out of memory, one line says what can be done; the system's own refusal is the same."""
    for error in (MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory")):
        monkeypatch.setattr(memory_limit, "memory_limit", lambda: limit)
        monkeypatch.setattr(cli, "_run", lambda _, error=error: (_ for _ in ()).throw(error))
        with pytest.raises(SystemExit) as stop:
            cli.main(["run", "the cat"])
        assert stop.value.code == 1
        err = capsys.readouterr().err
        assert said in err
        assert len(err.splitlines()) == 1


def test_the_kernels_list_of_limits():
    """Where Python's own module does not fit into memory, the kernel tells the same limit."""
    code = (
        "from attnviz.core.memory_limit import _limit_of_linux, memory_limit; print(_limit_of_linux(), memory_limit())"
    )
    if sys.platform != "linux":
        pytest.skip("Linux tells it")
    for limit, told in (("ulimit -v 500000; ", [str(500_000 * 1024)] * 2), ("", ["None"] * 2)):
        command = f"{limit}{shlex.quote(sys.executable)} -c {shlex.quote(code)}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, encoding="utf-8", check=True)
        assert done.stdout.split() == told


def test_a_line_that_needs_no_memory(monkeypatch, capsys):
    """Where not even what prints a line can be loaded, the line is written all the same."""

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(cli, "_run", fail)
    monkeypatch.setattr(cli, "_fail", fail)
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "the cat"])
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith("attnviz: There is not enough memory for this")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("FT_Open_Face failed with error 0x40: out of memory"),
        ImportError("libopenjp2.so: failed to map segment from shared object"),
        SystemError("error returned without exception set"),
        ValueError("another"),
    ],
)
@pytest.mark.parametrize("limit", [300_000_000, None])
def test_a_library_that_runs_out_of_memory(monkeypatch, capsys, error, limit):
    """What a library says of it in its own words is no bug of attnviz; other errors are."""
    monkeypatch.setattr(memory_limit, "memory_limit", lambda: limit)
    monkeypatch.setattr(cli, "_run", lambda _: (_ for _ in ()).throw(error))
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "the cat"])
    assert stop.value.code == 1
    lack = isinstance(error, RuntimeError | ImportError) or (isinstance(error, SystemError) and limit is not None)
    assert ("not enough memory" in capsys.readouterr().err) == lack


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("kilobytes", range(140_000, 200_001, 10_000))
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_picture_at_every_limit(tmp_path, kilobytes, suffix):
    """Whatever the limit, there is a picture, or one line that says what is lacking."""
    arguments = f"export 猫吃鱼 {tmp_path / 'x'}.{suffix}"
    command = f"ulimit -v {kilobytes}; {shlex.quote(sys.executable)} -m attnviz {arguments}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode in (0, 1)
    assert "bug in attnviz" not in done.stderr
    assert [one.suffix for one in tmp_path.iterdir()] == ([f".{suffix}"] if done.returncode == 0 else [])
