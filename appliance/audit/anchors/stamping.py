"""The time-stamping authority (RFC 3161): asked through egress, judged by openssl when its answer comes."""

import os

from appliance.audit.anchors.errors import AnchorAway
from appliance.audit.anchors.values import TimeStampPlace
from appliance.audit.anchors.witnesses import TIMES, away
from appliance.kernel.egress import Egress, Outgoing
from appliance.kernel.errors import Refusal
from appliance.proof.timestamps import NoOpenssl, Stamp, StampBroken, is_stamped, read_stamp, stamp_request

_MOST = 100_000
_OK = 200
_NONCE_BYTES = 8


class TimeStamps:
    """The authority of the settings."""

    def __init__(self, place: TimeStampPlace, egress: Egress) -> None:
        self.place, self._egress = place, egress

    def stamp(self, text: str) -> tuple[bytes, Stamp]:
        """Return the token over a checkpoint's text, and what it says. Raises AnchorAway."""
        nonce, content = int.from_bytes(os.urandom(_NONCE_BYTES), "big"), text.encode()
        token = self._asked(stamp_request(content, nonce))
        try:
            said = read_stamp(token)
            if said.nonce != nonce:
                raise AnchorAway("it answered another request")
            if not is_stamped(token, content, self.place.certificates):
                raise AnchorAway("its time stamp is not by the certificates that the settings name")
        except StampBroken as error:
            raise AnchorAway(f"its answer is no time stamp: {error}") from error
        except NoOpenssl as error:
            raise AnchorAway("openssl, which judges its time stamps, is not installed") from error
        return token, said

    def _asked(self, request: bytes) -> bytes:
        headers = (("Content-Type", "application/timestamp-query"),)
        outgoing = Outgoing("POST", self.place.url, headers, request, timeouts=TIMES, answer_limit=_MOST)
        try:
            with self._egress.open(outgoing) as answer:
                token = answer.read()
                status = answer.status
        except Refusal as error:
            raise away(error) from error
        if status != _OK:
            raise AnchorAway(f"it answered {status}")
        return token
