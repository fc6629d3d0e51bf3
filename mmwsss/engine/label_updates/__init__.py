"""The parts of ``MutualComplementaryHook``: schedule, versioned data, predictions, versions."""
from .schedule import UpdateSchedule
from .training_images import TrainingImages
from .updater import LabelUpdater

__all__ = ['LabelUpdater', 'TrainingImages', 'UpdateSchedule']
