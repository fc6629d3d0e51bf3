# The same on the pseudo labels of the walk of the same seed.
_base_ = ['./_vocmini.py', './_forms.py', './_labels.py']
title = 'Graph reasoning: forms, graphs, word vectors; pseudo labels of the walk'
students = {
    f'{name}_walk': dict(entry, env=dict(MMWSSS_LABELS='{labels:walk}'))
    for name, entry in _base_.forms.items()}
entries = {**_base_.label_entries, **students}
rows = list(students)
control = 'aspp_walk'
