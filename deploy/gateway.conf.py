"""gunicorn's settings for the process that serves /v1 alone: greenlets, so that a stream holds no thread; see decision 0027."""

from gevent import monkey

monkey.patch_all()  # before anything else is imported: what has its own copy of a lock or a socket would stop everybody

import sys  # noqa: E402

from gunicorn.config import Config  # noqa: E402
from gunicorn.glogging import Logger  # noqa: E402

from appliance.kernel import log  # noqa: E402
from appliance.kernel.memory import close_memory  # noqa: E402
from appliance.settings import InvalidSettings, load  # noqa: E402

close_memory()
try:
    settings = load()
except InvalidSettings as error:
    sys.exit(f"The gateway cannot start. Some settings are wrong:\n{error}")
log.configure(format=settings.log_format, level=settings.log_level)


class OneLog(Logger):  # type: ignore[misc]
    """gunicorn's own words, in the form of ours."""

    def setup(self, cfg: Config) -> None:
        """Hand everything to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


logger_class = OneLog
worker_class = "gevent"
workers = 1
worker_connections = 4000
backlog = 2048
timeout = 120
graceful_timeout = 25
keepalive = 75
accesslog = None
loglevel = "warning"
control_socket_disable = True
worker_tmp_dir = "/dev/shm"  # noqa: S108 - heartbeats must not wait for a disk
forwarded_allow_ips = ""
limit_request_line = 8190
