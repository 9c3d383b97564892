"""Canaille with a group of two, for one client: run by the Python that it is installed for, never by ours."""

import datetime as dt
import os
import sys
import threading

from canaille import create_app  # type: ignore[import-not-found]
from werkzeug.serving import make_server

NAME = os.environ["ISSUER"].removeprefix("http://")


def main() -> None:
    """Serve until whoever started it says no more."""
    app = create_app(config={
        "SECRET_KEY": os.urandom(16).hex(), "SERVER_NAME": NAME, "PREFERRED_URL_SCHEME": "http", "DEBUG": False,
        "CANAILLE_OIDC": {"TRUSTED_DOMAINS": ["127.0.0.1", "localhost"]},
    })  # fmt: skip
    from canaille.app import models  # type: ignore[import-not-found]
    from canaille.backends import Backend  # type: ignore[import-not-found]

    with app.app_context():
        kept = Backend.instance
        eve = models.User(
            user_name="eve", formatted_name="Eve of Harrow", family_name="Harrow", emails=["eve@harrow.example"],
            password=os.environ["PASSWORD"],
        )  # fmt: skip
        kept.save(eve)
        max_ = models.User(user_name="max", formatted_name="Max", family_name="Max", emails=["max@harrow.example"])
        kept.save(max_)
        group = models.Group(display_name="it", members=[eve, max_])
        kept.save(group)
        client = models.Client(
            client_id=os.environ["CLIENT"], client_secret=os.environ["SECRET"], client_name="Cloister",
            client_uri="http://127.0.0.1", redirect_uris=[os.environ["CALLBACK"]],
            post_logout_redirect_uris=[os.environ["SIGNED_OUT"]], grant_types=["authorization_code"],
            response_types=["code"], scope=["openid", "profile", "email", "groups"], token_endpoint_auth_method="client_secret_basic",
            client_id_issued_at=dt.datetime.now(dt.UTC),
        )  # fmt: skip
        kept.save(client)
        client.audience = [client]
        kept.save(client)
    port = NAME.partition(":")[2]
    server = make_server("127.0.0.1", int(port), app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:  # each line takes Eve out of her group
        with app.app_context():
            group = kept.get(models.Group, display_name="it")
            group.members = [max_]
            kept.save(group)
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
