"""Attention to and from data files: .npz, .json, .csv."""
