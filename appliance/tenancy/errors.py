"""
Refusal
└── Invalid
    ├── ContentDaysMalformed
    ├── LinkHostMalformed
    └── OrganisationNameMissing
"""

from appliance.kernel.errors import Invalid


class OrganisationNameMissing(Invalid):
    """An organisation needs a name of 1 to 200 characters."""

    code = "organisation_name_missing"


class LinkHostMalformed(Invalid):
    """Write one host name a line, such as intranet.example.org, without https:// and without a path; at most 50."""

    code = "link_host_malformed"


class ContentDaysMalformed(Invalid):
    """What calls say is kept for a whole number of days, 3,650 at most; 0 or nothing: it is not kept."""

    code = "content_days_malformed"
