"""The copy of a font collection whose first face is the wanted one."""

from pathlib import Path

import pytest
from matplotlib.font_manager import get_font

from attnviz.views.figure.font_collection import with_face_first

noto = pytest.importorskip("noto_cjk_sans_otc")
PATH = Path(noto.FONT_PATH)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """As if matplotlib's cache folder were an empty one."""
    monkeypatch.setattr("matplotlib.get_cachedir", lambda: str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("face", "family"), [(0, "Noto Sans CJK JP"), (2, "Noto Sans CJK SC")])
@pytest.mark.usefixtures("cache")
def test_wanted_face_comes_first(face, family):
    """The copy opens as the wanted face, with its glyphs, in every matplotlib."""
    copy = get_font(str(with_face_first(PATH, face)))
    assert copy.family_name == family
    assert copy.get_char_index(ord("猫"))


def test_copy_is_made_once_and_repaired(cache):
    """A good copy is left alone; a damaged one is replaced; no temporary file stays."""
    copy = with_face_first(PATH, 2)
    good, first = copy.read_bytes(), copy.stat()
    assert with_face_first(PATH, 2).stat().st_ino == first.st_ino
    copy.write_bytes(good[:-1])
    assert with_face_first(PATH, 2).read_bytes() == good
    assert list(cache.iterdir()) == [copy]


@pytest.mark.parametrize(
    "data", [b"", b"OTTO\x00\x01\x00\x00\x00\x00\x00\x0a", b"ttcf\x00\x02\x00\x00\x00\x00\x00\x02"]
)
def test_no_such_face(cache, data):
    """A file that is no collection, or has too few faces, is refused, and nothing is written."""
    path = cache / "font.ttc"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="no font collection"):
        with_face_first(path, 2)
    assert list(cache.iterdir()) == [path]


def test_failed_write_leaves_nothing(cache, monkeypatch):
    """Where the copy cannot be put in place its temporary file goes too."""

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(PermissionError):
        with_face_first(PATH, 2)
    assert not list(cache.iterdir())
