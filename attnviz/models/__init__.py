"""Models: tokens to layers of attention."""

# Of an encoder-decoder: the encoder's words at each other, the decoder's at those before them, and these at those.
ATTENTIONS = ("encoder", "decoder", "cross")

# What a head that is switched off gives in place of its own output.
ABLATIONS = ("zero", "mean")
