"""Weights on disk: what is read is what was written, and a file that lies is refused in one line, quickly."""

from __future__ import annotations

import json
import struct
import time

import numpy as np
import pytest
from near import assert_near

from attnviz.core.errors import AttnvizError, InputError
from attnviz.models.checkpoint import open_weights
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_names import GgufTensors, config_of
from attnviz.models.formats.gguf_quantization import FORMATS
from attnviz.models.formats.safetensors import INDEX, SafetensorsFile, ShardedSafetensors
from attnviz.models.forward import Network

RNG = np.random.default_rng(0)


def raw(header, data=b"", length=None):
    """The bytes of a safetensors file with this header, whatever it claims."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    """One entry of a header."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_reads_what_the_library_wrote(tmp_path, dtype):
    """Every dtype comes back as float32, and rows are the same rows."""
    numpy = pytest.importorskip("safetensors.numpy")
    array = (RNG.normal(size=(5, 3)) * 9).astype(dtype)
    numpy.save_file({"b": array[:2], "a": array}, tmp_path / "model.safetensors", {"format": "pt"})
    file = SafetensorsFile(tmp_path / "model.safetensors")
    assert set(file) == {"a", "b"}
    assert file["a"].dtype == np.float32
    assert file["a"].shape == file.shape("a") == (5, 3)
    np.testing.assert_array_equal(file["a"], array.astype(np.float32))
    np.testing.assert_array_equal(file.rows("a", np.array([4, 0, 4])), array.astype(np.float32)[[4, 0, 4]])


def test_bfloat16(tmp_path):
    """bfloat16 is the upper half of a float32: what it can hold comes back exactly."""
    wanted = np.array([1.0, -2.5, 3.140625, 0.0, np.inf], dtype=np.float32)
    bits = (wanted.view(np.uint32) >> 16).astype("<u2")
    path = tmp_path / "model.safetensors"
    path.write_bytes(raw({"x": entry("BF16", (5,), (0, 10))}, bits.tobytes()))
    np.testing.assert_array_equal(SafetensorsFile(path)["x"], wanted)


def test_nothing_is_converted_before_it_is_asked_for(tmp_path):
    """float32 is a view of the file, not a copy, and cannot be written to."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(raw({"x": entry()}, np.arange(2, dtype="<f4").tobytes()).ljust(8, b" "))
    array = SafetensorsFile(path).raw("x")
    assert not array.flags.writeable
    assert not array.flags.owndata


LIES = {
    "length of 2**60": (raw({"x": entry()}, bytes(8), length=2**60), "declares"),
    "shorter than its header": (raw({"x": entry()}, bytes(8))[:20], "declares"),
    "three bytes": (b"abc", "header needs"),
    "empty": (b"", "is empty"),
    "no JSON": (raw(b"{x"), "not JSON"),
    "no UTF-8": (raw(b'{"\xff": 1}'), "not JSON"),
    "a list": (raw([1]), "JSON object"),
    "deep": (raw(b"[" * 100_000), "not JSON"),
    "twice": (raw(b'{"x": 1, "x": 2}'), "twice"),
    "no entry": (raw({"x": 3}), "no dtype"),
    "no offsets": (raw({"x": {"dtype": "F32", "shape": [1]}}), "no dtype"),
    "negative shape": (raw({"x": entry(shape=(-2,))}, bytes(8)), "no dtype"),
    "text as shape": (raw({"x": {"dtype": "F32", "shape": ["2"], "data_offsets": [0, 8]}}, bytes(8)), "no dtype"),
    "unknown dtype": (raw({"x": entry("Q9")}, bytes(8)), "dtype Q9"),
    "dtype a list": (raw({"x": {"dtype": [], "shape": [2], "data_offsets": [0, 8]}}, bytes(8)), "dtype"),
    "outside": (raw({"x": entry(offsets=(0, 2**50))}, bytes(8)), "lies at bytes"),
    "backwards": (raw({"x": entry(offsets=(8, 0))}, bytes(8)), "lies at bytes"),
    "wrong size": (raw({"x": entry(shape=(3,))}, bytes(8)), "needs 12 bytes"),
    "huge shape": (raw({"x": entry(shape=(2**40, 2**40))}, bytes(8)), "needs"),
    "overlapping": (raw({"x": entry(), "y": entry(offsets=(4, 12))}, bytes(12)), "overlaps"),
    "a hole": (raw({"x": entry(), "y": entry(offsets=(12, 20))}, bytes(20)), "belong to no array"),
    "too long": (raw({"x": entry()}, bytes(9)), "end at byte"),
}


@pytest.mark.parametrize(("data", "words"), LIES.values(), ids=LIES.keys())
def test_lies_in_safetensors(tmp_path, data, words):
    """A file whose header and size disagree is refused in one line that names it, and nothing large is allocated."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    began = time.perf_counter()
    with pytest.raises(InputError) as caught:
        SafetensorsFile(path)
    assert time.perf_counter() - began < 1
    line = str(caught.value)
    assert words in line
    assert "model.safetensors" in line
    assert "\n" not in line
    assert len(line) < 500


def shards(folder, weight_map):
    """Two shards with x and y, and an index that says this."""
    for name in ("x", "y"):
        (folder / f"{name}.safetensors").write_bytes(raw({name: entry()}, np.arange(2, dtype="<f4").tobytes()))
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))
    return folder


def test_shards(tmp_path):
    """Arrays of several files are found through the index."""
    file = open_weights(shards(tmp_path, {"x": "x.safetensors", "y": "y.safetensors"}))
    assert isinstance(file, ShardedSafetensors)
    assert sorted(file) == ["x", "y"]
    np.testing.assert_array_equal(file["y"], [0, 1])
    assert file.shape("x") == (2,)
    np.testing.assert_array_equal(file.rows("x", np.array([1])), [1])


@pytest.mark.parametrize(
    ("weight_map", "words"),
    [
        ({"x": "z.safetensors"}, "does not exist"),
        ({"x": "../x.safetensors"}, "not beside"),
        ({"x": "/etc/passwd"}, "not beside"),
        ({"x": 3}, "not beside"),
        ({}, "no weight_map"),
        ([], "no weight_map"),
        ({"x": "y.safetensors"}, "does not have it"),
    ],
)
def test_lies_in_an_index(tmp_path, weight_map, words):
    """An index that names a missing file, one outside the folder, or the wrong one is refused."""
    with pytest.raises(InputError, match=words):
        open_weights(shards(tmp_path, weight_map))["x"]


def test_link_out_of_the_folder(tmp_path):
    """A link to a file elsewhere is fine to read: the hub's cache is made of them."""
    (tmp_path / "blob").write_bytes(raw({"x": entry()}, bytes(8)))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").symlink_to(tmp_path / "blob")
    assert set(open_weights(folder)) == {"x"}


def test_a_pickle_is_refused(tmp_path):
    """pytorch_model.bin is never opened; the line says how to convert it."""
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/pwned'\ntR.")
    with pytest.raises(InputError, match="pickle") as caught:
        open_weights(tmp_path)
    assert "save_file" in str(caught.value)
    assert "weights_only=True" in str(caught.value)


def test_no_weights(tmp_path):
    """A folder without weights says what was expected; several without an index too."""
    with pytest.raises(InputError, match="no weights"):
        open_weights(tmp_path)
    for name in "ab":
        (tmp_path / f"{name}.safetensors").write_bytes(raw({"x": entry()}, bytes(8)))
    with pytest.raises(InputError, match="several"):
        open_weights(tmp_path)


# GGUF ----------------------------------------------------------------------------------------------------------------


def written(path, arrays, *, architecture="llama", **metadata):
    """A .gguf file by the gguf package; arrays by name, metadata as {key: value} under the architecture."""
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in metadata.items():
        key = key.replace("__", ".")
        name = key if "." in key and key.split(".")[0] in ("tokenizer", "general", "split") else f"{architecture}.{key}"
        if isinstance(value, bool):
            writer.add_bool(name, value)
        elif isinstance(value, int):
            writer.add_uint32(name, value)
        elif isinstance(value, float):
            writer.add_float32(name, value)
        elif isinstance(value, str):
            writer.add_string(name, value)
        else:
            writer.add_array(name, value)
    for name, array in arrays.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


SIZES = {
    "block_count": 1,
    "context_length": 32,
    "embedding_length": 8,
    "feed_forward_length": 12,
    "attention.head_count": 2,
    "attention.head_count_kv": 1,
    "attention.layer_norm_rms_epsilon": 1e-5,
}


def numbers(*shape):
    """Reproducible float32 numbers."""
    return RNG.normal(size=shape).astype(np.float32)


def test_formats_are_those_of_the_library():
    """The table of number formats is gguf's own."""
    constants = pytest.importorskip("gguf.constants")
    theirs = {kind.value: (kind.name, *size) for kind, size in constants.GGML_QUANT_SIZES.items()}
    assert {number: tuple(one) for number, one in FORMATS.items()} == {number: theirs[number] for number in FORMATS}


@pytest.mark.parametrize(
    "name",
    [
        "F32",
        "F16",
        "BF16",
        "Q4_0",
        "Q4_1",
        "Q5_0",
        "Q5_1",
        "Q8_0",
        "Q2_K",
        "Q3_K",
        "Q4_K",
        "Q5_K",
        "Q6_K",
        "IQ4_NL",
        "IQ4_XS",
        "IQ2_XXS",
        "IQ2_XS",
        "IQ3_XXS",
        "IQ1_S",
        "IQ3_S",
        "IQ2_S",
        "IQ1_M",
        "TQ1_0",
        "TQ2_0",
        "MXFP4",
    ],
)
def test_quantizations(tmp_path, name):
    """Every format that the library can read gives the library's numbers, whole and row by row."""
    gguf = pytest.importorskip("gguf")
    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    rows, columns = 37, 512
    data = RNG.integers(0, 60, size=(rows, columns // block * size), dtype=np.uint8)  # small: no scale is inf or nan
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "llama")
    writer.add_tensor("x", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    file = GgufFile(tmp_path / "x.gguf")
    wanted = gguf.dequantize(data, kind)
    assert file["x"].shape == (rows, columns)
    np.testing.assert_array_equal(file["x"], wanted)
    np.testing.assert_array_equal(file.rows("x", np.array([3, 36, 3])), wanted[[3, 36, 3]])


def test_metadata_of_every_kind(tmp_path):
    """Numbers, texts, flags and arrays come back; strings are read when asked for."""
    path = written(
        tmp_path / "x.gguf",
        {"x": numbers(4)},
        whole=7,
        real=0.5,
        text="猫",
        flag=True,
        many=[1, 2, 3],
        words=["a", "鱼"],
    )
    found = GgufFile(path).metadata
    assert (found["llama.whole"], found["llama.real"], found["llama.text"]) == (7, 0.5, "猫")
    assert found["llama.flag"] is True
    assert found["llama.many"].tolist() == [1, 2, 3]
    assert found["llama.words"].read() == ["a", "鱼"]


def test_split_in_parts(tmp_path):
    """A model in several files is read as one; a part that is missing is named."""
    for number in (1, 2):
        written(
            tmp_path / f"m-0000{number}-of-00002.gguf", {f"x{number}": numbers(4)}, split__count=2, split__no=number - 1
        )
    assert set(GgufFile(tmp_path / "m-00001-of-00002.gguf")) == {"x1", "x2"}
    (tmp_path / "m-00002-of-00002.gguf").unlink()
    with pytest.raises(InputError, match=r"00002-of-00002\.gguf' is one of the 2 parts of a model, and it is missing"):
        GgufFile(tmp_path / "m-00001-of-00002.gguf")


def test_parts_of_another_model_are_refused(tmp_path):
    """A part says its number and that of all parts, and the first how many arrays there are; their order is free."""

    def parts(*numbers, count=3, arrays=3):
        for place, number in enumerate(numbers, 1):
            keys = {"split__count": count, "split__no": number, "split__tensors__count": arrays}
            name = f"m-{place:05}-of-00003.gguf"
            written(tmp_path / name, {f"x{place}": numbers_of(4)}, **({} if number is None else keys))
        return tmp_path / "m-00001-of-00003.gguf"

    numbers_of = numbers
    assert set(GgufFile(parts(0, 1, 2))) == set(GgufFile(parts(2, 0, 1))) == {"x1", "x2", "x3"}
    with pytest.raises(InputError, match=r"00003-of-00003.gguf' is no part of .* it says that it is part 2 of 3"):
        GgufFile(parts(0, 1, 1))
    with pytest.raises(InputError, match=r"00002-of-00003.gguf' is a whole model, and no part of"):
        GgufFile(parts(0, None, 2))
    parts(0, 1, 2)
    written(tmp_path / "m-00002-of-00003.gguf", {"x2": numbers(4)}, split__count=[3], split__no=[1])
    with pytest.raises(InputError, match=r"00002-of-00003.gguf' is a whole model, and no part of"):
        GgufFile(tmp_path / "m-00001-of-00003.gguf")
    with pytest.raises(
        InputError, match="have 3 arrays together, and the model has 7: one of them is of another model"
    ):
        GgufFile(parts(0, 1, 2, arrays=7))


def preamble(version=3, tensors=0, pairs=0, rest=b""):
    """The beginning of a .gguf file."""
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs) + rest


def named(text):
    """A string as the format has it."""
    return struct.pack("<Q", len(text)) + text


def tensor(name=b"x", shape=(4,), kind=0, offset=0):
    """An array's entry."""
    return (
        named(name)
        + struct.pack("<I", len(shape))
        + struct.pack(f"<{len(shape)}Q", *shape)
        + struct.pack("<IQ", kind, offset)
    )


GGUF_LIES = {
    "not GGUF": (b"GGML" + bytes(40), "begin with GGUF"),
    "short": (b"GG", "begin with GGUF"),
    "only magic": (b"GGUF", "needs"),
    "version": (preamble(version=1), "version is 1"),
    "big-endian": (b"GGUF" + struct.pack(">I", 3) + bytes(16), "big-endian"),
    "2**60 arrays": (preamble(tensors=2**60), "declares"),
    "2**60 pairs": (preamble(pairs=2**60), "declares"),
    "long key": (preamble(pairs=1, rest=struct.pack("<Q", 2**60) + bytes(20)), "declares"),
    "long text": (preamble(pairs=1, rest=named(b"k") + struct.pack("<IQ", 8, 2**60) + bytes(9)), "needs"),
    "unknown type": (preamble(pairs=1, rest=named(b"k") + struct.pack("<I", 99) + bytes(9)), "unknown type"),
    "long array": (preamble(pairs=1, rest=named(b"k") + struct.pack("<IIQ", 9, 4, 2**61)), "needs"),
    "many strings": (preamble(pairs=1, rest=named(b"k") + struct.pack("<IIQ", 9, 8, 2**61)), "array of"),
    "string over the end": (
        preamble(pairs=1, rest=named(b"k") + struct.pack("<IIQ", 9, 8, 1) + struct.pack("<Q", 2**62)),
        "array of",
    ),
    "array of arrays": (preamble(pairs=1, rest=named(b"k") + struct.pack("<IIQ", 9, 9, 1) + bytes(30)), "unknown type"),
    "twice": (preamble(pairs=2, rest=2 * (named(b"k") + struct.pack("<IB", 0, 1)) + bytes(20)), "twice"),
    "alignment": (
        preamble(3, 1, 1, named(b"general.alignment") + struct.pack("<II", 4, 3) + tensor() + bytes(99)),
        "alignment",
    ),
    "dimensions": (preamble(tensors=1, rest=named(b"x") + struct.pack("<I", 2**31) + bytes(40)), "dimensions"),
    "format": (preamble(tensors=1, rest=tensor(kind=77) + bytes(99)), "number format"),
    "half a block": (preamble(tensors=1, rest=tensor(shape=(33,), kind=8) + bytes(99)), "whole blocks"),
    "no numbers": (preamble(tensors=1, rest=tensor(shape=(0, 4)) + bytes(99)), "whole blocks"),
    "offset": (preamble(tensors=1, rest=tensor(offset=5) + bytes(99)), "not aligned"),
    "outside": (preamble(tensors=1, rest=tensor(offset=2**50) + bytes(99)), "ends at byte"),
    "huge shape": (preamble(tensors=1, rest=tensor(shape=(2**40, 2**40)) + bytes(99)), "ends at byte"),
    "overlapping": (preamble(tensors=2, rest=tensor(shape=(16,)) + tensor(b"y", offset=32) + bytes(999)), "overlaps"),
    "same name": (preamble(tensors=2, rest=2 * tensor() + bytes(999)), "twice"),
}


@pytest.mark.parametrize(("data", "words"), GGUF_LIES.values(), ids=GGUF_LIES.keys())
def test_lies_in_gguf(tmp_path, data, words):
    """A count, a length or an offset that the file is too small for is refused in one line, quickly."""
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    began = time.perf_counter()
    with pytest.raises(InputError) as caught:
        GgufFile(path)
    assert time.perf_counter() - began < 1
    assert words in str(caught.value)
    assert "m.gguf" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_truncation(tmp_path):
    """Cut anywhere, a file is refused as input, never with another error."""
    whole = written(tmp_path / "x.gguf", {"token_embd.weight": numbers(4, 8)}, **SIZES, text="猫", words=["a", "b"])
    data = whole.read_bytes()
    path = tmp_path / "cut.gguf"
    for length in range(0, len(data) - 32, 7):
        path.write_bytes(data[:length])
        with pytest.raises(InputError):
            GgufFile(path)


def test_damaged_bytes(tmp_path):
    """A byte changed anywhere in the header is read or refused, never more than that."""
    whole = written(tmp_path / "x.gguf", {"token_embd.weight": numbers(4, 8)}, **SIZES, text="猫", words=["a", "b"])
    data = bytearray(whole.read_bytes())
    path = tmp_path / "bad.gguf"
    for place in range(0, len(data) - 128, 3):
        for value in (0, 255):
            changed = data.copy()
            changed[place] = value
            path.write_bytes(changed)
            try:
                file = GgufFile(path)
                Network(config_of(file), GgufTensors(file)).check()
                dict(GgufTensors(file))
            except AttnvizError:
                pass


# What the converter does to transformers' arrays, written again here from llama.cpp's description.
def interleaved(rows, heads):
    """Llama's query and key rows as GGUF has them."""
    return rows.reshape(heads, 2, len(rows) // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def test_llama_rows_are_put_back(tmp_path):
    """Queries by the query heads, keys by the key heads; names and config are transformers'."""
    query, key, value = numbers(8, 8), numbers(4, 8), numbers(4, 8)
    path = written(
        tmp_path / "x.gguf",
        {
            "token_embd.weight": numbers(20, 8),
            "blk.0.attn_q.weight": interleaved(query, 2),
            "blk.0.attn_k.weight": interleaved(key, 1),
            "blk.0.attn_v.weight": value,
            "output_norm.weight": numbers(8),
            "rope_freqs.weight": np.ones(2, np.float32),
        },
        **SIZES,
    )
    file = GgufFile(path)
    tensors, config = GgufTensors(file), config_of(file)
    name = "model.layers.0.self_attn"
    np.testing.assert_array_equal(tensors[f"{name}.q_proj.weight"], query)
    np.testing.assert_array_equal(tensors[f"{name}.k_proj.weight"], key)
    np.testing.assert_array_equal(tensors[f"{name}.v_proj.weight"], value)
    np.testing.assert_array_equal(tensors.rows(f"{name}.q_proj.weight", np.array([5])), query[[5]])
    assert tensors.shape(f"{name}.q_proj.weight") == (8, 8)
    assert "model.norm.weight" in tensors
    assert config["model_type"] == "llama"
    assert config["rms_norm_eps"] == 1e-5
    assert (config["vocab_size"], config["tie_word_embeddings"], config["head_dim"]) == (20, True, 4)


def test_gpt2_gemma_and_neox_are_put_back(tmp_path):
    """Transposed matrices, norms less 1, and each head's query, key and value together."""
    matrix = numbers(8, 24)
    gpt2 = written(
        tmp_path / "2.gguf",
        {"token_embd.weight": numbers(9, 8), "blk.0.attn_qkv.weight": matrix.T.copy()},
        architecture="gpt2",
        **SIZES,
    )
    found = GgufTensors(GgufFile(gpt2))
    np.testing.assert_array_equal(found["transformer.h.0.attn.c_attn.weight"], matrix)
    assert found.shape("transformer.h.0.attn.c_attn.weight") == (8, 24)
    norm = numbers(8)
    gemma = written(
        tmp_path / "g.gguf",
        {"token_embd.weight": numbers(9, 8), "blk.0.attn_norm.weight": norm + 1},
        architecture="gemma",
        **SIZES,
    )
    found = GgufTensors(GgufFile(gemma))
    assert_near(found["model.layers.0.input_layernorm.weight"], norm)
    together = numbers(24, 8)
    apart = together.reshape(2, 3, 4, 8).swapaxes(0, 1).reshape(24, 8)
    neox = written(
        tmp_path / "n.gguf",
        {"token_embd.weight": numbers(9, 8), "blk.0.attn_qkv.weight": apart},
        architecture="gptneox",
        **SIZES,
    )
    found = GgufTensors(GgufFile(neox))
    np.testing.assert_array_equal(found["gpt_neox.layers.0.attention.query_key_value.weight"], together)


def test_llama3_scaling_is_recognized(tmp_path):
    """The factors that the converter writes become Llama 3's four numbers again; other factors are refused."""
    count = 32
    waves = 8192 / (2 * np.pi * 500000.0 ** (np.arange(count) / count))
    smooth = np.clip((waves - 1) / 3, 0, 1)
    factors = (1 / ((1 - smooth) / 8 + smooth)).astype(np.float32)
    for name, given in (("a", factors), ("b", factors * np.float32(1.5))):
        path = written(
            tmp_path / f"{name}.gguf",
            {"token_embd.weight": numbers(9, 8), "rope_freqs.weight": given},
            **SIZES | {"rope.freq_base": 500000.0},
        )
        if name == "a":
            scaling = config_of(GgufFile(path))["rope_scaling"]
            assert (scaling["rope_type"], scaling["factor"]) == ("llama3", 8.0)
        else:
            with pytest.raises(InputError, match="factors of its own"):
                config_of(GgufFile(path))


@pytest.mark.parametrize(
    ("architecture", "sizes", "words"),
    [
        ("rwkv7", SIZES, "architecture 'rwkv7'"),
        ("llama", {}, "must give"),
        ("llama", SIZES | {"block_count": "x"}, "must give"),
        ("llama", SIZES | {"attention.head_count": [1, 2]}, "must give"),
    ],
)
def test_gguf_that_cannot_be_computed(tmp_path, architecture, sizes, words):
    """An unknown architecture is refused with the known ones, a missing number by its name."""
    path = written(tmp_path / "x.gguf", {"token_embd.weight": numbers(9, 8)}, architecture=architecture, **sizes)
    with pytest.raises(InputError, match=words):
        config_of(GgufFile(path))
