"""A root in AWS KMS: Encrypt and Decrypt with the context as encryption context.

Never used to prove a deletion. A KMS key is not deleted but scheduled for it, seven to thirty days ahead, and until then
whoever may administer it cancels that and everything opens again; stand-ins for tests go on decrypting all the
while. What proves a destruction is the key file of the organisation (decision 0016).

Fingerprint: the ARN, hashed. AWS never gives a key id to a second key, and a key keeps its material. Of a multi-Region key
(mrk-…) the region is left out, since its replicas are the same key. Aliases are refused: they can be pointed elsewhere.

Every call is signed here (`sigv4`) and leaves through egress. Credentials are those of a file as the AWS tools write it, or else
of the instance's role (IMDSv2, at 169.254.169.254, which egress must allow). Variables are not read: secrets are files.
"""

import base64
import binascii
import configparser
import contextlib
import json
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2

from appliance.kernel.clock import Clock, SystemClock
from appliance.kernel.egress import Egress
from appliance.kernel.sealing import KEY_BYTES, IntegrityError, KeyDestroyed, KeyUnavailable
from appliance.kernel.sigv4 import AwsCredentials, signed
from appliance.vault.roots.calls import Calls, is_passing, members
from appliance.vault.roots.discretion import Discreet, PerProcess, identity, read_credential
from appliance.vault.roots.frames import KMS, frame, unframe

INSTANCE: Final = "http://169.254.169.254"
_ROLES: Final = "/latest/meta-data/iam/security-credentials/"
_EARLY: Final = timedelta(minutes=5)
_CONTEXT: Final = "cloister"
_PASSING: Final = frozenset({"ThrottlingException", "KMSInternalException", "DependencyTimeoutException"})
_STALE: Final = frozenset({
    "ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId",
    "InvalidSignatureException",
})  # fmt: skip
_ALTERED: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_GONE: Final = "NotFoundException"


@dataclass(frozen=True)
class KmsKey:
    """A key's ARN in parts, and where it is called."""

    arn: str
    endpoint: str

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    def fingerprint(self) -> bytes:
        """Return what tells this key from every other."""
        _, partition, _, region, account, name = self.arn.split(":")
        is_multi_region = name.startswith("key/mrk-")
        return identity(
            "aws-kms", *(part.encode() for part in (partition, "" if is_multi_region else region, account, name))
        )


class _Refused(Exception):
    """KMS said no; the text is the name of its exception."""


class KmsRoot(Discreet):
    """A symmetric key of AWS KMS."""

    is_remote = True

    def __init__(
        self,
        key: KmsKey,
        *,
        egress: Egress,
        credentials: Path,
        spec: str,
        clock: Clock | None = None,
        instance: str = INSTANCE,
    ) -> None:
        super().__init__(spec)
        self._key, self._clock = key, clock or SystemClock()
        self._calls = Calls(egress)
        self._credentials = PerProcess(lambda: _Credentials(credentials, self._calls, self._clock, instance))

    def fingerprint(self) -> bytes:
        """Return the hashed ARN; nothing is called."""
        return self._key.fingerprint()

    def wrap(self, kek: bytes, *, context: bytes) -> bytes:
        """Return the key, encrypted. Raises KeyUnavailable."""
        if len(kek) != KEY_BYTES:
            raise ValueError("a key-encryption key has 32 bytes")
        try:
            answer = self._ask("Encrypt", {"Plaintext": _encoded(kek)}, context)
        except _Refused as refused:
            raise KeyUnavailable(f"KMS answers {refused}") from None
        content = _decoded(answer.get("CiphertextBlob"))
        if not content:
            raise KeyUnavailable("the answer of KMS has no ciphertext")
        return frame(KMS, content, root=self.fingerprint(), context=context)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytearray:
        """Return the key. Raises IntegrityError, KeyDestroyed, KeyUnavailable."""
        content = unframe(KMS, wrapped, root=self.fingerprint(), context=context)
        try:
            answer = self._ask("Decrypt", {"CiphertextBlob": _encoded(content)}, context)
        except _Refused as refused:
            raise _understood(str(refused)) from None
        kek = bytearray(_decoded(answer.get("Plaintext")))
        if len(kek) != KEY_BYTES:
            raise IntegrityError("not a key of ours")
        return kek

    def ping(self) -> None:
        """Wrap and unwrap something. Raises KeyUnavailable."""
        try:
            self.unwrap(self.wrap(bytes(KEY_BYTES), context=b"ping"), context=b"ping")
        except (IntegrityError, KeyDestroyed):
            raise KeyUnavailable("the key does not open what it wrapped a moment ago") from None

    def _ask(self, what: str, body: dict[str, Any], context: bytes) -> dict[str, Any]:
        body |= {"KeyId": self._key.arn, "EncryptionContext": {_CONTEXT: _encoded(context)}}
        content = json.dumps(body).encode()
        held = self._credentials.get()
        credentials = held.get()
        answer = self._send(what, content, credentials)
        if _name(answer) in _STALE:
            answer = self._send(what, content, held.instead_of(credentials))
        if answer.status_code == httpx2.codes.OK:
            return members(answer)
        if (name := _name(answer)) and not is_passing(answer):
            raise _Refused(name)
        raise KeyUnavailable(f"KMS answers {answer.status_code}")

    def _send(self, what: str, content: bytes, credentials: AwsCredentials) -> httpx2.Response:
        url = self._key.endpoint + "/"
        headers = signed(
            "POST", url, {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{what}"}, content,
            credentials=credentials, region=self._key.region, service="kms", now=self._clock.now(),
        )  # fmt: skip
        return self._calls.send(
            "POST", url, headers=headers, content=content,
            is_passing=lambda answer: is_passing(answer) or _name(answer) in _PASSING,
        )  # fmt: skip


class _Credentials:
    """The file's, read at each use; without a file the instance role's, kept until five minutes before their end."""

    def __init__(self, file: Path, calls: Calls, clock: Clock, instance: str) -> None:
        self._file, self._calls, self._clock, self._instance = file, calls, clock, instance
        self._lock = threading.Lock()
        self._of_role: AwsCredentials | None = None

    def get(self) -> AwsCredentials:
        """Return credentials in force. Raises KeyUnavailable."""
        if self._file.exists():
            return _of_file(self._file)
        with self._lock:
            held = self._of_role
            if held is None or (held.ends_at is not None and held.ends_at - _EARLY <= self._clock.now()):
                held = self._of_role = self._ask_instance()
            return held

    def instead_of(self, refused: AwsCredentials) -> AwsCredentials:
        """Return credentials after these were refused."""
        with self._lock:
            if self._of_role == refused:
                self._of_role = None
        return self.get()

    def _ask_instance(self) -> AwsCredentials:
        token = self._metadata("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "300"})
        headers = {"X-aws-ec2-metadata-token": token.text}
        role = self._metadata("GET", _ROLES, headers).text.split("\n")[0].strip()
        said = members(self._metadata("GET", _ROLES + role, headers))
        try:
            ends_at = datetime.fromisoformat(said["Expiration"])
            return AwsCredentials(said["AccessKeyId"], said["SecretAccessKey"], said["Token"], ends_at)
        except (KeyError, TypeError, ValueError):
            raise KeyUnavailable("the instance's role has no credentials") from None

    def _metadata(self, method: str, path: str, headers: dict[str, str]) -> httpx2.Response:
        answer = self._calls.send(method, self._instance + path, headers=headers)
        if answer.status_code != httpx2.codes.OK:
            raise KeyUnavailable(f"no credentials' file, and the instance's metadata answer {answer.status_code}")
        return answer


def _of_file(path: Path) -> AwsCredentials:
    parser = configparser.RawConfigParser(default_section="none")
    text = read_credential(path)
    with contextlib.suppress(configparser.Error, KeyError):  # their errors repeat the line: not even a cause
        parser.read_string(text)
        section = parser["default"]
        return AwsCredentials(
            section["aws_access_key_id"], section["aws_secret_access_key"], section.get("aws_session_token")
        )
    raise KeyUnavailable(f"the credentials' file {path} has no [default] with a key id and a secret")


def _understood(name: str) -> IntegrityError | KeyDestroyed | KeyUnavailable:
    if name == _GONE:
        return KeyDestroyed()
    if name in _ALTERED:
        return IntegrityError("altered, of another context, or wrapped by another root")
    return KeyUnavailable(f"KMS answers {name}")


def _name(answer: httpx2.Response) -> str:
    """Return the name of the exception, never its message."""
    if answer.status_code == httpx2.codes.OK:
        return ""
    name = str(members(answer).get("__type", "")).rsplit("#", 1)[-1]
    return name if name.isalpha() else ""


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except binascii.Error:
        raise KeyUnavailable("the answer of KMS is not base64") from None
