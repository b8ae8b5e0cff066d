"""Write names.tsv, every model_type of transformers with the family's name, and configs.json.xz, its default configs.

Names are those of transformers 4.57.6, which still lists them, and for newer families the name of the config's class.
A third column says "none" of families without attention weights and "two" of those with an encoder and a decoder. The
configs are those that each config class gives without arguments, less what every config has.

    python -m venv /tmp/familiesvenv
    /tmp/familiesvenv/bin/pip install torch==2.13.0 transformers==5.24.0
    pip download --no-deps transformers==4.57.6 && unzip -d old transformers-4.57.6-*.whl
    /tmp/familiesvenv/bin/python tests/golden/make_families.py old
"""

from __future__ import annotations

import ast
import json
import lzma
import os
import re
import sys
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

from transformers import CONFIG_MAPPING, PretrainedConfig
from transformers.models.auto.auto_mappings import CONFIG_MAPPING_NAMES

ROOT = Path(__file__).parents[2]

# Families whose layers mix tokens without attention weights: recurrences, convolutions, Fourier transforms. Found by
# reading each modeling file that has no softmax.
NONE = [
    "bit",
    "convnext",
    "convnextv2",
    "dac",
    "dinov3_convnext",
    "efficientnet",
    "encodec",
    "falcon_mamba",
    "fnet",
    "focalnet",
    "hgnet_v2",
    "mamba",
    "mamba2",
    "mobilenet_v1",
    "mobilenet_v2",
    "poolformer",
    "regnet",
    "resnet",
    "rwkv",
    "univnet",
    "xlstm",
]

# Families that came with code of their own, and are not in transformers.
REMOTE = {
    "aquila": "Aquila",
    "baichuan": "Baichuan",
    "chatglm": "ChatGLM",
    "codeshell": "CodeShell",
    "cogvlm": "CogVLM",
    "deepseek": "DeepSeek",
    "grok-1": "Grok-1",
    "hunyuan": "Hunyuan",
    "internlm": "InternLM",
    "internlm2": "InternLM2",
    "jina_bert_v2": "Jina BERT",
    "kimi_k2": "Kimi K2",
    "llama_bidirec": "Llama, in both directions",
    "minicpm": "MiniCPM",
    "minicpm3": "MiniCPM3",
    "mixformer-sequential": "Phi-1",
    "new": "GTE",
    "orion": "Orion",
    "phi-msft": "Phi-2",
    "qwen": "Qwen",
    "refinedweb": "Falcon",
    "refinedwebmodel": "Falcon",
    "skywork": "Skywork",
    "stablelm_epoch": "StableLM",
    "telechat": "TeleChat",
    "xverse": "XVERSE",
    "yi": "Yi",
}


def old_names(folder: Path) -> dict[str, str]:
    """Return MODEL_NAMES_MAPPING of the older version, unpacked in a folder."""
    source = (folder / "transformers/models/auto/configuration_auto.py").read_text(encoding="utf-8")
    start = source.index("MODEL_NAMES_MAPPING = OrderedDict")
    listed = source[source.index("[\n", start) : source.index("\n)\n", start)]
    return dict(ast.literal_eval(listed))


def default_configs() -> dict[str, dict]:
    """Return each family's default config, without the keys that every config has at the same value."""
    common = json.loads(PretrainedConfig().to_json_string(use_diff=False))
    found = {}
    for name in CONFIG_MAPPING_NAMES:
        try:
            values = json.loads(CONFIG_MAPPING[name]().to_json_string(use_diff=False))
        except Exception as error:  # two classes need an argument
            print(name, type(error).__name__)
            continue
        kept = {key: value for key, value in values.items() if key not in common or common[key] != value}
        found[name] = {**kept, "model_type": values["model_type"]}
    return found


def main() -> None:
    """Write both files."""
    written, configs = old_names(Path(sys.argv[1])), default_configs()
    lines = []
    for family, cls in CONFIG_MAPPING_NAMES.items():
        name = re.sub(r"For[A-Z]\w+$|Model$|Config$", "", written.get(family, cls))
        kind = "none" if family in NONE else "two" if configs.get(family, {}).get("is_encoder_decoder") else ""
        lines.append(f"{family}\t{name}\t{kind}".rstrip("\t"))
    lines += [f"{family}\t{name}" for family, name in REMOTE.items()]
    (ROOT / "attnviz/models/families/names.tsv").write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")
    data = json.dumps(configs, separators=(",", ":"), sort_keys=True).encode()
    (Path(__file__).parent / "configs.json.xz").write_bytes(lzma.compress(data, preset=9))


if __name__ == "__main__":
    main()
