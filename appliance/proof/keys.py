"""The keys of a log as a package holds them: each handed on by the one before, the last one in three forms that must agree."""

import itertools

from appliance.proof.ed25519 import verify_ed25519
from appliance.proof.note import ED25519, PublicKey, endorsed, parse_key
from appliance.proof.package import KEYS, NAMESPACE, PEM, ROLLOVERS, SIGNERS, Package, PackageAltered
from appliance.proof.sshsig import allowed_signers, public_pem


def read_keys(package: Package, origin: str) -> list[PublicKey]:
    """Return the log's public keys, the one in force last. Raises PackageAltered."""
    keys = [parse_key(line) for line in package.text(KEYS).splitlines()]
    if not keys or any(one.kind != ED25519 or one.name != origin for one in keys):
        raise PackageAltered(f"{KEYS} does not hold the keys of this log")
    if package.text(KEYS) != "".join(f"{one}\n" for one in keys):
        raise PackageAltered(f"{KEYS} holds more than keys, or has them in another spelling")
    handed_on = {(one["old"], one["new"]): one["endorsement"] for one in package.json(ROLLOVERS)}
    for old, new in itertools.pairwise(keys):
        signature = bytes.fromhex(handed_on.get((old.public.hex(), new.public.hex()), ""))
        if not verify_ed25519(old.public, endorsed(old.public, new.public), signature):
            raise PackageAltered("a key of the log was not handed on by the one before")
    current = keys[-1].public
    forms = {PEM: public_pem(current), SIGNERS: allowed_signers(current, namespace=NAMESPACE)}
    for name, form in forms.items():
        if package.text(name) != form:
            raise PackageAltered(f"{name} holds another key than {KEYS}, or more than that")
    return keys
