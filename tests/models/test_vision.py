"""Models that read pictures: preprocessing and attention as transformers has them, and every picture that is none."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import pickle
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from golden_models import MODELS, write_safetensors
from golden_models import load as load_golden
from near import assert_near, assert_near64, assert_rows_sum_to_one, assert_states_near, assert_weights_near
from paths import GOLDEN
from PIL import Image

import attnviz
from attnviz.core.errors import AttnvizError, InputError
from attnviz.models.families.registry import VISION_FAMILIES
from attnviz.models.forward import Network, Request
from attnviz.models.model import load
from attnviz.models.pictures import read_picture, read_preprocessing
from attnviz.text.find_token import find_token

FOLDER = GOLDEN / "pictures"
NAMES = sorted(path.stem for path in FOLDER.glob("*.npz") if path.stem != "preprocessing")
CASES = json.loads((FOLDER / "preprocessing.json").read_text())
PROCESSED = dict(np.load(FOLDER / "preprocessing.npz"))


def golden(name):
    """Return a golden model's config and tensors, and the answers to its picture."""
    found = dict(np.load(FOLDER / f"{name}.npz"))
    tensors = {key.removeprefix("tensor:"): one for key, one in found.items() if key.startswith("tensor:")}
    return json.loads(str(found["config"])), tensors, found


def write_model(folder, name, **preprocessing):
    """Write a golden model as a folder that `load` opens; preprocessing: keys of its preprocessor_config.json."""
    config, tensors, _ = golden(name)
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", tensors)
    given = {"image_processor_type": "ViTImageProcessor", "size": 12} | preprocessing
    (folder / "preprocessor_config.json").write_text(json.dumps(given))
    return folder


@pytest.fixture
def vit(tmp_path):
    """A folder with a tiny ViT."""
    return write_model(tmp_path / "vit", "vit")


@pytest.mark.parametrize("name", NAMES)
def test_transformers_gives_the_same(name):
    """All layers, heads and patches, and the last hidden state; no tensor of the layers is left over."""
    config, tensors, answers = golden(name)
    network = Network(config, tensors, pictures=True)
    passed = network.read_pixels(answers["pixels"], Request())
    assert network.reads_pictures
    assert network.picture_layout(answers["pixels"]).total == passed.weights.shape[-1]
    assert_weights_near(passed.weights, answers["weights"], passed.traces)
    if "hidden" in answers:
        assert_states_near(passed.hidden, answers["hidden"])
    assert network.unused_tensors() == []


def test_every_family_has_a_golden():
    """Each family that reads pictures is held to transformers."""
    assert {Network(*golden(name)[:2], pictures=True).shape.family for name in NAMES} == set(VISION_FAMILIES)


@pytest.mark.parametrize("new", [False, True])
def test_both_ways_to_name_tensors_are_read(new):
    """ViT's and DINOv2's tensors, which transformers 5 renames: files with the new names give the same."""
    for name in ("vit", "dinov2-stretched"):
        config, tensors, answers = golden(name)
        renames = [("attention.attention.query", "attention.q_proj"), ("attention.attention.key", "attention.k_proj")]
        renames += [("attention.attention.value", "attention.v_proj"), ("attention.output.dense", "attention.o_proj")]
        if name == "vit":
            renames += [("encoder.layer.", "layers."), ("intermediate.dense", "mlp.fc1"), ("output.dense", "mlp.fc2")]
        renames += [("mlp.weights_out", "mlp.down_proj")]
        renamed = {}
        for key, tensor in tensors.items():
            if "weights_in" in key and new:
                gate, up = np.split(tensor, 2)
                renamed |= {
                    key.replace("weights_in", part): one for part, one in (("gate_proj", gate), ("up_proj", up))
                }
                continue
            for old, later in renames if new else ():
                key = key.replace(old, later)
            renamed[key] = tensor
        assert (set(renamed) == set(tensors)) != new
        passed = Network(config, renamed).read_pixels(answers["pixels"], Request())
        assert_weights_near(passed.weights, answers["weights"], passed.traces)


@pytest.mark.parametrize("name", sorted(PROCESSED))
def test_preprocessing_is_that_of_transformers(name, tmp_path):
    """Each step, kind of picture and filter, to less than one level of 255."""
    case, picture = name.split(":")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(CASES[case]))
    steps = read_preprocessing(tmp_path, "vit")
    pixels = steps.normalize(steps.shape(read_picture(FOLDER / picture).pixels))
    assert pixels.shape == PROCESSED[name].shape
    assert_near(pixels, PROCESSED[name])


def test_a_picture_is_turned_as_its_exif_says(tmp_path):
    """A photo that lies on its side is read upright, as load_image of transformers does."""
    with Image.open(FOLDER / "wide.png") as image:
        exif = image.getexif()
        exif[0x0112] = 6
        image.save(tmp_path / "turned.png", exif=exif)
    upright = read_picture(FOLDER / "wide.png").pixels
    np.testing.assert_array_equal(read_picture(tmp_path / "turned.png").pixels, np.rot90(upright, -1))


def test_an_animation_and_transparency_are_told(tmp_path):
    """The first frame is read, and what is clear is white; notes say so."""
    frames = [Image.new("L", (8, 8), level) for level in (40, 90, 200)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    read = read_picture(tmp_path / "moving.gif")
    assert "3 frames" in str(read.notes[0])
    assert (read.pixels == 40).all()
    Image.new("RGBA", (4, 4), (9, 9, 9, 0)).save(tmp_path / "clear.png")
    clear = read_picture(tmp_path / "clear.png")
    assert (clear.pixels == 255).all()
    assert "white" in str(clear.notes[0])


def test_patches_are_tokens(vit):
    """Patches are named by row and column after [CLS], with places; the weights are those of the prepared pixels."""
    found = attnviz.run(image=FOLDER / "wide.png", model=vit)
    assert [token.text for token in found.query] == [
        "[CLS]",
        *(f"r{row}c{column}" for row in range(3) for column in range(3)),
    ]
    assert found.source == "r0c0 r0c1 r0c2\nr1c0 r1c1 r1c2\nr2c0 r2c1 r2c2"
    assert all(found.source[token.start : token.end] == token.text for token in found.query[1:])
    assert found.provenance.picture[:3] == ("wide.png", 3, 3)
    assert_rows_sum_to_one(found.weights)
    steps = read_preprocessing(vit, "vit")
    pixels = steps.normalize(steps.shape(read_picture(FOLDER / "wide.png").pixels))
    direct = load(vit).network.read_pixels(pixels, Request())
    np.testing.assert_array_equal(found.weights, direct.weights)
    with Image.open(FOLDER / "wide.png") as image:
        np.testing.assert_array_equal(attnviz.run(image=image, model=vit).weights, found.weights)
        np.testing.assert_array_equal(attnviz.run(image=np.array(image), model=vit).weights, found.weights)


def test_a_patch_is_chosen_by_row_and_column(vit):
    """`2,1` is the patch of that row and column; a word with that text would come first."""
    tokens = attnviz.run(image=FOLDER / "wide.png", model=vit).query
    assert tokens[find_token(tokens, "2,1")[0]].text == tokens[find_token(tokens, "r2c1")[0]].text == "r2c1"
    with pytest.raises(AttnvizError):
        find_token(tokens, "3,0")


def test_results_go_to_files_and_come_back(vit, tmp_path):
    """JSON and .npz keep the grid; special tokens can be hidden; heads reduced and switched off."""
    found = attnviz.run(image=FOLDER / "wide.png", model=vit, layers=[1])
    for name in ("a.json", "a.npz"):
        found.save(tmp_path / name)
        back = attnviz.load_weights(tmp_path / name)[0]
        assert back.provenance.picture == found.provenance.picture
        assert_near(back.weights, found.weights, size=np.ones(1) * 100)
    hidden = attnviz.run(image=FOLDER / "wide.png", model=vit, no_special=True, renormalize=True)
    assert len(hidden.query) == 9
    assert attnviz.run(image=FOLDER / "wide.png", model=vit, reduce="rollout").weights.shape == (2, 1, 10, 10)
    assert attnviz.run(image=FOLDER / "wide.png", model=vit, reduce="value-zeroing").weights.shape == (2, 1, 10, 10)
    off = attnviz.run(image=FOLDER / "wide.png", model=vit, ablate="0.*")
    assert not np.array_equal(off.weights[1], attnviz.run(image=FOLDER / "wide.png", model=vit).weights[1])


def test_clip_has_a_side_for_each(tmp_path):
    """Of a whole CLIP a picture is read by one side, and token ids by the other; of a whole SigLIP too."""
    clip = load(write_model(tmp_path / "clip", "clip"))
    assert clip.shape.family == "clip_text_model"
    assert clip.shape.causal
    seen = clip.attend_picture(FOLDER / "wide.png")
    assert seen.provenance.model.family == "clip_vision_model"
    siglip = load(write_model(tmp_path / "siglip", "siglip"))
    assert siglip.shape.family == "siglip_text_model"
    assert not siglip.shape.causal
    assert siglip.attend_picture(FOLDER / "wide.png").query[0].text == "r0c0"
    with pytest.raises(InputError, match="tokenizer"):
        siglip.attend("a cat")


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_the_text_side_of_a_whole_model_is_that_side_alone(name):
    """The tensors under text_model. and text_config give what transformers computes with the side by itself."""
    config, tensors, answers = load_golden(f"{name}_text_model")
    whole = {f"text_model.{key}": one for key, one in tensors.items()}
    network = Network({"model_type": name, "text_config": config}, whole)
    passed = network.read(answers["text0_ids"], Request())
    assert_weights_near(passed.weights, answers["text0_weights"], passed.traces)
    assert_states_near(passed.hidden, answers["text0_hidden"])
    looks_ahead = np.triu(passed.weights, 1).any()
    assert looks_ahead == (name == "siglip")


def test_a_text_model_refuses_a_picture_and_the_reverse(vit):
    """Either way one line says what the model reads."""
    with pytest.raises(InputError, match="reads texts, not pictures"):
        load(MODELS / "bert").attend_picture(FOLDER / "wide.png")
    with pytest.raises(InputError, match="reads pictures, not texts") as error:
        attnviz.run("a cat", model=vit)
    assert "attnviz run --image" in str(error.value.hint)
    for given in ({"text": "a"}, {"keys": "a"}, {"vectors": [[1.0]]}):
        with pytest.raises(InputError, match="not both"):
            attnviz.run(image=FOLDER / "wide.png", model=vit, **given)
    with pytest.raises(AttnvizError, match="merge is for texts"):
        attnviz.run(image=FOLDER / "wide.png", model=vit, merge="word")
    with pytest.raises(AttnvizError, match="goes with model"):
        attnviz.run(image=FOLDER / "wide.png")


def _bomb(path):
    """Write a PNG of a few bytes that says it has 60000 x 60000 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def test_what_is_no_picture_is_refused(tmp_path):
    """No file, a folder, a text, an empty and a cut file, too many pixels, 16 bits, wrong arrays: one line each."""
    whole = (FOLDER / "wide.png").read_bytes()
    (tmp_path / "text.png").write_text("a cat")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "page.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for count in (40, 200, len(whole) // 2):
        (tmp_path / f"cut{count}.png").write_bytes(whole[:count])
    _bomb(tmp_path / "bomb.png")
    Image.fromarray(np.full((4, 4), 40000, dtype=np.uint16)).save(tmp_path / "deep.png")
    for path in (*tmp_path.iterdir(), tmp_path, tmp_path / "none.png"):
        with pytest.raises(InputError) as error:
            read_picture(path)
        assert "\n" not in str(error.value)
    for address in ("https://example.com/cat.jpg", Path("https://example.com/cat.jpg"), "file:///cat.png"):
        with pytest.raises(InputError, match="not from an address"):
            read_picture(address)
    for wrong in (np.zeros((2, 2), dtype=np.uint8), np.zeros((2, 2, 3)), np.zeros((0, 2, 3), dtype=np.uint8), 7):
        with pytest.raises(InputError):
            read_picture(wrong)


def test_damaged_bytes_never_raise_anything_else(tmp_path):
    """Each kind of file with bytes changed is read, or refused in one line."""
    random = np.random.default_rng(5)
    for name in ("wide.png", "cmyk.tiff", "palette.gif"):
        for _ in range(80):
            data = bytearray((FOLDER / name).read_bytes())
            for place in random.integers(0, len(data) if random.random() < 0.5 else 60, 4):
                data[place] = random.integers(0, 256)
            (tmp_path / name).write_bytes(data)
            with contextlib.suppress(InputError):
                assert read_picture(tmp_path / name).pixels.shape[2] == 3


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"image_processor_type": "OtherImageProcessor"}, "OtherImageProcessor"),
        ({"size": {"longest_edge": 5}}, "size must be"),
        ({"size": -3}, "size"),
        ({"resample": 9}, "resample"),
        ({"do_pad": True}, "do_pad"),
        ({"image_mean": [1, 2]}, "image_mean"),
        ({"image_std": [0, 1, 1]}, "image_std"),
        ({"do_resize": "yes"}, "do_resize"),
        ({"crop_size": "x", "do_center_crop": True}, "crop_size"),
        ({"size": {"height": 9, "width": 9}}, "9 x 9 pixels"),
    ],
)
def test_preprocessing_that_is_not_known_is_refused(changed, words, tmp_path):
    """A step that is not known, and a size that the model does not read, are named."""
    folder = write_model(tmp_path / "vit", "vit", **changed)
    with pytest.raises(InputError, match=words):
        attnviz.run(image=FOLDER / "wide.png", model=folder)


def test_a_missing_preprocessing_is_told_and_the_new_file_is_read(vit):
    """Without preprocessor_config.json nothing is guessed; processor_config.json has it under image_processor."""
    expected = attnviz.run(image=FOLDER / "wide.png", model=vit).weights
    given = json.loads((vit / "preprocessor_config.json").read_text())
    (vit / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match=r"no preprocessor_config.json"):
        attnviz.run(image=FOLDER / "wide.png", model=vit)
    (vit / "processor_config.json").write_text(json.dumps({"image_processor": given}))
    np.testing.assert_array_equal(attnviz.run(image=FOLDER / "wide.png", model=vit).weights, expected)


def test_a_very_long_picture_is_refused_before_it_is_resized(tmp_path):
    """A line of pixels would become millions by its shorter side."""
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "CLIPImageProcessor"}))
    steps = read_preprocessing(tmp_path, "clip_vision_model")
    with pytest.raises(InputError, match="too long"):
        steps.shape(np.zeros((1, 100_000, 3), dtype=np.uint8))


def test_pillow_is_loaded_with_the_first_picture_only():
    """Commands about texts start as fast as before."""
    code = (
        "import sys, attnviz.models.model; sys.exit('PIL' in sys.modules or 'attnviz.models.pictures' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("size", "preprocessing", "box"),
    [
        ((37, 52), {"size": 12}, (0, 0, 37, 52)),
        ((40, 80), {"image_processor_type": "CLIPImageProcessor", "size": 20, "crop_size": 12}, (8, 28, 32, 52)),
        ((24, 12), {"image_processor_type": "BitImageProcessor", "size": 12, "crop_size": 12}, (6, 0, 18, 12)),
        ((6, 30), {"do_resize": False, "do_center_crop": True, "crop_size": 12}, (-3, 9, 9, 21)),
    ],
)
def test_patches_are_placed_in_the_picture_itself(size, preprocessing, box, tmp_path):
    """Resized, cropped or with a black edge: the box of the patches is where the model looked."""
    found = attnviz.run(
        image=np.zeros((*size, 3), dtype=np.uint8), model=write_model(tmp_path / "vit", "vit", **preprocessing)
    )
    thumbnail = found.provenance.picture.thumbnail
    assert (thumbnail.height, thumbnail.width) == size
    assert_near64(thumbnail.box, box)
    top, left, bottom, right = box
    last = found.provenance.picture.patch_box(2, 2)
    assert_near64(last, (top + (bottom - top) * 2 / 3, left + (right - left) * 2 / 3, bottom, right))


def test_the_thumbnail_shows_what_the_patches_cover(tmp_path):
    """Each patch of the thumbnail has the colour of its patch; a strip that no patch covers is left out."""
    pixels = np.zeros((14, 13, 3), dtype=np.uint8)
    for row in range(3):
        for column in range(3):
            pixels[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = (80 * row, 80 * column, 9)
    pixels[12:], pixels[:, 12:] = 255, 255
    folder = write_model(tmp_path / "dino", "dinov2", do_resize=False)
    picture = attnviz.run(image=pixels, model=folder).provenance.picture
    np.testing.assert_array_equal(picture.thumbnail.pixels(), pixels[:12, :12])
    assert picture.thumbnail.box == (0, 0, 12, 12)


def test_a_thumbnail_of_a_file_is_checked(vit, tmp_path):
    """A document with a thumbnail that is none, too large, or without its box is refused in one line."""
    attnviz.run(image=FOLDER / "wide.png", model=vit).save(tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text())
    good = document["settings"]["thumbnail"]
    large = io.BytesIO()
    Image.new("RGB", (300, 2)).save(large, "PNG")
    for changed in (
        {"png": "no"},
        {"png": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()},
        {"png": base64.b64encode(large.getvalue()).decode()},
        {"png": 3},
        {"size": [0, 4]},
        {"box": [0, 0, 0, 4]},
        {"box": [0, 0, 5]},
    ):
        document["settings"]["thumbnail"] = good | changed
        (tmp_path / "b.json").write_text(json.dumps(document))
        with pytest.raises(InputError, match="thumbnail"):
            attnviz.load_weights(tmp_path / "b.json")
    document["settings"]["thumbnail"] = good | {"png": good["png"][:200]}
    (tmp_path / "b.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="thumbnail"):
        attnviz.load_weights(tmp_path / "b.json")[0].save(tmp_path / "b.png")
    del document["settings"]["thumbnail"]
    (tmp_path / "b.json").write_text(json.dumps(document))
    attnviz.load_weights(tmp_path / "b.json")[0].save(tmp_path / "b.png", dpi=40)
    assert pickle.loads(pickle.dumps(attnviz.run(image=FOLDER / "wide.png", model=vit))).provenance.picture.thumbnail
