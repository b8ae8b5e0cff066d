"""Files beside the weights: absent only where there is no such name, else read, or refused by name and cause."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess

import pytest
from tiny_models import gguf_of, model_of

pytest.importorskip("tokenizers")

from attnviz.core.errors import InputError
from attnviz.models.chat import find_templates
from attnviz.models.model import load, opened

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 268435456\n".format("4d7a2140" * 8)
TOKENIZER_FILES = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.json")
OTHERS = ("chat_template.jinja", "chat_template.json", "generation_config.json")
WEIGHTS = ("config.json", "model.safetensors", "adapter_config.json")


def read_all(folder):
    """Read every file of a model's folder that any command reads."""
    model = load(str(folder))
    assert model.tokenizer.encode("the cat").ids.size
    find_templates(model.checkpoint)
    assert model.checkpoint.generation is not None


def refusal(folder, read=read_all):
    with pytest.raises(InputError) as caught:
        read(folder)
    return str(caught.value)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A tiny BERT, with a vocab.txt."""
    return model_of(tmp_path_factory.mktemp("bert") / "model", "bert")


@pytest.fixture
def folder(bert, tmp_path):
    """A copy of the tiny BERT, to be damaged."""
    return shutil.copytree(bert, tmp_path / "model")


@pytest.mark.parametrize("fault", ["folder", "link", "device", "pipe", "text", "pointer"])
def test_a_file_that_is_there_is_never_taken_as_absent(folder, fault):
    """Whatever stands under the name of a file that is read is read, or refused in a line with its name and why."""
    made = {
        "folder": lambda path: path.mkdir(),
        "link": lambda path: path.symlink_to("nowhere"),
        "device": lambda path: path.symlink_to("/dev/zero"),
        "pipe": os.mkfifo,
        "text": lambda path: path.write_bytes(b"\xff{"),
        "pointer": lambda path: path.write_text(POINTER, encoding="utf-8"),
    }
    said = {"folder": "is a folder", "link": "is a link to 'nowhere'", "device": "a device", "pipe": "is a pipe"}
    read_all(folder)
    for name in (*TOKENIZER_FILES, *OTHERS, *WEIGHTS, "vocab.txt"):
        path = folder / name
        before = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        made[fault](path)
        error = refusal(folder)
        assert str(path) in error, (name, error)
        assert said.get(fault, "Git LFS pointer" if fault == "pointer" else "") in error, (name, error)
        assert "\n" not in error
        path.rmdir() if fault == "folder" else path.unlink()
        if before is not None:
            path.write_bytes(before)
    read_all(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_is_shut(folder):
    """A file that the system refuses to open is told, not skipped."""
    for name in ("tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        (folder / name).write_text("{}", encoding="utf-8")
        (folder / name).chmod(0)
        assert "cannot be read" in refusal(folder)
        (folder / name).chmod(0o600)


def test_too_large(folder):
    """A file with more bytes than its kind may have is refused before it is read."""
    for name in ("tokenizer_config.json", "chat_template.jinja"):
        with open(folder / name, "wb") as file:
            file.truncate(2**31)
        assert "2,147,483,648 bytes" in refusal(folder)
        (folder / name).unlink()


def test_additional_templates(folder):
    """A file where the folder of further templates is expected is told."""
    (folder / "additional_chat_templates").write_text("", encoding="utf-8")
    assert "additional_chat_templates" in refusal(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model-00001-of-00002.safetensors", "model.gguf"])
def test_pointers_of_weights(folder, name):
    """A Git LFS pointer in place of weights is called one, and the next step is said; other texts are none."""
    (folder / "model.safetensors").unlink()
    (folder / name).write_text(POINTER, encoding="utf-8")
    reference = folder / name if name.endswith(".gguf") else folder
    error = refusal(reference)
    assert error.startswith(f"{str(folder / name)!r} is a Git LFS pointer")
    assert f"git -C {shlex.quote(str(folder))} lfs pull" in error
    assert "Git LFS" in refusal(folder / name)
    (folder / name).write_text("version 2", encoding="utf-8")
    assert "Git LFS" not in refusal(reference)


def test_pointer_among_shards_and_pieces(folder, tmp_path):
    """A shard or a piece that is a pointer is named, not the file that lists it or their sum."""
    index = {"weight_map": {"embeddings.word_embeddings.weight": "model-00001-of-00001.safetensors"}}
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "model-00001-of-00001.safetensors").write_text(POINTER, encoding="utf-8")
    assert "00001.safetensors' is a Git LFS pointer" in refusal(folder)
    pytest.importorskip("gguf")
    gguf_of(tmp_path / "one.gguf")
    data = (tmp_path / "one.gguf").read_bytes()
    (tmp_path / "x.gguf.part00").write_bytes(data[:5000])
    (tmp_path / "x.gguf.part01").write_text(POINTER, encoding="utf-8")
    (tmp_path / "x.gguf.sha256").write_text("0" * 64, encoding="utf-8")
    assert "part01' is a Git LFS pointer" in refusal(tmp_path / "x.gguf.part00")


def test_the_printed_command_is_one(tmp_path):
    """The command that fetches the file is given to git as it is printed: it fails only where git-lfs is missing."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    place = tmp_path / "a b"
    place.mkdir()
    (place / "config.json").write_text(POINTER, encoding="utf-8")
    command = shlex.split(refusal(place).rpartition("with: ")[2].rstrip(". "))
    assert command == ["git", "-C", str(place), "lfs", "pull"]
    done = subprocess.run([git, *command[1:3], "lfs", "version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "'lfs' is not a git command" in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("tokenizer_config.json", '{"pad_token": "a\\ud800"}', "pad_token"),
        ("tokenizer_config.json", '{"mask_token": {"content": "\\udfff"}}', "mask_token.content"),
        ("tokenizer_config.json", '{"extra_special_tokens": ["\\ud83d\\ude00", "\\uD83D"]}', "extra_special_tokens"),
        ("special_tokens_map.json", '{"cls_token": "\\udc00"}', "cls_token"),
        ("added_tokens.json", '{"\\ud800": 7}', "�"),
        ("tokenizer_config.json", '{"chat_template": "{{ \\ud800 }}"}', "chat_template"),
    ],
)
def test_half_characters(folder, name, content, key):
    """A lone surrogate is told with the file and the key that it stands in, whatever file the tokenizer is in."""
    (folder / name).write_text(content, encoding="utf-8")
    error = refusal(folder)
    assert error.startswith(repr(str(folder / name)))
    assert "a surrogate without its other half" in error
    assert key == "�" or repr(key) in error


def test_whole_characters_beyond_the_first_plane(folder):
    """A pair of surrogates in JSON is one character, and no fault."""
    (folder / "tokenizer_config.json").write_text('{"pad_token": "\\ud83d\\ude00"}', encoding="utf-8")
    read_all(folder)


def test_a_changed_model_is_opened_again(folder, tmp_path):
    """The model that is kept open is the one on disk: a changed, replaced or added file opens it anew."""
    reference = str(folder)
    first = opened(reference)
    assert opened(reference) is first
    number = first.tokenizer.id_of("the")
    path = folder / "vocab.txt"
    before, words = path.stat(), path.read_text(encoding="utf-8").splitlines()
    place = words.index("the")
    words[place], words[place + 1] = words[place + 1], words[place]
    other = tmp_path / "vocab.txt"
    other.write_text("\n".join(words) + "\n", encoding="utf-8")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert other.stat().st_size == before.st_size
    os.replace(other, path)  # the same size and time: only the inode tells
    again = opened(reference)
    assert again is not first
    assert again.tokenizer.id_of("the") == number + 1
    (folder / "chat_template.jinja").write_text("x", encoding="utf-8")
    assert opened(reference) is not again
    assert find_templates(opened(reference).checkpoint) == {"default": "x"}


def test_a_changed_gguf_file_is_opened_again(tmp_path):
    """So is a .gguf file; files of other kinds beside it do not matter."""
    pytest.importorskip("gguf")
    gguf_of(tmp_path / "one.gguf")
    first = opened(str(tmp_path / "one.gguf"))
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    assert opened(str(tmp_path / "one.gguf")) is first
    os.utime(tmp_path / "one.gguf", ns=(1, 1))
    assert opened(str(tmp_path / "one.gguf")) is not first
