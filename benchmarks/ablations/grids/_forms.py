# Forms of graph reasoning and their controls before the same head; labels are masks.
grm = 'configs/grm/deeplabv2_effnetlite0_grm_vocmini.py'
graphs_dir = '{{$MMWSSS_GRAPHS:data/graphs}}'
config_forms = dict(
    aspp='no module (control)',
    globalcontext='x + MLP(GAP(x)), as many parameters (control)',
    pixelresidual='x + MLP(x), as many parameters (control)',
    grm_reference='the published layer',
    grm_bilinear='bilinear score, fixed nodes',
    grm_additive='additive score, fixed nodes',
    grm_gathered='bilinear score, gathered nodes',
    grm_coarse='bilinear score, coarse nodes: ConceptNet rescaled, word2vec (default)')
# As many parameters as with coarse nodes, and their loss on a class map: 10 channels for the map.
class_map = {'context.class_map': True, 'context.hidden_channels': 470}
over_pixels = {'normalize': 'pixels'}
additive = {'mode': 'additive'}
variants = dict(
    globalcontext_map=(
        'globalcontext', class_map, 'x + MLP(GAP(x)) and the loss on a class map (control)'),
    pixelresidual_map=(
        'pixelresidual', class_map, 'x + MLP(x) and the loss on a class map (control)'),
    coarse_noloss=(
        'grm', {'loss_coarse_weight': 0.}, 'default without the loss on its class map (control)'),
    grm_bilinear_pixels=(
        'grm_bilinear', over_pixels, 'bilinear score over pixels, fixed nodes'),
    grm_gathered_pixels=(
        'grm_gathered', over_pixels, 'bilinear score over pixels, gathered nodes'),
    grm_coarse_pixels=('grm_coarse', over_pixels, 'bilinear score over pixels, coarse nodes'),
    grm_additive_pixels=(
        'grm_additive', over_pixels, 'additive score over pixels, fixed nodes'),
    grm_gathered_additive=('grm_gathered', additive, 'additive score, gathered nodes'),
    grm_coarse_additive=('grm_coarse', additive, 'additive score, coarse nodes'))
coarse = {
    'paper': ('graph: ConceptNet as published', {'adjacency': 'paper'}),
    'row_max': ('graph: ConceptNet, rows over their largest value', {'adjacency': 'row_max'}),
    'cooccurrence': ('graph: co-occurrence', {'graph': 'voc_cooccurrence'}),
    'identity': ('graph: identity (control)', {'adjacency': 'identity'}),
    'uniform': ('graph: all classes alike (control)', {'adjacency': 'uniform'}),
    'random': ('graph: ConceptNet shuffled by seed (control)',
               {'graph': graphs_dir + '/voc_random{seed}.npz'}),
    'glove': ('embeddings: GloVe', {'graph': graphs_dir + '/voc_glove.npz'}),
    'randomwords': ('embeddings: random (control)', {'embeddings': 'random'}),
    'learned': ('embeddings: learned from word2vec on', {'embeddings': 'learned'}),
    'nowords': ('embeddings: none (control)', {'embeddings': 'none'})}
forms = {
    **{name: dict(
        kind='segmentation', config=f'configs/grm/deeplabv2_effnetlite0_{config}_vocmini.py',
        title=f'`{name}`: {title}',
        options={f'model.decode_head.{key}': value for key, value in options.items()})
        for name, (config, options, title) in variants.items()},
    **{name: dict(
        kind='segmentation', config=f'configs/grm/deeplabv2_effnetlite0_{name}_vocmini.py',
        title=f'`{name}`: {title}') for name, title in config_forms.items()},
    **{f'coarse_{name}': dict(
        kind='segmentation', config=grm, title=f'`coarse_{name}`: {title}',
        options={f'model.decode_head.{key}': value for key, value in options.items()})
        for name, (title, options) in coarse.items()},
    **{f'reference_{name}': dict(
        kind='segmentation', config='configs/grm/deeplabv2_effnetlite0_grm_reference_vocmini.py',
        title=f'`reference_{name}`: published layer, {coarse[name][0]}',
        options={f'model.decode_head.{key}': value for key, value in coarse[name][1].items()})
        for name in ('cooccurrence', 'identity', 'randomwords')}}
