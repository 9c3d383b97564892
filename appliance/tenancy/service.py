import re
from dataclasses import replace

from sqlalchemy import select, text

from appliance import audit
from appliance.audit import Actor, Event
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.questions import Question
from appliance.tenancy.errors import ContentDaysMalformed, LinkHostMalformed, OrganisationNameMissing
from appliance.tenancy.tables import OrganisationRow, SettingsRow
from appliance.tenancy.values import Organisation, OrganisationSettings, Review

NAME_LIMIT = 200
_MOST_HOSTS = 50
_DAYS = range(3651)
# RFC 1123: labels of letters, digits and hyphens, 253 signs in all.
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


def create_organisation(tx: Tx, actor: Actor, *, name: str, clock: Clock) -> Organisation:
    """Create the organisation that this transaction is bound to. Its id is the transaction's tenant."""
    name = _checked(name)
    row = OrganisationRow(tenant_id=tx.tenant_id, name=name, created_at=clock.now())
    tx.add(row)
    tx.flush()
    audit.record(tx, actor, Event.ORGANISATION_CREATED, subject=row.tenant_id)
    return _organisation(row)


def get_organisation(tx: Tx) -> Organisation:
    """Return the organisation of this transaction. Raises NoResultFound in a tenant that does not exist."""
    return _organisation(tx.scalars(select(OrganisationRow).where(OrganisationRow.tenant_id == tx.tenant_id)).one())


def rename_organisation(tx: Tx, *, name: str) -> None:
    """Give the organisation of this transaction another name. Verbs ask who may; see `identity.rename_organisation`."""
    tx.get_one(OrganisationRow, tx.tenant_id).name = _checked(name)
    tx.flush()


def get_settings(tx: Tx) -> OrganisationSettings:
    """Return the settings of this transaction's organisation; where nothing was chosen, the strictest."""
    row = tx.get(SettingsRow, tx.tenant_id)
    if row is None:
        return OrganisationSettings()
    return OrganisationSettings(Review(row.conversation_review), tuple(row.link_hosts), row.call_content_days)


def put_settings(tx: Tx, settings: OrganisationSettings) -> OrganisationSettings:
    """Store the settings. Verbs ask who may; see `identity.change_settings`. Raises LinkHostMalformed, ContentDaysMalformed."""
    hosts = tuple(dict.fromkeys(host.strip().lower() for host in settings.link_hosts if host.strip()))
    if len(hosts) > _MOST_HOSTS or not all(_HOST.fullmatch(host) for host in hosts):
        raise LinkHostMalformed
    if settings.call_content_days not in _DAYS:
        raise ContentDaysMalformed
    tx.merge(
        SettingsRow(
            tenant_id=tx.tenant_id, conversation_review=settings.conversation_review, link_hosts=list(hosts),
            call_content_days=settings.call_content_days,
        )
    )  # fmt: skip
    tx.flush()
    return replace(settings, link_hosts=hosts)


def days_kept() -> Question[int]:
    """Ask for how many days the organisation keeps what calls to providers say."""
    return Question("days_calls_are_kept()", (), lambda days: days or 0)


def count_organisations(tx: Tx) -> int:
    """Return how many organisations this host has, from any transaction."""
    return int(tx.scalar(text("SELECT count_organisations()")) or 0)


def list_tenants(tx: Tx) -> list[TenantId]:
    """Return every tenant's id. Only the worker's role may ask."""
    return [TenantId(tenant_id) for tenant_id in tx.scalars(text("SELECT * FROM list_tenants()"))]


def _checked(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= NAME_LIMIT:
        raise OrganisationNameMissing
    return name


def _organisation(row: OrganisationRow) -> Organisation:
    return Organisation(
        tenant_id=TenantId(row.tenant_id), name=row.name, created_at=row.created_at, suspended_at=row.suspended_at
    )
