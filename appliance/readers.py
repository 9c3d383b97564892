"""Builds what reads files, and what looks through texts. Neither needs a database, so `appliance scan` starts without the house."""

from typing import TYPE_CHECKING

from appliance import dlp
from appliance.kernel.computing import Aside, here
from appliance.providers.local.catalogue import LABELS, TAGGER
from appliance.settings import Settings

if TYPE_CHECKING:
    from appliance.knowledge.parsing import Limits


def parse_limits(settings: Settings) -> "Limits":
    """Return what reading one file may take."""
    from appliance.knowledge.parsing import Limits  # the gateway's process reads no files until one is sent along
    from appliance.knowledge.scans import Recognition

    return Limits(
        cpu_seconds=settings.parse_seconds,
        wall_seconds=2.0 * settings.parse_seconds,
        recognition=Recognition(
            settings.ocr_languages, settings.ocr_page_seconds, settings.ocr_seconds, settings.ocr_picture_seconds
        ),
    )


def scanner_of(settings: Settings, *, aside: Aside = here, with_names: bool = True) -> dlp.Engine:
    """Build what looks for data that must not be uploaded or sent."""
    if not with_names:
        return dlp.Engine()
    from appliance.providers.local.tagger import LocalTagger  # with numpy, for nothing where nothing is tagged

    directory = settings.models_dir / TAGGER.name
    return dlp.Engine(tagger=LocalTagger(directory, LABELS, threads=settings.embedding_threads, aside=aside))
