"""A connection to an allowed host for SSH, which brings its own encryption and its own proof of who the host is.

Only an entry sftp://HOST of the allow-list opens it: what was named for requests is not spoken SSH with, nor the reverse.
"""

import socket
from typing import Final

from appliance.kernel.egress.allowlist import AllowList
from appliance.kernel.egress.cancelling import Cancel
from appliance.kernel.egress.dialing import Dialer
from appliance.kernel.egress.errors import OutgoingMalformed
from appliance.kernel.egress.targets import PORTS, Target, target_of
from appliance.kernel.egress.values import Pace, Timeouts

_SCHEME: Final = "sftp://"


def tunnel_target(url: str) -> Target:
    """Return what sftp://HOST[:PORT][/PATH] names. Raises UrlDenied, OutgoingMalformed."""
    if not url.startswith(_SCHEME) or "?" in url:
        raise OutgoingMalformed(reason="SFTP goes to sftp://HOST:PORT/PATH")
    host, slash, path = url.removeprefix(_SCHEME).partition("/")
    # Read as https is, so that there is one reading of hosts; only the port that is left out is another.
    found = target_of(f"https://{host}{slash}{path}")
    is_said = host.rpartition("]")[2].count(":") == 1
    return Target("sftp", found.host, found.port if is_said else PORTS["sftp"], found.path, found.address)


class Tunnels:
    """Opens them, one for each use."""

    def __init__(self, allow: AllowList, dialer: Dialer) -> None:
        self._allow, self._dialer = allow, dialer

    def open(self, url: str, timeouts: Timeouts) -> socket.socket:
        """Return the connected socket. Raises EgressDenied and its kin, EgressFailed and its kin."""
        target = tunnel_target(url)
        permission = self._allow.permission(target)
        return self._dialer.dial(target, permission, pace=Pace(target.host, timeouts), cancel=Cancel()).plain()
