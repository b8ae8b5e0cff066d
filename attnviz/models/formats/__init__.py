"""Weight files: safetensors and GGUF, mapped and bounds-checked."""
