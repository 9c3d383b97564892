"""Why a call passes a rule, or does not: sentences for people, whose places are filled with names and numbers."""

from typing import Final

LISTED: Final = "{value} is listed."
UNLISTED: Final = "{value} is not listed."
IS_ALLOWED: Final = "{value} is among the models that the organisation allows."
NOT_ALLOWED: Final = "{value} is not among the models that the organisation allows."
HERE: Final = "It stays on this host."
UNKNOWN_MODEL: Final = "No such model is configured."
WITHOUT_TOOLS: Final = "It uses no tools."
NO_TOOL: Final = "It has the tool {value}, and none may be used."
NO_ANSWER: Final = "Nothing is written."
WITHIN: Final = "It asks for {asked} tokens; {most} are the most."
ABOVE: Final = "It asks for {asked} tokens, and {most} are the most."
UNBOUNDED: Final = "It sets no bound, so the provider's own would hold. Ask for at most {most} tokens."
IN_TIME: Final = "{moment} is within {hours} ({zone})."
OUT_OF_TIME: Final = "{moment} is not within {hours} ({zone})."
OTHER_DAY: Final = "{moment} is on another day of the week ({zone})."
NO_LABEL: Final = "It names no data label, and this rule needs one."
NOTHING_DEMANDED: Final = "Nothing is demanded for {label}."
STAYS: Final = "What bears the label {label} may not leave this host."
GRANTED: Final = "For {label}, contracts in force with {provider} grant {terms}."
NOT_GRANTED: Final = "For {label}, no contract in force with {provider} grants {terms}."
NO_REGION: Final = "Where {provider} computes is not known: neither the provider nor a contract in force names a region."

REASONS: Final = (
    LISTED, UNLISTED, IS_ALLOWED, NOT_ALLOWED, HERE, UNKNOWN_MODEL, WITHOUT_TOOLS, NO_TOOL, NO_ANSWER, WITHIN, ABOVE, UNBOUNDED, IN_TIME, OUT_OF_TIME,
    OTHER_DAY, NO_LABEL, NOTHING_DEMANDED, STAYS, GRANTED, NOT_GRANTED, NO_REGION,
)  # fmt: skip
