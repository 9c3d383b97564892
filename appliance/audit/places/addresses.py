"""What a place must be like, and its row: its address, its options, its secret."""

import re
from dataclasses import replace
from typing import Final

from appliance.audit.places.envelope import seal_place
from appliance.audit.places.errors import (
    PlaceAddressMalformed,
    PlaceClosed,
    PlaceOptionsMalformed,
    PlaceSecretMalformed,
)
from appliance.audit.places.values import NewPlace, PlaceForm
from appliance.audit.tables import ScheduleRow
from appliance.audit.values import Place, PlaceKind
from appliance.kernel.canonical import canonical
from appliance.kernel.db import Tx
from appliance.kernel.egress import EgressDenied, OutgoingMalformed
from appliance.kernel.sealing import SigningKey
from appliance.kernel.secret import Secret
from appliance.kernel.sftp import parse_host_key, public_line

_BUCKET: Final = re.compile(r"https?://[^/?#@\s]{1,255}/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.-]{1,80}){0,5}")
_SFTP: Final = re.compile(r"sftp://[^/?#@\s]{1,255}(/~)?(/[A-Za-z0-9_.-]{1,80}){0,10}")
_REGION: Final = re.compile(r"[a-z]{2,12}(-[a-z0-9]{1,15}){0,4}")
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
_LONGEST, _LONGEST_SECRET, _MOST_DAYS, _SHOWN_FROM = 500, 2_000, 36_500, 16


def fill(tx: Tx, row: ScheduleRow, place: NewPlace) -> None:
    """Give a schedule its place. Raises PlaceAddressMalformed, PlaceClosed, PlaceOptionsMalformed, PlaceSecretMalformed."""
    form = _checked(place.form)
    row.kind = form.kind.value
    if form.kind is PlaceKind.FOLDER:
        return
    try:
        place.egress.check(form.url or "")
    except (EgressDenied, OutgoingMalformed) as refusal:
        raise PlaceClosed(reason=str(refusal)) from None
    row.url, row.account, row.host_key = form.url, form.account, form.host_key
    row.region, row.retain_days = form.region, form.retain_days
    with _secret(form, row) as secret:
        row.sealed = seal_place(tx, place.sealer, row, secret)


def place_of(row: ScheduleRow) -> Place:
    """Return what a row says of its place."""
    return Place(
        PlaceKind(row.kind), row.url, row.account, row.host_key, row.region, row.retain_days, row.last_four or "", row.public_key
    )


def _checked(form: PlaceForm) -> PlaceForm:
    """Return the form with its texts trimmed."""
    url = (form.url or "").strip().rstrip("/") or None
    account, region = (form.account or "").strip() or None, (form.region or "").strip() or None
    host_key = (form.host_key or "").strip() or None
    if form.kind is PlaceKind.FOLDER:
        if any((url, account, region, host_key, form.secret, form.retain_days)):
            raise PlaceOptionsMalformed
        return PlaceForm()
    pattern = _BUCKET if form.kind is PlaceKind.S3 else _SFTP
    if url is None or len(url) > _LONGEST or not url.isascii() or not pattern.fullmatch(url) or "/.." in url:
        raise PlaceAddressMalformed
    if form.kind is PlaceKind.S3:
        is_right = region is not None and _REGION.fullmatch(region) and not account and not host_key
        is_right = is_right and (form.retain_days is None or 1 <= form.retain_days <= _MOST_DAYS)
    else:
        is_right = account is not None and _ACCOUNT.fullmatch(account) and not region and form.retain_days is None
        try:
            host_key = str(parse_host_key(host_key or ""))
        except ValueError:
            is_right = False
    if not is_right:
        raise PlaceOptionsMalformed
    return replace(form, url=url, account=account, region=region, host_key=host_key)


def _secret(form: PlaceForm, row: ScheduleRow) -> Secret:
    """Return what is sealed; what may be shown of it is put into the row."""
    given = (form.secret or "").strip()
    if len(given) > _LONGEST_SECRET or not given.isprintable():
        raise PlaceSecretMalformed
    if form.kind is PlaceKind.S3:
        key_id, _, secret = (one.strip() for one in given.partition(":"))
        if not key_id.isalnum() or not secret or not secret.isascii() or " " in secret:
            raise PlaceSecretMalformed
        row.last_four = key_id[-4:] if len(key_id) >= _SHOWN_FROM else ""
        return Secret(bytearray(canonical({"key_id": key_id, "secret": secret})))
    if given:
        return Secret(bytearray(canonical({"password": given})))
    key = SigningKey.make()
    row.public_key = public_line(key, f"cloister-{str(row.schedule_id)[-12:]}")
    return Secret(bytearray(canonical({"key": key.private.hex()})))
