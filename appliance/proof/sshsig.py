"""The log's key as OpenSSH and openssl take it, and the signature over a package's list of digests.

OpenSSH can check that signature as well (PROTOCOL.sshsig, version 1; Ed25519).
"""

import base64
import binascii
import hashlib

from appliance.proof.ed25519 import verify_ed25519

_ARMOUR = ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----")
_MAGIC, _KIND, _HASH = b"SSHSIG", b"ssh-ed25519", b"sha512"


def ssh_signature_holds(armoured: str, content: bytes, *, namespace: str, public: bytes) -> bool:
    """Say whether this is the key's signature of the content in the namespace."""
    lines = armoured.strip().splitlines()
    if (lines[:1], lines[-1:]) != ([_ARMOUR[0]], [_ARMOUR[1]]):
        return False
    try:
        blob = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        return False
    named = ssh_string(namespace.encode()) + ssh_string(b"") + ssh_string(_HASH)
    head = _MAGIC + (1).to_bytes(4, "big") + ssh_string(ssh_string(_KIND) + ssh_string(public)) + named
    made = blob[len(head) :]
    start = ssh_string(_KIND) + (64).to_bytes(4, "big")
    if not blob.startswith(head) or made[4:-64] != start or made != ssh_string(made[4:]):
        return False
    return verify_ed25519(public, _MAGIC + named + ssh_string(hashlib.sha512(content).digest()), made[-64:])


def allowed_signers(public: bytes, *, namespace: str) -> str:
    """Return the file by which `ssh-keygen -Y verify` knows the log's key."""
    encoded = base64.b64encode(ssh_string(_KIND) + ssh_string(public)).decode()
    return f'log namespaces="{namespace}" {_KIND.decode()} {encoded}\n'


def public_pem(public: bytes) -> str:
    """Return a public key as openssl reads it (SubjectPublicKeyInfo, RFC 8410)."""
    encoded = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + public).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n"


def ssh_string(content: bytes) -> bytes:
    """Return bytes with their length before them."""
    return len(content).to_bytes(4, "big") + content
