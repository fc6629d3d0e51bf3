"""Where the tests find the project and, where present, the shared real data."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _shared() -> Path | None:
    """The folder of shared data: ``MMWSSS_SHARED``, else one named ``shared`` beside the clone."""
    given = os.environ.get('MMWSSS_SHARED')
    folder = Path(given).expanduser() if given else ROOT.parent / 'shared'
    return folder.resolve() if folder.is_dir() else None


SHARED = _shared()
