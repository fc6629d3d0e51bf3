"""Predictions noted down as training makes them, in files that no crash leaves unreadable.

A file is a run of records: length and CRC-32 of a body, then the body, which is a JSON line and
the compressed patch. A killed writer leaves at most one cut record at the end, which readers stop
at. Records carry their iteration, so that a run resumed from a checkpoint drops what came after.
"""
import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

_HEAD = struct.Struct('<II')


class Prediction(NamedTuple):
    """Class ids that training predicted in a rectangle of an image; 0 says nothing."""

    iteration: int
    order: int  # place within the iteration, over all ranks
    image_id: str
    top: int
    left: int
    patch: np.ndarray  # (rows, columns) uint8


class PredictionLog:
    """Append-only file of :class:`Prediction`; one writer.

    Args:
        path: the file; made with its first record.
    """

    def __init__(self, path):
        self.path = Path(path)

    def append(self, predictions: list[Prediction]) -> None:
        """Add records in one write.

        Raises:
            OSError: no space, …; what was written before stays readable.
        """
        data = b''.join(_encode(prediction) for prediction in predictions)
        with open(self.path, 'ab', buffering=0) as file:
            start = file.tell()
            try:
                while data:
                    data = data[file.write(data):]
            except OSError:
                os.ftruncate(file.fileno(), start)  # a full disk may have taken a part
                raise

    def entries(self) -> Iterator[tuple[int, int, str, int]]:
        """Iteration, order, image id and offset of all whole records."""
        for offset, body in self._bodies():
            head = json.loads(body[:body.index(b'\n')])
            yield head['iteration'], head['order'], head['image_id'], offset

    def read(self, offset: int) -> Prediction:
        """The record at an offset of :meth:`entries`."""
        with open(self.path, 'rb') as file:
            file.seek(offset)
            body = _read_body(file)
        line = body.index(b'\n')
        head = json.loads(body[:line])
        shape = head.pop('shape')
        patch = np.frombuffer(zlib.decompress(body[line + 1:]), np.uint8).reshape(shape)
        return Prediction(patch=patch, **head)

    def cut(self, iteration: int) -> None:
        """Drop all records from ``iteration`` on, and a half-written one at the end."""
        if not self.path.exists():
            return
        end = 0
        for offset, body in self._bodies():
            if json.loads(body[:body.index(b'\n')])['iteration'] >= iteration:
                break
            end = offset + _HEAD.size + len(body)
        os.truncate(self.path, end)

    def sync(self) -> None:
        """Wait until all that was appended is on the disk."""
        if self.path.exists():
            with open(self.path, 'rb') as file:
                os.fsync(file.fileno())

    def _bodies(self) -> Iterator[tuple[int, bytes]]:
        if not self.path.exists():
            return
        with open(self.path, 'rb') as file:
            offset = 0
            while (body := _read_body(file)) is not None:
                yield offset, body
                offset = file.tell()


def _encode(prediction: Prediction) -> bytes:
    patch = np.ascontiguousarray(prediction.patch, np.uint8)
    head = dict(prediction._asdict(), shape=patch.shape)
    del head['patch']
    body = json.dumps(head).encode() + b'\n' + zlib.compress(patch.tobytes(), 1)
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _read_body(file) -> bytes | None:
    """The next record's body; None at the end or at a cut or damaged record."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, checksum = _HEAD.unpack(head)
    body = file.read(length)
    return body if len(body) == length and zlib.crc32(body) == checksum else None
