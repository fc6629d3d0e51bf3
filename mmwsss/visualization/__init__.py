"""Reports of a pipeline or of a single training, as one HTML file."""
from .report import report_content, write_report
from .run_record import Run, StageRecord, is_pipeline, read_run
from .single_run import single_run
from .training_log import read_scalars

__all__ = ['Run', 'StageRecord', 'is_pipeline', 'read_run', 'read_scalars', 'report_content',
           'single_run', 'write_report']
