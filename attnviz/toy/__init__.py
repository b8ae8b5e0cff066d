"""The toy: a hand-made lexicon, its vectors, and one layer of attention over them."""
