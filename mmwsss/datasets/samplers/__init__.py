from .resumable_infinite_sampler import ResumableInfiniteSampler
from .same_class_batch_sampler import SameClassBatchSampler
from .stream_index import StreamIndex, mix_seed, seed_cpu, seed_for_sample

__all__ = [
    'ResumableInfiniteSampler', 'SameClassBatchSampler', 'StreamIndex', 'mix_seed', 'seed_cpu',
    'seed_for_sample'
]
