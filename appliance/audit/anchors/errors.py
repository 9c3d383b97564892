"""
Exception
├── AnchorAway           what the settings name does not answer, or not as it should
├── WitnessBehind        these three and the next are a witness's answers: they end in its rows, never before a person
├── WitnessForked
├── WitnessKnowsNoKey
└── WitnessKnowsNoLog
Refusal
└── EpochReasonMissing   kind=invalid
"""

from appliance.kernel.errors import Kind, Refusal


class AnchorAway(Exception):
    """An anchor does not answer, or not as it should."""


class WitnessBehind(Exception):
    """The witness saw the log at another size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


class WitnessForked(Exception):
    """The witness saw another log under this name."""


class WitnessKnowsNoKey(Exception):
    """The witness does not know the log's key, or does not take it."""


class WitnessKnowsNoLog(Exception):
    """The witness does not know the log yet."""


class EpochReasonMissing(Refusal):
    """Say in one line of at most 200 characters why a new epoch is opened, such as: restored the backup of 3 May after a disk failed."""

    kind = Kind.INVALID
    code = "epoch_reason_missing"
