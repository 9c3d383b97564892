"""Organisations: what people see as an organisation, and code isolates as a tenant."""

from appliance.tenancy.service import count_organisations, create_organisation, get_organisation, list_tenants
from appliance.tenancy.values import Organisation

__all__ = ["Organisation", "count_organisations", "create_organisation", "get_organisation", "list_tenants"]
