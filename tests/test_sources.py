"""Code has pages of its own, whose lines are linked to."""

from __future__ import annotations

import re

from derivations.rows import ROOT, ROWS
from docs import extension, sources


def test_every_derivation_and_all_code_that_pages_show_has_a_page() -> None:
    names = sources.names()
    assert {f"derivations/{row}.py" for row in ROWS} <= set(names)
    assert all((ROOT / name).is_file() for name in names)
    for row in ROWS:
        page = (ROOT / "docs" / f"{row}.md").read_text(encoding="utf-8")
        linked = re.findall(r'href="page:source/([^"#]+)\.md#', extension.expand(page, f"{row}.md"))
        assert linked
        assert set(linked) <= set(names)


def test_a_link_leads_to_the_line_of_the_definition() -> None:
    shown = extension.expand(
        "<!-- code: impl/init/kaiming.py kaiming_normal_ -->", "init/kaiming.md"
    )
    (number,) = re.findall(r"#__codelineno-0-(\d+)", shown)
    lines = (ROOT / "impl/init/kaiming.py").read_text(encoding="utf-8").splitlines()
    assert lines[int(number) - 1].startswith("def kaiming_normal_(")


def test_a_page_of_code_is_code_whatever_it_says() -> None:
    text = 'x = """\n```python\n<!-- derive: nothing -->\n```\n"""\n'
    page = sources.page("a.py", text)
    assert text in page
    assert "exclude: true" in page


def test_numbers_of_lines_have_names() -> None:
    html = '<a id="__codelineno-0-7" name="x"></a><a href="#__codelineno-0-7"><span></span></a>'
    assert 'href="#__codelineno-0-7" aria-label="line 7" tabindex="-1"' in sources.named(html)
