"""What GGUF files have in other arrays than transformers: fused, parted, quantized, beyond the layers, or lost."""

import re

import numpy as np
import pytest
from gguf_files import CASES, DeepseekExperts, Delta, Experts, Written, gguf, interleaved, write
from golden_models import load
from near import assert_states_near, assert_weights_near

from attnviz.core.errors import InputError
from attnviz.models.families import weights
from attnviz.models.families.weights import Weights
from attnviz.models.formats import gguf_quantization
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_names import GgufTensors, config_of
from attnviz.models.forward import Network, forward


def case_of(golden, architecture):
    """The first case of a golden model and an architecture."""
    return next(case for case in CASES if (case.golden, case.architecture) == (golden, architecture))


def changed(case, **metadata):
    """A case with other metadata; None takes a key away. __ stands for a dot."""
    given = dict(case.metadata) | {key.replace("__", "."): value for key, value in metadata.items()}
    return case._replace(metadata={key: value for key, value in given.items() if value is not None})


def assert_same(file, config, tensors, ids):
    """A file gives what a config and tensors give."""
    found = forward(config_of(file), GgufTensors(file), ids, logits=True)
    expected = forward(config, tensors, ids, logits=True)
    assert_weights_near(found.weights, expected.weights, found.traces)
    assert_states_near(found.logits, expected.logits)


@pytest.mark.parametrize("name", ["llama", "qwen2", "qwen3"])
def test_queries_keys_and_values_in_one_array(tmp_path, name):
    """llama.cpp's --fuse-qkv puts them one after the other; rows that it interleaves are put back."""
    config, tensors, answers = load(name)
    waiting = {}

    def fused(array_name, array, given):
        found = re.fullmatch(r"model\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)", array_name)
        pairs = list(interleaved(array_name, array, given)) if name == "llama" else [(array_name, array)]
        if found is None:
            yield from pairs
            return
        parts = waiting.setdefault((found[1], found[3]), {})
        parts[found[2]] = pairs[0][1]
        if len(parts) == 3:
            yield f"blk.{found[1]}.attn_qkv.{found[3]}", np.concatenate([parts[part] for part in "qkv"])

    file = GgufFile(write(tmp_path / "m.gguf", Written(name, name, convert=fused), config, tensors))
    assert "blk.0.attn_qkv.weight" in file
    assert_same(file, config, tensors, answers["text0_ids"])


def test_fused_rows_that_do_not_fit_are_refused(tmp_path):
    """An array of another number of rows is no queries, keys and values."""
    config, tensors, answers = load("qwen3")

    def fused(name, array, _config):
        yield (f"blk.{name.split('.')[2]}.attn_qkv.weight", array) if "q_proj" in name else (name, array)

    file = GgufFile(write(tmp_path / "m.gguf", Written("qwen3", "qwen3", convert=fused), config, tensors))
    with pytest.raises(InputError, match="cannot be divided"):
        forward(config_of(file), GgufTensors(file), answers["text0_ids"])


def test_gates_and_first_matrices_of_experts_in_one_array(tmp_path):
    """llama.cpp's --fuse-gate-up-exps stacks them."""
    config, tensors, answers = load("qwen3_moe")
    experts = Experts()

    def fused(name, array, given):
        for found, each in experts(name, array, given):
            match = re.fullmatch(r"model\.layers\.(\d+)\.mlp\.experts\.(gate|up)_proj\.weight", found)
            if match is None:
                yield found, each
                continue
            parts = waiting.setdefault(match[1], {})
            parts[match[2]] = each
            if len(parts) == 2:
                yield f"blk.{match[1]}.ffn_gate_up_exps.weight", np.concatenate([parts["gate"], parts["up"]], axis=1)

    waiting = {}
    split = {name: array for name, array in tensors.items() if "gate_up_proj" not in name}
    for name in set(tensors) - set(split):
        layer = name.split(".experts")[0]
        for number, (both, down) in enumerate(zip(tensors[name], tensors[f"{layer}.experts.down_proj"], strict=True)):
            for part, array in zip(("gate", "up", "down"), (*np.split(both, 2), down), strict=True):
                split[f"{layer}.experts.{number}.{part}_proj.weight"] = array
        split.pop(f"{layer}.experts.down_proj")
    case = case_of("qwen3_moe", "qwen3moe")._replace(convert=fused)
    file = GgufFile(write(tmp_path / "m.gguf", case, config, split))
    assert any("ffn_gate_up_exps" in name for name in file)
    assert_same(file, config, tensors, answers["text0_ids"])


@pytest.mark.parametrize(
    ("golden", "architecture"), [("qwen3_5", "qwen35"), ("glm4_moe", "glm4moe"), ("deepseek_v3", "deepseek2")]
)
def test_layers_that_guess_further_tokens_are_no_layers(tmp_path, golden, architecture):
    """What stands after the layers, as nextn_predict_layers says, is neither computed nor complained of."""
    config, tensors, answers = load(golden)
    case, last = case_of(golden, architecture), config["num_hidden_layers"]
    case = changed(case, block_count=last + 1, nextn_predict_layers=1)
    more = {
        f"blk.{last}.{part}.weight": np.ones((16, 16), np.float32) for part in ("attn_q", "nextn.eh_proj", "ffn_up")
    }
    more[f"blk.{last}.attn_k_b.weight"] = np.ones((4, 8, 6), np.float32)
    convert = type(case.convert)(tiled=True) if isinstance(case.convert, Delta) else type(case.convert)()
    path = write(tmp_path / "m.gguf", case._replace(convert=convert), config, more | tensors)
    file = GgufFile(path)
    given = config_of(file)
    assert given["num_hidden_layers"] == last
    assert GgufTensors(file).unknown == ()
    if "rope_scaling" in given:
        given["rope_scaling"]["mscale"] = config["rope_parameters"]["mscale"]
    found = forward(given, GgufTensors(file), answers["text0_ids"])
    assert_weights_near(found.weights, answers["text0_weights"], found.traces)


def test_scaled_latent_attention_has_one_temperature(tmp_path):
    """A file has a tenth of mscale_all_dim, and mscale is taken to be the same; without it there is neither."""
    config, tensors, answers = load("deepseek_v2")
    case = case_of("deepseek_v2", "deepseek2")
    for tenth, share in ((0.0707, 0.707), (0.1, 1.0), (None, None)):
        each = changed(case, rope__scaling__yarn_log_multiplier=tenth)._replace(convert=DeepseekExperts())
        file = GgufFile(write(tmp_path / "m.gguf", each, config, tensors))
        rotation = {key: value for key, value in config["rope_parameters"].items() if "mscale" not in key}
        if share:
            rotation |= {"mscale": share, "mscale_all_dim": share}
        assert_same(file, config | {"rope_parameters": rotation}, tensors, answers["text0_ids"])


def test_numbers_of_a_stretched_rotation_are_read(tmp_path):
    """The betas and the factor of the attention that a file gives are those of the model."""
    config, tensors, answers = load("llama-yarn")
    rotation = dict(config["rope_parameters"]) | {"beta_fast": 8.0, "beta_slow": 2.0, "attention_factor": 0.7}
    metadata = {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": float(rotation["factor"]),
        "rope.scaling.original_context_length": rotation["original_max_position_embeddings"],
        "rope.scaling.yarn_beta_fast": 8.0,
        "rope.scaling.yarn_beta_slow": 2.0,
        "rope.scaling.yarn_attn_factor": 0.7,
    }
    case = Written("llama-yarn", "llama", metadata, convert=interleaved)
    file = GgufFile(write(tmp_path / "m.gguf", case, config, tensors))
    assert_same(file, config | {"rope_parameters": rotation}, tensors, answers["text0_ids"])


def test_experts_are_told_by_the_router(tmp_path):
    """Without expert_gating_func, a bias of the choice means DeepSeek-V3's sigmoids, and none V2's softmax."""
    for golden, family in (("deepseek_v3", "deepseek_v3"), ("deepseek_v2", "deepseek_v2")):
        config, tensors, _ = load(golden)
        case = changed(case_of(golden, "deepseek2"), expert_gating_func=None)._replace(convert=DeepseekExperts())
        file = GgufFile(write(tmp_path / "m.gguf", case, config, tensors))
        assert config_of(file)["model_type"] == family


def test_what_deepseek_files_leave_out_is_refused(tmp_path):
    """Groups that a file of DeepSeek-V2 or V3 does not tell, and another way of choosing."""
    config, tensors, _ = load("deepseek_v3")
    case = case_of("deepseek_v3", "deepseek2")
    for metadata, problem in (
        ({"expert_group_count": None, "expert_count": 256}, "does not say into how many groups its 256 experts"),
        ({"expert_gating_func": 4}, "expert_gating_func 4"),
        ({"attention__kv_lora_rank": None}, "must give deepseek2.attention.kv_lora_rank as one number"),
    ):
        file = GgufFile(
            write(tmp_path / "m.gguf", changed(case, **metadata)._replace(convert=DeepseekExperts()), config, tensors)
        )
        with pytest.raises(InputError, match=problem):
            config_of(file)


def test_what_does_not_fit_a_gated_delta_net_is_refused(tmp_path):
    """Numbers that do not divide each other, arrays of other shapes, decays that are not below 0."""
    config, tensors, answers = load("qwen3_5")
    case = case_of("qwen3_5", "qwen35")
    for metadata, problem in (({"ssm__inner_size": 30}, "do not divide"), ({"ssm__group_count": 3}, "do not divide")):
        wrong = changed(case, **metadata)._replace(convert=Delta(tiled=True))
        file = GgufFile(write(tmp_path / "m.gguf", wrong, config, tensors))
        with pytest.raises(InputError, match=problem):
            config_of(file)
    for name, array, problem in (
        ("linear_attn.out_proj.weight", np.ones((16, 24), np.float32), "ssm_out.weight of shape"),
        ("linear_attn.A_log", None, "below 0"),
    ):
        delta = Delta(tiled=True)

        def convert(found, each, given, name=name, array=array, delta=delta):
            for ours, converted in delta(found, each, given):
                yield ours, (converted if not ours.endswith(name) else array if array is not None else -converted)

        file = GgufFile(write(tmp_path / "m.gguf", case._replace(convert=convert), config, tensors))
        with pytest.raises(InputError, match=problem):
            forward(config_of(file), GgufTensors(file), answers["text0_ids"])


LATENT_FILE = {
    "metadata": {
        "attention.head_count": 4,
        "attention.kv_lora_rank": 256,
        "attention.q_lora_rank": 256,
        "attention.key_length_mla": 96,
        "attention.value_length_mla": 64,
        "attention.key_length": 288,
        "rope.dimension_count": 32,
        "expert_count": 2,
        "expert_used_count": 1,
        "expert_feed_forward_length": 256,
        "expert_gating_func": 2,
    },
    "shapes": {
        "attn_q_a": (256, 256),
        "attn_q_b": (384, 256),
        "attn_kv_a_mqa": (288, 256),
        "attn_k_b": (4, 256, 64),
        "attn_v_b": (4, 64, 256),
        "attn_output": (256, 256),
        "ffn_up_exps": (2, 256, 256),
    },
}
DELTA_FILE = {
    "metadata": {
        "attention.head_count": 4,
        "ssm.conv_kernel": 4,
        "ssm.state_size": 64,
        "ssm.group_count": 2,
        "ssm.time_step_rank": 4,
        "ssm.inner_size": 256,
        "rope.dimension_count": 16,
        "expert_count": 2,
        "expert_used_count": 1,
        "expert_feed_forward_length": 256,
    },
    "shapes": {
        "attn_qkv": (512, 256),
        "attn_gate": (256, 256),
        "ssm_alpha": (4, 256),
        "ssm_out": (256, 256),
        "ffn_up_exps": (2, 256, 256),
    },
}


def quantized_pair(folder, architecture, made, kind):
    """Two files of random blocks of a format: as they are, and as the floats that they hold."""
    rng = np.random.default_rng(5)
    metadata = {"block_count": 1, "embedding_length": 256, "feed_forward_length": 256, "context_length": 64}
    writers = [gguf.GGUFWriter(folder / name, architecture) for name in ("quantized.gguf", "floats.gguf")]
    for writer in writers:
        for key, value in (metadata | made["metadata"]).items():
            writer.add_uint32(f"{architecture}.{key}", value)
    for name, shape in {
        "token_embd": (8, 256),
        **{f"blk.0.{name}": shape for name, shape in made["shapes"].items()},
    }.items():
        own = kind if shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0 else gguf.GGMLQuantizationType.Q8_0
        block, size = gguf.GGML_QUANT_SIZES[own]
        raw = rng.integers(0, 256, (*shape[:-1], shape[-1] // block, size), dtype=np.uint8)
        raw[..., : 4 if own.name == "Q4_K" else 2] = np.frombuffer(np.float16([0.002, 0.01]).tobytes(), np.uint8)[
            : 4 if own.name == "Q4_K" else 2
        ]
        raw = raw.reshape(*shape[:-1], -1)
        writers[0].add_tensor(f"{name}.weight", raw, raw_dtype=own)
        writers[1].add_tensor(f"{name}.weight", gguf.dequantize(raw, own))
    for writer in writers:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return (GgufTensors(GgufFile(folder / name)) for name in ("quantized.gguf", "floats.gguf"))


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_K"])
@pytest.mark.parametrize(
    ("architecture", "made"), [("deepseek2", LATENT_FILE), ("qwen35moe", DELTA_FILE), ("qwen3next", DELTA_FILE)]
)
def test_a_quantized_file_is_the_same_as_its_numbers(tmp_path, architecture, made, kind):
    """Each array that is quantized equals what it holds as floats, put back into its layout, exactly."""
    found, expected = quantized_pair(tmp_path, architecture, made, gguf.GGMLQuantizationType[kind])
    assert set(found) == set(expected)
    assert found.unknown == expected.unknown
    for name in found:
        assert found.shape(name) == expected.shape(name) == found[name].shape, name
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    if architecture == "deepseek2":
        assert found.shape("model.layers.0.self_attn.kv_b_proj.weight") == (4 * (64 + 64), 256)
        np.testing.assert_array_equal(
            found.rows("model.layers.0.mlp.experts.up_proj.weight", np.array([1]))[0],
            expected["model.layers.0.mlp.experts.up_proj.weight"][1],
        )


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_K"])
def test_a_head_is_converted_by_blocks_into_its_product(tmp_path, monkeypatch, kind):
    """Logits by blocks of rows are those by the whole matrix, of which only some rows are converted at a time."""
    found, _ = quantized_pair(tmp_path, "qwen35moe", DELTA_FILE, gguf.GGMLQuantizationType[kind])
    name, x = "model.embed_tokens.weight", np.random.default_rng(1).normal(size=(3, 256)).astype(np.float32)
    monkeypatch.setattr(weights, "_BLOCK", 3 * 256)
    taken, asked = Weights(found), []
    monkeypatch.setattr(GgufTensors, "__getitem__", lambda *_: pytest.fail("the whole matrix was read"))
    rows = GgufTensors.rows
    monkeypatch.setattr(GgufTensors, "rows", lambda self, name, ids: asked.append(len(ids)) or rows(self, name, ids))
    product = taken.times(x, name, shape=(8, 256))
    assert asked == [3, 3, 2]
    monkeypatch.undo()
    assert_states_near(product, x @ found[name].T)
    with pytest.raises(InputError, match="has the shape"):
        taken.times(x, name, shape=(9, 256))
    with taken.kept():
        assert_states_near(taken.times(x, name, shape=(8, 256)), product)


def test_the_head_of_a_file_is_checked_without_reading_it(tmp_path, monkeypatch):
    """Whether the matrix of the logits is there is known from shapes."""
    config, tensors, _ = load("qwen3_5")
    file = GgufFile(write(tmp_path / "m.gguf", case_of("qwen3_5", "qwen35"), config, tensors))
    network = Network(config_of(file), GgufTensors(file))
    monkeypatch.setattr(weights, "_BLOCK", 16)
    for read in ("__getitem__", "rows"):
        monkeypatch.setattr(GgufTensors, read, lambda *_: pytest.fail("it was read"))
    network.check_head()


def test_numbers_are_converted_a_few_at_a_time(monkeypatch):
    """The blocks of a long array are converted in parts, which give what the package gives of all of them."""
    monkeypatch.setattr(gguf_quantization, "_NUMBERS_AT_A_TIME", 1)
    kind, rng = gguf.GGMLQuantizationType.Q8_0, np.random.default_rng(2)
    raw = gguf.quantize(rng.normal(size=(9001, 32)).astype(np.float32), kind)
    found = gguf_quantization.to_float32(raw.ravel(), gguf_quantization.FORMATS[int(kind)])
    np.testing.assert_array_equal(found, gguf.dequantize(raw, kind).ravel())
