"""Little work is done by one thread, much by all, some by all where cores are idle; then all is as before."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from golden_models import load

from attnviz.core import blas_threads as threads
from attnviz.core.blas_threads import MUCH_WORK, SOME_WORK, threads_for
from attnviz.models.forward import forward


@pytest.fixture
def blas(monkeypatch):
    """A library of four threads, and what it was told."""
    told = [4]

    class Library:
        @property
        def num_threads(self):
            return told[-1]

        def set_num_threads(self, count):
            told.append(count)

    monkeypatch.setattr(threads, "_blas_libraries", lambda: (Library(),))
    return told


def test_little_work(blas):
    """One thread inside the block; the number from before after it, also after an error."""
    with threads_for(SOME_WORK - 1):
        assert blas[-1] == 1
    assert blas == [4, 1, 4]
    with pytest.raises(ZeroDivisionError), threads_for(0):
        raise ZeroDivisionError
    assert blas == [4, 1, 4, 1, 4]


def test_much_work(blas):
    """Nothing is set for much work, nor where there is one thread already."""
    with threads_for(MUCH_WORK):
        assert blas == [4]
    blas.append(1)
    with threads_for(0):
        pass
    assert blas == [4, 1]


def test_another_library(monkeypatch):
    """Without a library that is known the block is only run."""
    monkeypatch.setattr(threads, "_blas_libraries", lambda: ())
    with threads_for(0):
        pass


def test_several_libraries(monkeypatch):
    """Each library gets back the number of threads that it had."""
    libraries = [SimpleNamespace(num_threads=count) for count in (4, 1, 2)]
    for one in libraries:
        one.set_num_threads = partial(setattr, one, "num_threads")
    monkeypatch.setattr(threads, "_blas_libraries", lambda: tuple(libraries))
    with threads_for(0):
        assert [one.num_threads for one in libraries] == [1, 1, 1]
    assert [one.num_threads for one in libraries] == [4, 1, 2]


def test_the_library_of_numpy_is_found():
    """The library that NumPy was built with is found, and does what it is told."""
    pytest.importorskip("threadpoolctl")
    name = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    if not any(known in name for known in ("openblas", "mkl", "blis")):
        pytest.skip("this NumPy was built with another library")
    found = threads._blas_libraries()
    before = [one.num_threads for one in found]
    assert min(before) >= 1
    with threads_for(0):
        assert {one.num_threads for one in found} == {1}
    assert [one.num_threads for one in found] == before


def test_a_pass_sets_them(blas, monkeypatch):
    """A pass over a few tokens uses one thread, and gives the same numbers as with all."""
    config, tensors, _ = load("bert")
    few = forward(config, tensors, [1, 2, 3])
    assert blas == [4, 1, 4]
    monkeypatch.setattr(threads, "MUCH_WORK", 0)
    np.testing.assert_array_equal(forward(config, tensors, [1, 2, 3]).weights, few.weights)
    assert blas == [4, 1, 4]


@pytest.mark.parametrize(("running", "states", "idle"), [("1/84", "R", 2), ("2/84", "RR", 2), ("3/84", "RS", 0)])
def test_idle_cores(monkeypatch, tmp_path, running, states, idle):
    """What other programs run is subtracted, not this one's own threads; where nothing is said no core is idle."""
    (tmp_path / "loadavg").write_text(f"0.00 0.01 0.05 {running} 999\n")
    for number, state in enumerate(states):
        folder = tmp_path / "self" / "task" / str(number)
        folder.mkdir(parents=True)
        (folder / "stat").write_text(f"{number} (a ) R b) {state} 1 1\n")
    monkeypatch.setattr(threads, "Path", lambda path: tmp_path / path.removeprefix("/proc/"))
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert threads._idle_cores() == idle
    (tmp_path / "loadavg").write_text("nothing")
    assert threads._idle_cores() == 0


@pytest.mark.parametrize(("work", "idle", "told"), [(SOME_WORK, 4, [4]), (SOME_WORK, 3, [4, 1, 4]), (9, 4, [4, 1, 4])])
def test_some_work(blas, monkeypatch, work, idle, told):
    """Some work is done by all threads where each has an idle core; little work by one in any case."""
    monkeypatch.setattr(threads, "_idle_cores", lambda: idle)
    with threads_for(work):
        pass
    assert blas == told
