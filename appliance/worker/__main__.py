"""python -m appliance.worker: the worker alone, as `appliance run` and the container start it."""

from appliance.kernel import garbage


def main() -> None:
    """Work until SIGTERM."""
    garbage.pause()
    from appliance.assembly import assemble, database_url, starting  # not before: these load the house
    from appliance.kernel import log
    from appliance.kernel.memory import close_memory
    from appliance.ops.starting import note_start
    from appliance.settings import load
    from appliance.worker import loop

    close_memory()
    with starting("worker", status=1):
        settings = load()
        log.configure(format=settings.log_format, level=settings.log_level)
        services, url = assemble(settings, role="worker"), database_url(settings, "worker")
    said = {name: str(value) for name, value in settings.model_dump(mode="json").items()}
    note_start(services.db, said, key=services.web_key)
    garbage.settle()
    loop.run(services, url)


if __name__ == "__main__":
    main()
