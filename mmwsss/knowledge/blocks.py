"""Big text files, plain or gzipped, as blocks of bytes in bounded memory."""
import hashlib
import zlib
from os import PathLike
from pathlib import Path
from typing import Iterator, Union

BLOCK_BYTES = 4 << 20
_GZIP_MAGIC = b'\x1f\x8b'


class BlockReader:
    """Iterates over the content of a file, unpacking gzip (told by its first bytes).

    Args:
        path: file to read.
        checksum: also take the SHA-256 of the file as it is on disk.

    Attributes:
        size (int): bytes on disk.
        done (int): bytes read so far.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: while iterating, if gzip data is damaged or ends too early.
    """

    def __init__(self, path: Union[str, PathLike], checksum: bool = False) -> None:
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise FileNotFoundError(f'no such file: {self.path}')
        self.size = self.path.stat().st_size
        self.done = 0
        self._digest = hashlib.sha256() if checksum else None

    @property
    def sha256(self) -> str:
        """Checksum of what has been read."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        with open(self.path, 'rb') as file:
            zipped = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            raw = self._raw(file)
            yield from self._unpack(raw) if zipped else raw

    def _raw(self, file) -> Iterator[bytes]:
        while block := file.read(BLOCK_BYTES // 4):
            self.done += len(block)
            if self._digest is not None:
                self._digest.update(block)
            yield block

    def _unpack(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        """Inflate one gzip member after the other; never more than a block at a time."""
        member, between = zlib.decompressobj(wbits=31), True
        for packed in raw:
            while packed:
                between = False
                try:
                    block = member.decompress(packed, BLOCK_BYTES)
                except zlib.error as error:
                    raise ValueError(f'{self.path}: damaged gzip data near byte {self.done:,}: '
                                     f'{error}; get the file again') from error
                if block:
                    yield block
                packed = member.unconsumed_tail
                if member.eof:
                    packed = member.unused_data.lstrip(b'\0')
                    member, between = zlib.decompressobj(wbits=31), True
        if not between:
            raise ValueError(f'{self.path}: gzip data is cut off after {self.done:,} bytes (an '
                             'unfinished download?); get the file again')


def whole_lines(blocks: Iterator[bytes], longest: int = 4 * BLOCK_BYTES) -> Iterator[bytes]:
    """Regroup blocks so that each ends with a newline; one is put after the last line if need be.

    Raises:
        ValueError: if there is no newline within ``longest`` bytes.
    """
    rest = b''
    for block in blocks:
        cut = block.rfind(b'\n') + 1
        if not cut:
            rest += block
            if len(rest) > longest:
                raise ValueError(f'no line ends within {longest:,} bytes')
            continue
        yield rest + block[:cut]
        rest = block[cut:]
    if rest:
        yield rest + b'\n'
