"""A house at an address of its own, served by threads of the test: for browsers, where a process of the product would tell no more."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from werkzeug.serving import make_server

from appliance.app import create_app
from tests.support.house import House, Server
from tests.support.product import free_port


@contextlib.contextmanager
def open_house(server: Server, directory: Path) -> Iterator[House]:
    """Serve one until the end; `settings.address` is where."""
    port, database = free_port(), server.clone("template_house")
    directory.mkdir()
    house = House(server, database, directory, port=port)
    http = make_server("127.0.0.1", port, create_app(house.app), threaded=True)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield house
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
        house.close()
        server.drop(database)
