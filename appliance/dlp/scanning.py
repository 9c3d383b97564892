"""A text that somebody wants to have looked at: it is kept nowhere."""

from appliance.dlp.engine import Engine
from appliance.dlp.own import NOTHING, OwnRules
from appliance.dlp.showing import shown
from appliance.dlp.values import LIKELY, Finding
from appliance.identity import Caller, Permission, require


def scan(engine: Engine, caller: Caller, text: str, *, least: float = LIKELY, own: OwnRules = NOTHING) -> list[tuple[Finding, str]]:
    """Return what a text holds, each finding as it may be shown, to whoever may upload one. Raises Forbidden, ModelMissing.

    `own` are the rules of the caller's organisation.
    """
    require(caller, Permission.DOCUMENT_ADD)
    return shown(engine, text, least=least, own=own)
