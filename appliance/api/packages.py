"""Packages of the log as programs ask for them and see them: single ones, and those that are made by themselves."""

from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, Field, SecretStr

from appliance.api.schemas import Input, Output
from appliance.audit import Event, Every, ExportState, PlaceKind


class ExportIn(Input):
    """Which entries the package shows; without choices all of them. What the period holds and is not chosen is withheld, and counted."""

    since: AwareDatetime | None = Field(None, description="A moment with its zone, such as 2026-01-31T00:00:00Z.")
    until: AwareDatetime | None = Field(None, description="The moment after the last one, with its zone.")
    events: list[Event] = Field([], max_length=200, description="These events alone.")
    person_id: UUID | None = Field(None, description="What this person did.")
    subject: UUID | None = Field(None, description="What was done to this.")
    earlier: str | None = Field(
        None,
        max_length=5_000,
        description="A checkpoint that the reader has from before, a note or as it stands on paper: the package links it to the log.",
    )
    sealed_to: str | None = Field(
        None,
        max_length=20_000,
        description="Seal the package, so that its reader alone can open it: a public key of age (age1…), or a certificate (PEM, RSA).",
    )
    ocsf: bool = Field(False, description="The entries as events of OCSF 1.8, too (`events/events.ocsf.jsonl`).")
    without_personal: bool = Field(
        False, description="Leave out from which addresses things were done; the package proves the same."
    )


class ExportOut(Output):
    """A package of the log. `done` of `total` entries were written; `digest` is the file's SHA-256. It lies for seven days, or as long as the operator says.

    `sealed_to` is the key of age, or the certificate's digest, that it is sealed to. One that a schedule made is delivered, or has
    a `failure` for the last of its `tries`, and is tried again at `next_try_at`.
    """

    export_id: UUID
    requested_by: UUID | None
    requested_at: datetime
    state: ExportState
    chosen: dict[str, str | list[str]]
    period: dict[str, str]
    done: int
    total: int
    size: int | None
    digest: str | None
    byte_count: int | None
    ready_at: datetime | None
    sealed_to: str | None
    schedule_id: UUID | None
    delivered_at: datetime | None
    tries: int
    failure: str | None
    next_try_at: datetime | None


class ScheduleIn(Input):
    """What is made of each week or month when it is over, an hour later (UTC), and where it is put: into the folder that whoever runs the host has named, a bucket, or a folder of another host by SFTP."""

    every: Every = Field(description="How often.", examples=["month"])
    events: list[Event] = Field([], max_length=200, description="These events alone.")
    person_id: UUID | None = Field(None, description="What this person did.")
    subject: UUID | None = Field(None, description="What was done to this.")
    sealed_to: str | None = Field(
        None, max_length=20_000, description="A public key of age, or a certificate, as for a single package."
    )
    ocsf: bool = Field(False, description="The entries as events of OCSF 1.8, too.")
    without_personal: bool = Field(False, description="Leave out personal values, as for a single package.")
    to: PlaceKind = Field(PlaceKind.FOLDER, description="`folder`: this host's. `s3` and `sftp` need the right to stream the log.")
    url: str | None = Field(
        None, max_length=500,
        description="`https://HOST/BUCKET/PREFIX`, or `sftp://HOST:PORT/FOLDER`, with `/~/FOLDER` for one of the account's home. The operator allows the host.",
    )  # fmt: skip
    account: str | None = Field(None, max_length=64, description="Of SFTP: who we are there.")
    host_key: str | None = Field(
        None, max_length=4_096, description="Of SFTP: the host's public key, as a line of ssh-keyscan or known_hosts."
    )
    secret: SecretStr | None = Field(
        None, max_length=2_000,
        description="Of S3: the access key's id and its secret with a colon between them. Of SFTP: a password; without one a key is made, and its public half is in the answer.",
    )  # fmt: skip
    region: str | None = Field(None, max_length=60, description="Of S3, such as eu-central-1.")
    retain_days: int | None = Field(None, ge=1, le=36_500, description="Of S3: for how many days nobody removes a package.")


class PlaceOut(Output):
    """Where packages are put. `public_key` is the line that lets us in by SFTP, for authorized_keys; `last_four` is the end of an access key's id."""

    kind: PlaceKind
    url: str | None
    account: str | None
    host_key: str | None
    region: str | None
    retain_days: int | None
    last_four: str
    public_key: str | None


class ScheduleOut(Output):
    """Packages that are made by themselves; `next_at` is when the next one is asked for."""

    schedule_id: UUID
    every: Every
    chosen: dict[str, str | list[str]]
    sealed_to: str | None
    created_by: UUID | None
    created_at: datetime
    next_at: datetime
    place: PlaceOut


class SchedulesOut(Output):
    """At most twenty."""

    items: tuple[ScheduleOut, ...]
