"""The operations, a module for each room. Importing one declares its operations."""

from appliance.api.rooms import audit, groups, me, organisation, people, platform, tokens

ROOMS = (audit, groups, me, organisation, people, platform, tokens)
