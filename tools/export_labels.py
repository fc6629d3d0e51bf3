#!/usr/bin/env python
"""Copy a version of a label store to a plain folder of palette PNGs, every file checked.

    python tools/export_labels.py work_dirs/seeds_voc/labels SegmentationClassPseudo
    python tools/export_labels.py STORE FOLDER --version 1

Training here does not need it: `MMWSSS_LABELS` may name the store itself. Other code and other
machines take the folder, which appears when it is whole.
"""
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

from mmwsss.labels import LabelStore, kind_of_store  # noqa: E402


def main(argv=None) -> int:
    """Run; 2 and one line for bad input."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('store', type=Path, help='folder of the label store')
    parser.add_argument('folder', type=Path, help='new folder')
    parser.add_argument('--version', type=int, help='default: the current one')
    args = parser.parse_args(argv)
    try:
        if kind_of_store(args.store) != 'labels':
            raise ValueError(f'{args.store} is no label store')
        store = LabelStore(args.store)
        version = store.current if args.version is None else args.version
        store.export_folder(args.folder, version)
        print(f'{args.folder}: version {version}, {len(store.ids(version))} label maps')
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
