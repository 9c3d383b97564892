"""Where a schedule's packages shall go, as it is asked for."""

from dataclasses import dataclass, field

from appliance.audit.destined import Sealer
from appliance.audit.values import PlaceKind
from appliance.kernel.egress import Egress


@dataclass(frozen=True)
class PlaceForm:
    """A new place. `secret`: of S3 the key's id and its secret; of SFTP a password, or None for a key that is made here."""

    kind: PlaceKind = PlaceKind.FOLDER
    url: str | None = None
    account: str | None = None
    host_key: str | None = None
    secret: str | None = field(default=None, repr=False)
    region: str | None = None
    retain_days: int | None = None


@dataclass(frozen=True)
class NewPlace:
    """A place that is asked for, with what seals its secret and who knows whether it may be reached."""

    form: PlaceForm
    sealer: Sealer
    egress: Egress
