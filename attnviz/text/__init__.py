"""Text to tokens and back: cut, find, name and merge them."""
