"""Models: tokens to layers of attention."""
