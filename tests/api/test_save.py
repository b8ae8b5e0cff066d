"""Files are written whole or not at all: what was there stays, and nothing half-written is left."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from attnviz import compare, run
from attnviz.api.save import FOR_ATTENTION, FOR_RESULT, save_attention, save_comparison
from attnviz.api.write import check_destination, numbered, write
from attnviz.core.errors import OptionError, OutputError

BEGINNINGS = {
    ".png": b"\x89PNG",
    ".svg": b"<?xml",
    ".pdf": b"%PDF-",
    ".eps": b"%!PS-Adobe",
    ".tex": b"% \\usepackage[table]{xcolor}",
    ".md": b"**",
    ".html": b"<!doctype html>",
    ".json": b"{",
    ".csv": b"\xef\xbb\xbf",
    ".npz": b"PK",
}


def mode(path):
    """A file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def masked():
    """Set a umask for the test, and the old one after it."""
    before = os.umask(0)
    os.umask(before)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("suffix", FOR_ATTENTION)
@pytest.mark.parametrize("upper", [False, True])
def test_attention_formats(tmp_path, suffix, upper):
    """The suffix says the format, in either case; nothing but the file is left in the folder."""
    path = tmp_path / f"cat{suffix.upper() if upper else suffix}"
    assert save_attention(run("猫吃鱼"), path) == ()
    assert path.read_bytes().startswith(BEGINNINGS[suffix])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", FOR_RESULT)
def test_comparison_formats(tmp_path, suffix):
    """A comparison is saved as what the suffix says."""
    path = tmp_path / f"cat{suffix}"
    assert save_comparison(compare("猫吃鱼", "鱼吃猫"), path) == ()
    assert path.read_bytes().startswith(BEGINNINGS[suffix])


def test_no_npz_of_a_comparison(tmp_path):
    """A comparison has no .npz, and nothing is written."""
    with pytest.raises(OptionError):
        save_comparison(compare("猫吃鱼", "鱼吃猫"), tmp_path / "cat.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("head", "heads"), [(None, 8), ("all", 8), ("mean", 1), ("7", 1)])
def test_data_has_all_heads(tmp_path, head, heads):
    """Data has all heads unless one is named."""
    computed = run("猫吃鱼", embedding="hash", heads=8)
    for suffix in (".json", ".csv", ".npz"):
        save_attention(computed, tmp_path / f"x{suffix}", head=head)
    assert len(json.loads((tmp_path / "x.json").read_text("utf-8"))["heads"]) == heads
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert found["weights"].shape == (1, heads, 3, 3)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text("utf-8-sig"))))
    assert len(rows) == 9 * heads


def test_csv_opens_in_a_spreadsheet(tmp_path):
    """A CSV begins with a byte order mark, once, and its Chinese reads back."""
    save_attention(run("猫吃鱼"), tmp_path / "x.csv")
    data = (tmp_path / "x.csv").read_bytes()
    assert data.count(b"\xef\xbb\xbf") == 1
    assert "猫" in data.decode("utf-8-sig")


def test_notes_come_back(tmp_path):
    """What a picture lacks is returned, not printed."""
    (note,) = save_attention(run("👩", embedding="hash"), tmp_path / "x.png")
    assert "U+1F469" in str(note)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_failing_leaves_everything(tmp_path, monkeypatch, error, step):
    """Where writing fails the file that was there is untouched, and no temporary file is left."""
    path = tmp_path / "cat.json"
    path.write_bytes(b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_failing_says_why(tmp_path, monkeypatch):
    """The error names the file, the system's reason, and that nothing was changed."""

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match=r"cat\.json.*No space left on device.*Nothing was changed"):
        write(tmp_path / "cat.json", b"new")


def test_replaces(tmp_path):
    """A file that is there is replaced."""
    path = tmp_path / "cat.json"
    path.write_bytes(b"a much longer old content")
    write(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("permissions", [0o600, 0o644, 0o664, 0o755])
def test_permissions_stay(tmp_path, permissions):
    """A file that is replaced keeps its permissions."""
    path = tmp_path / "cat.json"
    path.write_bytes(b"old")
    path.chmod(permissions)
    write(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", permissions)


@pytest.mark.parametrize(("umask", "permissions"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_new_file_respects_umask(tmp_path, masked, umask, permissions):
    """A new file has the permissions that the umask leaves."""
    masked(umask)
    write(tmp_path / "new.json", b"new")
    assert mode(tmp_path / "new.json") == permissions


def test_through_a_link(tmp_path):
    """Through a symbolic link its target is replaced, and the link stays a link."""
    target, link = tmp_path / "there" / "real.json", tmp_path / "link.json"
    target.parent.mkdir()
    target.write_bytes(b"old")
    link.symlink_to(Path("there") / "real.json")
    write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_through_a_dangling_link(tmp_path):
    """A link to a file that is not there yet makes that file."""
    link = tmp_path / "link.json"
    link.symlink_to("new.json")
    write(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "new.json").read_bytes() == b"new"


def test_long_name(tmp_path):
    """A name as long as the system allows can be written, though the temporary name is made from it."""
    name = "n" * 250 + ".csv"
    write(tmp_path / name, b"new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_long_chinese_name(tmp_path):
    """The same for a Chinese name, whose letters are three bytes each."""
    name = "猫" * 83 + ".csv"
    write(tmp_path / name, b"new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_missing_folder(tmp_path):
    """A folder that is not there is not made; the error names it."""
    with pytest.raises(OutputError, match=r"no folder .*nowhere"):
        check_destination(tmp_path / "nowhere" / "cat.png", FOR_ATTENTION)
    assert list(tmp_path.iterdir()) == []


def test_folder_as_target(tmp_path):
    """A folder is no place for a file, nor is what lies in a file."""
    (tmp_path / "x.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "x.png", tmp_path / "file" / "x.png"):
        with pytest.raises(OutputError, match="not a path for a file"):
            check_destination(path, FOR_ATTENTION)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder(tmp_path):
    """A folder where nothing may be written is an error, and is left as it was."""
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        write(folder / "cat.json", b"new")
    assert list(folder.iterdir()) == []
    folder.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("cat.pgn", ".png"),
        ("cat.jsn", ".json"),
        ("cat.cvs", ".csv"),
        ("cat.npy", ".npz"),
        ("cat.PDFF", ".pdf"),
        ("cat.JPEG", ".png"),
        ("cat.tsv", ".csv"),
        ("cat.txt", ".md"),
        ("cat.foo", None),
        ("cat.webm", None),
        ("cat.docx", None),
    ],
)
def test_unknown_suffix(tmp_path, name, near):
    """A suffix that is none is wrong usage: those there are, and one that is near, are named."""
    with pytest.raises(OptionError) as caught:
        check_destination(tmp_path / name, FOR_ATTENTION)
    assert ", ".join(FOR_ATTENTION) in str(caught.value)
    assert str(caught.value).partition("Did you mean ")[2] == ("" if near is None else f"{near}?")


@pytest.mark.parametrize("name", ["cat", ".png", "cat.", "png"])
def test_no_suffix(tmp_path, name):
    """A name without a suffix says nothing about the format."""
    with pytest.raises(OptionError, match="suffix"):
        check_destination(tmp_path / name, FOR_ATTENTION)


@pytest.mark.parametrize("name", ["cat.png", "cat.PNG", "猫.Svg", "a.b.json"])
def test_good_names(tmp_path, name):
    """A known suffix in any case is fine, in any name."""
    check_destination(tmp_path / name, FOR_ATTENTION)


@pytest.mark.parametrize(
    ("name", "count", "names"),
    [
        ("x.png", 1, ["x.png"]),
        ("x.png", 2, ["x-1.png", "x-2.png"]),
        ("a.b.csv", 3, ["a.b-1.csv", "a.b-2.csv", "a.b-3.csv"]),
        ("猫.JSON", 2, ["猫-1.JSON", "猫-2.JSON"]),
    ],
)
def test_numbered(name, count, names):
    """One text has the name as given; several have -1, -2, ... before the suffix, in the same folder."""
    folder = Path("some") / "where"
    assert [numbered(folder / name, index, count) for index in range(count)] == [folder / each for each in names]
