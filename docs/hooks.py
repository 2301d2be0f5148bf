"""MkDocs hooks: expand directives, typeset math, add the paper pages and the results."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from contextlib import suppress
from pathlib import Path

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url
from mkdocs.utils.templates import TemplateContext

from derivations.notation import paper_keys, read_paper
from derivations.rows import ROOT, ROWS
from docs import audit, explorer, extension, katex, light, sources, symbols, template
from docs.records import Missing

SHOWN = {".svg", ".csv"}
# A link in raw HTML, which MkDocs does not look into: href="page:init/kaiming.md".
PLACE = re.compile(r'(href|src)="page:([^"#?]+)')
SEARCH = 'data-md-component="search" aria-label="Search"'
FIGURE = re.compile(r'<img [^>]*src="([^"#]+\.svg)[#"]')
SIZE = re.compile(r'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"')
PART_OF_CONTENTS = re.compile(r'<nav class="md-nav" aria-label="[^"]*">')
WORKER = "assets/iframe-worker.js"
DISPLAYED = '<div class="arithmatex">'
BESIDE = '<details class="beside">'
FINISHED: dict[str, str] = {}  # the HTML of pages, by name, until they are shown
OFFLINE = bool(os.environ.get("OFFLINE"))  # the site is to be read from files, without a server


def on_startup(command: str, dirty: bool) -> None:
    """Install KaTeX before anything else, so that a missing network is reported at once."""
    katex.install()


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each paper note, the figures and tables of each experiment, and the Explorer's formulas."""
    for key in paper_keys():
        files.append(File.generated(config, f"papers/{key}.md", content=paper_page(key)))
    for file in sources.files(config):
        files.append(file)
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "changelog.md", content=changes))
    with suppress(Missing):  # then the page says so
        for name, data in audit.files().items():
            files.append(File.generated(config, name, content=data))
    with suppress(Missing):
        files.append(File.generated(config, explorer.FORMULAS, content=explorer.script()))
    for row in ROWS:
        for folder, target in (("experiments", "results"), ("sweeps", "results/sweeps")):
            there = (ROOT / "results" / folder / row).glob("*")
            for path in sorted(p for p in there if p.suffix in SHOWN):
                name = f"{target}/{row}/{path.name}"
                files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
    """Papers are listed as "He 2015": their titles would fill the screen."""
    for page in nav.pages:
        key = page.file.src_uri.removeprefix("papers/").removesuffix(".md")
        if key in paper_keys():
            page.title = f"{key[:-4].capitalize()} {key[-4:]}"
    return nav


def paper_page(key: str) -> str:
    """A paper note as a page: its citation, its equations by number, our text, BibTeX."""
    paper = read_paper(key)
    front = paper.front
    parts = [
        f"# {front['title']}",
        f"{', '.join(front['authors'])} ({front['year']}), {front['venue']}. <{front['url']}>",
        "#" + paper.body.strip(),  # the title of the note is a heading here
    ]
    if paper.equations:
        parts.append("## Equations we refer to")
    for number, row in paper.equations.items():
        recalled = " (number recalled, not confirmed)" if row.get("source") == "recalled" else ""
        parts.append(f"**({number})** {row['says']}{recalled}\n\n$$\n{row['latex']}\n$$")
    parts.append(f"## Citation\n\n```bibtex\n{front['bibtex'].strip()}\n```")
    return "\n\n".join(parts) + "\n"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Expand the directives of a page, if it has all that the page of a row must have."""
    if page.file.src_uri.startswith(sources.PLACE):
        return markdown  # code, as it is
    template.check(markdown, page.file.src_uri)
    return extension.expand(markdown, page.file.src_uri)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """What search indexes: math as it is written; displayed formulas and the code of steps not at all."""
    html = sources.named(html)
    for start in (DISPLAYED, BESIDE):
        html = html.replace(start, f'{start[:-1]} data-search-exclude="true">')
    return html


@event_priority(-100)  # after the plugin that resolves references
def on_env(env: Environment, config: MkDocsConfig, files: Files) -> None:
    """Typeset the math of all pages at once, let its symbols say what they mean, and resolve links in raw HTML."""
    pages = {file.src_uri: file.page for file in files.documentation_pages() if file.page}
    ours = [name for name in pages if not name.startswith(sources.PLACE)]
    marked = {name: symbols.mark(pages[name].content or "", name) for name in ours}
    for name, typeset in katex.typeset(marked).items():

        def resolved(match: re.Match[str], name: str = name) -> str:
            file = files.get_file_from_path(match[2])
            if file is None:
                raise PluginError(f"{name}: links to {match[2]}, which is not there")
            return f'{match[1]}="{get_relative_url(file.url, pages[name].url)}'

        html = PLACE.sub(resolved, symbols.resolve(typeset))
        FINISHED[name] = light.code(sized(html, pages[name].url, files))


def sized(html: str, url: str, files: Files) -> str:
    """The HTML of the page at ``url``; each of our figures has its size, so that nothing moves when it comes."""
    by_url = {file.url: file for file in files if file.url.endswith(".svg")}

    def with_size(match: re.Match[str]) -> str:
        file = by_url.get(posixpath.normpath(posixpath.join(posixpath.dirname(url), match[1])))
        found = file and SIZE.search(file.content_bytes[:2000].decode(errors="replace"))
        if not found:
            return match[0]
        width, height = (round(float(number) * 4 / 3) for number in found.groups())  # pt to px
        return f'<img width="{width}" height="{height}"{match[0].removeprefix("<img")}'

    return FIGURE.sub(with_size, html)


@event_priority(-100)  # after search, which would index what KaTeX makes of a formula
def on_page_context(
    context: TemplateContext, page: Page, config: MkDocsConfig, nav: Navigation
) -> None:
    """Show the page that is finished."""
    page.content = FINISHED.pop(page.file.src_uri, page.content)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Give the theme's search dialog the name that screen readers look for; and few landmarks to walk by.

    Of a table of contents the whole is one, and not each of its parts.
    """
    if '<div class="step"' in output:  # known from the start, or the page would widen as it loads
        output = output.replace("<body ", '<body class="wide" ', 1)
    output = PART_OF_CONTENTS.sub('<nav class="md-nav" role="presentation">', output)
    return output.replace('data-md-component="search" role="dialog"', f'{SEARCH} role="dialog"')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Pages come in parts. Offline, search needs a shim that would otherwise come from another origin."""
    config.markdown_extensions.append(light.Parts())
    if OFFLINE:
        config.extra["polyfills"] = [WORKER]
    return config


def on_post_build(config: MkDocsConfig) -> None:
    """Copy KaTeX's stylesheet and fonts, and offline the shim for search, from the installed packages."""
    katex.copy_assets(Path(config.site_dir))
    light.palette(Path(config.site_dir))
    if OFFLINE:
        source = katex.PACKAGE.parent / "iframe-worker" / "shim" / "index.js"
        shutil.copy(source, Path(config.site_dir) / WORKER)
