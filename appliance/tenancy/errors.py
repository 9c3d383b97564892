"""
Refusal
└── OrganisationNameMissing   kind=invalid
"""

from appliance.kernel.errors import Invalid


class OrganisationNameMissing(Invalid):
    """An organisation needs a name of 1 to 200 characters."""

    code = "organisation_name_missing"
