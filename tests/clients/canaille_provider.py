"""Canaille with one person in one group, for one client: run by the Python that it is installed for, never by ours."""

import datetime as dt
import os
import sys

from canaille import create_app  # type: ignore[import-not-found]
from werkzeug.serving import make_server

NAME = os.environ["ISSUER"].removeprefix("http://")


def main() -> None:
    """Serve until whoever started it ends it."""
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
        group = models.Group(display_name="it", members=[eve])
        kept.save(group)
        client = models.Client(
            client_id=os.environ["CLIENT"], client_secret=os.environ["SECRET"], client_name="Cloister",
            client_uri="http://127.0.0.1", redirect_uris=[os.environ["CALLBACK"]], grant_types=["authorization_code"],
            response_types=["code"], scope=["openid", "profile", "email", "groups"], token_endpoint_auth_method="client_secret_basic",
            client_id_issued_at=dt.datetime.now(dt.UTC),
        )  # fmt: skip
        kept.save(client)
        client.audience = [client]
        kept.save(client)
    host, _, port = NAME.partition(":")
    server = make_server(host, int(port), app, threaded=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
