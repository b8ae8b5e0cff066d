"""Under a limit on memory a model is refused in one line, before a library ends the process."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
from real_models import MINILM, SMOLLM2, needs_minilm, needs_smollm2

from attnviz.core.errors import InputError
from attnviz.core.memory_limit import memory_left
from attnviz.models import model, model_base


@needs_minilm
def test_too_little_is_refused(monkeypatch):
    """What is needed and what is left are named; without a limit nothing is asked."""
    opened = model.load(MINILM)
    monkeypatch.setattr(model_base, "memory_left", lambda: 20_000_000)
    with pytest.raises(InputError, match=r"needs about 59 MB of memory, and this process may take 20 MB more"):
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
