"""Builds the house once: `assemble(settings, role)` is the only constructor of the outside world."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from urllib.parse import urlsplit

from appliance import dlp, tenancy
from appliance.audit import PLATFORM, Courier, Room, Sealer, places, sinks, subject_keys
from appliance.audit.anchors import Attendant, note_anchors
from appliance.chat import SEALED, Chat, ChatBots, Screen
from appliance.dlp.own import loading as own_rules
from appliance.gatehouse import engine_of
from appliance.gateway import Gate, Gateway, keeping
from appliance.gateway.writing import Writer
from appliance.grounds import anchors_of, database_url, egress_of, roots_of, starting, way_out
from appliance.identity import Guesses, Tally, repeats
from appliance.identity.sso import sealed as sign_on
from appliance.identity.sso.arriving import Desk
from appliance.identity.sso.desk import SignOn
from appliance.identity.sso.oidc.provider import Providers
from appliance.kernel.blobs import Blobs
from appliance.kernel.clock import Clock, SystemClock
from appliance.kernel.computing import Aside, here
from appliance.kernel.db import Database, Tx
from appliance.kernel.egress import Egress
from appliance.kernel.egress.records import Records
from appliance.kernel.mail import Mailer, MailServer
from appliance.kernel.sealing import derive_key
from appliance.knowledge.flow import Workshop
from appliance.knowledge.screening import sealed as screened
from appliance.knowledge.versions import known_files
from appliance.ops.data_directory import read_secret
from appliance.providers.local.catalogue import CATALOGUE, Recipe
from appliance.providers.local.embeddings import is_intact
from appliance.readers import parse_limits
from appliance.settings import Settings
from appliance.vault import ColumnShelf, FactorShelf, FileShelf, LogSigners, PlatformShelf, Shelf, Vault, signing
from appliance.vault.providing import envelope
from appliance.vault.providing.desk import Desk as ProviderDesk

__all__ = [
    "Services", "anchor_egress", "anchors_of", "assemble", "attendant_of", "database_url", "egress_of", "local_models",
    "roots_of", "sealing", "starting",
]  # fmt: skip


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
    desk: ProviderDesk
    gateway: Gateway
    writer: Writer
    gate: Gate
    guesses: Guesses
    tally: Tally
    chat: Chat
    workshop: Workshop
    mailer: Mailer
    scanner: dlp.Engine
    outlet: sinks.Outlet
    sign_on: SignOn
    pings: Mapping[str, Callable[[], None]]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.db.close()


def assemble(settings: Settings, *, role: str, clock: Clock | None = None, aside: Aside = here, door: str = "") -> Services:
    """Build the services of one process, which connects to the database as cloister_<role>.

    Long computing is done `aside`. `door` names whoever serves, so that after a restart it is known for the same.
    """
    db = Database(database_url(settings, role), pool_size=settings.database_pool, application=f"cloister-{role}")
    try:
        return _assembled(settings, db, clock or SystemClock(), aside, door)
    except Exception:
        db.close()
        raise


def _assembled(settings: Settings, db: Database, clock: Clock, aside: Aside, door: str) -> Services:
    engine = engine_of(settings, db, clock=clock, aside=aside, door=door)
    vault, egress, gateway, writer = engine.vault, engine.egress, engine.gateway, engine.writer
    blobs = Blobs(settings.data_dir / "blobs", sealer=vault)
    chat, scanner = Chat(db, gateway, sealer=vault, screen=Screen(engine.inspector), clock=clock, writer=writer), engine.scanner()
    web_key = read_secret(settings.secrets / "web-forms").encode()
    return Services(
        settings=settings,
        clock=clock,
        db=db,
        vault=vault,
        shelves=(
            *(
                ColumnShelf(db, vault, one)
                for one in (repeats.SEALED, *sign_on.SEALED, envelope.SEALED, envelope.FINGERPRINT_KEYS, sinks.SEALED, places.SEALED, subject_keys.SEALED, *SEALED, *screened.SEALED, *keeping.SEALED, *own_rules.SEALED)
            ),
            PlatformShelf(db, vault, signing.SEALED),
            FactorShelf(db, vault),
            FileShelf(db, vault, blobs, named=known_files),
        ),
        web_key=web_key,
        blobs=blobs,
        egress=egress,
        desk=ProviderDesk(db, vault, egress, clock=clock),
        gateway=gateway,
        writer=writer,
        gate=engine.gate(ChatBots(db, chat)),
        guesses=engine.guesses,
        tally=engine.tally,
        chat=chat,
        workshop=Workshop(db, blobs, gateway, clock, parse_limits(settings), vault, scanner),
        mailer=Mailer(_mail_server(settings)),
        scanner=scanner,
        outlet=sinks.Outlet(db, vault, sinks.Kit(egress, clock, _host(settings), settings.data_dir / "streams"), _name_of),
        sign_on=sign_on_of(settings, db, vault, clock, way_key=derive_key(web_key, purpose="cloister-sso-ways")),
        pings={"blobs": blobs.ping, "database": db.ping, "models": engine.embedder.ping},
    )


def _host(settings: Settings) -> str:
    return urlsplit(settings.address).hostname or "cloister"


def _name_of(tx: Tx) -> str:
    return "platform" if tx.tenant_id == PLATFORM else tenancy.get_organisation(tx).name


def room_of(settings: Settings) -> Room:
    """Return what packages of the audit log may take of the disk."""
    return Room(settings.export_limit_mb * 1_000_000, settings.export_days)


def courier_of(services: Services) -> Courier:
    """Return who takes packages of the audit log to other hosts."""
    return Courier(services.db, services.vault, services.egress, services.clock, services.settings.exports)


@contextlib.contextmanager
def sealing(services: Services) -> Iterator[tuple[Sealer, Attendant]]:
    """Build the audit log's sequencer, and who goes to its anchors: both connect as a role of its own, and hold the key that signs."""
    settings = services.settings
    db = Database(database_url(settings, "sealer"), pool_size=2, application="cloister-sealer")
    try:
        signer, anchors = LogSigners(services.db, services.vault), anchors_of(settings)
        note_anchors(services.db, anchors, clock=services.clock)
        attendant = Attendant(db, services.db, anchors, anchor_egress(settings), signer, clock=services.clock)
        yield Sealer(db, signer, clock=services.clock, gate=attendant.gate), attendant
    finally:
        db.close()


def anchor_egress(settings: Settings) -> Egress:
    """Return the way to the anchors, and to nothing else."""
    return way_out(settings, settings.audit_anchors_allow)


def attendant_of(services: Services) -> Attendant | None:
    """Return who goes to the anchors for a package, as the process's own role; None where there are no anchors."""
    settings, anchors = services.settings, anchors_of(services.settings)
    if not anchors.names():
        return None
    signer = LogSigners(services.db, services.vault)
    return Attendant(services.db, services.db, anchors, anchor_egress(settings), signer, clock=services.clock)


def local_models(settings: Settings) -> list[tuple[Recipe, bool]]:
    """Return the local embedding models that this version knows, and whether each is on this host, unharmed."""
    return [(one, is_intact(settings.models_dir / name)) for name, one in CATALOGUE.items()]


def sign_on_of(settings: Settings, db: Database, vault: Vault, clock: Clock, *, way_key: bytes) -> SignOn:
    """Return the way to identity providers: each connection's own client, which reaches what the operator named for it."""
    return SignOn(
        Desk(db, vault, clock, settings.address, timedelta(hours=settings.session_hours), way_key),
        Providers(lambda only: way_out(settings, settings.sso_allow, ca_only=only)),
        Records(settings.sso_resolvers).text,
    )


def _mail_server(settings: Settings) -> MailServer | None:
    if not settings.smtp_host or not settings.smtp_from:
        return None
    return MailServer(
        settings.smtp_host, settings.smtp_port, settings.smtp_from, settings.smtp_security, settings.smtp_user,
        settings.secrets / "smtp-password", settings.egress_ca_file,
    )  # fmt: skip
