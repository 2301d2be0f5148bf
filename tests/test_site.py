"""The site builds strictly, asks no other origin for anything, and reads well on a phone."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import markdown
import pytest
from filelock import FileLock
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from derivations.rows import ROOT, ROWS
from docs import check, extension, hooks, katex, light, records

HEADINGS = [
    "The paper",
    "The derivation",
    "The code",
    "The experiment",
    "What goes wrong without it",
    "Run it",
    "Exercises",
    "Differs from the paper here",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make` built, if nothing changed since; else built once: the first test process to come builds it."""
    if built_by_make():
        return ROOT / "site"
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, built = base / "site", base / "site.built"
    with FileLock(base / "site.lock"):
        if not built.exists():
            command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir"]
            done = subprocess.run(
                [*command, str(folder)],
                cwd=ROOT,
                env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            built.touch()
    return folder


def built_by_make() -> bool:
    """Is site/ as new as all that it is made from? make knows."""
    if not (make := shutil.which("make")):
        return False
    ask = [make, "--question", "site/.built"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return (
        subprocess.run(ask, cwd=ROOT, env=plain, capture_output=True, check=False).returncode == 0
    )


def test_pages_have_their_headings_in_order_and_typeset_math(site: Path) -> None:
    for row in ROWS:
        page = (site / row / "index.html").read_text(encoding="utf-8")
        found = [h.strip() for h in re.findall(r"<h2[^>]*>([^<]+)<", page)]
        assert found[-len(HEADINGS) :] == HEADINGS, row
        assert len(found) <= len(HEADINGS) + 1, row  # one of its own may come first
        assert 'class="katex"' in page
        assert "arithmatex" not in page
        assert "symbol:" not in page
        assert re.search(r'class="badge (ok">proved|part">n ≤ 3)', page)


def test_nothing_but_the_site_is_in_it(site: Path) -> None:
    """Python writes bytecode beside what it imports, our extensions of the site's builder too."""
    kinds = {path.suffix for path in site.rglob("*") if path.is_file()}
    assert not kinds & {".pyc", ".mjs", ".lock", ".tmp", ".part"}
    python = {p.relative_to(site).parts[0] for p in site.rglob("*.py")}
    assert python == {"source"}  # as text, where links to lines lead


def test_no_page_asks_another_origin_for_anything(site: Path) -> None:
    loads = re.compile(r'<(?:script|link|img|iframe)[^>]*?(?:src|href)="((?:https?:)?//[^"]+)"')
    for path in site.rglob("*.html"):
        found = [u for u in loads.findall(path.read_text(encoding="utf-8")) if "canonical" not in u]
        assert not found, path


def test_links_and_anchors_lead_somewhere(site: Path) -> None:
    program = Path(sys.executable).with_name("lychee")
    command = [str(program), "--offline", "--include-fragments", "--no-progress", str(site)]
    command += [
        "--root-dir",
        str(site),
        "--exclude-path",
        "404.html",
        "--index-files",
        "index.html",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_an_unknown_directive_names_page_and_directive() -> None:
    with pytest.raises(PluginError, match=r"a\.md: unknown directive '<!-- derive: x -->'"):
        extension.expand("<!-- derive: x -->", "a.md")


def test_missing_results_are_red_and_name_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(records, "ROOT", tmp_path)
    commands = {"claim": "make verify", "derivation": "make verify"}
    commands |= {"experiment": "make experiments", "picture": "make experiments"}
    for name, command in commands.items():
        text = extension.expand(f"<!-- {name}: init/kaiming -->", "a.md")
        assert text.startswith("!!! danger")
        assert f"run `{command}`" in text


def test_a_table_that_is_missing_is_said_in_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extension, "ROOT", tmp_path)
    shown = extension.expand("<!-- table: init/kaiming table.csv -->", "init/kaiming.md")
    assert shown.startswith('!!! danger "Not verified or not measured"')
    assert "results/experiments/init/kaiming/table.csv`: run `make experiments`" in shown


def test_a_failing_derivation_and_a_disagreeing_experiment_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proof, verdict = extension.proof("init/kaiming"), extension.verdict("init/kaiming")
    monkeypatch.setattr(extension, "proof", lambda row: {**proof, "verified": False})
    monkeypatch.setattr(extension, "verdict", lambda row: {**verdict, "agrees": False})
    text = extension.expand(
        "<!-- derivation: init/kaiming -->\n<!-- experiment: init/kaiming -->", "a.md"
    )
    assert '!!! danger "NOT verified' in text
    assert '!!! danger "DISAGREES"' in text


def test_search_finds_words_and_not_what_draws_a_formula_or_a_picture(site: Path) -> None:
    found = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    texts = {one["location"]: one["text"] for one in found["docs"]}
    assert "Weights of variance 2/n_l, with n_l the fan-in, keep" in texts["init/kaiming/"]
    assert not any("\u200b" in text for text in texts.values())  # KaTeX's mark of a formula's end
    assert (
        "median" not in texts["init/kaiming/#what-goes-wrong-without-it"]
    )  # the Explorer's legend


@pytest.mark.parametrize(
    ("url", "source"), [("init/kaiming/", "../../a.svg"), ("init/kaiming.html", "../a.svg")]
)
def test_figures_have_their_size_on_a_server_and_in_a_folder(
    url: str, source: str, tmp_path: Path
) -> None:
    drawn = '<svg xmlns="x" width="331.2pt" height="302.4pt" viewBox="0 0 1 1">'
    (tmp_path / "a.svg").write_text(drawn, encoding="utf-8")
    files = Files([File("a.svg", str(tmp_path), str(tmp_path), use_directory_urls=True)])
    sized = hooks.sized(f'<img alt="a" src="{source}#only-dark"><img src="b.svg">', url, files)
    assert sized == (
        f'<img width="442" height="403" alt="a" src="{source}#only-dark"><img src="b.svg">'
    )


def test_unknown_tex_fails_and_is_named() -> None:
    with pytest.raises(PluginError, match=r"a\.md.*nosuchmacro"):
        katex.typeset({"b.md": "", "a.md": r'<span class="arithmatex">\nosuchmacro</span>'})


@pytest.mark.parametrize("row", ROWS)
def test_the_exercises_solutions_are_right(row: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / f"{row}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^    ```python\n(.*?)^    ```", page, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        code = "".join(line.removeprefix("    ") for line in block.splitlines(keepends=True))
        (tmp_path / "solution.py").write_text(code, encoding="utf-8")
        runpy.run_path(str(tmp_path / "solution.py"))  # it asserts what the page says


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with check.served(site) as address:
        yield address


@pytest.mark.parametrize(
    ("page", "scheme"),
    [
        ("", "light"),
        ("explorer/", "dark"),
        ("init/kaiming/", "dark"),
        ("trust/", "light"),
    ],
)
def test_a_phone_shows_it_without_error_or_sideways_scrolling(
    address: str, page: str, scheme: str
) -> None:
    """One page of each kind, in light or dark; ``make site-check`` looks at all, in both, and on a desk."""
    if check.browser_path() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with check.chromium() as browser:
        assert list(check.problems(browser, address, [page], [(scheme, 360)])) == []
        assert list(check.without_script(browser, address, [page])) == []


def test_a_symbol_says_its_name(address: str) -> None:
    if check.browser_path() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with check.chromium() as browser:
        view = browser.new_page()
        view.goto(address + "init/kaiming/")
        view.locator("div.math a.symbol").first.hover()
        assert "n sub l: number of inputs" in view.locator("#symbol-card").inner_text()


def test_the_button_of_a_block_copies_its_code(address: str) -> None:
    if check.browser_path() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with check.chromium() as browser:
        view = browser.new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
        view.goto(address + "init/kaiming/")
        step = view.locator(".step").nth(2)
        step.get_by_role("button", name="Copy to clipboard").click()
        copied, name = (
            view.evaluate("navigator.clipboard.readText()"),
            step.locator("strong a").inner_text(),
        )
    assert copied.startswith(f'Step(\n    "{name.replace(" ", "_")}",')
    ast.parse(copied)


def test_the_theme_asks_for_the_width_of_no_code(site: Path) -> None:
    """Or it would lay out every step as a page loads; the selector is that of the theme's script."""
    (script,) = (site / "assets" / "javascripts").glob("bundle.*.min.js")
    assert '"pre:not(.mermaid) > code"' in script.read_text(encoding="utf-8")
    for row in ROWS:
        text = (site / row / "index.html").read_text(encoding="utf-8")
        blocks = re.findall(r"<pre[^>]*>.*?</pre>", text, re.DOTALL)
        assert len(blocks) > 5
        assert all('<span class="lines"><code>' in block for block in blocks)


def test_what_stands_between_headings_is_laid_out_later() -> None:
    def shown(text: str) -> str:
        return markdown.markdown(text, extensions=[light.Parts()]).replace("\n", "")

    assert shown("# A\n\nb\n\n> c") == "<h1>A</h1><p>b</p><blockquote><p>c</p></blockquote>"
    assert shown("a\n\n## B\n\nc\n\nd\n\n### E\n\n## F\n\ng") == (
        '<p>a</p><h2>B</h2><div class="between"><p>c</p><p>d</p></div>'
        '<h3>E</h3><h2>F</h2><div class="between"><p>g</p></div>'
    )


def test_another_theme_stops_the_build(tmp_path: Path) -> None:
    folder = tmp_path / "assets" / "stylesheets"
    folder.mkdir(parents=True)
    path = folder / "palette.1.min.css"
    path.write_text("a{b:c}[data-md-color-switching] *,[data-md-color-switching] :after{d:e}f{g:h}")
    light.palette(tmp_path)
    assert path.read_text() == "a{b:c}f{g:h}"
    with pytest.raises(RuntimeError, match=r"palette\.1\.min\.css has no rule"):
        light.palette(tmp_path)


@pytest.mark.parametrize("script", [True, False])
def test_the_code_of_a_step_stands_beside_it_where_there_is_room(
    address: str, script: bool
) -> None:
    if check.browser_path() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with check.chromium() as browser:
        view = browser.new_context(
            java_script_enabled=script, viewport={"width": 1280, "height": 800}
        ).new_page()
        view.goto(address + "init/kaiming/")
        step = view.locator(".step").nth(2)
        code, math = step.locator("pre"), step.locator("div.math")
        assert code.is_visible()
        assert code.bounding_box()["x"] > math.bounding_box()["x"] + math.bounding_box()["width"]
        view.set_viewport_size({"width": 390, "height": 800})
        assert not code.is_visible()
        step.locator("summary").click()
        assert code.is_visible()
        assert code.bounding_box()["y"] > math.bounding_box()["y"]


def test_no_page_is_too_large(site: Path) -> None:
    assert list(check.too_large(site, check.pages(site))) == []


def test_the_check_finds_what_is_wrong(tmp_path: Path) -> None:
    """An image without a text, grey on grey (once only in the dark), a page as wide as a wall, too large a figure."""
    if check.browser_path() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    page = (
        "<title>t</title><article><img src='big.png'><p style='color:#777;background:#888'>pale</p>"
    )
    page += "<div style='width:2000px'>wide</div><script src='gone.js'></script></article>"
    page += "<p id='night' style='color:#000'>black</p><input type='radio' "
    page += "data-md-color-media='(prefers-color-scheme: dark)' onclick='night.style.background=`#222`'>"
    (tmp_path / "index.html").write_text(page.replace("'", '"'), encoding="utf-8")
    (tmp_path / "big.png").write_bytes(os.urandom(400_000))
    with check.served(tmp_path) as address, check.chromium() as browser:
        modes = [("light", 360), ("dark", 360)]
        found = "\n".join(check.problems(browser, address, [""], modes))
        assert list(check.without_script(browser, address, [""]))
    for wrong in ("image-alt", "color-contrast", "scrolls sideways", "gone.js"):
        assert wrong in found
    assert "(light, 360 px): color-contrast, 1 times" in found
    assert "(dark, 360 px): color-contrast, 2 times" in found
    assert list(check.too_large(tmp_path, [""])) == ["front page: 400 kB"]
