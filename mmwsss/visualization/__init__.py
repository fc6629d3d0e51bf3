"""Self-contained HTML reports of a run. Needs the extra ``report`` (jinja2, matplotlib)."""
from .segmentation_report import (confusion_matrix, iou_per_class, read_scalars, sample_rows,
                                  write_report)

__all__ = ['confusion_matrix', 'iou_per_class', 'read_scalars', 'sample_rows', 'write_report']
