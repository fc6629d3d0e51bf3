"""The parts of ``MutualComplementaryHook``: schedule, versioned data, predictions, versions; and
maps from a segmentor's predictions for a second round of labels."""
from .schedule import UpdateSchedule
from .segmentor_maps import SegmentorMaps
from .training_images import TrainingImages
from .updater import LabelUpdater

__all__ = ['LabelUpdater', 'SegmentorMaps', 'TrainingImages', 'UpdateSchedule']
