"""What a command that failed tells the person at the console."""

from appliance.kernel.db import DatabaseUnavailable
from appliance.kernel.errors import Refusal
from appliance.kernel.sealing import IntegrityError, KeyUnavailable
from appliance.ops.errors import CannotStart
from appliance.settings import InvalidSettings


def words_for(error: Exception) -> str | None:
    """Return what to say and do, or None where the fault is ours."""
    match error:
        case InvalidSettings():
            return "Some settings are wrong:\n" + "\n".join(f"  {fault}" for fault in error.faults)
        case DatabaseUnavailable():
            return f"{error} If the house is stopped, start it with `appliance run`; `appliance doctor` says what is wrong."
        case IntegrityError() | KeyUnavailable():  # whoever is here can see to it
            return f"{error} Here: {error.reason.rstrip('.') or 'see the log'}. `appliance doctor` says more."
        case CannotStart() | Refusal():
            return str(error)
    return None
