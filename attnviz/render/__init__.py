"""Renderers: one prepared form in, a renderable or bytes out. Nothing here writes or prints."""
