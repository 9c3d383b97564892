"""
Refusal
├── PlaceAddressMalformed  kind=invalid
├── PlaceClosed            kind=invalid
├── PlaceFailed            kind=unavailable   it is tried again later
├── PlaceIsFolder          kind=conflict
├── PlaceOptionsMalformed  kind=invalid
└── PlaceSecretMalformed   kind=invalid
"""

from appliance.kernel.errors import Kind, Refusal


class PlaceAddressMalformed(Refusal):
    """This is no place for packages. A bucket is written like https://s3.eu-central-1.amazonaws.com/bucket/prefix, a folder by SFTP like sftp://backup.example.org/incoming."""

    kind = Kind.INVALID
    code = "place_address_malformed"


class PlaceClosed(Refusal):
    """These packages would get nowhere ({reason})."""

    kind = Kind.INVALID
    code = "place_closed"


class PlaceFailed(Refusal):
    """The package was not taken there: {reason}. It is tried again."""

    kind = Kind.UNAVAILABLE
    code = "place_failed"


class PlaceIsFolder(Refusal):
    """These packages go into the host's folder; there is nothing to try."""

    kind = Kind.CONFLICT
    code = "place_is_folder"


class PlaceOptionsMalformed(Refusal):
    """A bucket needs its region, such as eu-central-1, and may have 1 to 36500 days for which packages are locked. SFTP needs the account, and the host's key as one line of ssh-keyscan. Leave the rest empty."""

    kind = Kind.INVALID
    code = "place_options_malformed"


class PlaceSecretMalformed(Refusal):
    """This is no secret for this place. Of a bucket it is the access key's id and its secret with a colon between them; of SFTP a password, or nothing: then a key is made for you."""

    kind = Kind.INVALID
    code = "place_secret_malformed"
