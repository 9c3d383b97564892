"""What was found in a text, as it may be shown to whoever may see the text itself."""

from appliance.dlp.engine import Engine
from appliance.dlp.masking import excerpt
from appliance.dlp.own.values import NOTHING, OwnRules
from appliance.dlp.values import LIKELY, Finding


def shown(engine: Engine, text: str, *, least: float = LIKELY, own: OwnRules = NOTHING) -> list[tuple[Finding, str]]:
    """Return findings of at least this confidence, each with its masked excerpt, for whoever may see the text itself.

    What is too unsure to be told is masked around the others all the same.
    """
    found = engine.inspect(text, least=min(least, LIKELY), own=own)
    return [(one, excerpt(text, found, one)) for one in found if one.confidence >= least]
