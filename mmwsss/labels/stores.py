"""Which kind of store a folder holds, and what its description says."""
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
    return 'activations' if 'activations' in read_object(path) else 'labels'


def read_object(path: Path) -> dict:
    """The JSON object in a file of a store.

    Raises:
        ValueError: no JSON, or JSON that is no object; names the file and the remedy.
    """
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise damaged(path, str(error)) from error
    if not isinstance(content, dict):
        raise damaged(path, f'a JSON object expected, not {str(content)[:40]!r}')
    return content


def damaged(path: Path, what: str) -> ValueError:
    """The error for a file of a store that cannot be used."""
    return ValueError(f'{path}: damaged ({what}); put a copy of it back, or make the store again '
                      'in another folder')
