# No network: the maps of a store. MMWSSS_ACTIVATIONS: its folder.
model = dict(
    type='StoredActivations',
    store='{{$MMWSSS_ACTIVATIONS:work_dirs/recam_r50_voc/activations}}')
model_wrapper_cfg = dict(type='ParameterFreeWrapper')
