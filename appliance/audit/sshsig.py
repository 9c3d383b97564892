"""A detached signature that `ssh-keygen -Y verify` checks (OpenSSH's PROTOCOL.sshsig, version 1), by an Ed25519 key."""

import base64
import hashlib
from collections.abc import Callable

from appliance.proof.sshsig import ssh_string

_MAGIC = b"SSHSIG"
_KIND = b"ssh-ed25519"
_WIDTH = 70


def signature(content: bytes, *, namespace: str, public: bytes, sign: Callable[[bytes], bytes]) -> str:
    """Return the armoured signature of some content in a namespace."""
    named = ssh_string(namespace.encode()) + ssh_string(b"") + ssh_string(b"sha512")
    made = sign(_MAGIC + named + ssh_string(hashlib.sha512(content).digest()))
    blob = (
        _MAGIC
        + (1).to_bytes(4, "big")
        + ssh_string(ssh_string(_KIND) + ssh_string(public))
        + named
        + ssh_string(ssh_string(_KIND) + ssh_string(made))
    )
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])
