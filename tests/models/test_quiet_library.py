"""What a library writes to standard error by itself reaches nobody; what attnviz writes afterwards does."""

import os
import threading

import pytest

from attnviz.core.errors import InputError
from attnviz.models.tokenizers.quiet_library import quiet
from attnviz.models.tokenizers.tokenizer import call_library


def panic():
    """Write as a panic of Rust does, and raise what is no Exception."""
    os.write(2, b"thread '<unnamed>' panicked at src/lib.rs\nnote: run with RUST_BACKTRACE=1\n")
    raise BaseException("index out of bounds")


def test_panics_are_one_error(capfd):
    """A panic is one InputError with the file's name, and nothing else is printed."""
    with pytest.raises(InputError, match=r"'t\.json' is not a usable tokenizer: index out of bounds"):
        call_library("t.json", panic)
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_threads_give_it_back(capfd):
    """However calls of several threads overlap, standard error is as before when the last is over."""
    together = threading.Barrier(4)

    def call():
        for _ in range(200):
            with quiet():
                os.write(2, b"x")
        together.wait()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
