"""How often a class that is absent, embedded into the patches, is predicted."""
from collections.abc import Sequence

from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS


@METRICS.register_module()
class EmbeddingLeak(BaseMetric):
    """Share of images (in %) in which an embedded absent class is predicted.

    A class embedding that hands the answer to the network makes it predict whatever is embedded.
    Without a class embedding the value says how often that absent class is predicted anyway. Needs
    :class:`PGNNClassifier`, whose samples carry ``embedding_leak``.

    Metrics: ``leak/absent_predicted``; none if no sample carries it.
    """

    default_prefix = 'leak'

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Collect one batch."""
        self.results += [bool(sample['embedding_leak']) for sample in data_samples
                         if 'embedding_leak' in sample]

    def compute_metrics(self, results: list) -> dict:
        """The share, over all processes."""
        if not results:
            return {}
        return dict(absent_predicted=round(100 * sum(results) / len(results), 2))
