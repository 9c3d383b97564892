"""A root in an HSM, by PKCS#11: an AES-256 key that the token made and never hands out; AES-GCM inside, the context as AAD.

    0x12 ‖ nonce[12] ‖ AES-256-GCM(token's key, nonce, key, AAD = 0x12 ‖ context)

Nonces are random: below 2^32 wrapped keys, of which an organisation has a few, GCM allows that (NIST SP 800-38D, 8.3).

Fingerprint. The hash of what the key makes of a fixed text under a fixed nonce: the key's own, whatever label or token it is
moved to. It is always the same message, so the nonce is never used for a second one, and only the hash is kept.

Processes and threads. Loading a module, and signing in to a token, are of the whole process: every call to a module is under one lock,
which is also held across fork, so that a child never inherits a module in the middle of a call. A child begins anew. When a
session or the token went away the module is loaded again, once a call; then it is KeyUnavailable, and the next call tries again.
A refused PIN is not tried twice before its file changes: tokens lock themselves after a few.

Tokens answer an altered ciphertext in many ways (SoftHSM: a general error). So after a failure the key is tried on something of
its own: if that works, it was the ciphertext.

This is the only importer of `pkcs11`, the extra `hsm`.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from appliance.kernel.sealing import KEY_BYTES, IntegrityError, KeyUnavailable
from appliance.vault.errors import RootSpecInvalid
from appliance.vault.roots.discretion import Discreet, identity, read_credential

T = TypeVar("T")
_KIND: Final = b"\x12"
_NONCE: Final = 12
_TAG: Final = 16
_FIXED_NONCE: Final = b"fingerprint\0"
_FIXED_TEXT: Final = b"cloister root fingerprint"


@dataclass(frozen=True)
class HsmKey:
    """Where a key is: the vendor's module, the token's label, the key's label."""

    module: str
    token: str
    label: str


class HsmRoot(Discreet):
    """A key in a PKCS#11 token."""

    is_remote = True  # a real one is on a bus or a network, some milliseconds away

    def __init__(self, key: HsmKey, *, pin: Path, spec: str) -> None:
        """Touch nothing yet: a parent that forks must not have loaded the module. Raises RootSpecInvalid without `pkcs11`."""
        super().__init__(spec)
        try:
            import pkcs11  # noqa: F401 - only whether it is there
        except ImportError as error:
            raise RootSpecInvalid(
                spec=spec, reason="python-pkcs11 is missing; install requirements-hsm.lock"
            ) from error
        self._key, self._pin = key, pin
        self._module = _module(key.module)
        self._held: tuple[int, Any] | None = None
        self._refused_pin: tuple[int, int] | None = None

    def fingerprint(self) -> bytes:
        """Return the key's own mark. Raises KeyUnavailable."""
        return identity("pkcs11", self._used(lambda key: _encrypt(key, _FIXED_NONCE, bytes(KEY_BYTES), _FIXED_TEXT)))

    def wrap(self, kek: bytes, *, context: bytes) -> bytes:
        """Return the key, encrypted in the token. Raises KeyUnavailable."""
        if len(kek) != KEY_BYTES:
            raise ValueError("a key-encryption key has 32 bytes")
        nonce = os.urandom(_NONCE)
        return _KIND + nonce + self._used(lambda key: _encrypt(key, nonce, kek, _KIND + context))

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytearray:
        """Return the key, decrypted in the token. Raises IntegrityError, KeyUnavailable."""
        if wrapped[:1] != _KIND or len(wrapped) != 1 + _NONCE + KEY_BYTES + _TAG:
            raise IntegrityError("not wrapped by this kind of root")
        nonce, content = wrapped[1 : 1 + _NONCE], wrapped[1 + _NONCE :]
        opened = self._used(lambda key: _decrypt(key, nonce, content, _KIND + context))
        if opened is None:
            raise IntegrityError("altered, of another context, or wrapped by another root")
        return bytearray(opened)

    def ping(self) -> None:
        """Wrap and unwrap something. Raises KeyUnavailable."""
        try:
            self.unwrap(self.wrap(bytes(KEY_BYTES), context=b"ping"), context=b"ping")
        except IntegrityError:
            raise KeyUnavailable("the key does not open what it wrapped a moment ago") from None

    def _used(self, use: Callable[[Any], T]) -> T:
        """Use the key; if that fails, once more after a new sign-in."""
        from pkcs11.exceptions import PKCS11Error

        with self._module.lock:
            try:
                return use(self._current())
            except PKCS11Error:
                self._held = None
            try:
                self._module.load_again()
                return use(self._current())
            except PKCS11Error as error:
                self._held = None
                raise KeyUnavailable(f"the token does not work: {type(error).__name__}") from None

    def _current(self) -> Any:
        library = self._module.loaded()
        if self._held is None or self._held[0] != self._module.generation:
            self._held = self._module.generation, self._signed_in(library)
        return self._held[1]

    def _signed_in(self, library: Any) -> Any:
        from pkcs11 import Attribute, KeyType, ObjectClass

        session = self._session(library.get_token(token_label=self._key.token))
        sought = {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.AES,
            Attribute.LABEL: self._key.label,
        }
        found = list(session.get_objects(sought))  # get_key leaves a search open, which ends whenever it is collected
        if not found:
            raise KeyUnavailable("the token has no such AES key; it is never made by us")
        if len(found) > 1:
            raise KeyUnavailable("the token has several AES keys of this label")
        key = found[0]
        if key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE] or key[Attribute.VALUE_LEN] != KEY_BYTES:
            raise KeyUnavailable("the key must be of 256 bits, sensitive and not extractable")
        return key

    def _session(self, token: Any) -> Any:
        from pkcs11.exceptions import PinIncorrect, PinLocked, UserAlreadyLoggedIn

        pin = read_credential(self._pin)
        status = self._pin.stat()
        if self._refused_pin == (status.st_ino, status.st_mtime_ns):
            raise KeyUnavailable("the token refused this PIN; it is tried again when its file changes")
        try:
            return token.open(user_pin=pin)
        except UserAlreadyLoggedIn:  # by another root in the same token
            return token.open()
        except (PinIncorrect, PinLocked) as error:
            self._refused_pin = status.st_ino, status.st_mtime_ns
            raise KeyUnavailable(f"the token refused the PIN: {type(error).__name__}") from None


def _encrypt(key: Any, nonce: bytes, content: bytes, data: bytes) -> bytes:
    from pkcs11 import GCMParams, Mechanism

    encrypted = key.encrypt(content, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, data, _TAG * 8))
    if len(encrypted) != len(content) + _TAG:
        raise KeyUnavailable("the token does not take our nonce: its AES-GCM has another form")
    return bytes(encrypted)


def _decrypt(key: Any, nonce: bytes, content: bytes, data: bytes) -> bytes | None:
    """Return the plaintext; None if the token works, but not on this."""
    from pkcs11 import GCMParams, Mechanism
    from pkcs11.exceptions import PKCS11Error

    def opened(nonce: bytes, content: bytes, data: bytes) -> bytes:
        return bytes(
            key.decrypt(content, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, data, _TAG * 8))
        )

    try:
        return opened(nonce, content, data)
    except PKCS11Error:
        proof = os.urandom(KEY_BYTES)
        if opened(nonce, _encrypt(key, nonce, proof, b"proof"), b"proof") != proof:
            raise
        return None


class _Module:
    """A vendor's module in this process. All that is here is under its lock."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.generation = 0
        self._process: int | None = None
        self._library: Any = None
        self._abandoned: list[Any] = []

    def loaded(self) -> Any:
        """Return the library, initialised in this process."""
        if self._process != os.getpid():
            self.generation += 1
            self._library = self._made() if self._library is None else self._made_in_child()
            self._process = os.getpid()
        return self._library

    def load_again(self) -> None:
        """Initialise it anew: a token that came back is seen only then."""
        from pkcs11.exceptions import PKCS11Error

        self.generation += 1
        if self._library is not None and self._process == os.getpid():
            with contextlib.suppress(PKCS11Error):
                self._library.finalize()
            self._library.initialize()

    def _made(self) -> Any:
        from pkcs11._pkcs11 import lib  # pkcs11.lib would hand a child the parent's

        return lib(self.path)

    def _made_in_child(self) -> Any:
        """Initialise it without ending the parent's first (PKCS#11, "Applications and processes"), which may share a connection.

        Modules that do not see the fork say that they are initialised already; those have to be ended.
        """
        from pkcs11.exceptions import PKCS11Error

        self._abandoned.append(self._library)  # its end would end this one
        try:
            return self._made()
        except PKCS11Error:
            with contextlib.suppress(PKCS11Error):
                self._abandoned[-1].finalize()
            return self._made()


_MODULES: dict[str, _Module] = {}
_MODULES_LOCK = threading.Lock()


def _module(path: str) -> _Module:
    with _MODULES_LOCK:
        return _MODULES.setdefault(path, _Module(path))


def _before_fork() -> None:
    _MODULES_LOCK.acquire()
    for one in _MODULES.values():
        one.lock.acquire()


def _after_fork() -> None:
    for one in _MODULES.values():
        one.lock.release()
    _MODULES_LOCK.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
