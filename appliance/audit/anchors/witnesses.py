"""One witness, spoken to as C2SP tlog-witness says, and by the two requests that ours knows besides (deploy/docs/anchors.md)."""

import base64
from collections.abc import Sequence

from appliance.audit.anchors.errors import (
    AnchorAway,
    WitnessBehind,
    WitnessForked,
    WitnessKnowsNoKey,
    WitnessKnowsNoLog,
)
from appliance.audit.anchors.values import WitnessPlace
from appliance.kernel.egress import Egress, Outgoing, Timeouts
from appliance.kernel.errors import Refusal
from appliance.kernel.sealing import signature_holds
from appliance.proof.note import Note, NoteBroken, PublicKey, cosigned_at, parse_note

TIMES = Timeouts(connect=5, write=5, first_byte=10, between=5, whole=20)
_MOST = 64_000
_LARGEST = 2**62
_LATEST = 2**35  # the year 3058: what comes later is no second of ours
_OK, _FORBIDDEN, _UNKNOWN, _CONFLICT, _INCONSISTENT = 200, 403, 404, 409, 422


def away(refusal: Refusal) -> AnchorAway:
    """Return what is noted of a call that failed. The hosts of anchors stand in a list of their own."""
    return AnchorAway(str(refusal).replace("APPLIANCE_EGRESS_ALLOW", "APPLIANCE_AUDIT_ANCHORS_ALLOW"))


class Witness:
    """A witness, reached through egress."""

    def __init__(self, place: WitnessPlace, egress: Egress) -> None:
        self.place, self._egress = place, egress

    @property
    def name(self) -> str:
        """What its key is called."""
        return self.place.key.name

    def add_checkpoint(self, old: int, proof: Sequence[bytes], note: str) -> tuple[str, int]:
        """Return the checkpoint with the witness's line alone, and the second of its signature.

        Raises WitnessBehind, WitnessForked, WitnessKnowsNoKey, WitnessKnowsNoLog, AnchorAway.
        """
        steps = "".join(f"{base64.b64encode(one).decode()}\n" for one in proof)
        status, said = self._post("add-checkpoint", f"old {old}\n{steps}\n{note}")
        if status == _UNKNOWN:
            raise WitnessKnowsNoLog
        if status == _FORBIDDEN:
            raise WitnessKnowsNoKey
        if status == _INCONSISTENT:
            raise WitnessForked
        if status == _CONFLICT:
            size = said.strip()
            if not (size.isascii() and size.isdigit() and len(size) < len(str(_LARGEST))):
                raise AnchorAway("it refused without saying at which size it is")
            raise WitnessBehind(int(size))
        if status != _OK:
            raise AnchorAway(f"it answered {status}")
        return self._cosigned(note, said)

    def add_log(self, key: PublicKey) -> None:
        """Make a log known to a witness that takes up logs by their first key. Raises WitnessKnowsNoKey, AnchorAway."""
        self._told("add-log", f"{key}\n")

    def add_key(self, origin: str, old: bytes, new: bytes, endorsement: bytes) -> None:
        """Tell that a log's key handed on to the next. Raises WitnessKnowsNoKey, AnchorAway."""
        self._told("add-key", f"{origin}\n{old.hex()}\n{new.hex()}\n{endorsement.hex()}\n")

    def _cosigned(self, note: str, said: str) -> tuple[str, int]:
        """Return the note with the line, if it is the signature of the key that the settings name."""
        text = parse_note(note).text
        try:
            lines = parse_note(f"{text}\n{said}").signatures
        except NoteBroken as error:
            raise AnchorAway("its answer is no signature") from error
        for one in lines:
            signed = Note(text, (one,))
            at = cosigned_at(signed, self.place.key, verifies=signature_holds)
            if at is not None and at < _LATEST:
                return str(signed), at
        raise AnchorAway("its answer is not signed by the key that the settings name")

    def _told(self, path: str, body: str) -> None:
        status, _ = self._post(path, body)
        if status in {_FORBIDDEN, _UNKNOWN}:
            raise WitnessKnowsNoKey
        if status != _OK:
            raise AnchorAway(f"it answered {status}")

    def _post(self, path: str, body: str) -> tuple[int, str]:
        outgoing = Outgoing(
            "POST", f"{self.place.url}/{path}", (("Content-Type", "text/plain; charset=utf-8"),), body.encode(),
            timeouts=TIMES, answer_limit=_MOST,
        )  # fmt: skip
        try:
            with self._egress.open(outgoing) as answer:
                return answer.status, answer.read().decode()
        except UnicodeDecodeError as error:
            raise AnchorAway("its answer is not text") from error
        except Refusal as error:
            raise away(error) from error
