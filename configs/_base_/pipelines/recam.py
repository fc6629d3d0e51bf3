# Baseline: CAM, ReCAM and a boundary network, without any class graph.
_base_ = './wsss.py'
stages = dict(graph=None)
