"""Whether a house answers. Light: a health check asks it every half minute, in a process of its own."""

import urllib.error
import urllib.request


def is_ready(address: str) -> bool:
    """Ask the web site whether it, and everything that it stands on, is ready."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # our own address: no proxy is asked
    try:
        with direct.open(f"{address}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 - ready
    except (OSError, urllib.error.URLError):
        return False
