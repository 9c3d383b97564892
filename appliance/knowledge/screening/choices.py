"""What an organisation demands of who uploads, and of who reviews what was found."""

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.knowledge.screening.tables import ScreeningSettingsRow
from appliance.knowledge.screening.values import Attestation, ScreeningSettings


def get_screening(tx: Tx) -> ScreeningSettings:
    """Return what the organisation demands; where nothing was chosen, nothing. Asks for no permission."""
    row = tx.get(ScreeningSettingsRow, tx.tenant_id)
    return ScreeningSettings(Attestation(row.attestation), row.needs_second) if row else ScreeningSettings()


def read_screening(tx: Tx, caller: Caller) -> ScreeningSettings:
    """Return what is asked of uploads and reviews, to whoever reads documents."""
    identity.require(caller, Permission.DOCUMENT_READ)
    return get_screening(tx)


def change_screening(tx: Tx, caller: Caller, wanted: ScreeningSettings) -> ScreeningSettings:
    """Demand this from now on. That releasing takes two ends by the word of one who may change settings, and is on record."""
    identity.require(caller, Permission.SETTINGS_CHANGE)
    tx.merge(
        ScreeningSettingsRow(tenant_id=tx.tenant_id, attestation=wanted.attestation.value, needs_second=wanted.needs_second)
    )
    tx.flush()
    audit.record(
        tx, caller.actor, Event.SCREENING_CHANGED, subject=tx.tenant_id, attestation=wanted.attestation.value,
        needs_second=int(wanted.needs_second),
    )  # fmt: skip
    return wanted
