"""References: from what people type to a model's files, without importing or fetching anything unasked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from paths import GOLDEN

from attnviz import load_weights
from attnviz.core.errors import InputError, OptionError
from attnviz.models import locate as reference
from attnviz.models.hub import choose_files
from attnviz.models.locate import HubName, cache_folder, find_model, find_models

TINY = GOLDEN / "models" / "bert"


def model_folder(path):
    """A folder that looks like a model."""
    path.mkdir(parents=True)
    (path / "config.json").write_text('{"model_type": "bert"}')
    (path / "model.safetensors").write_bytes(b"")
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty hub cache."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf" / "hub"


def in_cache(cache, name, commit="a" * 40, ref="main"):
    """A model in the cache, as huggingface-hub lays it out."""
    folder = cache / ("models--" + name.replace("/", "--"))
    snapshot = model_folder(folder / "snapshots" / commit)
    (folder / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
    (folder / "refs" / ref).write_text(commit)
    return snapshot


def test_folder_and_file(tmp_path):
    """A folder is itself, under its own name; a .gguf file too; a folder of one .gguf is that file."""
    folder = model_folder(tmp_path / "my model")
    assert (find_model(str(folder)).path, find_model(str(folder)).name) == (folder, "my model")
    quantized = tmp_path / "q" / "x.Q4_1.gguf"
    quantized.parent.mkdir()
    quantized.write_bytes(b"")
    assert (find_model(str(quantized)).path, find_model(str(quantized)).name) == (quantized, "x.Q4_1")
    assert find_model(str(quantized.parent)).path == quantized
    (quantized.parent / "y.gguf").write_bytes(b"")
    with pytest.raises(InputError, match="several"):
        find_model(str(quantized.parent))


@pytest.mark.parametrize("name", ["w.npz", "w.npy", "w.json"])
def test_attention_is_no_model(tmp_path, name):
    """Who gives attention where a model is expected, or a model where attention is, learns where it goes."""
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"goes with weights.*load_weights"):
        find_model(str(tmp_path / name))
    for model in (tmp_path, tmp_path / "m.gguf"):
        with pytest.raises(OptionError, match=r"goes with model, or with `attnviz\.load`"):
            load_weights(model)


def test_first_part_of_a_split_file(tmp_path):
    """Parts of one model are no several models."""
    for part in (1, 2, 3):
        (tmp_path / f"m-0000{part}-of-00003.gguf").write_bytes(b"")
    assert find_model(str(tmp_path)).path.name == "m-00001-of-00003.gguf"


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"HF_HUB_CACHE": "/a"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"}, "/b"),
        ({"HF_HOME": "/c"}, "/c/hub"),
        ({"XDG_CACHE_HOME": "/d"}, "/d/huggingface/hub"),
        ({"HOME": "/e"}, "/e/.cache/huggingface/hub"),
    ],
)
def test_where_the_cache_is(monkeypatch, variables, wanted):
    """The variables that huggingface-hub reads decide, in its order."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(wanted)


def test_hub_names_in_the_cache(cache):
    """owner/name is main; @ takes a branch, a tag or the beginning of a commit."""
    main = in_cache(cache, "owner/name", "a" * 40)
    other = in_cache(cache, "owner/name", "b" * 40, ref="v1.0")
    assert find_model("owner/name").path == main
    assert find_model("owner/name").name == "name"
    assert find_model("owner/name@v1.0").path == other
    assert find_model("owner/name@bbbbbb").path == other
    with pytest.raises(InputError, match="download"):
        find_model("owner/name@v2")
    with pytest.raises(InputError, match="no model of that name"):
        find_model("owner/other")


def test_a_file_of_a_hub_model(cache):
    """owner/name:FILE.gguf is that file, and never one outside the model."""
    snapshot = in_cache(cache, "owner/name")
    (snapshot / "x.gguf").write_bytes(b"")
    assert find_model("owner/name:x.gguf").path == snapshot / "x.gguf"
    for file in ("y.gguf", "../../x.gguf"):
        with pytest.raises(InputError):
            find_model(f"owner/name:{file}")


def test_package_without_importing_it(tmp_path, monkeypatch):
    """pkg:NAME finds the first model in a package, nearest first, and the package does not run."""
    package = tmp_path / "carries_a_model"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    deep = model_folder(package / "a" / "deep")
    near = model_folder(package / "model")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_model("pkg:carries-a-model").path == near
    assert find_model("pkg:carries_a_model/a/deep").path == deep
    assert "carries_a_model" not in sys.modules
    for wrong in ("pkg:carries_a_model/../../etc", "pkg:no_such_package", "pkg:", "pkg:os.path", "pkg:numpy"):
        with pytest.raises(InputError):
            find_model(wrong)


@pytest.mark.parametrize(
    "wrong",
    ["", " ", "./x", "../x", "/no/where", "a/b/c", "x\0y", "a" * 5000, "o/n@" + "r" * 5000, "-", "猫", "o/n@../x"],
)
@pytest.mark.usefixtures("cache")
def test_references_to_nothing(wrong):
    """What names nothing is refused in one line."""
    with pytest.raises(InputError) as caught:
        find_model(wrong)
    assert "\n" not in str(caught.value)


def test_list_of_models(cache, tmp_path, monkeypatch):
    """The list has what the cache, the current folder and packages hold, each under a reference that leads to it."""
    snapshot = in_cache(cache, "owner/name")
    here = tmp_path / "here"
    local = model_folder(here / "local")
    site = tmp_path / "site"
    package = site / "carrier"
    model_folder(package / "m")
    (site / "carrier-1.0.dist-info").mkdir()
    (site / "carrier-1.0.dist-info" / "RECORD").write_text("carrier/m/model.safetensors,,\n")
    (site / "carrier-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(here)
    found = {place.reference: place.path.resolve() for place in find_models()}
    assert found["owner/name"] == snapshot.resolve()
    assert found["./local"] == local.resolve()
    assert found["pkg:carrier"] == (package / "m").resolve()
    for name, path in found.items():
        assert find_model(name).path.resolve() == path


@pytest.mark.parametrize(
    ("there", "file", "wanted"),
    [
        (
            ["model.safetensors", "pytorch_model.bin", "config.json", "onnx/model.onnx", "README.md"],
            None,
            ["model.safetensors", "config.json"],
        ),
        (
            [
                "model.safetensors.index.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                "vocab.txt",
            ],
            None,
            [
                "model.safetensors.index.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                "vocab.txt",
            ],
        ),
        (["x.gguf", "README.md"], None, ["x.gguf"]),
        (["x.gguf", "y.gguf"], "y.gguf", ["y.gguf"]),
        (
            ["y-00001-of-00002.gguf", "y-00002-of-00002.gguf", "x.gguf"],
            "y-00001-of-00002.gguf",
            ["y-00001-of-00002.gguf", "y-00002-of-00002.gguf"],
        ),
        (["pytorch_model.bin"], None, "neither"),
        (["x.gguf", "y.gguf"], None, "several"),
        (["x.gguf"], "z.gguf", "no file"),
    ],
)
def test_only_the_files_that_are_needed(there, file, wanted):
    """Weights once, and the small files beside them; where that is unclear it is said."""
    if isinstance(wanted, str):
        with pytest.raises(InputError, match=wanted):
            choose_files(there, HubName("o/n", file=file))
    else:
        assert sorted(choose_files(there, HubName("o/n", file=file))) == sorted(wanted)


class Hub(BaseHTTPRequestHandler):
    """A hub of one model, owner/tiny."""

    commit = "c" * 40
    asked: list[str] = []  # noqa: RUF012  one server a test

    def log_message(self, *_):
        """Say nothing."""

    def do_HEAD(self):
        """The same without the body."""
        self.do_GET()

    def do_GET(self):
        """The model's description, or one of its files."""
        self.asked.append(self.path)
        if self.path.startswith("/api/models/owner/tiny"):
            names = [{"rfilename": path.name} for path in TINY.iterdir()] + [{"rfilename": "pytorch_model.bin"}]
            if "/tree/" in self.path:
                body = json.dumps(
                    [
                        {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": "0" * 40}
                        for path in TINY.iterdir()
                    ]
                ).encode()
            else:
                body = json.dumps({"id": "owner/tiny", "sha": self.commit, "siblings": names}).encode()
            return self.answer(200, body, "application/json")
        name = self.path.split("?")[0].rpartition("/")[2]
        if "/resolve/" in self.path and (TINY / name).is_file():
            return self.answer(200, (TINY / name).read_bytes(), "application/octet-stream")
        return self.answer(404, b"{}", "application/json", {"X-Error-Code": "RepoNotFound"})

    def answer(self, code, body, kind, more=None):
        """One answer, with the headers that huggingface-hub looks at."""
        self.send_response(code)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "ETag": f'"{len(body)}"',
            "X-Repo-Commit": self.commit,
            **(more or {}),
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def hub():
    """The hub's address; it goes when the test ends."""
    Hub.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def download(tmp_path, reference, endpoint, **more):
    """`find_model(reference, download=True)` in a process of its own, since the client reads its settings once."""
    code = f"from attnviz.models.locate import find_model\nprint(find_model({reference!r}, download=True).path)"
    environment = {
        **os.environ,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": endpoint,
        "NO_PROXY": "*",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **more,
    }
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, timeout=120, check=False, encoding="utf-8"
    )


def test_download(tmp_path, hub, monkeypatch):
    """The hub gives the files that are needed and no pickle; then the cache has them."""
    pytest.importorskip("huggingface_hub")
    done = download(tmp_path, "owner/tiny", hub)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert (folder / "model.safetensors").read_bytes() == (TINY / "model.safetensors").read_bytes()
    assert not any("pytorch_model.bin" in path for path in Hub.asked)
    monkeypatch.setattr(reference, "cache_folder", lambda: tmp_path / "hf" / "hub")
    assert find_model("owner/tiny").path == folder


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [("owner/none", {}, "no model 'owner/none'"), ("owner/tiny", {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE")],
)
def test_download_that_cannot_be(tmp_path, hub, name, more, words):
    """A model the hub has not, and a client that is told to stay offline: one line each."""
    pytest.importorskip("huggingface_hub")
    done = download(tmp_path, name, hub, **more)
    assert words in done.stderr.strip().splitlines()[-1]


def test_download_offline_takes_what_is_here(tmp_path, hub):
    """What the cache has whole is used where it cannot be fetched; a part of it is not."""
    pytest.importorskip("huggingface_hub")
    folder = Path(download(tmp_path, "owner/tiny", hub).stdout.strip())
    again = download(tmp_path, "owner/tiny", hub, HF_HUB_OFFLINE="1")
    assert Path(again.stdout.strip()) == folder
    (folder / "model.safetensors").unlink()
    assert "HF_HUB_OFFLINE" in download(tmp_path, "owner/tiny", hub, HF_HUB_OFFLINE="1").stderr.splitlines()[-1]


def test_offline_says_so_at_once(tmp_path):
    """Where no hub answers the line comes within seconds."""
    pytest.importorskip("huggingface_hub")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = download(tmp_path, "owner/tiny", address)
    assert "the hub does not answer" in done.stderr.strip().splitlines()[-1]
