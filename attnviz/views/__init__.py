"""Views: one prepared form in, a renderable, text or bytes out. Nothing here writes or prints."""
