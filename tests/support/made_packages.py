"""Packages of a log that only its maker has: whoever holds a key can make one, and have it say anything."""

import hashlib
import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

from appliance.audit.growth import log_key
from appliance.audit.sshsig import signature
from appliance.kernel.sealing import SigningKey
from appliance.proof import package as named
from appliance.proof.note import Checkpoint, Note, endorsed, sign
from appliance.proof.rows import csv_head, csv_line
from appliance.proof.sshsig import allowed_signers, public_pem
from appliance.proof.tree import leaf_hash, root_hash

ORGANISATION = "01a20000-0000-7000-8000-000000000001"
ORIGIN = f"cloister/0123456789abcdef/{ORGANISATION}"


def entry(**said: Any) -> bytes:
    """Return an entry's body, with other values or names than an honest one where these are given."""
    body = {
        "actor": {"address": None, "id": None, "kind": "system"}, "at": "2026-11-01T12:00:00.000000+00:00", "event": "audit:log:read",
        "event_id": "01a20000-0000-7000-8000-000000000002", "facts": {}, "outcome": "success", "request_id": None, "subject": None,
        "tenant_id": ORGANISATION, "version": 1,
    }  # fmt: skip
    return json.dumps(body | said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _line(position: int, body: bytes) -> str:
    try:
        return csv_line(position, json.loads(body)).encode().decode()
    except (ValueError, TypeError, RecursionError):
        return ""


def made(target: Path, bodies: list[bytes], *, keys: list[SigningKey] | None = None, origin: str = ORIGIN, manifest: dict[str, Any] | None = None,
         members: dict[str, str] | None = None) -> Path:  # fmt: skip
    """Write a package of these entries that its own key signed; `members` take the place of honest ones."""
    keys = keys or [SigningKey.make()]
    leaves = [leaf_hash(body) for body in bodies]
    text = str(Checkpoint(origin, len(bodies), root_hash(leaves)))
    said = {
        "disclosed": len(bodies), "filter": {}, "first": 0, "format": named.FORMAT, "last": len(bodies), "organisation": ORGANISATION, "origin": origin,
        "period": {}, "personal": {"committed": 0, "disclosed": 0, "withheld": True}, "size": len(bodies), "withheld": 0,
    }  # fmt: skip
    handed_on = [
        {"endorsement": old.sign(endorsed(old.public, new.public)).hex(), "new": new.public.hex(), "old": old.public.hex()}
        for old, new in itertools.pairwise(keys)
    ]
    found = {
        named.README: "", named.VERIFIER: "", named.SHELL: "", named.CONSISTENCY: "[]", named.FRONTIER: json.dumps({"peaks": [], "size": 0}),
        named.EVENTS: "".join(f"{body.decode()}\n" for body in bodies), named.POSITIONS: "".join(f"{at}\n" for at in range(len(bodies))),
        named.TABLE: csv_head() + "".join(itertools.starmap(_line, enumerate(bodies))),
        named.LEAVES: "".join(f"{leaf.hex()}\n" for leaf in leaves), named.ROLLOVERS: json.dumps(handed_on),
        named.CHECKPOINT: str(Note(text, (sign(text, log_key(origin, keys[-1].public), keys[-1].sign),))),
        named.KEYS: "".join(f"{log_key(origin, one.public)}\n" for one in keys), named.PEM: public_pem(keys[-1].public),
        named.SIGNERS: allowed_signers(keys[-1].public, namespace=named.NAMESPACE), named.MANIFEST: json.dumps(said | (manifest or {})),
    } | (members or {})  # fmt: skip
    listed = "".join(f"{hashlib.sha256(found[name].encode()).hexdigest()}  {name}\n" for name in sorted(found))
    signed = signature(listed.encode(), namespace=named.NAMESPACE, public=keys[-1].public, sign=keys[-1].sign)
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in (found | {named.SUMS: listed, named.SUMS_SIGNED: signed}).items():
            archive.writestr(name, content)
    return target
