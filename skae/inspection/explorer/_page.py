"""The HTML page and its frame in a notebook."""

import json
from html import escape
from importlib.resources import files


def fill_page(data):
    """Put the data of a page into its template, ``page.html``.

    Parameters
    ----------
    data : dict
        What the page's script needs, as JSON can hold it.

    Returns
    -------
    str
        The whole page.
    """
    template = files("skae.inspection.explorer").joinpath("page.html")
    # The text is placed inside a <script>, and nothing in it may end that.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return template.read_text("utf-8").replace("__DATA__", text)


def frame_page(page):
    """Put a page into a frame that shares nothing with the document around it.

    Parameters
    ----------
    page : str
        The page.

    Returns
    -------
    str
        The HTML of the frame.
    """
    return (
        '<iframe title="Latent space" sandbox="allow-scripts" '
        'style="width: 100%; height: 700px; border: 0" '
        f'srcdoc="{escape(page)}"></iframe>'
    )
