"""gunicorn's settings: threads, since answers stream; see appliance/decisions/0005-web-server.md."""

worker_class = "appliance.slow_clients.PatientWorker"
workers = 1
threads = 16
timeout = 120
graceful_timeout = 25
keepalive = 75
accesslog = None  # one line a request is ours, with ids and without addresses of pages
loglevel = "warning"
control_socket_disable = True  # the root file system is read-only
worker_tmp_dir = "/dev/shm"  # noqa: S108 - heartbeats must not wait for a disk
forwarded_allow_ips = ""  # X-Forwarded-* is read by the application, from as many proxies as are named
limit_request_line = 8190
