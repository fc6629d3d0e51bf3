"""The report in Chromium, where there is one: no complaints, nothing wider than the page."""
import html
import re
import shutil
import subprocess

import pytest

from mmwsss.visualization import read_run, write_report

from .work_dirs import make_work_dir

CHROMIUM = shutil.which('chromium')
FLAGS = ('--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-quic',
         '--disable-background-networking', '--disable-component-update', '--disable-sync',
         '--enable-logging=stderr', '--dump-dom')
# A frame, since a window is never narrower than some 500 pixels.
FRAME = """<iframe style="width:{width}px;height:900px" srcdoc="{page}"></iframe><script>
const page = document.querySelector('iframe')
page.onload = () => {{
  const root = page.contentDocument.documentElement
  const pictures = [...page.contentDocument.images]
  document.title = [root.scrollWidth, root.clientWidth, pictures.length,
                    pictures.filter(picture => picture.naturalWidth).length]
}}
</script>"""


def browse(path, profile):
    return subprocess.run([CHROMIUM, *FLAGS, f'--user-data-dir={profile}',
                           '--window-size=1400,1000', path.as_uri()],
                          capture_output=True, text=True, timeout=120)


def measure(text, folder, width):
    """(width of the content, of the page, pictures, those that could be decoded)."""
    path = folder / 'frame.html'
    text = text.replace('loading="lazy"', '')
    path.write_text(FRAME.format(width=width, page=html.escape(text, quote=True)))
    done = browse(path, folder / 'profile')
    return tuple(map(int, re.search(r'<title>([\d,]+)</title>', done.stdout)[1].split(',')))


@pytest.mark.skipif(CHROMIUM is None, reason='no Chromium here')
def test_no_complaints_and_fits(tmp_path):
    work = make_work_dir(tmp_path, train=2, val=2)
    path = tmp_path / 'report.html'
    write_report(read_run(work), path)
    done = browse(path, tmp_path / 'profile')
    assert 'CONSOLE' not in done.stderr, done.stderr
    for width in (360, 1280):
        needed, given, pictures, decoded = measure(path.read_text(), tmp_path, width)
        assert needed <= given and width - 20 <= given <= width
        assert decoded == pictures == 17
