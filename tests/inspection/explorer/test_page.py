"""The page: text is text, nothing is loaded, and what a browser shows."""

import errno
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import SIZES, Browser, wait_for
from scipy.interpolate import RegularGridInterpolator
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer

from skae.inspection import LatentExplorer
from skae.inspection.explorer._latent_explorer import RESOLUTION

MINUS = "\N{MINUS SIGN}"


class Tags(HTMLParser):
    """Lists the tags of a page that open an element, and all that close one."""

    def __init__(self, page):
        super().__init__()
        self.opened, self.closed = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.opened.append((tag, attrs))

    def handle_endtag(self, tag):
        self.closed.append(tag)


NASTY = ["</script><b>", "<!--<script>", "\"'&amp;\\", "snow \u2603\u2028", "__DATA__"]


def test_names_of_classes_are_text_and_nothing_else(data_of, colored):
    plane, X = colored
    codes = np.arange(300) % 5
    page, plain = (
        LatentExplorer.from_estimator(plane, X, names[codes], n_steps=2).to_html()
        for names in (np.array(NASTY), np.array(list("abcde")))
    )
    assert Tags(page).opened == Tags(plain).opened
    assert Tags(page).closed == Tags(plain).closed
    assert data_of(page)["classes"] == sorted(NASTY)
    # What is not known at writing time gets onto the page as text only.
    assert "innerHTML" not in page
    assert "insertAdjacentHTML" not in page


def test_the_page_is_one_file_that_asks_for_no_other(colored, tmp_path):
    explorer = LatentExplorer.from_estimator(*colored, n_steps=2)
    path = tmp_path / "latent.html"
    explorer.save(path)
    assert path.read_bytes() == explorer.to_html().encode()
    assert b"\r" not in path.read_bytes()
    attributes = [dict(attrs) for _, attrs in Tags(explorer.to_html()).opened]
    assert not {"src", "href", "srcset", "action"} & {n for a in attributes for n in a}
    assert re.findall(r"https?:|@import|url\(", explorer.to_html()) == []
    # The browser is told to refuse what slips through.
    assert "default-src 'none'" in explorer.to_html()


def test_a_full_disk_leaves_the_old_page(colored, tmp_path, monkeypatch):
    explorer = LatentExplorer.from_estimator(*colored, n_steps=2)
    path = tmp_path / "latent.html"
    path.write_text("the old page")

    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        explorer.save(str(path))
    assert [file.read_text() for file in tmp_path.iterdir()] == ["the old page"]


def test_notebooks_show_it_in_a_frame_of_its_own(colored):
    explorer = LatentExplorer.from_estimator(*colored, [*"ab"] * 150, n_steps=2)
    frame = explorer._repr_html_()
    ((_, attrs),) = Tags(frame).opened
    assert dict(attrs)["srcdoc"] == explorer.to_html()
    assert dict(attrs)["sandbox"] == "allow-scripts"


class PageBrowser(Browser):
    """A browser that reads the page and points at it."""

    def open(self, path, fragment=""):
        """Open a page, and wait until it is ready."""
        self.go("about:blank")
        self.go(path.as_uri() + fragment)
        wait_for(lambda: self.text("#value-0"))

    def code(self):
        """Give the code that the page writes."""
        texts = (self.text(f"#value-{component}") for component in (0, 1))
        return [float(text.replace(MINUS, "-")) for text in texts]

    def pixels(self):
        """Give the pixels that the page shows as the decoded image."""
        shape = self.run("const { width, height } = data; return [height, width, 4]")
        pixels = self.run(
            "return Array.from(image.getContext('2d')"
            ".getImageData(0, 0, data.width, data.height).data)"
        )
        return np.array(pixels).reshape(shape)

    def point(self, share, kind="mouse"):
        """Move the mouse or a finger to a place of the plane, in shares of its sides.

        Returns the share where that is, as a pointer stands on whole pixels.
        """
        left, top, width, height = self.box("#plane")
        x, y = round(left + share[0] * width), round(top + (1 - share[1]) * height)
        steps = [{"type": "pointerMove", "x": x, "y": y, "duration": 0}]
        if kind == "touch":
            # The finger comes down in the middle and is moved from there.
            middle = {"x": round(left + width / 2), "y": round(top + height / 2)}
            first = steps[0] | middle
            steps = [first, {"type": "pointerDown", "button": 0}, *steps]
            steps.append({"type": "pointerUp", "button": 0})
        source = {"type": "pointer", "id": kind, "actions": steps}
        source["parameters"] = {"pointerType": kind}
        self.call("/actions", actions=[source])
        return (x - left) / width, 1 - (y - top) / height


TAB, LEFT, UP, RIGHT, DOWN = "\ue004", "\ue012", "\ue013", "\ue014", "\ue015"


@pytest.fixture(scope="module", params=SIZES)
def browser(request, tmp_path_factory):
    profile = tmp_path_factory.mktemp("profile")
    with PageBrowser.launch(profile, *SIZES[request.param]) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(data_of, tmp_path_factory, image_autoencoder, byte_images, digits):
    """A page of an autoencoder: its path and its data."""
    explorer = LatentExplorer.from_estimator(image_autoencoder, byte_images, digits[1])
    path = tmp_path_factory.mktemp("page") / "latent.html"
    explorer.save(path)
    return path, data_of(explorer.to_html())


def code_at(data, share):
    """Give the code at a place of the plane."""
    low, high = np.array(data["low"]), np.array(data["high"])
    return low + np.array(share) * (high - low)


@pytest.mark.parametrize("kind", ["mouse", "touch"])
def test_the_image_under_the_pointer_is_the_decoded_code(
    kind, browser, page, image_autoencoder
):
    path, data = page
    browser.open(path)
    for share in np.random.default_rng(0).uniform(0.02, 0.98, size=(20, 2)):
        code = code_at(data, browser.point(share, kind))
        digit = np.subtract(data["high"], data["low"]) / 100
        assert (abs(browser.code() - code) <= digit).all()
        pixels = browser.pixels()
        decoded = image_autoencoder.inverse_transform(code[np.newaxis])[0]
        assert (pixels[..., 3] == 255).all()
        assert (pixels[..., :3] == pixels[..., :1]).all()
        # One for the rounding, and one for the blending between codes of the grid.
        assert abs(pixels[..., 0] - 255 * decoded.clip(0, 1)).max() <= 2


def test_between_codes_the_four_nearest_images_are_blended(
    data_of, browser, tmp_path, colored
):
    plane, X = colored
    explorer = LatentExplorer.from_estimator(plane, X, n_steps=5)
    explorer.save(tmp_path / "latent.html")
    browser.open(tmp_path / "latent.html")
    assert not browser.run("return document.querySelector('#legend').checkVisibility()")
    data = data_of(explorer.to_html())
    blend = RegularGridInterpolator(explorer.values, explorer.images)
    for share in np.random.default_rng(0).uniform(0.02, 0.98, size=(8, 2)):
        code = code_at(data, browser.point(share))
        assert abs(browser.pixels()[..., :3] - 255 * blend(code)[0]).max() <= 1


def test_arrow_keys_go_from_one_decoded_code_to_the_next(
    browser, page, image_autoencoder
):
    path, data = page
    middle = code_at(data, (0.507, 0.507))
    browser.open(path, "#at={},{}".format(*middle))
    digit = np.subtract(data["high"], data["low"]) / 100
    assert (abs(browser.code() - middle) <= digit).all()
    browser.press(TAB)
    assert browser.run("return document.activeElement.id") == "plane"
    browser.press(RIGHT, RIGHT, UP, LEFT, DOWN, DOWN)
    last = data["n_steps"] - 1
    step = np.floor(0.507 * last)
    steps = np.array([step + 1, step - 1])
    np.testing.assert_allclose(browser.run("return place"), steps, atol=1e-9)
    assert (abs(browser.code() - code_at(data, steps / last)) <= digit).all()
    decoded = image_autoencoder.inverse_transform(code_at(data, [steps / last]))[0]
    # On a code of the grid the image is the decoder's own.
    difference = browser.pixels()[..., 0] - 255 * decoded.clip(0, 1)
    assert abs(difference).max() <= 0.5 + 1e-3
    browser.press(*[LEFT] * 80, *[UP] * 80)
    assert browser.run("return place") == [0, last]


def test_position_and_class_are_told_once_they_rest(browser, page):
    path, data = page
    browser.open(path)
    assert browser.run("return plane.getAttribute('role')") == "application"
    for own in (3, 8):
        sample = data["members"].index(own)
        browser.point(np.array(data["points"][sample]) / RESOLUTION)
        # Several samples may lie on one pixel.
        name = browser.text("#near span")
        assert re.fullmatch(r"Nearest sample: \d", name)
        values = [browser.text(f"#value-{component}") for component in (0, 1)]
        said = f"Component 0: {values[0]}, component 1: {values[1]}. {name}"
        assert browser.text("#spoken") != said  # not while it moves
        wait_for(lambda said=said: browser.text("#spoken") == said)
        assert browser.run("return image.ariaLabel") == f"Decoded image. {said}"
    places = np.array(data["points"]) / RESOLUTION
    corners = np.array([[0.01, 0.01], [0.01, 0.99], [0.99, 0.01], [0.99, 0.99]])
    distances = [np.linalg.norm(places - c, axis=1).min() for c in corners]
    assert max(distances) > 0.05
    browser.point(corners[np.argmax(distances)])
    assert browser.text("#near span") == "No sample is near."


def test_it_tells_of_a_projection(browser, tmp_path, digits):
    X, y = digits
    explorer = LatentExplorer.from_estimator(
        PCA(8).fit(X), X, y, image_shape=(8, 8), n_steps=4
    )
    explorer.save(tmp_path / "latent.html")
    browser.open(tmp_path / "latent.html", "#at=0,0")
    share = round(100 * explorer.explained)
    told = f"projected to a plane that has {share} % of their variance"
    assert told in browser.text("#summary")
    wait_for(lambda: browser.text("#spoken").startswith("Axis 0: "))
    text = browser.run("return document.body.innerText + plane.ariaLabel")
    assert "omponent" not in text


@pytest.fixture(scope="module")
def sliding(tmp_path_factory):
    """A page with two sliders, of a linear decoder, and that decoder."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 12)) / 40 + 0.5
    pca = PCA(4).fit(X)
    explorer = LatentExplorer.from_estimator(
        pca, X, projection=FunctionTransformer(), image_shape=(3, 4), n_steps=5
    )
    path = tmp_path_factory.mktemp("sliding") / "latent.html"
    explorer.save(path)
    return path, explorer, pca


def test_dragging_a_slider_changes_the_image(browser, sliding):
    path, explorer, pca = sliding
    code = [*explorer.values[:, 2], *explorer.slider_values[:, 3]]
    browser.open(path, "#at={},{}".format(*code[:2]))
    assert_shows(browser, explorer, pca, code)
    for slider, turn in ((0, 1), (1, -1)):
        row = f"#sliders input:nth-of-type({slider + 1})"
        left, top, width, height = browser.box(row)
        middle = {"x": round(left + width / 2), "y": round(top + height / 2)}
        steps = [middle | {"type": "pointerMove", "duration": 0}]
        steps += [{"type": "pointerDown", "button": 0}]
        steps += [steps[0] | {"x": round(left + width / 2 + turn * width / 4)}]
        steps += [{"type": "pointerUp", "button": 0}]
        source = {"type": "pointer", "id": "mouse", "actions": steps}
        browser.call("/actions", actions=[source])
        turns = browser.run("return turns")
        assert 0.2 < turn * (turns[slider] / 6 - 0.5) < 0.3
        low, high = explorer.slider_values[slider, [0, -1]]
        code[2 + slider] = low + (high - low) * turns[slider] / 6
        assert_shows(browser, explorer, pca, code)
        written = browser.text(f"#sliders output:nth-of-type({slider + 1})")
        assert float(written.replace(MINUS, "-")) == pytest.approx(
            code[2 + slider], abs=(high - low) / 100
        )
    # The sliders stay where they are while the mark moves.
    share = browser.point((0.3, 0.8))
    ends = explorer.values[:, [0, -1]]
    code[:2] = ends[:, 0] + np.diff(ends)[:, 0] * share
    assert_shows(browser, explorer, pca, code)
    browser.run("document.querySelector('#sliders button').click()")
    code[2:] = explorer.slider_values[:, 3]
    assert_shows(browser, explorer, pca, code)


def test_a_link_sets_the_sliders(browser, sliding):
    path, explorer, pca = sliding
    code = [*explorer.values[:, 1], *explorer.slider_values[:, 5]]
    browser.open(path, "#at={},{},{},{}".format(*code))
    assert_shows(browser, explorer, pca, code)
    assert "Sliders add changes" in browser.text("#accuracy")


def assert_shows(browser, explorer, pca, code):
    """Check that the page shows the decoded image of a code of all components."""
    low, high = explorer.limits
    decoded = pca.inverse_transform([code]).reshape(3, 4)
    expected = 255 * (decoded - low) / (high - low)
    assert abs(browser.pixels()[..., 0] - expected).max() <= 2


def test_it_fits_the_screen_and_is_sharp(browser, page):
    path, data = page
    browser.open(path)
    width, height = browser.run("return [innerWidth, innerHeight]")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    for selector, least in (("#plane", 300), ("#image", 150), ("#near", 10)):
        left, top, own_width, own_height = browser.box(selector)
        assert left >= 0
        assert top >= 0
        assert left + own_width <= width
        assert top + own_height <= height
        assert own_width >= least
    density = browser.run("return devicePixelRatio")
    assert (density, width) in {(1, 1280), (3, 390)}
    # Each pixel of the image is a square of whole device pixels.
    _, _, own_width, own_height = browser.box("#image")
    scale = own_width * density / data["width"]
    assert scale == pytest.approx(round(scale), abs=1e-3)
    assert own_width == pytest.approx(own_height)
    points = browser.run("return [points.width, plane.clientWidth]")
    assert points[0] == pytest.approx(points[1] * density, abs=1)


@pytest.mark.parametrize(("side", "rendering"), [(15, "auto"), (16, "pixelated")])
def test_only_very_small_images_are_smooth(browser, tmp_path, side, rendering):
    explorer = LatentExplorer(
        images=np.zeros((2, 2, side, side)), values=[[0, 1]] * 2, codes=[[0, 0]]
    )
    explorer.save(tmp_path / "latent.html")
    browser.open(tmp_path / "latent.html")
    assert browser.run("return image.style.imageRendering") == rendering


def test_it_is_drawn_again_where_the_plane_gets_another_size(browser, page):
    # As in a frame that has no size when its page is loaded.
    path, _ = page
    browser.open(path)
    browser.run("plane.style.width = '200px'")
    wait_for(lambda: browser.run("return points.width / devicePixelRatio") == 200)


def test_names_are_shown_as_they_are_and_nothing_is_loaded(browser, tmp_path, colored):
    plane, X = colored
    y = np.array(NASTY)[np.arange(300) % 5]
    explorer = LatentExplorer.from_estimator(plane, X, y, n_steps=3)
    explorer.save(tmp_path / "latent.html")
    browser.open(tmp_path / "latent.html")
    shown = "return Array.from(document.querySelectorAll('{}'), e => e.textContent)"
    assert browser.run(shown.format("#legend li")) == sorted(NASTY)
    assert browser.run(shown.format(".label")) == sorted(NASTY)
    assert browser.run("return performance.getEntriesByType('resource')") == []


def test_a_notebook_shows_it_in_a_frame(browser, tmp_path, colored):
    path = tmp_path / "notebook.html"
    frame = LatentExplorer.from_estimator(*colored, n_steps=3)._repr_html_()
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8>{frame}", encoding="utf-8")
    browser.go(path.as_uri())
    browser.call("/frame", id=0)
    wait_for(lambda: browser.text("#value-0"))
    assert browser.run("return origin") == "null"
    assert browser.pixels()[..., :3].any()
