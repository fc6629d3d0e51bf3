"""Messages that docs/troubleshooting.md quotes must be those that the code gives."""
import re

from tests.paths import ROOT

TEXT = (ROOT / 'docs/troubleshooting.md').read_text(encoding='utf-8')
# Of torch, mmengine and mmcv, not of this package.
OTHERS = ('Could not import OneDL', "No module named 'mmcv._ext'", 'is not in the', 'registry')


def sources() -> str:
    """All code, with strings that go over several lines joined."""
    files = [*(ROOT / 'mmwsss').rglob('*.py'), *(ROOT / 'tools').glob('*.py')]
    text = '\n'.join(path.read_text(encoding='utf-8') for path in files)
    return re.sub(r"""(['"])\s*\n\s*f?(['"])""", '', text)


def quoted_messages() -> list:
    """First cells of the tables of messages: code spans, cut at '...'."""
    cells = re.findall(r'^\| (`.*?) \|', TEXT, flags=re.MULTILINE)
    spans = [span for cell in cells for span in re.findall(r'`([^`]+)`', cell.split(' (')[0])]
    pieces = [piece.strip(' ,:') for span in spans for piece in span.split('...')]
    return [piece for piece in pieces if piece]


def test_quoted_messages_exist():
    code, pieces = sources(), quoted_messages()
    assert len(pieces) > 30
    missing = [piece for piece in pieces if piece not in code and piece not in OTHERS]
    assert not missing


def test_files_and_options_that_are_named_exist():
    for name in re.findall(r'\b(tools/[\w/]+\.(?:py|sh))', TEXT):
        assert (ROOT / name).is_file(), name
    for name in re.findall(r'\]\(([\w/]+\.md)\)', TEXT):
        assert (ROOT / 'docs' / name).is_file(), name
