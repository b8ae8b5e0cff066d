"""A model's tokenizer, opened from any of the files that it may come in."""
