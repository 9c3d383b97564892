"""Settings: typed, frozen, every mistake reported at once.

Read from /etc/appliance/appliance.toml (or APPLIANCE_CONFIG), then APPLIANCE_* variables; no .env file is read.
Secrets stand in files in `secrets_dir`, never in a variable.
"""

import difflib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

PREFIX = "APPLIANCE_"
_DEFAULT_FILE = Path("/etc/appliance/appliance.toml")
_NOT_SETTINGS = {"APPLIANCE_CONFIG"}


class InvalidSettings(Exception):
    """Some settings are wrong; `faults` has a line for each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


class Settings(BaseSettings):
    """Everything an operator may choose. `deploy/docs/settings.md` is written from these descriptions."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", enable_decoding=False)

    data_dir: Path = Field(
        Path("/var/lib/appliance"), description="Where documents, the embedded database and secrets live."
    )
    secrets_dir: Path | None = Field(
        None, description="Where keys and passwords stand as 0400 files; by default `secrets` in the data directory."
    )
    models_dir: Path = Field(
        Path(sys.prefix) / "share" / "appliance" / "models", description="Where the local models are."
    )
    root_key: str | None = Field(
        None,
        description="The key above all keys: `file:PATH`, `systemd:CREDENTIAL`, `transit:URL`, `pkcs11:…` or `aws-kms:ARN`, see [root-key.md](root-key.md). By default `root.key` in the secrets directory.",
    )
    root_key_credentials: Path | None = Field(
        None,
        description="The 0400 file with the token, secret id, PIN or AWS credentials that the root key needs; by default `root-key-credentials` in the secrets directory.",
    )
    root_key_next: str | None = Field(
        None, description="The root key that is to follow, while keys are wrapped anew with it; named like `root_key`."
    )
    root_key_next_credentials: Path | None = Field(
        None,
        description="The 0400 file that the next root key needs; by default `root-key-next-credentials` in the secrets directory.",
    )
    host: str = Field(
        "127.0.0.1", description="The address to listen on. Put a TLS proxy in front before choosing another."
    )
    port: int = Field(8080, ge=1, le=65535, description="The port to listen on.")
    gateway_port: int | None = Field(
        None, ge=1, le=65535,
        description="A second port that serves `/v1` alone, in a process of its own for many programs at once, see [gateway.md](gateway.md). Unset: none; the site's own port answers `/v1` in any case.",
    )  # fmt: skip
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#]+$",
        description="The address people open, such as https://ai.example.org. With https, cookies are Secure and HSTS is sent.",
    )
    trusted_proxies: int = Field(0, ge=0, le=5, description="How many proxies in front set X-Forwarded-For and -Proto.")
    database_url: str | None = Field(
        None, pattern=r"^postgres(ql)?://", description="An existing Postgres instead of the embedded one."
    )
    database_pool: int = Field(8, ge=2, le=100, description="Connections of each process to the database.")
    web_threads: int = Field(16, ge=2, le=256, description="Requests that one web process answers at a time.")
    worker_concurrency: int = Field(2, ge=1, le=32, description="Documents that the worker reads at a time.")
    embedding_threads: int = Field(2, ge=1, le=64, description="Threads of the local embedding model.")
    large_organisation_passages: int = Field(
        20_000,
        ge=1_000,
        le=10_000_000,
        description="From how many passages on an organisation gets an approximate vector index of its own. Below, search is exact.",
    )
    upload_limit_mb: int = Field(100, ge=1, le=2000, description="The largest document, in megabytes.")
    parse_seconds: int = Field(
        60,
        ge=5,
        le=3600,
        description="Processor seconds that reading one file may take; an upload with others inside, three times as many.",
    )
    ocr_languages: str = Field(
        "deu+eng",
        pattern=r"^[A-Za-z_]+(\+[A-Za-z_]+)*$",
        description="The languages of scans, by tesseract's names. Those not installed are left out; if none is, the installed ones are used.",
    )
    ocr_page_seconds: int = Field(
        30, ge=5, le=600, description="Processor seconds that recognising one scanned page may take."
    )
    ocr_seconds: int = Field(
        1800, ge=10, le=36_000, description="Seconds that recognising the scanned pages of one upload may take."
    )
    ocr_picture_seconds: int = Field(
        45, ge=5, le=36_000, description="Processor seconds that recognising the pictures inside one upload may take."
    )
    session_idle_minutes: int = Field(60, ge=5, le=1440, description="After how long without a click a session ends.")
    session_hours: int = Field(12, ge=1, le=720, description="After how long a session ends in any case.")
    api_requests_per_minute: int = Field(
        600, ge=1, le=100_000, description="Requests that one API token may make in a minute."
    )
    provider_first_byte_seconds: int = Field(
        300, ge=1, le=800, description="For how long a call waits until a provider begins to answer."
    )
    provider_pause_seconds: int = Field(
        120, ge=1, le=800, description="How long a provider may be silent in the middle of an answer."
    )
    export_folder: Path | None = Field(
        None,
        description="A folder of this host, which the worker may write to, for packages of the audit log that are made every week or month; each organisation has one of its own in it. Unset: none are.",
    )
    export_limit_mb: int = Field(
        10_000, ge=1, le=100_000_000, description="How much of the disk an organisation's packages of the audit log may take, in megabytes."
    )
    export_days: int = Field(
        7, ge=1, le=90, description="For how many days a package of the audit log lies ready before it is removed."
    )
    prices_file: Path | None = Field(
        None,
        description="What tokens of each provider's models cost, as JSON, see [gateway.md](gateway.md). Read again when it is replaced. Unset: calls are counted, and not priced.",
    )
    known_weaknesses: Path | None = Field(
        None, description="A file of known weaknesses that you bring, OSV's `all.zip` or a JSON array of its records, for the list of components, see [evidence.md](evidence.md). Read when the list is taken; nothing is fetched.",
    )  # fmt: skip
    egress_allow: Annotated[list[str], BeforeValidator(_split)] = Field(
        default_factory=list,
        description="Hosts that may be called, separated by commas: `HOST`, `HOST:PORT`, and for those of your own network `HOST=NETWORK`, see [egress.md](egress.md). Empty: none of these.",
    )
    egress_ca_file: Path | None = Field(None, description="Certificates to trust for outgoing calls, as PEM.")
    egress_client_certificates: Annotated[list[str], BeforeValidator(_split)] = Field(
        default_factory=list,
        description="Certificates that this host shows to others (mTLS), separated by commas: `HOST=/FILE` or `HOST:PORT=/FILE`, a 0400 file with certificate and key as PEM.",
    )
    egress_proxy: str | None = Field(
        None,
        description="The proxy that outgoing calls take, as `http://HOST:PORT`; hosts of your own network are called without it.",
    )
    egress_proxy_credentials: Path | None = Field(
        None,
        description="The 0400 file with the proxy's `USER:PASSWORD`; by default `egress-proxy-credentials` in the secrets directory, if it is there.",
    )
    audit_witnesses: Annotated[list[str], BeforeValidator(_split)] = Field(
        default_factory=list,
        description="Witnesses of the audit log, separated by commas: `URL KEY` with the key that each printed, see [anchors.md](anchors.md).",
    )
    audit_time_stamps: str | None = Field(
        None, pattern=r"^https?://[^\s]+$", description="The address of a time-stamping authority (RFC 3161) for the audit log."
    )
    audit_time_stamps_ca: Path | None = Field(
        None, description="The certificates to judge its time stamps by, as PEM; needs `openssl` on this host."
    )
    audit_anchors_allow: Annotated[list[str], BeforeValidator(_split)] = Field(
        default_factory=list,
        description="The hosts of witnesses and time-stamping authority, written as in `egress_allow`. Nothing else may call these, and these call nothing else.",
    )
    sso_allow: Annotated[list[str], BeforeValidator(_split)] = Field(
        default_factory=list,
        description="The hosts of organisations' identity providers, written as in `egress_allow`, see [sso.md](sso.md). Nothing else may call these, and sign-on calls nothing else.",
    )
    sso_resolvers: Annotated[list[str], BeforeValidator(_split)] = Field(
        default_factory=list,
        description="DNS resolvers that are asked for the TXT records of domains, separated by commas: `ADDRESS` or `ADDRESS:PORT`. Empty: nobody is asked, and domains are approved at the console.",
    )
    smtp_host: str | None = Field(
        None, description="The mail server for invitations and new passwords. Unset: links are shown to be handed over."
    )
    smtp_port: int = Field(587, ge=1, le=65535, description="The mail server's port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the mail server is spoken to; `none` only for a relay on this host."
    )
    smtp_user: str | None = Field(
        None,
        description="The user at the mail server; the password stands in the secrets directory as `smtp-password`.",
    )
    smtp_from: str | None = Field(None, description="The sender's address of mails, such as cloister@example.org.")
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or lines for people.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least urgent lines that are written."
    )

    @model_validator(mode="after")
    def _session_outlasts_idleness(self) -> Self:
        if self.session_hours * 60 < self.session_idle_minutes:
            raise ValueError("session_hours must be longer than session_idle_minutes")
        return self

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if self.smtp_host and not self.smtp_from:
            raise ValueError("smtp_host needs smtp_from, the sender's address")
        return self

    @field_validator("root_key", "root_key_next")
    @classmethod
    def _names_a_root(cls, spec: str | None) -> str | None:
        if spec is not None:
            from appliance.vault.errors import RootSpecInvalid
            from appliance.vault.roots import check_spec

            try:
                check_spec(spec)
            except RootSpecInvalid as error:
                raise ValueError(str(error)) from error
        return spec

    @model_validator(mode="after")
    def _time_stamps_are_judged(self) -> Self:
        if self.audit_time_stamps and not self.audit_time_stamps_ca:
            raise ValueError("audit_time_stamps needs audit_time_stamps_ca, the certificates to judge its time stamps by")
        return self

    @model_validator(mode="after")
    def _anchors_may_be_called(self) -> Self:
        """Refuse what would let the worker wait for ever: it asks a witness before it seals."""
        urls = [entry.split(" ", 1)[0] for entry in self.audit_witnesses]
        urls += [self.audit_time_stamps] if self.audit_time_stamps else []
        if urls:
            from appliance.kernel.egress.allowlist import AllowList
            from appliance.kernel.egress.errors import EgressDenied
            from appliance.kernel.egress.targets import target_of

            allowed = AllowList(self.audit_anchors_allow)
            try:
                for url in urls:
                    allowed.permission(target_of(url))
            except EgressDenied as error:
                raise ValueError(str(error).replace("APPLIANCE_EGRESS_ALLOW", "audit_anchors_allow")) from error
        return self

    @field_validator("audit_witnesses")
    @classmethod
    def _names_witnesses(cls, entries: list[str]) -> list[str]:
        if not entries:
            return entries
        from appliance.audit.anchors import witness_place

        names = [witness_place(entry).key.name for entry in entries]
        if len(set(names)) != len(names):
            raise ValueError("two witnesses have the same name")
        return entries

    @field_validator("sso_resolvers")
    @classmethod
    def _names_resolvers(cls, entries: list[str]) -> list[str]:
        from appliance.kernel.egress.records import resolver_of

        for entry in entries:
            resolver_of(entry)
        return entries

    @field_validator("egress_allow", "audit_anchors_allow", "sso_allow")
    @classmethod
    def _names_hosts(cls, entries: list[str]) -> list[str]:
        from appliance.kernel.egress.allowlist import AllowList
        from appliance.kernel.egress.errors import AllowListInvalid

        try:
            AllowList(entries)
        except AllowListInvalid as error:
            raise ValueError("; ".join(error.faults)) from error
        return entries

    @field_validator("egress_client_certificates")
    @classmethod
    def _names_certificates(cls, entries: list[str]) -> list[str]:
        from appliance.kernel.egress.trust import certificate_of

        for entry in entries:
            certificate_of(entry)
        return entries

    @field_validator("egress_proxy")
    @classmethod
    def _names_a_proxy(cls, url: str | None) -> str | None:
        from appliance.kernel.egress.proxying import proxy_of

        if url is not None:
            proxy_of(url)
        return url

    @field_validator("database_url")
    @classmethod
    def _spell_scheme(cls, url: str | None) -> str | None:
        return url.replace("postgres://", "postgresql://", 1) if url else url

    @property
    def secrets(self) -> Path:
        return self.secrets_dir or self.data_dir / "secrets"

    @property
    def exports(self) -> Path:
        """Where packages of the audit log lie until they are fetched."""
        return self.data_dir / "exports"

    @property
    def local_address(self) -> str:
        """Where this host itself reaches the site."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def address(self) -> str:
        """What people open; links that are handed out begin with it."""
        return self.public_url or self.local_address

    @property
    def is_https(self) -> bool:
        return bool(self.public_url and self.public_url.startswith("https://"))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win over the file; nothing else is read."""
        del dotenv_settings, file_secret_settings
        file = Path(os.environ.get("APPLIANCE_CONFIG", _DEFAULT_FILE))
        if "APPLIANCE_CONFIG" in os.environ and not file.is_file():
            raise FileNotFoundError(f"{file}, which APPLIANCE_CONFIG names, is not there")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)


def load() -> Settings:
    """Return the settings. Raises InvalidSettings with a line for every mistake."""
    faults = [_unknown(name) for name in sorted(os.environ) if _is_unknown(name)]
    try:
        settings = Settings()
    except ValidationError as error:
        faults += [_fault(detail) for detail in error.errors(include_url=False)]
    except (ValueError, OSError) as error:
        faults.append(f"the configuration file cannot be read: {error}")
    if faults:
        raise InvalidSettings(faults)
    return settings


def _is_unknown(name: str) -> bool:
    return (
        name.startswith(PREFIX)
        and name not in _NOT_SETTINGS
        and name[len(PREFIX) :].lower() not in Settings.model_fields
    )


def _unknown(name: str) -> str:
    known = [PREFIX + field.upper() for field in Settings.model_fields]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "see `appliance config check --help` for the list"
    return f"{name}: there is no such setting; {hint}"


def _fault(detail: Mapping[str, Any]) -> str:
    field = ".".join(str(part) for part in detail["loc"])
    if not field:
        return str(detail["msg"])
    name = PREFIX + field.upper()
    if detail["type"] == "extra_forbidden":
        return _unknown(name)
    return f"{name}: {detail['msg']} (given: {masked(detail['input'])!r})"


def masked(value: object) -> object:
    """Return a setting as it may be shown: without the user and password of a URL, or what may be one."""
    if isinstance(value, list):
        return [masked(one) for one in value]
    return re.sub(r"(?<=//)[^/]*@|[^/@\s]*:[^/@\s]*@", "…@", value) if isinstance(value, str) else value
