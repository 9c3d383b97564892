"""
CannotStart (exit code 1)   what stands in the way, and what to do about it
"""  # noqa: D200 - the tree is the docstring


class CannotStart(Exception):
    """Something stands in the way of starting; the message says what, and what to do next."""
