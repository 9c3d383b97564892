"""gunicorn's settings: threads, since answers stream; see appliance/decisions/0005-web-server.md."""

import gc
import sys

from gunicorn.config import Config
from gunicorn.glogging import Logger

from appliance.kernel import log
from appliance.kernel.memory import close_memory
from appliance.settings import InvalidSettings, load

close_memory()
try:
    settings = load()  # nothing heavier is imported here: what the parent has started, a forked child cannot end
except InvalidSettings as error:
    sys.exit(f"The web site cannot start. Some settings are wrong:\n{error}")
log.configure(format=settings.log_format, level=settings.log_level)


class OneLog(Logger):  # type: ignore[misc]
    """gunicorn's own words, in the form of ours."""

    def setup(self, cfg: Config) -> None:
        """Hand everything to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


logger_class = OneLog
worker_class = "appliance.slow_clients.PatientWorker"
workers = 1
threads = settings.web_threads
timeout = 120
graceful_timeout = 25
keepalive = 75
accesslog = None  # one line a request is ours, with ids and without addresses of pages
loglevel = "warning"
control_socket_disable = True  # the root file system is read-only
worker_tmp_dir = "/dev/shm"  # noqa: S108 - heartbeats must not wait for a disk
forwarded_allow_ips = ""  # X-Forwarded-* is read by the application, from as many proxies as are named
limit_request_line = 8190


def post_fork(_arbiter: object, _worker: object) -> None:
    """Look for no garbage while the child loads the house; `appliance.wsgi` goes on with it."""
    gc.disable()
