"""An organisation's name and settings, changed by its administrators."""

from appliance import audit, tenancy
from appliance.audit import Event
from appliance.identity.errors import SecondPersonNeeded
from appliance.identity.permissions import Permission, require
from appliance.identity.revocation import end_password_links
from appliance.identity.values import Caller
from appliance.kernel.db import Tx, in_turn
from appliance.tenancy import OrganisationSettings, Review


def rename_organisation(tx: Tx, caller: Caller, *, name: str) -> None:
    """Give the caller's organisation another name. Raises OrganisationNameMissing."""
    require(caller, Permission.SETTINGS_CHANGE)
    tenancy.rename_organisation(tx, name=name)
    audit.record(tx, caller.actor, Event.ORGANISATION_RENAMED, subject=tx.tenant_id)


def change_settings(tx: Tx, caller: Caller, settings: OrganisationSettings) -> OrganisationSettings:
    """Change the organisation's settings; what they were and are is recorded.

    Raises LinkHostMalformed, and SecondPersonNeeded for leaving the works-council mode, whichever way: one person
    could else go round it in two steps. See `chat.decide_review`.
    """
    require(caller, Permission.SETTINGS_CHANGE)
    in_turn(
        tx, "settings"
    )  # else who comes a moment later sees, and overwrites, what was before the works-council mode
    before = tenancy.get_settings(tx)
    if before.conversation_review is Review.TWO_PERSON and settings.conversation_review is not Review.TWO_PERSON:
        raise SecondPersonNeeded
    if settings.conversation_review is Review.TWO_PERSON:
        end_password_links(tx)
    return put_settings(tx, caller, settings)


def put_settings(tx: Tx, caller: Caller, settings: OrganisationSettings) -> OrganisationSettings:
    """Store settings that whoever calls has the right to choose, and record what they were and are."""
    before = tenancy.get_settings(tx)
    after = tenancy.put_settings(tx, settings)
    audit.record(
        tx, caller.actor, Event.SETTINGS_CHANGED, subject=tx.tenant_id,
        review_before=before.conversation_review.value, review=after.conversation_review.value,
        link_hosts_before=" ".join(before.link_hosts), link_hosts=" ".join(after.link_hosts),
        content_days_before=before.call_content_days, content_days=after.call_content_days,
    )  # fmt: skip
    return after
