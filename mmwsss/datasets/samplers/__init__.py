from .resumable_infinite_sampler import ResumableInfiniteSampler
from .stream_index import StreamIndex, mix_seed, seed_cpu, seed_for_sample

__all__ = ['ResumableInfiniteSampler', 'StreamIndex', 'mix_seed', 'seed_cpu', 'seed_for_sample']
