"""Folders and files that hold no whole checkpoint: each gets its next step, in one line."""

from __future__ import annotations

import ast
import json
import shutil

import pytest
from golden_models import MODELS

from attnviz.core.errors import InputError
from attnviz.models.model import load
from attnviz.models.other_layouts import LAYOUTS


def refused(path):
    """The line that refuses a folder or file."""
    with pytest.raises(InputError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("beside", ["nothing", "config", "whole"])
@pytest.mark.parametrize(
    ("task", "peft"), [("CAUSAL_LM", "AutoPeftModelForCausalLM"), (None, "AutoPeftModel"), (3, "AutoPeftModel")]
)
def test_an_adapter(tmp_path, beside, task, peft):
    """An adapter is named with its kind and base model, and how to merge it; also beside a whole model's files."""
    if beside == "whole":
        shutil.copytree(MODELS / "llama", tmp_path, dirs_exist_ok=True)
    elif beside == "config":
        shutil.copy(MODELS / "llama" / "config.json", tmp_path)
    settings = {"base_model_name_or_path": "owner/base", "peft_type": "LORA", "task_type": task}
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"x")
    line = refused(tmp_path)
    assert "an adapter (LORA) for the model 'owner/base'" in line
    code = line.split("in Python: ")[1].split(". If the")[0]
    assert code == f'peft.{peft}.from_pretrained({str(tmp_path)!r}).merge_and_unload().save_pretrained("merged")'
    ast.parse(code)


@pytest.mark.parametrize("text", ["{}", '{"base_model_name_or_path": 3}'])
def test_an_adapter_that_says_nothing(tmp_path, text):
    """An adapter's config may leave everything out: it is an adapter all the same."""
    (tmp_path / "adapter_config.json").write_text(text, encoding="utf-8")
    assert "an adapter (?) for the model '?'" in refused(tmp_path)


@pytest.mark.parametrize("text", ["", "[]"])
def test_a_damaged_adapter(tmp_path, text):
    """An adapter's config that is no JSON object is told as that."""
    (tmp_path / "adapter_config.json").write_text(text, encoding="utf-8")
    assert "adapter_config.json'" in refused(tmp_path)
    assert "JSON" in refused(tmp_path)


@pytest.mark.parametrize("name", ["0_Transformer", "0_BERT", "my_model"])
def test_an_old_sentence_transformers_folder(tmp_path, name):
    """Its model is in a folder inside, which opens as the line says; modules.json names it, or its usual name does."""
    shutil.copytree(MODELS / "bert", tmp_path / name)
    if name == "my_model":
        modules = [{"idx": 0, "path": name, "type": "sentence_transformers.models.Transformer"}, {"path": "1_Pooling"}]
        (tmp_path / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    line = refused(tmp_path)
    assert f"its model is in {name!r}. Give " in line
    assert load(ast.literal_eval(line.split("Give ")[1].rstrip("."))).shape.family == "bert"


@pytest.mark.parametrize("path", ["../up", "/etc", 3, None])
def test_modules_that_lead_elsewhere(tmp_path, path):
    """A path out of the folder is not followed."""
    (tmp_path / "m").mkdir()
    shutil.copytree(MODELS / "bert", tmp_path / "up")
    (tmp_path / "m" / "modules.json").write_text(json.dumps([{"path": path}]), encoding="utf-8")
    assert "has no config.json" in refused(tmp_path / "m")


def test_models_in_folders_inside(tmp_path):
    """A folder of models names those in it."""
    shutil.copytree(MODELS / "bert", tmp_path / "a")
    assert str(tmp_path / "a") in refused(tmp_path)


@pytest.mark.parametrize("with_config", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout.written))
def test_other_frameworks(tmp_path, layout, with_config):
    """Each file of another framework is named, with and without a config.json beside it."""
    for pattern in layout.files:
        folder = tmp_path / pattern.replace("*", "x").replace("/", "_")
        folder.mkdir()
        if with_config:
            shutil.copy(MODELS / "bert" / "config.json", folder)
        file = folder / pattern.replace("*", "x")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
        line = refused(folder)
        assert f"holds {layout.written}, which attnviz does not read" in line
        assert line.count(". ") >= 1
        if "in Python: " in line:
            ast.parse(line.split("in Python: ")[1])


def test_a_pickle_of_weights_goes_first(tmp_path):
    """Where pickled weights lie beside other formats, they can be converted here; pickles of a training run cannot."""
    shutil.copy(MODELS / "bert" / "config.json", tmp_path)
    (tmp_path / "optimizer.pt").write_bytes(b"x")
    assert "has no weights" in refused(tmp_path)
    (tmp_path / "tf_model.h5").write_bytes(b"x")
    assert "TensorFlow weights" in refused(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    assert "is a pickle" in refused(tmp_path)


@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        (b"GGUF", "GGUF file under another name"),
        (b"tjgg", "ggml file"),
        (b"algg", "adapter in ggml"),
        (b"PK\x03\x04", "pickle of PyTorch"),
        (b"\x89HDF", "HDF5"),
        (b"", "neither a folder nor"),
        (b"text", "neither a folder nor"),
    ],
)
def test_files_by_their_first_bytes(tmp_path, beginning, words):
    """A file that is no .gguf is named by its first bytes, where they say what it is."""
    (tmp_path / "model.bin").write_bytes(beginning + b"rest")
    assert words in refused(tmp_path / "model.bin")


def test_timm(tmp_path):
    """Timm's config.json is recognized, though it names no family."""
    (tmp_path / "config.json").write_text('{"architecture": "vit_base", "pretrained_cfg": {}}', encoding="utf-8")
    assert "timm" in refused(tmp_path)
