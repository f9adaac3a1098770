"""A laboratory for Arm interrupt virtualization."""

__version__ = "0.1.0"
