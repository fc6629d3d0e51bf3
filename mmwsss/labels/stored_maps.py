"""What those who read an activation store ask of it before they begin."""
from collections.abc import Sequence

from .activation_store import ActivationStore
from .fingerprint import fingerprint


def maps_source(store: ActivationStore) -> dict:
    """What the maps come from: what the store knows, else a fingerprint of its files."""
    settings = dict(classes=list(store.classes), stride=store.stride, bits=store.bits)
    if store.source is not None:
        return dict(fingerprint=fingerprint(**settings, source=store.source), **store.source)
    return dict(fingerprint=fingerprint(store.root.rglob('*.png'), **settings))


def class_problems(store: ActivationStore, classes: Sequence[str], setting: str) -> list[str]:
    """A message if the store's classes are not ``classes``, in this order.

    Args:
        classes: foreground classes of the data set.
        setting: what to set for another store, such as ``'model.store'``.
    """
    held = store.classes
    if held == tuple(classes):
        return []
    return [f'{store.root} holds maps of {len(held)} classes ({held[0]} ... {held[-1]}), the data '
            f'set has {len(classes)} ({classes[0]} ... {classes[-1]}), or another order: extract '
            f'the maps of this data set, or set {setting}']


def check_images(store: ActivationStore, ids: Sequence[str]) -> None:
    """Raise ``ValueError`` if the store lacks maps of images, but for those it knows to be
    unreadable."""
    unreadable = store.unreadable()
    lacking = [image_id for image_id in store.pending(ids) if image_id not in unreadable]
    if lacking:
        first = ', '.join(lacking[:5]) + (', ...' if len(lacking) > 5 else '')
        raise ValueError(f'{store.root} has no activation maps of {len(lacking)} of {len(ids)} '
                         f'images: {first}: extract them first (the extraction goes on where it '
                         'stopped)')
