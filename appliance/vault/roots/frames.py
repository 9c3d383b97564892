"""How a key that a service wrapped is stored.

    kind[1] ‖ check[16] ‖ what the service returned

The check is a SHA-256 over kind, root, context and the rest. It is no protection, since it has no key: the service's
own tag is that. It tells bit rot, a moved file and another root's key without a call, and so that no service's error
text has to be understood for it.
"""

import hashlib
import hmac
from typing import Final

from appliance.kernel.sealing import IntegrityError

TRANSIT: Final = b"\x11"
KMS: Final = b"\x13"
_CHECK: Final = 16


def frame(kind: bytes, content: bytes, *, root: bytes, context: bytes) -> bytes:
    """Return the content as it is stored."""
    return kind + _check(kind, content, root, context) + content


def unframe(kind: bytes, wrapped: bytes, *, root: bytes, context: bytes) -> bytes:
    """Return the content of a frame of this kind, root and context. Raises IntegrityError."""
    content = wrapped[1 + _CHECK :]
    if wrapped[:1] != kind or not content:
        raise IntegrityError("not wrapped by this kind of root")
    if not hmac.compare_digest(wrapped[1 : 1 + _CHECK], _check(kind, content, root, context)):
        raise IntegrityError("altered, of another context, or wrapped by another root")
    return content


def _check(kind: bytes, content: bytes, root: bytes, context: bytes) -> bytes:
    parts = (b"cloister wrapped key", kind, root, context, content)
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()[:_CHECK]
