import os
import re
from pathlib import Path

import pytest

from tests.paths import ROOT

PAGES = [ROOT / 'README.md', *sorted(
    page for folder in ('benchmarks', 'configs', 'docs', 'mmwsss')
    for page in (ROOT / folder).rglob('*.md'))]


def anchor(heading):
    """The id that GitHub gives a heading: lower case, punctuation dropped, spaces to hyphens."""
    return re.sub(r'[^\w\- ]', '', heading.strip().lower()).replace(' ', '-')


def without_code(text):
    return re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)


def broken_links(page):
    """Relative links of a page to files or headings that are not there."""
    for target in re.findall(r'\]\(([^)\s]+)\)', without_code(page.read_text())):
        if re.match(r'[a-z]+:', target):
            continue
        path, _, fragment = target.partition('#')
        file = Path(os.path.normpath(page.parent / path)) if path else page
        if not file.exists():
            yield target
        elif fragment and file.suffix == '.md':
            headings = re.findall(r'^#+ (.*)$', without_code(file.read_text()), flags=re.M)
            if fragment not in map(anchor, headings):
                yield target


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    assert not list(broken_links(page))


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / 'other.md').write_text('# What, why?\n```\n# not a heading\n```\n')
    page = tmp_path / 'page.md'
    page.write_text('[a](other.md#what-why) [b](gone.md) [c](other.md#not-a-heading) [d](#here)\n'
                    '# Here\n[e](https://example.org/x)\n')
    assert list(broken_links(page)) == ['gone.md', 'other.md#not-a-heading']
