"""Makes the root that a setting names. A spec holds no secret: it is shown in logs, the doctor and key files.

file:/srv/keys/root.key
systemd:root-key
transit:https://bao.example.org:8200/v1/transit/keys/cloister[?role=ROLE-ID&login=approle&namespace=NAME]
pkcs11:token=LABEL;object=LABEL?module-path=/usr/lib/vendor.so           (RFC 7512)
aws-kms:arn:aws:kms:REGION:ACCOUNT:key/ID[?endpoint=https://…]
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from appliance.kernel.clock import Clock
from appliance.kernel.egress import Egress
from appliance.vault.base import Root
from appliance.vault.errors import RootSpecInvalid
from appliance.vault.roots.keyfile import KeyFileRoot, systemd_root

if TYPE_CHECKING:  # each is loaded where it is the root: most houses have a key in a file, and need no HTTP client for it
    from appliance.vault.roots.hsm import HsmKey
    from appliance.vault.roots.kms import KmsKey
    from appliance.vault.roots.transit import TransitKey

_CREDENTIAL: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")
_TRANSIT_PATH: Final = re.compile(r"/v1/(?P<mount>[\w./-]+)/keys/(?P<name>[\w.-]+)", re.ASCII)
_LOGIN: Final = re.compile(r"[\w./-]+", re.ASCII)
_ARN: Final = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def root_of(
    spec: str | None,
    *,
    secrets: Path,
    egress: Egress,
    credentials: Path | None = None,
    clock: Clock | None = None,
) -> Root:
    """Return the root. Nothing is called yet, but a file is read. Raises RootSpecInvalid, RootKeyUnusable.

    No spec means `root.key` in the secrets directory; no credentials, `root-key-credentials` there.
    """
    spec = spec or f"file:{(secrets / 'root.key').absolute()}"
    kind, rest = _parts(spec)
    held = credentials or secrets / "root-key-credentials"
    if kind == "file":
        return KeyFileRoot(_file(spec, rest), spec=spec)
    if kind == "systemd":
        return systemd_root(_credential(spec, rest), spec=spec)
    if kind == "transit":
        from appliance.vault.roots.transit import TransitRoot

        return TransitRoot(_transit(spec, rest), egress=egress, credentials=held, spec=spec)
    if kind == "pkcs11":
        from appliance.vault.roots.hsm import HsmRoot

        return HsmRoot(_hsm(spec, rest), pin=held, spec=spec)
    from appliance.vault.roots.kms import KmsRoot

    return KmsRoot(_kms(spec, rest), egress=egress, credentials=held, spec=spec, clock=clock)


def check_spec(spec: str) -> None:
    """Raise RootSpecInvalid unless the spec names a root; nothing is read."""
    kind, rest = _parts(spec)
    _KINDS[kind](spec, rest)


def _parts(spec: str) -> tuple[str, str]:
    kind, _, rest = spec.partition(":")
    if kind not in _KINDS:
        raise RootSpecInvalid(spec=kind, reason=f"it begins with one of {', '.join(f'{one}:' for one in _KINDS)}")
    return kind, rest


def _file(spec: str, rest: str) -> Path:
    if not rest.startswith("/"):
        raise RootSpecInvalid(spec=spec, reason="the path of a key file begins with /")
    return Path(rest)


def _credential(spec: str, rest: str) -> str:
    if not _CREDENTIAL.fullmatch(rest):
        raise RootSpecInvalid(spec=spec, reason="a credential of systemd has a plain name")
    return rest


def _transit(spec: str, rest: str) -> "TransitKey":
    from appliance.vault.roots.transit import TransitKey

    parts, options = _address(spec, rest, ("role", "login", "namespace"))
    match = _TRANSIT_PATH.fullmatch(parts.path)
    login = options.get("login", "approle")
    if match is None or ".." in parts.path + login or not _LOGIN.fullmatch(login):
        raise RootSpecInvalid(spec=spec, reason="the path is /v1/MOUNT/keys/NAME")
    return TransitKey(
        f"{parts.scheme}://{parts.netloc}",
        match["mount"],
        match["name"],
        options.get("role"),
        login,
        options.get("namespace"),
    )


def _hsm(spec: str, rest: str) -> "HsmKey":
    from appliance.vault.roots.hsm import HsmKey

    path, _, query = rest.partition("?")
    said = _options(spec, path.replace(";", "&"), ("token", "object"))
    module = _options(spec, query, ("module-path",)).get("module-path", "")
    if not said.get("token") or not said.get("object") or not module.startswith("/"):
        raise RootSpecInvalid(spec=spec, reason="it is pkcs11:token=LABEL;object=LABEL?module-path=/PATH")
    return HsmKey(module, said["token"], said["object"])


def _kms(spec: str, rest: str) -> "KmsKey":
    from appliance.vault.roots.kms import KmsKey

    arn, _, query = rest.partition("?")
    if not _ARN.fullmatch(arn):
        raise RootSpecInvalid(spec=spec, reason="it is the whole ARN of a key, not an alias")
    region, suffix = arn.split(":")[3], ".cn" if arn.startswith("arn:aws-cn:") else ""
    endpoint = _options(spec, query, ("endpoint",)).get("endpoint")
    if endpoint is not None:
        parts, _ = _address(spec, endpoint, ())
        endpoint = f"{parts.scheme}://{parts.netloc}"
    return KmsKey(arn, endpoint or f"https://kms.{region}.amazonaws.com{suffix}")


def _address(spec: str, text: str, known: tuple[str, ...]) -> tuple[SplitResult, dict[str, str]]:
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
    if not host or parts.username is not None:
        raise RootSpecInvalid(spec=spec.partition(":")[0], reason="it needs an address without user or password")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise RootSpecInvalid(spec=spec, reason="only https is safe, except on this host")
    return parts, _options(spec, parts.query, known)


def _options(spec: str, query: str, known: tuple[str, ...]) -> dict[str, str]:
    options = {}
    for name, value in parse_qsl(query.replace("+", "%2B"), keep_blank_values=True):
        if name not in known or name in options or not value:
            raise RootSpecInvalid(spec=spec.partition("?")[0], reason=f"{name} is unknown, empty, or there twice")
        options[name] = value
    return options


_KINDS: Final[dict[str, Callable[[str, str], object]]] = {
    "file": _file,
    "systemd": _credential,
    "transit": _transit,
    "pkcs11": _hsm,
    "aws-kms": _kms,
}
