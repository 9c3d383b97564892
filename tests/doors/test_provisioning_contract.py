"""The suite that scim2-server has for whoever stores resources, over our whole service."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from scim2_models import Resource, ResourceType, ScimProvider
from scim2_server.testing import ScimStorageContract

from appliance.app import create_app
from appliance.identity.scim.schemas import PROVIDER
from tests.support.house import House, Member, Server
from tests.support.provisioning import Provider, provisions
from tests.support.scim_storage import ServiceStorage
from tests.support.sign_on import connects


class Connections:
    """Connections of an organisation, each of which has provisioned nobody yet."""

    def __init__(self, house: House) -> None:
        self._site, self._numbers = create_app(house.app), count()
        self._owner: Member = house.founds("Harrow", "ada@harrow.example")

    def begins(self) -> Provider:
        one = connects(self._owner, f"Provider {next(self._numbers)}").opens()
        return provisions(self._site, self._owner, connection_id=one.connection_id)


class FilledOnce(ServiceStorage):
    """For tests that fill a storage with the same people and only search then: who was added is not added again."""

    def __init__(self, service: Provider, described: ScimProvider) -> None:
        super().__init__(service, described)
        self._known: dict[str, Resource[Any]] = {}

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        said = resource.model_dump_json()
        if said not in self._known:
            self._known[said] = super().create(resource_type, resource)
        return self._known[said]


@pytest.fixture(scope="module")
def connections(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connections]:
    database = server.clone("template_house")
    house = House(server, database, tmp_path_factory.mktemp("contract"))
    yield Connections(house)
    house.close()
    server.drop(database)


@pytest.fixture(scope="module")
def filled(connections: Connections) -> FilledOnce:
    return FilledOnce(connections.begins(), PROVIDER)


class TestOurService(ScimStorageContract):
    @pytest.fixture
    def provider(self) -> ScimProvider:
        return PROVIDER

    @pytest.fixture
    def storage(self, request: pytest.FixtureRequest, connections: Connections) -> Iterator[ServiceStorage]:
        with PROVIDER:  # what our schemas do not have (a member's `display`) is dropped, and nothing is refused for it
            if request.node.originalname in {"test_search_filters_as_the_filter_evaluator", "test_search_sorts_as_search_request_sort"}:
                yield request.getfixturevalue("filled")
            else:
                yield ServiceStorage(connections.begins(), PROVIDER)
