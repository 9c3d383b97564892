"""gunicorn's settings for the process that serves /v1 alone: greenlets, so that a stream holds no thread; see decision 0027.

The parent reads no settings and imports nothing of ours: it would hold their memory a second time. Wrong settings are told
by its child, with the status that ends both.
"""

import gc

from gevent import monkey

monkey.patch_all()  # before anything else is imported: what has its own copy of a lock or a socket would stop everybody

worker_class = "appliance.greenlets.PatientGreenlets"
workers = 1
worker_connections = 4000
backlog = 2048
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
