"""Which kind of store a folder holds."""
import json
from os import PathLike
from pathlib import Path


def kind_of_store(folder: str | PathLike) -> str | None:
    """``'activations'``, ``'labels'``, or None if there is no store in the folder.

    Raises:
        ValueError: its ``store.json`` is damaged.
    """
    path = Path(folder) / 'store.json'
    if not path.is_file():
        return None
    try:
        settings = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f'{path}: damaged ({error})') from error
    return 'activations' if 'activations' in settings else 'labels'
