"""What the house keeps of people: every table, why it is kept, and what erasure does to it."""

from appliance.privacy.manifest import MANIFEST, Entry, OnErasure

__all__ = ["MANIFEST", "Entry", "OnErasure"]
