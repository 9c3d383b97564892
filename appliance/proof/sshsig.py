"""The log's key as OpenSSH and openssl take it, and the signature over a package's list of digests.

OpenSSH can check that signature as well (PROTOCOL.sshsig, version 1; Ed25519).
"""

import base64
import binascii
import hashlib

from appliance.proof.ed25519 import verify_ed25519

_ARMOUR = ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----")
_MAGIC, _KIND, _HASH = b"SSHSIG", b"ssh-ed25519", b"sha512"
_WIDTH = 70


def ssh_signature_holds(armoured: str, content: bytes, *, namespace: str, public: bytes) -> bool:
    """Say whether this is the key's signature of the content in the namespace, and nothing else: ssh-keygen passes over what stands behind it."""
    try:
        made = base64.b64decode("".join(armoured.split("\n")[1:-2]), validate=True)[-64:]
    except (binascii.Error, ValueError):
        return False
    if armoured != ssh_armoured(made, namespace=namespace, public=public):
        return False
    return verify_ed25519(public, ssh_signed(content, namespace=namespace), made)


def ssh_signed(content: bytes, *, namespace: str) -> bytes:
    """Return what the key signs of some content."""
    return _MAGIC + _named(namespace) + ssh_string(hashlib.sha512(content).digest())


def ssh_armoured(made: bytes, *, namespace: str, public: bytes) -> str:
    """Return a signature as OpenSSH writes it."""
    key, signed = (ssh_string(ssh_string(_KIND) + ssh_string(one)) for one in (public, made))
    text = base64.b64encode(_MAGIC + (1).to_bytes(4, "big") + key + _named(namespace) + signed).decode()
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return "\n".join([_ARMOUR[0], *lines, _ARMOUR[1], ""])


def _named(namespace: str) -> bytes:
    return ssh_string(namespace.encode()) + ssh_string(b"") + ssh_string(_HASH)


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
