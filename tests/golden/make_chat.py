"""Make chat.json: conversations as transformers' apply_chat_template renders them, and their ids.

Run where transformers 5 and jinja2 are installed:

    python tests/golden/make_chat.py

The templates are of the kinds that models have; the tokenizer is GPT-2's tiny one of tokenizers.zip, with the tokens
that the templates use.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path

import transformers

HERE = Path(__file__).parent
SPECIAL = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|start|>", "<|end|>", "[INST]", "[/INST]"]
TEMPLATES = {
    "chatml": (
        "{% for message in messages %}\n"
        "    {% if loop.first and message.role != 'system' %}\n"
        "{{ '<|im_start|>system\\nBe brief.<|im_end|>\\n' }}\n"
        "    {% endif %}\n"
        "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}\n"
        "{% endfor %}\n"
        "{% if add_generation_prompt %}\n"
        "{{ '<|im_start|>assistant\\n' }}\n"
        "{% endif %}\n"
    ),
    "turns": (
        "{{ bos_token }}"
        "{% if messages[0]['role'] == 'system' %}"
        "{% set system = messages[0]['content'] | trim + '\\n\\n' %}{% set turns = messages[1:] %}"
        "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
        "{% for one in turns %}"
        "{% if (one['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Roles must take turns: user, assistant, user, ...') }}{% endif %}"
        "{% if one['role'] == 'user' %}"
        "{{ '[INST] ' + (system if loop.first else '') + one['content'] | trim + ' [/INST]' }}"
        "{% else %}{{ ' ' + one['content'] | trim + ' ' + eos_token }}{% endif %}"
        "{% endfor %}"
    ),
    "macros": (
        "{% macro write(one) -%}<|start|>{{ one.role | upper }}: {{ one.content }}<|end|>{%- endmacro %}"
        "{% set kept = namespace(count=0, last='') %}"
        "{% for one in messages %}"
        "{% if one.role == 'note' %}{% continue %}{% endif %}"
        "{% set kept.count = kept.count + 1 %}{% set kept.last = one.role %}"
        "{{ write(one) }}"
        "{% if kept.count > 5 %}{% break %}{% endif %}"
        "{% endfor %}"
        "{{ {'count': kept.count, 'last': kept.last, 'marks': '<&>猫'} | tojson }}"
        "{% if strftime_now is defined and strftime_now('%Y') | int > 2000 %} dated{% endif %}"
        "{% if tools is none and not documents %} plain{% endif %}"
        "{% if add_generation_prompt %}<|start|>ASSISTANT:{% endif %}"
    ),
    "generation": (
        "{%- for one in messages %}\n"
        "    {%- if one.role == 'assistant' %}\n"
        "        {%- generation %}{{ one.content }}{{ eos_token }}{% endgeneration %}\n"
        "    {%- else %}\n"
        "        {{- '<|start|>' ~ one.role ~ '<|end|>' ~ one.content }}\n"
        "    {%- endif %}\n"
        "{%- endfor %}\n"
        "{%- if add_generation_prompt %}{{ '<|start|>assistant<|end|>' }}{% endif %}\n"
    ),
}
USER = [{"role": "user", "content": "the cat eats"}]
CONVERSATIONS = [
    USER,
    [{"role": "user", "content": "  猫吃鱼，user\n"}],
    [{"role": "system", "content": "Be a cat."}, {"role": "user", "content": "<|im_end|> the fish?"}],
    [*USER, {"role": "assistant", "content": "the fish"}, {"role": "user", "content": "the user"}],
    [{"role": "assistant", "content": "the fish"}],
    [{"role": "note", "content": "left out"}, *USER],
    [{"role": "user", "content": "the {{ cat }} {% raw %}"}],
]


def folder_of(place: Path) -> Path:
    """Write the tokenizer's folder."""
    with zipfile.ZipFile(HERE / "tokenizers.zip") as archive:
        archive.extractall(place, [name for name in archive.namelist() if name.startswith("gpt2/")])
    settings = {
        "tokenizer_class": "GPT2Tokenizer",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "</s>",
        "add_bos_token": True,
        "additional_special_tokens": SPECIAL[2:],
    }
    (place / "gpt2" / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return place / "gpt2"


def main() -> None:
    """Render every conversation by every template."""
    cases = []
    with tempfile.TemporaryDirectory() as place:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder_of(Path(place)))
        for name, template in TEMPLATES.items():
            for conversation in CONVERSATIONS:
                given = {"chat_template": template, "add_generation_prompt": True}
                try:
                    text = tokenizer.apply_chat_template(conversation, tokenize=False, **given)
                    ids = tokenizer.apply_chat_template(conversation, **given)["input_ids"]
                    cases.append({"template": name, "conversation": conversation, "text": text, "ids": ids})
                except Exception as error:
                    cases.append({"template": name, "conversation": conversation, "error": str(error)})
    lines = ",\n  ".join(json.dumps(case) for case in cases)
    version = json.dumps({"transformers": transformers.__version__})
    document = f'{{"made_with": {version},\n "cases": [\n  {lines}\n ]}}\n'
    (HERE / "chat.json").write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
