"""A detached signature that `ssh-keygen -Y verify` checks (OpenSSH's PROTOCOL.sshsig, version 1), by an Ed25519 key."""

from collections.abc import Callable

from appliance.proof.sshsig import ssh_armoured, ssh_signed


def signature(content: bytes, *, namespace: str, public: bytes, sign: Callable[[bytes], bytes]) -> str:
    """Return the armoured signature of some content in a namespace."""
    return ssh_armoured(sign(ssh_signed(content, namespace=namespace)), namespace=namespace, public=public)
