"""The build stops at a page that lacks a part, and at a number that somebody typed."""

from __future__ import annotations

import re

import pytest
from mkdocs.exceptions import PluginError

from derivations import load
from derivations.rows import ROOT, ROWS
from docs import extension, hooks, printed, template

ROW, PAGE = "backprop/conv", "backprop/conv.md"
TEXT = (ROOT / "docs" / PAGE).read_text(encoding="utf-8")


@pytest.mark.parametrize("row", ROWS)
def test_every_page_has_all_its_parts_and_types_no_number(row: str) -> None:
    page = (ROOT / "docs" / f"{row}.md").read_text(encoding="utf-8")
    assert list(template.lacking(page, row)) == []


@pytest.mark.parametrize(
    ("part", "instead", "told"),
    [
        (f"<!-- claim: {ROW} -->", "", "a title, its claim and one figure"),
        (f"<!-- picture: {ROW} -->", "", "a title, its claim and one figure"),
        (
            "../papers/he2015.md",
            "https://example.org",
            "a link to a paper's note under 'The paper'",
        ),
        (f"<!-- symbols: {ROW} -->", "", "its symbols under 'The paper'"),
        (f"<!-- derivation: {ROW} -->", "", "the derivation under 'The derivation'"),
        (f"<!-- derivation: {ROW} -->", "<!-- derivation: init/relu -->", "the derivation under"),
        ("<!-- code: impl/", "<!-- code: experiments/", "code of impl/ under 'The code'"),
        (f"<!-- experiment: {ROW} -->", "", "the experiment under 'The experiment'"),
        ("## What goes wrong without it", "## What goes wrong", "the headings The paper, The der"),
        ("python experiments/", "python ", "the command of its experiment under 'Run it'"),
        ("; checked by the tests", "", "a folded solution under 'Exercises'"),
        ("    ```python", "    ```text", "a folded solution under 'Exercises'"),
        ("**Next:**", "Next:", "**Next:**, and where to go"),
        ("## Exercises", "It is 0.92 at most.\n\n## Exercises", "a directive that prints 0.92"),
        ("on images of 7", "on images of 7.5", "a directive that prints 7.5"),
    ],
)
def test_what_a_page_lacks_is_named(part: str, instead: str, told: str) -> None:
    assert part in TEXT
    with pytest.raises(PluginError, match=rf"^{re.escape(PAGE)} lacks .*{re.escape(told)}"):
        template.check(TEXT.replace(part, instead), PAGE)


def test_the_build_asks_for_it() -> None:
    from types import SimpleNamespace
    from typing import Any

    page: Any = SimpleNamespace(file=SimpleNamespace(src_uri=PAGE))
    nothing: Any = None
    with pytest.raises(PluginError, match=r"backprop/conv\.md lacks"):
        hooks.on_page_markdown("# Title", page, nothing, nothing)
    page.file.src_uri = "running.md"  # any other page may be as it likes
    assert hooks.on_page_markdown("# Title, 1.5", page, nothing, nothing) == "# Title, 1.5"


def test_a_figure_without_a_caption_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = {"name": "fields", "caption": "", "wrong": "x", "alt": "x", "data": "x"}
    monkeypatch.setattr(template, "verdict", lambda row: {"figures": [figure]})
    assert list(template.lacking(TEXT, ROW)) == ["the caption of its figure 'fields'"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it is 0.92 a layer", ["0.92"]),
        ("$0.399\\,\\sigma$ in a formula", ["0.399"]),
        ("| a table | 1.5 |", ["1.5"]),
        ("section 2.2, sections 4.1 and 6.2.2.3, sections 4.5.1 to 4.5.3, equation 2.33, §4.3", []),
        ("`--rate 0.5`, [a link](x-1.5.md), <!-- picture: 1.5 -->", []),
        ("```sh\npython x.py --rate 0.5\n```", []),
        ("<!-- value: decay(image_size=8) | .2f --> and <!-- quoted: 0.5063 -->", []),
        ("\n## Exercises\n\nIs it 7.4?\n\n    ```python\n    assert 7.4\n    ```\n", []),
        ("\n## Exercises\n\nIs it 7.5?\n\n    ```python\n    assert 7.4\n    ```\n", ["7.5"]),
    ],
)
def test_numbers_that_are_typed_are_found(text: str, found: list[str]) -> None:
    assert printed.typed(text) == found


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("decay(image_size=8) | .2f", f"{load(ROW).predict('decay')(image_size=8):.2f}"),
        ("init/relu: variance_share(negative_slope=0)**2 | .3f", "0.465"),
        ("-2 * sqrt(4) + pi - log(1) | .1f", "-0.9"),
        ("0.00123 | .1t", r"1.2 \cdot 10^{-3}"),
        ("50000 * 784 | ,.0f", "39,200,000"),
    ],
)
def test_a_value_is_printed(argument: str, expected: str) -> None:
    assert printed.value(argument, ROW) == expected


@pytest.mark.parametrize(
    "inline",
    [
        "<!-- value: decay(image_size=8) -->",  # no format
        "<!-- value: decay(size=8) | .2f -->",
        "<!-- value: vanish(image_size=8) | .2f -->",
        "<!-- value: init/kaming: gain(negative_slope=0) | .2f -->",
        "<!-- value: __import__('os').system('true') | .2f -->",
        "<!-- value: (1).real | .2f -->",
        "<!-- value: 1 / 0 | .2f -->",
        "<!-- value: 1 + | .2f -->",
        "<!-- value: 1 | .2q -->",
        '<!-- value: cell("fields.csv", "measured") | .2f -->',  # many lines
        "<!-- quoted: 0.123456789 -->",
    ],
)
def test_what_cannot_be_printed_stops_the_build(inline: str) -> None:
    with pytest.raises(
        PluginError, match=r"^backprop/conv\.md: <!-- .* cannot be printed: "
    ) as error:
        extension.expand(f"It is {inline}.", PAGE)
    assert "\n" not in str(error.value)


def test_a_number_that_was_not_measured_yet_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(printed, "ROOT", tmp_path)
    inline = '<!-- value: cell("fields.csv", "measured") | .2f -->'
    assert printed.fill(inline, PAGE) == "(not verified or not measured)"


def test_places_in_papers_are_listed() -> None:
    found = extension.expand("<!-- symbols: init/fans -->", "init/fans.md")
    assert "The derivation refers to [he2015](../papers/he2015.md), §2.2, eq. 7, 14" in found
    assert extension.shown("§abstract") == "abstract"
