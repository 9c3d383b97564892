"""What the product is made of, as CycloneDX 1.6 (ECMA-424): the packages that are installed here, read from their own metadata, and dpkg's.

Made by ourselves: the format is a few fields, and a library for it would bring parsers that nothing here needs.
Known weaknesses are in it where the operator brought a file of them (`weaknesses.py`): this host asks nobody outside. A scanner of
the reader's finds them by the `purl` in any case.
"""

import importlib.metadata
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

import appliance
from appliance import audit, identity
from appliance.audit import Event
from appliance.evidence.debian import DebianPackage, debian_packages
from appliance.evidence.weaknesses import Installed, WeaknessesUnreadable, stated
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx

_OURS: Final = "appliance"
_SPACE: Final = uuid.UUID("6f9d5c1e-6a0c-4b55-9d0b-3c6f8f0f9a11")
# Licences that packages name in words, and not by their SPDX identifier.
_FREE_TEXT: Final = 200


@dataclass(frozen=True)
class Component:
    """An installed package: name and version as it is found by, and the licence in its own words."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package URL, by which scanners know it."""
        return f"pkg:pypi/{self.name}@{self.version}"


@cache
def components() -> tuple[Component, ...]:
    """Return the packages that this process can import, by name. What the product does not need itself is among them."""
    found: dict[str, Component] = {}
    for one in importlib.metadata.distributions():
        name = _normal(one.metadata["Name"] or "")
        if name and name != _OURS and name not in found:
            needs = sorted({_normal(re.split(r"[ ;<>=!~\[(]", need, maxsplit=1)[0]) for need in one.requires or ()})
            found[name] = Component(name, one.version, _licence(one.metadata), tuple(needs))
    return tuple(sorted(found.values(), key=lambda one: one.name))


def postgres_of(tx: Tx) -> str:
    """Return the version of the database that this transaction is in."""
    return str(tx.scalar(text("SHOW server_version"))).split(" ", maxsplit=1)[0]


def bill_of_materials(*, made_at: datetime, postgres: str, weaknesses: Path | None = None) -> dict[str, Any]:
    """Return the bill of materials. Equal packages, with an equal Postgres, give an equal serial number; `weaknesses` is OSV's file."""
    parts = components()
    installed = {one.name for one in parts}
    database = f"pkg:generic/postgresql@{postgres}"
    system = debian_packages()
    purls = [*(one.purl for one in parts), *(one.purl for one in system)]
    serial = uuid.uuid5(_SPACE, "\n".join([appliance.__version__, database, *purls]))
    ours = f"pkg:generic/cloister@{appliance.__version__}"
    listed = [_listed(one) for one in parts]
    listed += [
        {
            "bom-ref": one.purl, "name": one.name, "properties": [{"name": "cloister:debian:source", "value": one.source}], "purl": one.purl,
            "type": "library", "version": one.version,
        }
        for one in system
    ]  # fmt: skip
    listed.append({"bom-ref": "postgres", "name": "postgresql", "purl": database, "type": "application", "version": postgres})
    made = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "components": listed,
        "dependencies": [
            {"dependsOn": purls, "ref": ours},
            *({"dependsOn": _needed(one, parts, installed), "ref": one.purl} for one in parts),
        ],
        "metadata": {
            "component": {"bom-ref": ours, "name": "cloister", "purl": ours, "type": "application", "version": appliance.__version__},
            "lifecycles": [{"phase": "operations"}],
            "timestamp": made_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        },
        "serialNumber": f"urn:uuid:{serial}",
        "specVersion": "1.6",
        "version": 1,
    }  # fmt: skip
    return made | _stated(weaknesses, parts, system)


def _stated(file: Path | None, parts: tuple[Component, ...], system: tuple[DebianPackage, ...]) -> dict[str, Any]:
    """Return the statement on known weaknesses: which file it is by, and what that knows of what is installed."""
    if file is None:
        return {"properties": [{"name": "cloister:weaknesses", "value": "no file of known weaknesses was brought"}]}
    installed = [Installed("PyPI", one.name, one.version, one.purl) for one in parts]
    installed += [Installed("Debian", one.source, one.source_version, one.purl) for one in system]
    try:
        found = stated(file, installed)
    except WeaknessesUnreadable:
        return {"properties": [{"name": "cloister:weaknesses", "value": "the file of known weaknesses cannot be read"}]}
    properties = {"weaknesses": f"{len(found.vulnerabilities)} of {found.records} records", "weaknesses:sha256": found.digest}
    return {
        "properties": [{"name": f"cloister:{name}", "value": value} for name, value in properties.items()],
        "vulnerabilities": list(found.vulnerabilities),
    }


def read_bill(db: Database, caller: Caller, *, clock: Clock, weaknesses: Path | None = None) -> str:
    """Return the bill of materials as JSON. Taking it is an event in the log."""
    identity.require_granted(caller, Permission.AUDIT_READ)
    with db.tenant(caller.tenant_id) as tx:
        version = postgres_of(tx)
        audit.record(tx, caller.actor, Event.EVIDENCE_READ, items="sbom")
    return json.dumps(bill_of_materials(made_at=clock.now(), postgres=version, weaknesses=weaknesses), indent=1) + "\n"


def _listed(one: Component) -> dict[str, Any]:
    listed: dict[str, Any] = {
        "bom-ref": one.purl, "name": one.name, "purl": one.purl, "type": "library", "version": one.version,
    }  # fmt: skip
    if one.licence:
        listed["licenses"] = [{"license": {"name": one.licence}}]
    return listed


def _needed(one: Component, parts: tuple[Component, ...], installed: set[str]) -> list[str]:
    wanted = {name for name in one.needs if name in installed and name != one.name}
    return [part.purl for part in parts if part.name in wanted]


def _licence(about: Any) -> str:
    said = about.get("License-Expression") or about.get("License") or ""
    if said and "\n" not in said and len(said) <= _FREE_TEXT:
        return str(said).strip()
    named = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if line.startswith("License ::")]
    return ", ".join(named)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
