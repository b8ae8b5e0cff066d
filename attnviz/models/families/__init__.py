"""Architectures: one module per family, and the layers that they share."""
