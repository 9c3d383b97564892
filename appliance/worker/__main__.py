"""python -m appliance.worker: the worker alone, as `appliance run` and the container start it."""

from appliance.assembly import assemble, database_url
from appliance.kernel import log
from appliance.settings import load
from appliance.worker import loop


def main() -> None:
    """Work until SIGTERM."""
    settings = load()
    log.configure(format=settings.log_format, level=settings.log_level)
    loop.run(assemble(settings, role="worker"), database_url(settings, "worker"))


if __name__ == "__main__":
    main()
