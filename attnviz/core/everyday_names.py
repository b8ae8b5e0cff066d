"""What people call a choice that options have another name for: an error about it suggests the right one."""

from __future__ import annotations

# What people call a choice, and the names that options have for it.
EVERYDAY_NAMES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("sin", "sine", "sines", "sinus", "sinusoid", "cos", "cosine", "vaswani"), ("sinusoidal",)),
    **dict.fromkeys(("fixed", "absolute"), ("sinusoidal",)),
    **dict.fromkeys(("rotary", "rotation", "rotate", "roformer"), ("rope",)),
    **dict.fromkeys(("trained", "embedding", "bert", "gpt", "gpt2"), ("learned",)),
    **dict.fromkeys(("relative", "bias", "bucket", "buckets"), ("t5",)),
    **dict.fromkeys(("linear", "slope", "slopes", "distance"), ("alibi",)),
    **dict.fromkeys(("llama", "neox", "gpt-neox"), ("rope-half",)),
    **dict.fromkeys(("no", "off", "nothing", "null", "without", "full", "bidirectional", "nope"), ("none", "keep")),
    **dict.fromkeys(("autoregressive", "look-ahead", "lookahead", "triangular", "decoder", "lower"), ("causal",)),
    **dict.fromkeys(("sliding", "local", "band"), ("window:K",)),
    **dict.fromkeys(("same", "x", "q=k=v=x", "unit"), ("identity",)),
    **dict.fromkeys(("hand", "handmade", "hand-made", "features"), ("lexicon", "toy")),
    **dict.fromkeys(("jieba", "rjieba", "words", "segment"), ("word",)),
    **dict.fromkeys(("character", "characters", "letter", "letters", "grapheme"), ("char",)),
    **dict.fromkeys(("whitespace", "spaces", "blank", "split"), ("space",)),
    **dict.fromkeys(("line", "lines"), ("sentence", "arcs")),
    **dict.fromkeys(("chinese", "hanzi", "zh"), ("han",)),
    **dict.fromkeys(("one-hot", "1-hot", "index"), ("onehot",)),
    **dict.fromkeys(("hashed", "hashing", "fasttext"), ("hash",)),
    **dict.fromkeys(("word2vec", "glove", "vectors", "file"), ("PATH.vec",)),
    **dict.fromkeys(("heat", "heat-map", "map", "matrix"), ("heatmap", "table")),
    **dict.fromkeys(("bar", "barchart", "bar-chart", "histogram"), ("bars", "top")),
    **dict.fromkeys(("arc", "graph", "network", "bipartite"), ("arcs",)),
    **dict.fromkeys(("small", "multiples", "overview"), ("grid", "blocks")),
    **dict.fromkeys(("dark-mode", "night", "black"), ("dark",)),
    **dict.fromkeys(("presentation", "slides", "powerpoint", "ppt"), ("slide",)),
    **dict.fromkeys(("log", "logarithmic", "ratio"), ("ratios", "log")),
    **dict.fromkeys((".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"), (".png",)),
    **dict.fromkeys((".tsv", ".xls", ".xlsx", ".ods"), (".csv",)),
    **dict.fromkeys((".txt", ".markdown", ".rst"), (".md",)),
    **dict.fromkeys((".pt", ".pth", ".npy", ".safetensors"), (".npz",)),
}
