import json
import os
import pickle

import numpy as np
import pytest

from mmwsss.knowledge import (COCO_CLASSES, VOC_CLASSES, import_reference_graph,
                              read_pickled_array, read_reference_embeddings,
                              read_reference_relations)


class Harmful:
    def __reduce__(self):
        return os.mkdir, ('harm',)


def test_only_arrays_are_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'x.pkl'
    for protocol in (0, 2, 4):
        path.write_bytes(pickle.dumps({'a': np.arange(4.0)}, protocol))
        np.testing.assert_array_equal(read_pickled_array(path)['a'], np.arange(4.0))
    for content in (pickle.dumps(Harmful()), pickle.dumps(np.array([Harmful()], dtype=object)),
                    b'', b'not a pickle', pickle.dumps(np.arange(9.0))[:-20]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match='no pickle of plain arrays'):
            read_pickled_array(path)
    assert not (tmp_path / 'harm').exists()


def test_coco_rows_are_put_in_official_order(tmp_path):
    path = tmp_path / 'coco.pkl'
    order = sorted(COCO_CLASSES)
    path.write_bytes(pickle.dumps(np.arange(80, dtype=np.float32)[:, None], 2))
    rows = read_reference_embeddings(path, 'coco')
    assert [order[int(row[0])] for row in rows] == list(COCO_CLASSES)
    with pytest.raises(ValueError, match='20 rows'):
        read_reference_embeddings(path, 'voc')


def test_other_json_is_refused(tmp_path):
    path = tmp_path / 'x.json'
    for content in ('', '[]', '{"KG_VOC_info": {}}', '{"KG_VOC_info": {"S": [[1]]}}'):
        path.write_text(content)
        with pytest.raises(ValueError, match='x.json'):
            read_reference_relations(path, 'voc')
    with pytest.raises(ValueError, match="dataset='ade'"):
        read_reference_relations(path, 'ade')


def test_the_real_files(shared_data):
    folder = shared_data / 'knowledge'
    path = folder / 'CM_kg_57_info.json'
    graphs = {dataset: import_reference_graph(path, folder / f'{dataset}_glove_word2vec.pkl',
                                              dataset) for dataset in ('voc', 'coco')}
    assert graphs['voc'].names == VOC_CLASSES and graphs['coco'].names == COCO_CLASSES
    raw = json.loads(path.read_text())['KG_VOC_info']['S']
    np.testing.assert_array_equal(graphs['voc'].relations, raw)
    # Words that are the same in both lists have the same vector and the same relation.
    same = ['bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'person', 'dog', 'tvmonitor']
    voc, coco = (graphs[dataset].align(same) for dataset in ('voc', 'coco'))
    np.testing.assert_array_equal(voc.embeddings, coco.embeddings)
    np.testing.assert_allclose(voc.relations, coco.relations)
