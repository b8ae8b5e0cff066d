"""The toy: a hand-made lexicon, its vectors, and one layer of attention over them."""

EMBEDDINGS = ("toy", "hash", "onehot")
PROJECTIONS = ("auto", "identity", "lexicon", "random")
