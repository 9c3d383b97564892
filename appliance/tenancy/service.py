from sqlalchemy import select, text

from appliance import audit
from appliance.audit import Actor, Event
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.tenancy.errors import OrganisationNameMissing
from appliance.tenancy.tables import OrganisationRow
from appliance.tenancy.values import Organisation

NAME_LIMIT = 200


def create_organisation(tx: Tx, actor: Actor, *, name: str, clock: Clock) -> Organisation:
    """Create the organisation that this transaction is bound to. Its id is the transaction's tenant."""
    name = name.strip()
    if not 0 < len(name) <= NAME_LIMIT:
        raise OrganisationNameMissing
    row = OrganisationRow(tenant_id=tx.tenant_id, name=name, created_at=clock.now())
    tx.add(row)
    tx.flush()
    audit.record(tx, actor, Event.ORGANISATION_CREATED, subject=row.tenant_id)
    return _organisation(row)


def get_organisation(tx: Tx) -> Organisation:
    """Return the organisation of this transaction. Raises NoResultFound in a tenant that does not exist."""
    return _organisation(tx.scalars(select(OrganisationRow).where(OrganisationRow.tenant_id == tx.tenant_id)).one())


def count_organisations(tx: Tx) -> int:
    """Return how many organisations this host has, from any transaction."""
    return int(tx.scalar(text("SELECT count_organisations()")) or 0)


def list_tenants(tx: Tx) -> list[TenantId]:
    """Return every tenant's id. Only the worker's role may ask."""
    return [TenantId(tenant_id) for tenant_id in tx.scalars(text("SELECT * FROM list_tenants()"))]


def _organisation(row: OrganisationRow) -> Organisation:
    return Organisation(
        tenant_id=TenantId(row.tenant_id), name=row.name, created_at=row.created_at, suspended_at=row.suspended_at
    )
