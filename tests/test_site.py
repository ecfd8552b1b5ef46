"""The documentation as a reader gets it: pages, links, pictures, search.

``make check-site`` builds the pages and runs these tests on them. The environment
variable SKAE_SITE names their folder; without it the tests are skipped.
"""

import functools
import http.server
import json
import os
import re
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from browser import SIZES, Browser, wait_for

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    not os.environ.get("SKAE_SITE"), reason="SKAE_SITE names no folder of pages"
)


class Page(HTMLParser):
    """What a page refers to, and what it calls itself."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.images, self.headings = set(), [], [], 0
        self.title, self.viewport, self._is_title = "", "", False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        self.links += [attrs[key] for key in ("href", "src") if attrs.get(key)]
        self._is_title |= tag == "title" and not self.title
        if tag == "img":
            self.images.append(attrs)
        elif tag == "h1":
            self.headings += 1
        elif tag == "meta" and attrs.get("name") == "viewport":
            self.viewport = attrs["content"]

    def handle_endtag(self, tag):
        self._is_title &= tag != "title"

    def handle_data(self, data):
        if self._is_title:
            self.title += data


@pytest.fixture(scope="module")
def site():
    """The folder of the pages."""
    return Path(os.environ["SKAE_SITE"]).resolve()


@pytest.fixture(scope="module")
def pages(site):
    """All pages by their path."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    assert len(pages) > 50
    return pages


def test_every_page_has_a_title_a_heading_and_fits_a_phone(site, pages):
    for path, page in pages.items():
        assert re.fullmatch(r"(\S.* - )?skae \S+( documentation)?", page.title), path
        assert "width=device-width" in page.viewport, path
        if path.name != "search.html" and "_modules" not in path.parts:
            assert page.headings == 1, path
    titles = [page.title for page in pages.values()]
    repeated = {title for title in titles if titles.count(title) > 1}
    assert repeated == set()


def test_links_and_images_lead_somewhere(site, pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            address, fragment = urldefrag(link)
            if urlsplit(address).scheme:
                assert re.match("https://|mailto:|data:", address), (path, link)
                continue
            target = (path.parent / unquote(urlsplit(address).path)).resolve()
            target = target if address else path
            if not target.is_file():
                broken.append((path.relative_to(site), link))
                continue
            fragment = fragment.partition(":~:")[0]  # text that the browser marks
            if target in pages and fragment:
                is_there = unquote(fragment) in pages[target].anchors
                broken += [] if is_there else [(path.relative_to(site), link)]
    assert broken == []


def test_images_have_a_text_beside_them(pages):
    for path, page in pages.items():
        for image in page.images:
            assert image.get("alt") is not None, (path, image["src"])


def test_nothing_tells_where_it_was_built(site):
    here = re.compile(
        "|".join(re.escape(str(part)) for part in (ROOT, Path.home(), "/tmp/"))
        + r"|object at 0x"
    )
    for pattern in ("*.html", "*.js", "*.py", "*.ipynb", "*.txt"):
        for path in site.rglob(pattern):
            found = here.search(path.read_text(encoding="utf-8"))
            assert found is None, (path, found)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that does not print what it was asked for."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address(site):
    """Where the pages are served."""
    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module", params=SIZES)
def browser(request, tmp_path_factory):
    profile = tmp_path_factory.mktemp("profile")
    with Browser.launch(profile, *SIZES[request.param]) as browser:
        browser.size = request.param
        yield browser


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("hungarian", "ClusterClassifier"),
        ("missing values", "AutoEncoderImputer"),
        ("outlier", "AutoEncoderOutlierDetector"),
    ],
)
def test_the_search_finds(words, page, browser, address):
    browser.go(f"{address}search.html?q={words.replace(' ', '+')}")
    results = "return Array.from(document.querySelectorAll('#search-results li a'),"
    results += " link => link.textContent)"
    done = "return document.querySelector('#search-results .search-summary')"
    done += "?.textContent ?? ''"
    wait_for(lambda: re.search(r"\d+ page|no results|did not match", browser.run(done)))
    assert any(page in result for result in browser.run(results))


def test_a_browser_shows_every_page_without_an_error(browser, address, site, pages):
    """Each page is also photographed, into a folder beside the pages."""
    folder = site.parent / "screens" / browser.size
    folder.mkdir(parents=True, exist_ok=True)
    looks = """
        const wide = Array.from(document.querySelectorAll('article *')).filter(
          (part) => part.getBoundingClientRect().right > innerWidth + 1
            && !part.closest('pre, .table-wrapper, .highlight, iframe, .math'));
        return {
          broken: Array.from(document.images).filter(
            (image) => image.complete && !image.naturalWidth).map((image) => image.src),
          loading: Array.from(document.images).some((image) => !image.complete),
          scrolls: document.documentElement.scrollWidth - innerWidth,
          wide: wide.slice(0, 3).map((part) => part.outerHTML.slice(0, 120)),
        }"""
    wrong = {}
    for path in pages:
        name = path.relative_to(site)
        if "_modules" in name.parts:
            continue
        browser.go(address + name.as_posix())
        wait_for(lambda: not browser.run(looks)["loading"])
        seen = browser.run(looks) | {"errors": browser.errors()}
        if seen["broken"] or seen["errors"] or seen["scrolls"] > 0 or seen["wide"]:
            wrong[str(name)] = seen
        browser.photograph(folder / f"{'.'.join(name.with_suffix('').parts)}.png")
    assert not wrong, json.dumps(wrong, indent=1)
