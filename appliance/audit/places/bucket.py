"""A file into a bucket (S3): whole where it is small, else in parts, so that memory does not grow with it.

Where days are named it is locked for them in compliance mode; a bucket without object lock refuses that, which is meant.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from appliance.audit.places.errors import PlaceFailed
from appliance.audit.values import Place
from appliance.kernel.clock import Clock
from appliance.kernel.egress import Egress, EgressDenied, EgressFailed, Incoming, Outgoing, OutgoingMalformed, Timeouts
from appliance.kernel.sigv4 import AwsCredentials, signed

PART: Final = 8 * 1024 * 1024
_TIMES: Final = Timeouts(connect=10, write=120, first_byte=120, between=30, whole=600)
_MOST_ANSWER: Final = 1024 * 1024
_OK, _BAD = 200, 300
_UPLOAD: Final = re.compile(rb"<UploadId>([A-Za-z0-9+/=._~-]{1,1024})</UploadId>")
_ETAG: Final = re.compile(r'"?[A-Za-z0-9-]{1,128}"?')


@dataclass(frozen=True)
class Bucket:
    """A bucket, and who we are there."""

    egress: Egress
    clock: Clock
    place: Place
    credentials: AwsCredentials
    times: Timeouts = _TIMES

    def put(self, source: Path, name: str, *, beat: Callable[[], None]) -> None:
        """Put a file there under a name. Raises PlaceFailed."""
        url = f"{self.place.url}/{quote(name)}"
        if source.stat().st_size <= PART:
            body = source.read_bytes()
            self._ask("PUT", url, {"content-type": "application/zip", **_sum(body), **self._lock()}, body)
            return
        said = {"content-type": "application/zip", "x-amz-checksum-algorithm": "SHA256", **self._lock()}
        begun = _UPLOAD.search(self._ask("POST", f"{url}?uploads=", said, b"")[1])
        if begun is None:
            raise PlaceFailed(reason="it answers something else than it should")
        upload = f"uploadId={quote(begun[1].decode(), safe='')}"
        try:
            self._put_parts(source, url, upload, beat)
        except PlaceFailed:
            self._give_up(f"{url}?{upload}")
            raise

    def _put_parts(self, source: Path, url: str, upload: str, beat: Callable[[], None]) -> None:
        listed = []
        for number, body in enumerate(_parts(source), 1):
            tag, _ = self._ask("PUT", f"{url}?partNumber={number}&{upload}", _sum(body), body)
            if not _ETAG.fullmatch(tag):
                raise PlaceFailed(reason="it answers something else than it should")
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            listed.append(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{tag.replace(chr(34), '&quot;')}</ETag><ChecksumSHA256>{digest}</ChecksumSHA256></Part>"
            )
            beat()
        whole = f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{"".join(listed)}</CompleteMultipartUpload>'
        # It may answer 200 and say in the body that it failed.
        if b"<CompleteMultipartUploadResult" not in self._ask("POST", f"{url}?{upload}", {}, whole.encode())[1]:
            raise PlaceFailed(reason="it did not put the parts together")

    def _give_up(self, url: str) -> None:
        """Have it forget the parts, which would be paid for; what fails here, the bucket's own rules tidy up."""
        try:
            self._ask("DELETE", url, {}, b"")
        except PlaceFailed:
            return

    def _lock(self) -> dict[str, str]:
        if self.place.retain_days is None:
            return {}
        until = self.clock.now() + timedelta(days=self.place.retain_days)
        return {
            "x-amz-object-lock-mode": "COMPLIANCE",
            "x-amz-object-lock-retain-until-date": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[str, bytes]:
        """Return the tag and the body of an answer. Raises PlaceFailed; what the other side says is not shown."""
        said = signed(
            method, url, headers | {"x-amz-content-sha256": hashlib.sha256(body).hexdigest()}, body,
            credentials=self.credentials, region=self.place.region or "", service="s3", now=self.clock.now(),
        )  # fmt: skip
        sent = tuple((name, value) for name, value in said.items() if name != "host")
        try:
            with self.egress.open(Outgoing(method, url, (*sent, ("user-agent", "cloister")), body, self.times, _MOST_ANSWER)) as incoming:
                return _taken(incoming)
        except (EgressDenied, EgressFailed, OutgoingMalformed) as refusal:
            raise PlaceFailed(reason=str(refusal)) from None


def _taken(incoming: Incoming) -> tuple[str, bytes]:
    answer = incoming.read()
    if not _OK <= incoming.status < _BAD:
        raise PlaceFailed(reason=f"status {incoming.status}")
    return incoming.header("etag") or "", answer


def _sum(body: bytes) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return {"x-amz-checksum-sha256": digest, "x-amz-sdk-checksum-algorithm": "SHA256"}


def _parts(source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        while piece := file.read(PART):
            yield piece
