"""The golden models of tests/golden/models: tiny weights and the answers that transformers gives with them."""

import json

import numpy as np
from paths import GOLDEN

MODELS = GOLDEN / "models"
NAMES = sorted(folder.name for folder in MODELS.iterdir() if folder.is_dir())
# Those with an encoder and a decoder.
DOUBLE = [name for name in NAMES if '"is_encoder_decoder": true' in (MODELS / name / "config.json").read_text()]


def read_safetensors(path):
    """The tensors of a safetensors file of float32: a length, a header in JSON, the numbers."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        numbers = np.frombuffer(data[start + first : start + last], dtype=np.float32)
        found[name] = numbers.reshape(entry["shape"])
    return found


_DTYPES = {
    "float32": "F32",
    "float16": "F16",
    "int8": "I8",
    "uint8": "U8",
    "int32": "I32",
    "int64": "I64",
    "bool": "BOOL",
}


def write_safetensors(path, arrays, dtypes=None):
    """Write a safetensors file of these arrays; dtypes: the format's name of some of them, such as F8_E4M3."""
    header, data = {}, b""
    for name, array in arrays.items():
        stored = np.ascontiguousarray(array).tobytes()
        dtype = (dtypes or {}).get(name) or _DTYPES[str(array.dtype)]
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(stored)],
        }
        data += stored
    written = json.dumps(header).encode()
    path.write_bytes(len(written).to_bytes(8, "little") + written + data)


def load(name):
    """Return a golden model's config and tensors, and the answers to its texts."""
    folder = MODELS / name
    config = json.loads((folder / "config.json").read_text())
    return config, read_safetensors(folder / "model.safetensors"), dict(np.load(folder / "answers.npz"))
