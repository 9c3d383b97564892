"""Our service as the storage of scim2-server, so that its suite for storages asks ours: each call is a request over HTTP."""

from typing import Any

from scim2_models import (
    Context,
    Error,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    ScimProvider,
    SearchRequest,
)
from scim2_server.storage import ScimStorage, SearchPage
from werkzeug.test import TestResponse

from tests.support.provisioning import Provider


class ServiceStorage(ScimStorage):
    """What one connection provisions. An update is a PUT; the version expected is If-Match."""

    def __init__(self, service: Provider, described: ScimProvider) -> None:
        self._service, self._described = service, described

    def get(
        self, resource_type: ResourceType, resource_id: str, *, response_parameters: ResponseParameters[Any] | None = None
    ) -> Resource[Any]:
        """Read one."""
        asked = "" if response_parameters is None else "&".join(_parameters(response_parameters))
        return self._one(resource_type, self._asks("GET", f"{_at(resource_type, resource_id)}?{asked}"))

    def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        """Search one kind, or all at the root."""
        assert position is None  # no cursors
        place = str(resource_types[0].endpoint) if len(resource_types) == 1 else ""
        body = search_request.model_dump(scim_ctx=Context.SEARCH_REQUEST)
        found = self._asks("POST", f"{place}/.search", body).get_json(force=True)
        kinds = {one.name: one for one in resource_types}
        return SearchPage(
            found["totalResults"], [self._read(kinds[one["meta"]["resourceType"]], one) for one in found["Resources"]]
        )

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Add one."""
        body = resource.model_dump(scim_ctx=Context.RESOURCE_CREATION_REQUEST)
        return self._one(resource_type, self._asks("POST", str(resource_type.endpoint), body))

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Replace one."""
        body = resource.model_dump(scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
        place = _at(resource_type, str(resource.id))
        return self._one(resource_type, self._asks("PUT", place, body, **_match(expected_version)))

    def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        """Take one out."""
        self._asks("DELETE", _at(resource_type, resource_id), **_match(expected_version))

    def _asks(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        answer = self._service.asks(method, path, body, **headers)
        if answer.status_code >= 400:
            raise SCIMException.from_error(Error.model_validate(answer.get_json(force=True)))
        return answer

    def _one(self, resource_type: ResourceType, answer: TestResponse) -> Resource[Any]:
        return self._read(resource_type, answer.get_json(force=True))

    def _read(self, resource_type: ResourceType, body: dict[str, Any]) -> Resource[Any]:
        model: Any = self._described.model_for(resource_type)
        found: Resource[Any] = model.model_validate(body)
        if found.meta is not None:
            found.meta.location = None  # which is the server's to say, as the suite has it
        return found


def _at(resource_type: ResourceType, resource_id: str) -> str:
    return f"{resource_type.endpoint}/{resource_id}"


def _match(version: str | None) -> dict[str, str]:
    return {} if version is None else {"If_Match": version}


def _parameters(wanted: ResponseParameters[Any]) -> list[str]:
    said = wanted.model_dump(exclude_none=True, by_alias=True)
    return [f"{name}={','.join(map(str, paths))}" for name, paths in said.items()]
