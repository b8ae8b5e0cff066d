"""Every reader has a limit that is checked before it reads or unpacks, and says it in one line."""

import gzip
import io
import os
import threading
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from attnviz import ablate, lab, run, tokens
from attnviz.api.run import load_weights
from attnviz.core import read_file
from attnviz.core.errors import AttnvizError, InputError, OptionError
from attnviz.core.label_list import split_labels
from attnviz.core.read_arrays import read_npz
from attnviz.core.read_file import read_bytes
from attnviz.toy.embeddings import read_vectors
from attnviz.toy.settings import MOST_WEIGHTS
from attnviz.toy.word_vectors import read_rows
from attnviz.views.figure.fonts import load_fonts

MOST_MEMORY = 160 * 2**20


@pytest.fixture
def small():
    """Memory that grows beyond what the limits allow is noticed."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_MEMORY


def bomb(packing, size=2**31):
    """A .npz of a few kB that unpacks to `size` bytes of zeros."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", packing, compresslevel=9) as file,
        file.open("weights.npy", "w", force_zip64=size > 2**30) as member,
    ):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f4", "fortran_order": False, "shape": (1, 1, 2, size // 8)}
        )
        member.write(header.getvalue())
        zeros = bytes(2**24)
        for _ in range(size // len(zeros)):
            member.write(zeros)
    return stream.getvalue()


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no /dev/zero on this system")
@pytest.mark.parametrize("name", ["x.csv", "x.npy", "x.npz", "x.json", "x.txt", "x.vec", "x.ttf"])
@pytest.mark.usefixtures("small")
def test_endless_device(tmp_path, monkeypatch, name):
    """A device that never ends is not read, under any name and by any reader."""
    path = tmp_path / name
    path.symlink_to("/dev/zero")
    for limit in ("LARGEST_TABLE", "LARGEST_ARRAYS", "LARGEST_DOCUMENT"):
        for module in ("attnviz.toy.embeddings", "attnviz.toy.vector_table", "attnviz.io.read_data"):
            monkeypatch.setattr(f"{module}.{limit}", 2**24, raising=False)
    readers = {
        ".txt": read_bytes,
        ".csv": read_vectors,
        ".vec": lambda path: read_rows(path, ["a"]),
        ".ttf": lambda path: load_fonts((str(path),)),
    }
    with pytest.raises(
        AttnvizError, match=r"more than 16,777,216 bytes|is longer than|is a pipe, a device or a folder|is a device"
    ):
        readers.get(path.suffix, read_vectors if name == "x.npy" else load_weights)(path)


def test_endless_pipe(tmp_path):
    """A pipe that never ends is read up to the limit; one that ends is a file like any other."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def feed(data, times):
        try:
            with open(path, "wb", buffering=0) as pipe:
                for _ in range(times):
                    pipe.write(data)
        except BrokenPipeError:
            return

    writer = threading.Thread(target=feed, args=(b"cat " * 2**16, 10**6), daemon=True)
    writer.start()
    with pytest.raises(InputError, match="has more than 1,048,576 bytes"):
        read_bytes(path, 2**20)
    writer.join(10)
    assert not writer.is_alive()
    threading.Thread(target=feed, args=(b"cat", 1), daemon=True).start()
    assert read_bytes(path, 2**20) == b"cat"


@pytest.mark.parametrize("name", ["v.csv", "v.npy", "labels"])
def test_pipe_in_place_of_a_file(tmp_path, name):
    """A pipe is opened once, so that all of it is read."""
    data = io.BytesIO()
    np.save(data, np.eye(2))
    path = tmp_path / name
    os.mkfifo(path)
    content = {"v.csv": b"cat,1,2\ndog,3,4\n", "v.npy": data.getvalue(), "labels": b"cat\ndog\n"}[name]
    threading.Thread(target=path.write_bytes, args=(content,), daemon=True).start()
    shown = split_labels(str(path), 2) if name == "labels" else [token.text for token in run(vectors=path).tokens]
    assert shown == (["x0", "x1"] if name == "v.npy" else ["cat", "dog"])


def test_pipe_of_word_vectors(tmp_path):
    """Word vectors are read from a file, whose size a bar tells, not from a pipe."""
    path = tmp_path / "v.vec"
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)
    with pytest.raises(InputError, match="is a pipe, a device or a folder"):
        read_rows(path, ["a"])
    os.close(pipe)


@pytest.mark.usefixtures("small")
def test_large_file_is_refused_unread(tmp_path):
    """A file's size is looked at before anything is read of it; up to the limit it is read."""
    path = tmp_path / "x.txt"
    with open(path, "wb") as file:
        file.truncate(2**40)
    began = time.process_time()
    with pytest.raises(
        InputError, match=r"has 1,099,511,627,776 bytes; at most 16,777,216 are read here\. Give a part"
    ):
        read_bytes(path)
    assert time.process_time() - began < 1
    path.write_bytes(b"x" * 100)
    assert len(read_bytes(path, 100)) == 100
    with pytest.raises(InputError, match="has 100 bytes; at most 99"):
        read_bytes(path, 99)


@pytest.mark.usefixtures("small")
def test_labels_are_limited(tmp_path):
    """Names for rows are refused when their file is large, and a long cell is no crash of the CSV reader."""
    (tmp_path / "names").write_text("x" * (2**20 + 1))
    with pytest.raises(InputError, match="at most 1,048,576"):
        split_labels(str(tmp_path / "names"), 2)
    with pytest.raises(InputError, match="labels"):
        split_labels("x" * 200_000 + ", y, z", 2)


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str)
@pytest.mark.usefixtures("small")
def test_bombs(packing):
    """A .npz is refused by what it declares to unpack to, in no time and without the memory."""
    data = bomb(packing, 2**26)
    assert len(data) < 100_000
    began = time.process_time()
    with pytest.raises(InputError, match=r"would unpack to 67,108,\d+ bytes \(weights\); at most 1,048,576"):
        read_npz(io.BytesIO(data), "x.npz", ["weights"], 2**20)
    assert time.process_time() - began < 1


@pytest.mark.slow
def test_bomb_of_gigabytes(tmp_path):
    """The same of a file with the limits that are used."""
    path = tmp_path / "bomb.npz"
    path.write_bytes(bomb(zipfile.ZIP_DEFLATED, 2**30 + 2**24))
    began = time.process_time()
    with pytest.raises(InputError, match="at most 1,073,741,824"):
        load_weights(path)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str)
def test_foreign_packing(packing):
    """Packings that NumPy never writes, and that unpack to any size at once, are refused where they declare little."""
    with pytest.raises(InputError, match="is not a complete NumPy file"):
        read_npz(io.BytesIO(bomb(packing, 2**24)), "x.npz", ["weights"])


def test_member_that_declares_too_little():
    """A member whose declared size is not its real one is refused: the header, the list and the bytes must agree."""
    data = bytearray(bomb(zipfile.ZIP_DEFLATED, 2**25))
    real = (2**25 + 128).to_bytes(4, "little")
    assert data.count(real) == 2
    lying = bytes(data).replace(real, (4096).to_bytes(4, "little"))
    with pytest.raises(InputError, match="is not a complete NumPy file"):
        read_npz(io.BytesIO(lying), "x.npz", ["weights"])


def test_long_list_of_members():
    """A .npz that is nothing but members is refused before a list of them is made."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for number in range(20_000):
            file.writestr(f"{number:05}.npy", b"")
    with pytest.raises(InputError, match="is not a complete NumPy file"):
        read_npz(stream, "x.npz", ["weights"])


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_packed_word_vectors(tmp_path):
    """A gzip of blank lines, or of one line over and over, is given up when it is far larger than word vectors are."""
    for line, words in ((b"\n", "more than 1,000,000 blank lines"), (b"a" * 500 + b" 1 2\n", "unpacks to more than")):
        path = tmp_path / "x.vec.gz"
        with gzip.open(path, "wb") as file:
            for _ in range(150):
                file.write(line * (2**20 // len(line)))
        began = time.process_time()
        with pytest.raises(InputError, match=words):
            read_rows(path, ["a"])
        assert time.process_time() - began < 15


@pytest.mark.parametrize("how", ["lexicon", "char", "han", "word", "space", "sentence"])
def test_long_texts_are_refused_by_their_beginning(how):
    """A text of megabytes is refused in well under a second, however it is cut."""
    text = "The cat eats a fish. 猫吃鱼。 " * 300_000
    began = time.process_time()
    with pytest.raises(InputError, match="has more than 4,096 tokens") as caught:
        run(text, tokens=how)
    assert ("tokens sentence" in str(caught.value)) == (how != "sentence")
    with pytest.raises(InputError, match="has more than 16,384 tokens"):
        run(text, tokens=how, keys="cat")
    assert time.process_time() - began < 6


@pytest.mark.parametrize("how", ["auto", "sentence"])
def test_what_is_cut_into_sentences_is_not_told_to_be(how):
    """The hint leads on: no cut that is there already, and none of what is given; of a cut alone, no view."""
    told = []
    for call in (
        lambda: tokens("猫。" * 9000, tokens=how),
        lambda: tokens("猫。" * 4097, tokens=how),
        lambda: lab("猫。" * 2000, tokens=how),
        lambda: ablate("猫。" * 2000, "0", tokens=how),
    ):
        with pytest.raises(InputError) as caught:
            call()
        told.append(str(caught.value))
    assert all(("tokens sentence" in one) == (how != "sentence") for one in told)
    assert all("view top" not in one for one in told)
    with pytest.raises(InputError, match="Use view top, blocks or text, or give a shorter text") as caught:
        run(vectors=np.ones((4097, 2)))
    assert "tokens sentence" not in str(caught.value)


def test_heads_count():
    """All heads together have a limit, whatever the number of tokens."""
    words = " ".join(["cat"] * 4096)
    with pytest.raises(
        InputError, match=rf"8 heads of 4,096 x 4,096 tokens have 134,217,728.*at most {MOST_WEIGHTS:,}"
    ):
        run(words, embedding="hash", heads=8)


def test_long_words():
    """A word of a megabyte is not hashed."""
    with pytest.raises(InputError, match=r"“x{20}…” is one word of 1,000,000 characters.*10,000"):
        run("x" * 1_000_000, embedding="hash")
    assert run("x" * 10_000, embedding="hash").weights.shape == (1, 1, 1, 1)


def test_limits_are_far_from_what_is_used():
    """What attnviz writes itself for its largest table is below the limits of reading."""
    assert read_file.LARGEST_ARRAYS > 4 * 4096**2 * 4
    assert read_file.LARGEST_DOCUMENT > 4096**2 * 22
    with pytest.raises(OptionError):
        load_fonts(("/nonexistent/font.ttf",))
