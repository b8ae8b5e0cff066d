"""Quantized checkpoints: converted as the format's own library does, or refused by the method's name."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from golden_models import MODELS, write_safetensors
from golden_models import load as load_golden
from near import assert_apart, assert_near, assert_states_near, assert_weights_near
from paths import ROOT
from tiny_models import model_of

from attnviz.core.errors import InputError
from attnviz.models.formats.dequantize import CheckpointTensors, unpack_integers
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_names import GgufTensors
from attnviz.models.formats.quantization import read_quantization
from attnviz.models.formats.safetensors import SafetensorsFile, float8_numbers
from attnviz.models.forward import forward
from attnviz.models.model import load

load_file = pytest.importorskip("safetensors.numpy").load_file
GOLDEN = np.load(ROOT / "tests/golden/quantized.npz")
CASES = sorted({name.partition("/")[0] for name in GOLDEN.files} - {"codes", "llama"})


def opened(folder, name):
    """The tensors of a golden case."""
    path = folder / "model.safetensors"
    path.write_bytes(GOLDEN[f"{name}/file"].tobytes())
    config = {"quantization_config": json.loads(str(GOLDEN[f"{name}/config"]))}
    return CheckpointTensors(SafetensorsFile(path), read_quantization(config, folder))


@pytest.mark.parametrize("name", CASES)
def test_the_library_gives_the_same(tmp_path, name):
    """Every weight is what the library of its format makes of it, bit by bit; rows are rows of it."""
    tensors, expected = opened(tmp_path, name), GOLDEN[f"{name}/weight"]
    assert "layer.weight" in tensors
    assert tensors.shape("layer.weight") == expected.shape
    found = tensors["layer.weight"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    assert not np.isnan(found).any()
    chosen = np.array([2, 0, 2])
    np.testing.assert_array_equal(tensors.rows("layer.weight", chosen), found[chosen])
    assert [one for one in tensors if one != "layer.weight"] == []


@pytest.mark.parametrize(
    ("dtype", "name"), [("F8_E4M3", "float8_e4m3fn"), ("F8_E5M2", "float8_e5m2"), ("F8_E8M0", "float8_e8m0fnu")]
)
def test_every_code_of_float8(dtype, name):
    """The 256 numbers are torch's, bit by bit; where there is no number, there is none."""
    expected, found = GOLDEN[f"codes/{name}"], float8_numbers(dtype)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    kept = ~np.isnan(expected)
    np.testing.assert_array_equal(found[kept].view(np.uint32), expected[kept].view(np.uint32))
    if dtype == "F8_E8M0":
        return
    codes = np.arange(256, dtype=np.uint8)
    assert float8_numbers(dtype)[codes.reshape(16, 16)].shape == (16, 16)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_packing_is_undone(bits):
    """Any integers of a few bits come out as they went in."""
    values = np.random.default_rng(bits).integers(0, 2**bits, (3, 21))
    width = 32 // bits
    padded = np.pad(values, ((0, 0), (0, -21 % width))).reshape(3, -1, width)
    words = (padded << (np.arange(width) * bits)).sum(axis=-1).astype(np.uint32).view(np.int32)
    np.testing.assert_array_equal(unpack_integers(words, bits, 21), values - 2 ** (bits - 1))


def test_the_places_that_name_a_quantization():
    """What is looked at when a model is opened is what the methods are read from."""
    from attnviz.models import checkpoint
    from attnviz.models.formats import quantization

    assert set(checkpoint.QUANTIZATION_FILES) == set(quantization._BESIDE)
    for key in checkpoint.QUANTIZATION_KEYS:
        assert quantization._settings({key: {"bits": 4, "group_size": 64}}) is not None


def quantized_llama(folder, *, scale="weight_scale", config=None, ending="weight", integers=np.int8):
    """Write the golden llama with linear layers of int8; returns config and the tensors that it stands for."""
    settings, tensors, answers = load_golden("llama")
    stored, meant = {}, {}
    for name, tensor in tensors.items():
        tensor = np.asarray(tensor, dtype=np.float32)
        stored[name] = meant[name] = tensor
        if name.endswith("_proj.weight"):
            scales = np.abs(tensor).max(axis=1, keepdims=True) / np.float32(127)
            whole = np.rint(tensor / scales).astype(integers)
            meant[name] = whole.astype(np.float32) * scales
            stored.pop(name)
            stored[name.removesuffix("weight") + ending] = whole
            if scale:
                stored[name.removesuffix("weight") + scale] = scales
    settings = {**settings, **(config or {})}
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    write_safetensors(folder / "model.safetensors", stored)
    shutil.copy(MODELS / "llama" / "answers.npz", folder)
    return settings, meant, answers


INT8 = {"quantization_config": {"quant_method": "compressed-tensors", "format": "int-quantized"}}


@pytest.mark.parametrize("key", ["quantization_config", "compression_config"])
def test_a_model_is_computed_from_its_converted_weights(tmp_path, key):
    """The forward pass of a quantized model is that of the weights it stands for; heads that are left out stay."""
    config, meant, answers = quantized_llama(tmp_path / "m", config={key: INT8["quantization_config"]})
    model = load(tmp_path / "m")
    found = forward(config, model.checkpoint.tensors, answers["text0_ids"])
    expected = forward(config, meant, answers["text0_ids"])
    assert_weights_near(found.weights, expected.weights, expected.traces)
    assert_apart(found.weights, answers["text0_weights"], by=1e-5)


def test_transformers_gives_the_same_for_a_whole_model(tmp_path):
    """All weights of a tiny int8 Llama are what transformers computes with the weights that it stands for."""
    (tmp_path / "model.safetensors").write_bytes(GOLDEN["llama/file"].tobytes())
    (tmp_path / "config.json").write_text(str(GOLDEN["llama/config"]), encoding="utf-8")
    model = load(tmp_path)
    _, _, answers = load_golden("llama")
    found = forward(model.checkpoint.config, model.checkpoint.tensors, answers["text0_ids"])
    assert_weights_near(found.weights, GOLDEN["llama/weights"], found.traces)
    assert_apart(found.weights, answers["text0_weights"], by=1e-5)


def test_transformers_gives_the_same_for_gpt_oss_in_mxfp4(tmp_path):
    """A whole gpt-oss whose experts are blocks of 4 bits: weights, sinks and logits are transformers'."""
    golden = np.load(ROOT / "tests/golden/mxfp4.npz")
    (tmp_path / "model.safetensors").write_bytes(golden["checkpoint"].tobytes())
    (tmp_path / "config.json").write_text(str(golden["config"]), encoding="utf-8")
    model = load(tmp_path)
    found = forward(model.checkpoint.config, model.checkpoint.tensors, golden["ids"], logits=True)
    assert_weights_near(found.weights, golden["weights"], found.traces)
    assert_states_near(found.logits, golden["logits"])
    assert model.network.unused_tensors() == []


REFUSED = {
    "gptq": ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "GPTQ"),
    "awq": ({"quant_method": "awq", "bits": 4}, "AWQ"),
    "awq of old": ({"w_bit": 4, "q_group_size": 128, "zero_point": True}, "AWQ"),
    "nf4": ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "nf4"),
    "fp4": ({"load_in_4bit": True}, "bitsandbytes 4-bit"),
    "hqq": ({"quant_method": "hqq"}, "HQQ"),
    "aqlm": ({"quant_method": "aqlm"}, "AQLM"),
    "eetq": ({"quant_method": "eetq"}, "EETQ"),
    "quanto": ({"quant_method": "quanto"}, "Quanto"),
    "torchao": ({"quant_method": "torchao"}, "torchao"),
    "nvfp4": ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "NVFP4"),
    "nvfp4 of compressed-tensors": (
        {"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"},
        "nvfp4-pack-quantized",
    ),
    "marlin": ({"quant_method": "compressed-tensors", "format": "marlin-24"}, "marlin-24"),
    "one group": (
        {
            "quant_method": "compressed-tensors",
            "format": "mixed-precision",
            "config_groups": {"a": {"format": "mxfp4"}},
        },
        "mxfp4",
    ),
    "rotated": ({"quant_method": "compressed-tensors", "transform_config": {"a": 1}}, "transform_config"),
    "sparse": (
        {"quant_method": "compressed-tensors", "sparsity_config": {"format": "sparse-24-bitmask"}},
        "sparse-24-bitmask",
    ),
    "unheard of": ({"quant_method": "tomorrow"}, "tomorrow"),
    "nothing said": ({"some": "thing"}, "an unnamed method"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_methods_are_refused_by_name(tmp_path, name):
    """One line says the method and the way out, before any tensor is looked at."""
    config, written = REFUSED[name]
    quantized_llama(tmp_path / "m", config={"quantization_config": config})
    with pytest.raises(InputError, match="is quantized by") as caught:
        load(tmp_path / "m")
    assert written in str(caught.value)
    assert "or a GGUF of it" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "content", "written"),
    [
        ("quantize_config.json", {"bits": 4, "desc_act": True}, "GPTQ"),
        ("quant_config.json", {"w_bit": 4}, "AWQ"),
        ("hf_quant_config.json", {"quantization": {"quant_algo": "NVFP4"}}, "NVFP4"),
    ],
)
def test_a_file_beside_the_config_names_the_method(tmp_path, file, content, written):
    """AutoGPTQ, AutoAWQ and ModelOpt write files of their own."""
    quantized_llama(tmp_path / "m")
    (tmp_path / "m" / file).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=written):
        load(tmp_path / "m")


@pytest.mark.parametrize(
    ("config", "written"),
    [
        ({"quantization": {"group_size": 64, "bits": 4}}, "MLX"),
        ({"quantization_config": {"group_size": 64, "bits": 4}}, "MLX"),
        ({"text_config": {"quantization_config": {"quant_method": "gptq"}}}, "GPTQ"),
    ],
)
def test_other_places_in_the_config(tmp_path, config, written):
    """MLX has a key of its own, and a multimodal config has it in that of the text."""
    quantized_llama(tmp_path / "m", config=config)
    with pytest.raises(InputError, match=written):
        load(tmp_path / "m")


@pytest.mark.parametrize("ending", ["qweight", "weight.absmax", "W_q", "codebooks"])
def test_tensors_that_tell_the_method(tmp_path, ending):
    """Where the config says nothing, the names of the tensors do."""
    quantized_llama(tmp_path / "m", ending=ending, scale=None)
    with pytest.raises(InputError, match="is quantized by"):
        load(tmp_path / "m")


@pytest.mark.parametrize("config", [None, INT8])
@pytest.mark.parametrize("integers", [np.int8, np.uint8, np.int32])
def test_an_integer_without_a_scale_is_refused(tmp_path, config, integers):
    """An integer matrix is not taken for numbers, whatever the config says."""
    _, _, answers = quantized_llama(tmp_path / "m", scale=None, config=config, integers=integers)
    model = load(tmp_path / "m")
    with pytest.raises(InputError, match="no scale beside it"):
        forward(model.checkpoint.config, model.checkpoint.tensors, answers["text0_ids"])


@pytest.mark.parametrize(
    ("config", "integers"), [(None, np.int8), ({"quantization_config": {"quant_method": "fp8"}}, np.int8)]
)
def test_a_scale_that_no_method_explains(tmp_path, config, integers):
    """An integer with a scale beside it, and a config that does not say how they go together, is refused."""
    _, _, answers = quantized_llama(tmp_path / "m", config=config, integers=integers)
    model = load(tmp_path / "m")
    with pytest.raises(InputError, match=r"does not combine the two|no quantization_config"):
        forward(model.checkpoint.config, model.checkpoint.tensors, answers["text0_ids"])


@pytest.mark.parametrize(
    ("part", "array"),
    [
        ("weight_scale", np.ones((5, 7), np.float32)),
        ("weight_scale", np.ones((3,), np.float32)),
        ("weight_zero_point", np.zeros((5, 7), np.int8)),
        ("weight_g_idx", np.full(24, 99, np.int32)),
    ],
)
def test_parts_that_do_not_fit(tmp_path, part, array):
    """A scale of another shape is refused, with both shapes."""
    tensors = {"a.weight": np.ones((6, 24), np.int8), "a.weight_scale": np.ones((6, 4), np.float32), f"a.{part}": array}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    opened_ = CheckpointTensors(SafetensorsFile(tmp_path / "model.safetensors"), read_quantization(INT8, tmp_path))
    with pytest.raises(InputError, match="do not fit"):
        opened_["a.weight"]


def scaled(folder, weight, scale, config):
    """A checkpoint of one weight with its scale, opened with the config of a quantization."""
    write_safetensors(folder / "model.safetensors", {"a.weight": weight, "a.weight_scale": scale})
    settings = {"quantization_config": config}
    return CheckpointTensors(SafetensorsFile(folder / "model.safetensors"), read_quantization(settings, folder))


@pytest.mark.parametrize(
    ("shape", "grid", "groups"),
    [
        ((4, 4), (1, 4), {}),  # a scale for each column is no method's
        ((4, 4), (4, 4), {}),
        ((6, 4), (2, 1), {}),  # nor one for some rows
        ((2, 192), (2, 2), {"group_size": 64}),  # three groups, not two
    ],
)
def test_a_grid_that_no_method_has(tmp_path, shape, grid, groups):
    """Scales are laid over a weight only as the config says, not wherever they could be."""
    config = {**INT8["quantization_config"], "config_groups": {"a": {"weights": {"num_bits": 8, **groups}}}}
    found = scaled(tmp_path, np.ones(shape, np.int8), np.ones(grid, np.float32), config)
    with pytest.raises(InputError, match="do not fit"):
        found["a.weight"]


def test_groups_and_blocks_have_their_size(tmp_path):
    """The last group or block may be smaller; fp8 has blocks of 128 where the config is silent, as in transformers."""
    groups = {**INT8["quantization_config"], "config_groups": {"a": {"weights": {"num_bits": 8, "group_size": 128}}}}
    found = scaled(tmp_path, np.ones((1, 192), np.int8), np.array([[1, 2]], np.float32), groups)["a.weight"]
    assert_near(found, np.repeat([[1, 2]], [128, 64], axis=1))
    ones = np.full((192, 130), 0x38, np.uint8)  # 1 in E4M3
    path = tmp_path / "model.safetensors"
    scale = np.float32([[1, 2], [3, 4]])
    write_safetensors(path, {"a.weight": ones, "a.weight_scale_inv": scale}, {"a.weight": "F8_E4M3"})
    for config, fits in (({"quant_method": "fp8"}, True), ({"quant_method": "fp8", "weight_block_size": None}, False)):
        stored = SafetensorsFile(path)
        tensors = CheckpointTensors(stored, read_quantization({"quantization_config": config}, tmp_path))
        if not fits:
            with pytest.raises(InputError, match="do not fit"):
                tensors["a.weight"]
            continue
        assert_near(tensors["a.weight"], np.repeat(np.repeat([[1, 2], [3, 4]], [128, 64], axis=0), [128, 2], axis=1))


@pytest.mark.parametrize("other", ["weight_global_scale", "weight_scale_inv"])
def test_a_second_scale_is_refused(tmp_path, other):
    """A weight with two scales is not computed from one of them."""
    tensors = {"a.weight": np.ones((2, 4), np.int8), "a.weight_scale": np.ones((2, 1), np.float32)}
    write_safetensors(tmp_path / "model.safetensors", {**tensors, f"a.{other}": np.ones((2, 1), np.float32)})
    found = CheckpointTensors(SafetensorsFile(tmp_path / "model.safetensors"), read_quantization(INT8, tmp_path))
    with pytest.raises(InputError, match=r"beside 'a\.weight_\w+'; compressed-tensors does not combine the two"):
        found["a.weight"]


@pytest.mark.parametrize("bits", [1, 3, 5, 6, 7])
def test_other_numbers_of_bits_are_refused(tmp_path, bits):
    """Packed integers of bits that are not unpacked are refused by their number, before any tensor is looked at."""
    groups = {"group_0": {"weights": {"num_bits": bits, "strategy": "channel"}}}
    config = {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": groups}
    with pytest.raises(InputError, match=f"compressed-tensors {bits}-bit, which attnviz does not read"):
        read_quantization({"quantization_config": config}, tmp_path)


def test_bitsandbytes_of_gpt2_is_refused(tmp_path):
    """GPT-2's layers are stored [inputs, outputs], and bitsandbytes turns them around: a square one would pass."""
    config = {"model_type": "gpt2", "quantization_config": {"load_in_8bit": True}}
    with pytest.raises(InputError, match="bitsandbytes int8 of GPT-2"):
        read_quantization(config, tmp_path)


def test_columns_in_another_order(tmp_path):
    """weight_g_idx says each column's group; -1 in it says that groups stand in order."""
    whole, scales = np.ones((2, 4), np.int8), np.array([[1, 2], [3, 4]], np.float32)
    for index, expected in (
        ([1, 0, 0, 1], [[2, 1, 1, 2], [4, 3, 3, 4]]),
        ([-1, -1, -1, -1], [[1, 1, 2, 2], [3, 3, 4, 4]]),
    ):
        write_safetensors(
            tmp_path / "model.safetensors",
            {"a.weight": whole, "a.weight_scale": scales, "a.weight_g_idx": np.array(index, np.int32)},
        )
        found = CheckpointTensors(SafetensorsFile(tmp_path / "model.safetensors"), read_quantization(INT8, tmp_path))
        assert_near(found["a.weight"], expected)


def test_bitsandbytes_in_tiles_is_refused(tmp_path):
    """Old versions could store a weight in the order of a graphics card."""
    write_safetensors(
        tmp_path / "model.safetensors",
        {
            "a.weight": np.ones((2, 4), np.int8),
            "a.SCB": np.ones(2, np.float32),
            "a.weight_format": np.array(2, np.uint8),
        },
    )
    config = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}
    found = CheckpointTensors(SafetensorsFile(tmp_path / "model.safetensors"), read_quantization(config, tmp_path))
    with pytest.raises(InputError, match="tiles"):
        found["a.weight"]


def test_the_scales_of_activations_are_no_weights(tmp_path):
    """Scales of a runtime's inputs and cache are named and left alone; the caption says that weights were converted."""
    write_safetensors(
        tmp_path / "model.safetensors",
        {
            "a.weight": np.ones((2, 4), np.int8),
            "a.weight_scale": np.ones((2, 1), np.float32),
            "a.input_scale": np.ones(1, np.float32),
            "a.k_scale": np.ones(1, np.float32),
        },
    )
    found = CheckpointTensors(SafetensorsFile(tmp_path / "model.safetensors"), read_quantization(INT8, tmp_path))
    assert set(found.of_activations) == {"a.input_scale", "a.k_scale"}
    assert list(found) == ["a.weight"]


@pytest.mark.parametrize("dtype", ["F4", "F8_E4M3FNUZ", "C64"])
def test_a_sound_file_in_a_format_that_is_not_read(tmp_path, dtype):
    """A number format of safetensors that is not read is named; the file is not called broken."""
    header = json.dumps({"a": {"dtype": dtype, "shape": [2], "data_offsets": [0, 2]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    with pytest.raises(InputError, match=dtype) as caught:
        SafetensorsFile(tmp_path / "model.safetensors")
    assert "not a valid" not in str(caught.value)


def test_the_caption_says_what_was_converted(tmp_path):
    """A note says that weights were converted, and how many scales of activations were left alone."""
    folder = model_of(tmp_path / "m", "llama")
    stored, dtypes = dict(load_file(folder / "model.safetensors")), {}
    for name in [one for one in stored if one.endswith("_proj.weight")]:
        scales = np.abs(stored[name]).max(axis=1, keepdims=True) / np.float32(127)
        stored[name] = np.rint(stored[name] / scales).astype(np.int8)
        stored[f"{name}_scale"] = scales
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | INT8), encoding="utf-8")
    write_safetensors(folder / "model.safetensors", stored, dtypes)
    notes = [str(note) for note in load(folder).attend("the cat").notes]
    assert notes == ["Quantized weights (compressed-tensors) were converted to float32; activations stay float32."]
    stored["model.layers.0.mlp.down_proj.input_scale"] = np.ones(1, np.float32)
    write_safetensors(folder / "model.safetensors", stored, dtypes)
    assert "their scales (tensors: 1) are not used" in str(load(folder).attend("the cat").notes[0])


@pytest.mark.parametrize("name", ["layers.1.self_attn.q_norm.weight", "layers.0.mlp.down_proj.weight_scale_inv"])
def test_tensors_of_computed_layers_that_are_not_used(tmp_path, name):
    """What belongs to a computed layer and was not used is reported, once its layer was computed."""
    folder = model_of(tmp_path / "m", "llama")
    stored = {**load_file(folder / "model.safetensors"), f"model.{name}": np.ones(6, np.float32)}
    stored["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.ones(3, np.float32)
    stored["score.weight"] = np.ones((2, 3), np.float32)
    write_safetensors(folder / "model.safetensors", stored)
    model = load(folder)
    if ".1." in name:
        assert model.attend("the cat", layers=0).notes == ()
    (note,) = model.attend("the cat").notes
    assert name.split(".", 2)[2] in str(note)
    assert "Not used" in str(note)
    assert "inv_freq" not in str(note)


def test_weights_that_are_floats_after_all(tmp_path):
    """A config that names a method over weights of floats: they are used as they are, and a note says so."""
    folder = model_of(tmp_path / "m", "llama")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(
        json.dumps({**config, "quantization_config": {"load_in_8bit": True}}), encoding="utf-8"
    )
    (note,) = load(folder).attend("the cat").notes
    assert "stored as floats and used as they are" in str(note)


def test_gguf_weights_of_integers(tmp_path):
    """A .gguf may hold integers too; as a weight they are refused."""
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "llama")
    writer.add_tensor("blk.0.attn_q.weight", np.ones((4, 4), np.int8))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(InputError, match="no scale beside it"):
        GgufTensors(GgufFile(tmp_path / "x.gguf"))
