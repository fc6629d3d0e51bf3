# voc_mini_cls.py in groups of three images that share a class.
_base_ = './voc_mini_cls.py'
train_dataloader = dict(
    batch_size=15,
    sampler=dict(_delete_=True, type='SameClassBatchSampler', group_size=3))
val_evaluator = _base_.val_evaluator + [dict(type='EmbeddingLeak')]
