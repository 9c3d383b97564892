"""Files to a host by SFTP, over a connection that egress opened. Nothing is read there but the size of what was written.

Trusted: the host key that was named. Not trusted: the network, DNS, and whoever answers with another key: such a host learns
neither password nor file, because its key is compared before we say who we are. Agents, key files and known_hosts of this
host are not looked at. What the other side says is not repeated; it may say anything.
"""

import base64
import binascii
import contextlib
import errno
import hmac
import io
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.kernel.errors import Kind, Refusal
from appliance.kernel.sealing import SigningKey
from appliance.kernel.secret import Secret

if TYPE_CHECKING:
    from paramiko import SFTPClient, Transport

_SECONDS: Final = 20.0
_PIECE: Final = 1 << 20
_LONGEST: Final = 6 * 3600.0
_KINDS: Final = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
_MOST_KEY: Final = 4_096
_FAULTS: Final = {errno.ENOENT: "the folder is not there", errno.EACCES: "the folder is not ours to write to"}


class SftpFailed(Refusal):
    """The file was not taken: {reason}."""

    kind = Kind.UNAVAILABLE
    code = "sftp_failed"


@dataclass(frozen=True)
class HostKey:
    """A host's public key, as OpenSSH writes it."""

    kind: str
    octets: bytes

    def __str__(self) -> str:
        return f"{self.kind} {base64.b64encode(self.octets).decode()}"


@dataclass(frozen=True)
class Door:
    """Who is let in by whom: the account, and the key that the host must show."""

    account: str
    host_key: HostKey


def parse_host_key(written: str) -> HostKey:
    """Return the key of a line of ssh-keyscan, of known_hosts or of a .pub file. Raises ValueError."""
    words = written.split()
    at = next((at for at, one in enumerate(words[:2]) if one in _KINDS), None)
    if at is None or len(words) < at + 2 or len(written) > _MOST_KEY or "\n" in written.strip():
        raise ValueError
    try:
        octets = base64.b64decode(words[at + 1], validate=True)
    except binascii.Error:
        raise ValueError from None
    kind = words[at].encode()
    if not octets.startswith(struct.pack(">I", len(kind)) + kind):
        raise ValueError
    return HostKey(words[at], octets)


def public_line(key: SigningKey, comment: str) -> str:
    """Return the line for authorized_keys."""
    return f"ssh-ed25519 {base64.b64encode(_text(b'ssh-ed25519') + _text(key.public)).decode()} {comment}"


def put_file(
    sock: socket.socket, door: Door, who: Secret | SigningKey, source: Path, target: str, *, beat: Callable[[], None],
    seconds: float = _LONGEST,
) -> None:  # fmt: skip
    """Write a file under another name, then give it its own: who looks never sees half of it. The socket is closed.

    `beat` is called as it goes; after so many seconds it ends in any case. Raises SftpFailed.
    """
    with _ended_after(seconds, sock), _opened(sock, door, who) as client:
        part = f"{target}.part"
        size = 0
        with client.open(part, "wb") as written, source.open("rb") as read:
            written.set_pipelined(True)
            while piece := read.read(_PIECE):
                written.write(piece)
                size += len(piece)
                beat()
        if client.stat(part).st_size != size:
            raise SftpFailed(reason="the file there has another size")
        _rename(client, part, target)


@contextmanager
def _ended_after(seconds: float, sock: socket.socket) -> Iterator[None]:
    """Cut the line when the time is over: a host that answers a little, again and again, would never be late."""

    def cut() -> None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _rename(client: "SFTPClient", part: str, target: str) -> None:
    try:
        client.posix_rename(part, target)
    except OSError:
        # Not every server knows it. The plain one refuses where the name is taken: by us, when a receipt was lost.
        names = client.listdir(target.rpartition("/")[0] or ".")
        if target.rpartition("/")[2] in names:
            client.remove(target)
        client.rename(part, target)


@contextmanager
def _opened(sock: socket.socket, door: Door, who: Secret | SigningKey) -> Iterator["SFTPClient"]:
    from paramiko import AuthenticationException, SFTPClient, SSHException, Transport

    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it would tell the log what the other side says
    transport = None
    try:
        transport = Transport(sock)
        _meet(transport, door)
        _enter(transport, door.account, who)
        client = SFTPClient.from_transport(transport)
        if client is None:
            raise SftpFailed(reason="it opens no SFTP")
        client.get_channel().settimeout(3 * _SECONDS)
        yield client
    except AuthenticationException:
        raise SftpFailed(reason="it does not let this account in") from None
    except (SSHException, EOFError):
        raise SftpFailed(reason="it does not speak SFTP as it should, or hung up") from None
    except OSError as error:
        reason = "it took too long" if isinstance(error, TimeoutError) else _FAULTS.get(error.errno or 0, "it failed there")
        raise SftpFailed(reason=reason) from None
    finally:
        if transport is not None:
            transport.close()
        sock.close()


def _meet(transport: "Transport", door: Door) -> None:
    """Begin to speak, and see that it is the host that was named. Raises SftpFailed."""
    from paramiko import SSHException

    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = _SECONDS
    transport.get_security_options().key_types = _KINDS[door.host_key.kind]
    try:
        transport.start_client(timeout=_SECONDS)
    except SSHException:
        raise SftpFailed(reason="it does not speak SSH, or has no key of the kind that was named") from None
    if not hmac.compare_digest(transport.get_remote_server_key().asbytes(), door.host_key.octets):
        raise SftpFailed(reason="its host key is another one than was named")


def _enter(transport: "Transport", account: str, who: Secret | SigningKey) -> None:
    if isinstance(who, Secret):
        transport.auth_password(account, who.reveal(), fallback=False)
    else:
        from paramiko import Ed25519Key

        transport.auth_publickey(account, Ed25519Key(file_obj=io.StringIO(_openssh(who))))


def _openssh(key: SigningKey) -> str:
    """Return a private key as OpenSSH has it in a file (PROTOCOL.key), without a password: it is read in this process alone."""
    public = _text(b"ssh-ed25519") + _text(key.public)
    inner = bytes(8) + public + _text(key.private + key.public) + _text(b"")
    inner += bytes(range(1, 1 + -len(inner) % 8))
    whole = b"openssh-key-v1\0" + _text(b"none") * 2 + _text(b"") + struct.pack(">I", 1) + _text(public) + _text(inner)
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{base64.b64encode(whole).decode()}\n-----END OPENSSH PRIVATE KEY-----\n"


def _text(octets: bytes) -> bytes:
    return struct.pack(">I", len(octets)) + octets
