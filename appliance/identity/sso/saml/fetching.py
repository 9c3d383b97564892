"""Metadata by its address: read when somebody asks for it, over the line that the operator allows, in no transaction."""

from dataclasses import asdict
from typing import Final
from uuid import UUID

from appliance.identity.permissions import Permission, require
from appliance.identity.sso import connections
from appliance.identity.sso.connections import ConnectionChange
from appliance.identity.sso.errors import ConnectionNotFound, ConnectionSettingMalformed, ProviderSilent
from appliance.identity.sso.saml.metadata import MetadataUnusable, read_metadata
from appliance.identity.sso.saml.reading import METADATA_BYTES
from appliance.identity.sso.saml.settings import described_by, read
from appliance.identity.sso.values import Connection, ConnectionKind
from appliance.identity.values import Caller
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database
from appliance.kernel.egress import Egress, EgressDenied, EgressFailed, Outgoing, OutgoingMalformed, Timeouts
from appliance.kernel.federation import parse_certificate
from appliance.kernel.sealing import Sealer

_TIMES: Final = Timeouts(connect=5, write=5, first_byte=10, between=5, whole=20)
_OK: Final = 200


def read_again(
    db: Database, caller: Caller, connection_id: UUID, *, egress: Egress, sealer: Sealer, clock: Clock
) -> Connection:
    """Take what the provider's metadata says now: its addresses and its certificates, of the same provider as before.

    Raises ConnectionNotFound, ConnectionSettingMalformed where no address was named, ProviderSilent, MetadataUnusable.
    """
    require(caller, Permission.SIGN_ON_CHANGE)
    with db.tenant(caller.tenant_id) as tx:
        connection = connections.get_connection(tx, caller, connection_id)
    if connection.kind is not ConnectionKind.SAML:
        raise ConnectionNotFound
    settings = read(connection.settings)
    if not settings.metadata_url:
        raise ConnectionSettingMalformed(setting="metadata_url")
    signers = [parse_certificate(settings.metadata_certificate)] if settings.metadata_certificate else []
    written = fetched(egress, settings.metadata_url)
    found = read_metadata(written, now=clock.now(), signers=signers, entity_id=settings.entity_id)
    change = ConnectionChange(settings=asdict(described_by(settings, found)))
    with db.tenant(caller.tenant_id) as tx:
        return connections.change_connection(tx, caller, connection_id, change, sealer=sealer, clock=clock)


def fetched(egress: Egress, url: str) -> bytes:
    """Return what stands at the address. Raises ProviderSilent, MetadataUnusable."""
    headers = (("Accept", "application/samlmetadata+xml, application/xml, text/xml"),)
    try:
        with egress.open(Outgoing("GET", url, headers, b"", _TIMES, METADATA_BYTES)) as answer:
            if answer.status != _OK:
                raise MetadataUnusable(reason=f"status {answer.status}")
            return answer.read()
    except (EgressDenied, EgressFailed, OutgoingMalformed) as error:
        raise ProviderSilent(why=str(error)[:300]) from None
