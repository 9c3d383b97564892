"""Builds the house once: `assemble(settings, role)` is the only constructor of the outside world."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import make_url

from appliance.audit import PLATFORM, Sealer
from appliance.chat import SEALED, Chat, ChatBots
from appliance.gateway import DataLoss, Gate, Gateway, Prices
from appliance.identity import repeats
from appliance.kernel.blobs import Blobs
from appliance.kernel.clock import Clock, SystemClock
from appliance.kernel.db import Database, DatabaseUnavailable
from appliance.kernel.egress import Egress
from appliance.kernel.errors import Refusal
from appliance.kernel.mail import Mailer, MailServer
from appliance.knowledge.flow import Workshop
from appliance.knowledge.parsing import Limits
from appliance.knowledge.scans import Recognition
from appliance.knowledge.versions import known_files
from appliance.ops.data_directory import read_secret
from appliance.ops.embedded_postgres import socket_url
from appliance.ops.errors import CannotStart
from appliance.ops.migrations import role_name
from appliance.providers.local.catalogue import CATALOGUE, DEFAULT, Recipe
from appliance.providers.local.embeddings import LocalEmbedder, is_intact
from appliance.providers.local.extractive import ExtractiveAnswerer
from appliance.settings import InvalidSettings, Settings
from appliance.vault import (
    ColumnShelf,
    FactorShelf,
    FileShelf,
    FirstFormat,
    KeyFiles,
    LogSigners,
    PlatformShelf,
    RootChoice,
    Roots,
    Shelf,
    Vault,
    require_own_database,
    roots_in_use,
    signing,
)
from appliance.vault.base import Root
from appliance.vault.providing import envelope
from appliance.vault.providing.desk import Desk


@dataclass(frozen=True)
class Services:
    """Everything that the doors hand to the rooms."""

    settings: Settings
    clock: Clock
    db: Database
    vault: Vault
    shelves: tuple[Shelf, ...]
    web_key: bytes
    blobs: Blobs
    egress: Egress
    desk: Desk
    gateway: Gateway
    gate: Gate
    chat: Chat
    workshop: Workshop
    mailer: Mailer
    pings: Mapping[str, Callable[[], None]]

    def close(self) -> None:
        """Let go of the database."""
        self.db.close()


def assemble(settings: Settings, *, role: str, clock: Clock | None = None) -> Services:
    """Build the services of one process, which connects to the database as cloister_<role>."""
    db = Database(database_url(settings, role), pool_size=settings.database_pool, application=f"cloister-{role}")
    try:
        return _assembled(settings, db, clock or SystemClock())
    except Exception:
        db.close()
        raise


def _assembled(settings: Settings, db: Database, clock: Clock) -> Services:
    egress, roots = egress_of(settings), roots_of(settings)
    _require_own_database(db, roots())
    files = KeyFiles(settings.secrets / "keys", roots)
    vault = Vault(db, files, clock=clock, first=FirstFormat(settings.secrets / "root.key"))
    vault.prepare(PLATFORM)
    blobs = Blobs(settings.data_dir / "blobs", sealer=vault)
    embedders = {
        name: LocalEmbedder(settings.models_dir / name, recipe, threads=settings.embedding_threads)
        for name, recipe in CATALOGUE.items()
    }
    default = embedders[DEFAULT.name]
    answerer = ExtractiveAnswerer(default)  # its thresholds were fitted on that one
    gateway = Gateway(db, embedders=list(embedders.values()), models={answerer.name: answerer}, clock=clock)
    chat = Chat(db, gateway, sealer=vault, clock=clock)
    return Services(
        settings=settings,
        clock=clock,
        db=db,
        vault=vault,
        shelves=(
            *(ColumnShelf(db, vault, one) for one in (repeats.SEALED, envelope.SEALED, envelope.FINGERPRINT_KEYS, *SEALED)),
            PlatformShelf(db, vault, signing.SEALED),
            FactorShelf(db, vault),
            FileShelf(db, vault, blobs, named=known_files),
        ),
        web_key=read_secret(settings.secrets / "web-forms").encode(),
        blobs=blobs,
        egress=egress,
        desk=Desk(db, vault, egress, clock=clock),
        gateway=gateway,
        gate=Gate(
            db, vault, egress, gateway,
            bots=ChatBots(db, chat), hooks=(DataLoss(),), prices=Prices(settings.prices_file), clock=clock,
        ),
        chat=chat,
        workshop=Workshop(db, blobs, gateway, clock, _limits(settings)),
        mailer=Mailer(_mail_server(settings)),
        pings={"blobs": blobs.ping, "database": db.ping, "models": default.ping},
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        cpu_seconds=settings.parse_seconds,
        wall_seconds=2.0 * settings.parse_seconds,
        recognition=Recognition(
            settings.ocr_languages, settings.ocr_page_seconds, settings.ocr_seconds, settings.ocr_picture_seconds
        ),
    )


@contextlib.contextmanager
def sealing(services: Services) -> Iterator[Sealer]:
    """Build the audit log's sequencer: it connects as a role of its own, and holds the key that signs."""
    db = Database(database_url(services.settings, "sealer"), pool_size=1, application="cloister-sealer")
    try:
        yield Sealer(db, LogSigners(services.db, services.vault), clock=services.clock)
    finally:
        db.close()


def local_models(settings: Settings) -> list[tuple[Recipe, bool]]:
    """Return the local embedding models that this version knows, and whether each is on this host, unharmed."""
    return [(one, is_intact(settings.models_dir / name)) for name, one in CATALOGUE.items()]


def roots_of(settings: Settings) -> Roots:
    """Return the root keys of a house that is not assembled. Raises RootSpecInvalid, RootKeyUnusable."""
    choice = RootChoice(
        settings.root_key, settings.root_key_credentials, settings.root_key_next, settings.root_key_next_credentials
    )
    return roots_in_use(choice, secrets=settings.secrets, egress=egress_of(settings))


def egress_of(settings: Settings) -> Egress:
    """Return the way out of this host, as far as the settings open it."""
    credentials = settings.secrets / "egress-proxy-credentials"
    return Egress(
        settings.egress_allow,
        ca_bundle=settings.egress_ca_file,
        proxy=settings.egress_proxy,
        proxy_credentials=settings.egress_proxy_credentials or (credentials if credentials.exists() else None),
        client_certificates=settings.egress_client_certificates,
    )


def _require_own_database(db: Database, roots: Sequence[Root]) -> None:
    for seconds in (0.2, 0.5, 1.0, 2.0):  # the database may be starting
        try:
            require_own_database(db, roots)
        except DatabaseUnavailable:
            time.sleep(seconds)
        else:
            return
    require_own_database(db, roots)


@contextlib.contextmanager
def starting(program: str, *, status: int) -> Iterator[None]:
    """Say in full, on standard error, why a program of ours cannot start; end it with this status."""
    try:
        yield
    except InvalidSettings as error:
        faults = "\n".join(f"  {fault}" for fault in error.faults)
        sys.stderr.write(f"The {program} cannot start. Some settings are wrong:\n{faults}\n")
        raise SystemExit(status) from error
    except (CannotStart, Refusal) as error:
        sys.stderr.write(f"The {program} cannot start. {error}\n")
        raise SystemExit(status) from error


def _mail_server(settings: Settings) -> MailServer | None:
    if not settings.smtp_host or not settings.smtp_from:
        return None
    return MailServer(
        settings.smtp_host, settings.smtp_port, settings.smtp_from, settings.smtp_security, settings.smtp_user,
        settings.secrets / "smtp-password", settings.egress_ca_file,
    )  # fmt: skip


def database_url(settings: Settings, role: str) -> str:
    """Return the URL by which one of our roles connects, with its password from the secrets directory."""
    password = read_secret(settings.secrets / f"database-{role}")
    if settings.database_url is None:
        directory = settings.data_dir / "postgres"
        return socket_url(directory, user=role_name(role), database="cloister", password=password)
    # Whatever user the given URL names, a service connects as its own role and nothing else.
    url = make_url(settings.database_url).set(username=role_name(role), password=password)
    return url.render_as_string(hide_password=False)
