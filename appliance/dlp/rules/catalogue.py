"""All rules. Loaded late: what some of them count by is large (phonenumbers, python-stdnum)."""

from functools import cache
from typing import Final

from appliance.dlp.look import Rule
from appliance.dlp.values import Category

_C = Category
NOT_HIDDEN: Final = frozenset({_C.PERSON, _C.ADDRESS, _C.MARKING})
"""What nobody hides, and a text in another form only seems to hold."""
NOT_JOINED: Final = NOT_HIDDEN | {_C.PHONE}
"""What nothing proves: of two lines put together, any number may be one."""


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule there is."""
    from appliance.dlp.rules import (
        banking,
        care,
        configuration,
        contacts,
        credentials,
        government,
        health,
        markings,
        names,
        national,
        network,
        payment,
        places,
        vendors,
    )

    modules = (
        payment, government, national, contacts, network, banking, health, care, credentials, configuration, vendors, places, names, markings,
    )  # fmt: skip
    return tuple(rule for module in modules for rule in module.RULES)
