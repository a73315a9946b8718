"""The version, in a file of its own: the package metadata is built from it."""

__version__ = "0.1.0"
