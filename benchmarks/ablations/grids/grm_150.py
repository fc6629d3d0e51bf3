# The same with the first 150 masks of the list.
_base_ = ['./_vocmini.py', './_forms.py']
title = 'Graph reasoning: forms, graphs, word vectors; 150 masks'
entries = {
    f'{name}_150': dict(entry, train_options={'train_dataloader.dataset.indices': 150})
    for name, entry in _base_.forms.items()}
control = 'aspp_150'
