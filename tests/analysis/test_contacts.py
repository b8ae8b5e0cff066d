"""The contacts that ESM's attention tells are those of transformers' contact head, and its tokenizer cuts as theirs."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from golden_models import MODELS
from near import assert_near
from paths import GOLDEN, ROOT
from tiny_models import esm_of

import attnviz
from attnviz.analysis.contacts import contacts, corrected_average_product
from attnviz.core.errors import InputError
from attnviz.models.model import load

ANSWERS = json.loads((GOLDEN / "contacts.json").read_text())


def protein_model(folder, name="esm"):
    """A tiny ESM with the vocabulary of ESM-2, opened."""
    return load(esm_of(folder, name))


def test_esm_cuts_as_transformers_does(tmp_path):
    """Each entry of the vocabulary is a token wherever it stands; what none matches is one unknown."""
    tokenizer = protein_model(tmp_path).tokenizer
    for text, ids in ANSWERS["ids"].items():
        assert tokenizer.encode(text).ids.tolist() == ids
    assert tokenizer.encode("MK", "TA").ids.tolist() == ANSWERS["pair"]
    spans = [(token.start, token.end) for token in tokenizer.encode("M K<mask>").tokens[1:-1]]
    assert spans == [(0, 1), (2, 3), (3, 9)]


@pytest.mark.parametrize("name", ["esm", "esm-1b"])
def test_transformers_gives_the_same_contacts(tmp_path, name):
    """All probabilities are those of transformers' EsmContactPredictionHead."""
    found = contacts(ANSWERS["protein"], protein_model(tmp_path, name))
    assert_near(found.probabilities, ANSWERS["contacts"][name])
    assert "".join(token.text for token in found.residues) == ANSWERS["protein"]
    assert_near(found.probabilities, found.probabilities.T)


def test_pairs_are_ranked(tmp_path):
    """The likeliest pairs come first, none of them nearer to each other than asked for."""
    found = attnviz.contacts(ANSWERS["protein"], protein_model(tmp_path))
    pairs = found.pairs(apart=3)
    assert [one.probability for one in pairs] == sorted((one.probability for one in pairs), reverse=True)
    assert all(one.second - one.first >= 3 for one in pairs)
    assert len(pairs) == 11 * 12 // 2
    assert found.pairs(2, apart=3) == pairs[:2]
    assert pairs[0].probability == found.probabilities[pairs[0].first, pairs[0].second]


@pytest.mark.parametrize("page", ["models.md", "models.zh.md"])
def test_the_example_of_the_guide(tmp_path, page):
    """The lines of Python that the guide gives run, and give every pair's probability."""
    protein_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 40}))  # it rotates: no table
    text = (ROOT / "docs" / "guide" / page).read_text(encoding="utf-8")
    (example,) = [one for one in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "contacts" in one]
    names = {"attnviz": attnviz}
    exec(example.replace("FOLDER", str(tmp_path)), names)
    assert names["found"].probabilities.shape == (16, 16)
    assert len(names["found"].pairs(10)) == 10


def test_the_correction_takes_away_what_is_common():
    """Of a product of a row's and a column's share nothing is left."""
    shares = np.array([0.2, 0.3, 0.5], dtype=np.float32)
    assert_near(corrected_average_product(shares[:, None] * shares), np.zeros((3, 3)))


def test_other_models_have_no_contacts(tmp_path):
    """A model of another family, and an ESM without the head, are refused in one line."""
    for file in ("config.json", "model.safetensors"):
        shutil.copy(MODELS / "bert" / file, tmp_path / file)
    with pytest.raises(InputError, match="has no head for the contacts of a protein: ESM models have"):
        contacts("MK", load(tmp_path))
    model = protein_model(tmp_path)
    tensors = {name: model.checkpoint.tensors[name] for name in model.checkpoint.tensors if "contact" not in name}
    object.__setattr__(model.checkpoint, "tensors", tensors)
    with pytest.raises(InputError, match=r"no tensor contact_head\.regression\.weight"):
        contacts("MK", model)
