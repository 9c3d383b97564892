"""What every process of the house stands on: its database, its roots, its way out. No room is built here."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from appliance.kernel.db import Database, DatabaseUnavailable
from appliance.kernel.egress import Egress
from appliance.kernel.errors import Refusal
from appliance.ops.data_directory import read_secret
from appliance.ops.embedded_postgres import socket_url
from appliance.ops.errors import CannotStart
from appliance.ops.migrations import role_name
from appliance.settings import InvalidSettings, Settings
from appliance.vault import RootChoice, Roots, require_own_database, roots_in_use
from appliance.vault.base import Root

if TYPE_CHECKING:
    from appliance.audit.anchors import Anchors


def roots_of(settings: Settings) -> Roots:
    """Return the root keys of a house that is not assembled. Raises RootSpecInvalid, RootKeyUnusable."""
    choice = RootChoice(
        settings.root_key, settings.root_key_credentials, settings.root_key_next, settings.root_key_next_credentials
    )
    return roots_in_use(choice, secrets=settings.secrets, egress=egress_of(settings))


def egress_of(settings: Settings) -> Egress:
    """Return the way out of this host, as far as the settings open it."""
    return way_out(settings, settings.egress_allow)


def way_out(settings: Settings, allow: Sequence[str], *, ca_only: str = "") -> Egress:
    """Return the way to these addresses, as this host goes out; with `ca_only` trusting these certificates alone (PEM)."""
    credentials = settings.secrets / "egress-proxy-credentials"
    return Egress(
        allow,
        ca_bundle=settings.egress_ca_file,
        ca_only=ca_only,
        proxy=settings.egress_proxy,
        proxy_credentials=settings.egress_proxy_credentials or (credentials if credentials.exists() else None),
        client_certificates=settings.egress_client_certificates,
    )


def anchors_of(settings: Settings) -> "Anchors":
    """Return the anchors of the audit log that the settings name."""
    from appliance.audit.anchors import Anchors, TimeStampPlace, witness_place  # few processes need them

    url, certificates = settings.audit_time_stamps, settings.audit_time_stamps_ca
    stamps = TimeStampPlace(url, certificates) if url and certificates else None
    return Anchors(tuple(map(witness_place, settings.audit_witnesses)), stamps)


def require_own(db: Database, roots: Sequence[Root]) -> None:
    """Refuse to work on a database that is another root's. Raises a Refusal."""
    for seconds in (0.2, 0.5, 1.0, 2.0):  # the database may be starting
        try:
            require_own_database(db, roots)
        except DatabaseUnavailable:
            time.sleep(seconds)
        else:
            return
    require_own_database(db, roots)


@contextlib.contextmanager
def starting(program: str, *, status: int) -> Iterator[None]:
    """Say in full, on standard error, why a program of ours cannot start; end it with this status."""
    try:
        yield
    except InvalidSettings as error:
        faults = "\n".join(f"  {fault}" for fault in error.faults)
        sys.stderr.write(f"The {program} cannot start. Some settings are wrong:\n{faults}\n")
        raise SystemExit(status) from error
    except (CannotStart, Refusal) as error:
        sys.stderr.write(f"The {program} cannot start. {error}\n")
        raise SystemExit(status) from error


def database_url(settings: Settings, role: str) -> str:
    """Return the URL by which one of our roles connects, with its password from the secrets directory."""
    password = read_secret(settings.secrets / f"database-{role}")
    if settings.database_url is None:
        directory = settings.data_dir / "postgres"
        return socket_url(directory, user=role_name(role), database="cloister", password=password)
    # Whatever user the given URL names, a service connects as its own role and nothing else.
    url = make_url(settings.database_url).set(username=role_name(role), password=password)
    return url.render_as_string(hide_password=False)
