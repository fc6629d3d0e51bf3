"""Stages of a method in order, from image labels to a tested model; each runs once."""
from .description import Pipeline, PipelineError, Stage, build_pipeline
from .plan import Decision, decide, forecast, select
from .running import Settings, StageFailedError, run_stage
from .workspace import NotReadyError, Workspace

__all__ = [
    'Decision', 'NotReadyError', 'Pipeline', 'PipelineError', 'Settings', 'Stage',
    'StageFailedError', 'Workspace', 'build_pipeline', 'decide', 'forecast', 'run_stage', 'select'
]
