"""Organisations: what people see as an organisation, and code isolates as a tenant."""

from appliance.tenancy.service import (
    count_organisations,
    create_organisation,
    days_kept,
    get_organisation,
    get_settings,
    list_tenants,
    put_settings,
    rename_organisation,
)
from appliance.tenancy.values import Organisation, OrganisationSettings, Review

__all__ = [
    "Organisation", "OrganisationSettings", "Review", "count_organisations", "create_organisation", "days_kept",
    "get_organisation", "get_settings", "list_tenants", "put_settings", "rename_organisation",
]  # fmt: skip
