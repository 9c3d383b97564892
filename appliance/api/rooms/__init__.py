"""The operations, a module for each room. Importing one declares its operations."""

from appliance.api.rooms import audit, collections, documents, groups, me, organisation, people, platform, tokens

ROOMS = (audit, collections, documents, groups, me, organisation, people, platform, tokens)
