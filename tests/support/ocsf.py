"""The schema of OCSF 1.8 as it was published, to judge our events by."""

import json
from functools import cache
from typing import Any

import jsonschema_rs
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from appliance.audit.ocsf import VERSION


def validated(told: dict[str, Any]) -> None:
    """Fail with what is wrong with an event."""
    told = json.loads(json.dumps(told))
    assert isinstance(told["class_uid"], int)
    assert isinstance(told["metadata"], dict)
    faults = [
        f"{fault.instance_path}: {fault.message[:300]}"
        for fault in _validator(told["class_uid"], tuple(told["metadata"].get("profiles", ()))).iter_errors(told)
    ]
    assert not faults, (told, faults)


@cache
def _schemas() -> OcsfJsonSchemaEmbedded:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version=VERSION))


@cache
def _validator(uid: int, profiles: tuple[str, ...]) -> jsonschema_rs.Draft202012Validator:
    name = _schemas().lookup_class_name_from_uid(uid)
    return jsonschema_rs.Draft202012Validator(_schemas().get_class_schema(class_name=name, profiles=list(profiles)))
