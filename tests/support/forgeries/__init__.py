"""Responses that an attacker would send, each with the rule that it breaks."""

from tests.support.forgeries import keys, sealed, texts, words, wrapping
from tests.support.forgeries.lab import FORGERIES, Lab

__all__ = ["FORGERIES", "Lab", "keys", "sealed", "texts", "words", "wrapping"]
