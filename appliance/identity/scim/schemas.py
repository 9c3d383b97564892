"""The resources as they are on the wire (RFC 7643): of a person, no more attributes than the house has a use for.

What a provider sends beyond them is dropped and kept nowhere, a password among it: there is no such attribute, so it can be
neither set nor asked for. How far requests may leave RFC 7644 is the policy: as far as Entra ID and Okta do.
"""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, StringConstraints
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.resources.resource import AnyExtension

from appliance.identity.scim.values import MOST_BYTES

MOST_RESULTS: Final = 200
MOST_OPERATIONS: Final = 100
MOST_STEPS: Final = 1_000
MOST_MEMBERS: Final = 20_000
# What is compared lies in an index, whose entries have at most 2,704 bytes.
_Text = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00]*$")]


class Name(ComplexAttribute):
    """What a person is called."""

    formatted: _Text | None = None
    family_name: _Text | None = None
    given_name: _Text | None = None


class Email(ComplexAttribute):
    """An address, as the provider has it. One of the organisation's verified domains becomes the member's."""

    value: _Text | None = None
    type: _Text | None = None
    primary: bool | None = None


class UserGroup(ComplexAttribute):
    """A group of a person."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    ref: Annotated[Reference["Group"] | None, Mutability.read_only] = Field(  # type: ignore[type-arg]  # a name, as below
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    display: Annotated[str | None, Mutability.read_only] = None


class User(Resource[AnyExtension]):
    """A person."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    external_id: Annotated[_Text | None, CaseExact.true] = None
    user_name: Annotated[_Text | None, Uniqueness.server, Required.true] = None
    name: Name | None = None
    display_name: _Text | None = None
    title: _Text | None = None
    preferred_language: _Text | None = None
    locale: _Text | None = None
    timezone: _Text | None = None
    active: bool | None = None
    emails: Annotated[list[Email] | None, Field(max_length=20)] = None
    groups: Annotated[list[UserGroup] | None, Mutability.read_only] = None


class Manager(ComplexAttribute):
    """Whom a person reports to, by the id that the provider has for them."""

    value: Annotated[_Text | None, CaseExact.true] = None
    display_name: _Text | None = None


def _as_manager(given: object) -> object:
    """Return a manager as the schema has one: Entra ID says the id alone."""
    return {"value": given} if isinstance(given, str) else given


class EnterpriseUser(Extension):
    """Where a person works."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: _Text | None = None
    cost_center: _Text | None = None
    organization: _Text | None = None
    division: _Text | None = None
    department: _Text | None = None
    manager: Annotated[Manager | None, BeforeValidator(_as_manager)] = None


class GroupMember(ComplexAttribute):
    """A person in a group, by the id of the resource."""

    value: Annotated[_Text | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(  # type: ignore[type-arg]  # a name, as the library wants it
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[_Text | None, Mutability.immutable] = Field(None, examples=["User"])


class Group(Resource[AnyExtension]):
    """Some people, as the provider groups them. Mappings say what that gives here."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    external_id: Annotated[_Text | None, CaseExact.true] = None
    display_name: Annotated[_Text | None, Required.true] = None
    members: list[GroupMember] | None = None


Person = User[EnterpriseUser]
CONFIG: Final = ServiceProviderConfig(
    documentation_uri="https://www.rfc-editor.org/rfc/rfc7644",
    patch=Patch(supported=True),
    bulk=Bulk(supported=True, max_operations=MOST_OPERATIONS, max_payload_size=MOST_BYTES),
    filter=Filter(supported=True, max_results=MOST_RESULTS),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=True),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken, name="Bearer token",
            description="A token of this connection, which an administrator makes.", primary=True,
        )
    ],
)  # fmt: skip
POLICY: Final = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
PROVIDER: Final = ScimProvider(
    models=[User, EnterpriseUser, Group],
    resource_types=[ResourceType.from_resource(Person), ResourceType.from_resource(Group)],
    config=CONFIG,
    policy=POLICY,
)
