"""The version of attnviz."""

__version__ = "0.2.0"
