"""A transform for tests that kill a run: it stops a process at a known image."""
import os
import time

from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS


@TRANSFORMS.register_module()
class HangAtImage(BaseTransform):
    """Sleep at the ``MMWSSS_TEST_HANG_AT``-th image that a process loads, if that is set."""

    def __init__(self) -> None:
        self.left = int(os.environ.get('MMWSSS_TEST_HANG_AT', 0))

    def transform(self, results: dict) -> dict:
        self.left -= 1
        time.sleep(300 if self.left == 0 else 0)
        return results
