"""Numbers and data: arrays in, arrays out. Nothing here knows text or models."""
