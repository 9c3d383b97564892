"""
Refusal
├── OwnListNotFound       kind=not_found
├── AllowanceNotFound     kind=not_found
├── TooManyOwnRules       kind=conflict
└── Invalid
    ├── OwnListMalformed
    ├── TermsMalformed
    ├── ExpressionMalformed
    ├── SampleMissed
    ├── SampleFound
    ├── ValuesMalformed
    └── AllowanceMalformed
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class OwnListNotFound(Refusal):
    """There is no such list. Look under Data protection, Own rules on data."""

    kind = Kind.NOT_FOUND
    code = "own_list_not_found"


class AllowanceNotFound(Refusal):
    """There is no such allowance, or it has ended. Look under Data protection, Own rules on data."""

    kind = Kind.NOT_FOUND
    code = "allowance_not_found"


class TooManyOwnRules(Refusal):
    """There may be {most} of these at most. Remove what is no longer needed."""

    kind = Kind.CONFLICT
    code = "too_many_own_rules"


class OwnListMalformed(Invalid):
    """A list's name has 1 to 40 small letters, digits and dashes, such as project-names. What cannot be read has no list."""

    code = "own_list_malformed"


class TermsMalformed(Invalid):
    """Line {line} cannot be a term: one has 2 to 200 signs, and 1 to 24 words. A dictionary has 1 to 5,000 terms."""

    code = "terms_malformed"


class ExpressionMalformed(Invalid):
    """This expression cannot be used: {fault}. It is read as RE2 does, which knows no looking around and no back references."""

    code = "expression_malformed"


class SampleMissed(Invalid):
    """The expression does not find sample {line}, which it should find. Nothing was saved."""

    code = "sample_missed"


class SampleFound(Invalid):
    """The expression finds something in sample {line}, where it should find nothing. Nothing was saved."""

    code = "sample_found"


class ValuesMalformed(Invalid):
    """These values cannot be used: {fault}."""

    code = "values_malformed"


class AllowanceMalformed(Invalid):
    """An allowance is about a value, a rule, a document or a collection, has a reason of 1 to 500 signs, and ends within a year."""

    code = "allowance_malformed"
