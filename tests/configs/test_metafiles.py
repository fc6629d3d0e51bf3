"""model-index.yml and the metafiles: what ``mim`` and ``_base_ = 'mmwsss::...'`` look up."""
import pytest
import yaml

from tests.paths import ROOT

FOLDERS = sorted(path.parent.name for path in (ROOT / 'configs').glob('[!_]*/README.md'))


def test_the_index_imports_every_metafile():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert sorted(index['Import']) == [f'configs/{folder}/metafile.yml' for folder in FOLDERS]


@pytest.mark.parametrize('folder', FOLDERS)
def test_a_metafile_lists_just_the_configs_of_its_folder(folder):
    meta = yaml.safe_load((ROOT / 'configs' / folder / 'metafile.yml').read_text())
    listed = [model['Config'] for model in meta['Models']]
    assert sorted(listed) == sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / 'configs' / folder).glob('*.py'))
    collections = {collection['Name'] for collection in meta['Collections']}
    for model in meta['Models']:
        assert model['In Collection'] in collections
        assert model['Config'].endswith(f'/{model["Name"]}.py')
        assert None not in model['Metadata']['Architecture']


@pytest.mark.parametrize('folder', FOLDERS)
def test_results_are_those_of_the_page(folder):
    text = (ROOT / 'configs' / folder / 'metafile.yml').read_text()
    page = (ROOT / 'docs' / 'results.md').read_text()
    for model in yaml.load(text, yaml.BaseLoader)['Models']:
        for result in model.get('Results', ()):
            for value in result['Metrics'].values():
                assert f'{value} ±' in page, f'{model["Name"]}: {value} is not in docs/results.md'
