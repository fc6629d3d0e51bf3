# Forms, graphs and word vectors of graph reasoning with all masks as labels.
_base_ = ['./_vocmini.py', './_forms.py']
title = 'Graph reasoning: forms, graphs, word vectors; 1,786 masks'
entries = _base_.forms
control = 'aspp'
