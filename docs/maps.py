"""Directives that lay out the whole: the lesson's minutes, the order of the rebuild, one name in several papers."""

from __future__ import annotations

from importlib import import_module

from derivations.notation import paper_keys, read_paper
from derivations.rows import CHAPTERS, ROOT, ROWS
from docs import sources
from docs.records import table
from docs.symbols import anchor

# The lesson in its order: minute (of the published video; empty where we know only the order), what happens, where it
# is here. A place is a row, or a page and its title.
LESSON: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("14:50", "the rules of the game: what may be used, and from when on", ("rules.md",)),
    ("21:01", "three steps to a good model, and five remedies", ("guides/training.md",)),
    ("23:10", "how to read a paper", ("guides/reading.md",)),
    ("25:25", "what a symbol is called", ("notation.md",)),
    ("28:10", "a notebook whose marked cells become a library", ("literate/export.md",)),
    ("32:56", "the notebook as its own test", ("literate/export.md",)),
    ("39:52", "matrix multiplication in three loops", ("tensors/matmul",)),
    ("45:12", "elementwise operations replace the inner loop", ("tensors/matmul",)),
    ("46:02", "the Frobenius norm, read aloud and typed", ("tensors/frobenius",)),
    ("51:51", "broadcasting: shapes that stretch", ("tensors/broadcasting",)),
    ("57:05", "columns, strides of zero, and the rule", ("tensors/broadcasting",)),
    ("", "Einstein's summation, and the library's own product", ("tensors/einsum",)),
    ("", "inputs of mean 0 and deviation 1", ("init/standardize",)),
    ("", "the linear layer, and weights over the root of the fan-in", ("init/xavier",)),
    ("", "a rectifier halves the mean square", ("init/relu",)),
    ("", "a factor of two in the variance gives it back", ("init/kaiming",)),
    ("", "the fan that a transposed weight confuses", ("init/fans",)),
    ("1:39:14", "a constant after the rectifier", ("init/shifted_relu",)),
    ("", "which start trains thirty layers: the paper's figures", ("depth/training",)),
    ("", "ten thousand layers by careful initialisation", ("depth/fixup",)),
    ("", "the loss, and a squeeze", ("backprop/loss",)),
    ("", "gradients by hand, from the loss to the input", ("backprop/chain_rule",)),
    ("", "the gradient of a linear layer, in three ways", ("backprop/linear",)),
    ("", "convolution as a matrix product", ("backprop/conv",)),
    ("", "layers as classes, then modules", ("backprop/module",)),
    ("lesson 9", "where the root of five comes from", ("init/conv_default",)),
    ("lesson 9", "why a good start is needed: a hundred products", ("init/repeated_product",)),
)
TITLES = {
    "rules.md": "the rules of the game",
    "guides/training.md": "training a good model",
    "guides/reading.md": "how to read these papers",
    "notation.md": "notation",
    "literate/export.md": "literate/export",
}


def lesson_map(_: str, up: str) -> str:
    """Which minute of the lesson is which row."""

    def link(place: str) -> str:
        if place in ROWS:
            return f"[{place}]({up}{place}.md)"
        there = place in TITLES and (ROOT / "docs" / place).exists()
        return f"[{TITLES[place]}]({up}{place})" if there else f"`{place.removesuffix('.md')}`"

    rows = [[minute, what, ", ".join(map(link, places))] for minute, what, places in LESSON]
    return table(["minute", "in the lesson", "here"], rows)


def rebuild(_: str, up: str) -> str:
    """The order of the rebuild: what each row earns, as a picture that is a list."""
    from impl import rules  # torch: two seconds that other pages do without

    def operations(names: object) -> str:
        shown = sorted({str(n).rpartition(".")[2].strip("_") for n in names})  # type: ignore[attr-defined]
        return " ".join(f"`{name}`" for name in shown)

    parts = [
        '<ol class="rebuild" markdown>',
        "<li markdown>**From the start**: Python, its standard library, and of torch creation, random numbers and "
        f"indexing.<br>{operations(rules.FREE)}</li>",
    ]
    for module, function, earned in rules.EARNED:
        shown = f"[{module}]({up}{module}.md)" if module in ROWS else f"`{module}`"
        parts.append(
            f"<li markdown>{shown} rebuilds them in plain Python, as `{function}`. From here on you may use"
            f"<br>{operations(earned)}</li>"
        )
    if rules.ON_LOAN:
        parts.append(
            "<li markdown>**On loan**: used, and not rebuilt by any row yet.<br>"
            f"{operations(rules.ON_LOAN)}</li>"
        )
    return "\n".join([*parts, "</ol>"])


def uses(_: str, up: str) -> str:
    """What each implementation may call."""
    rows = []
    for row in ROWS:
        try:
            names = import_module(f"impl.{row.replace('/', '.')}").USES
        except ModuleNotFoundError:  # the grid's own test says so
            continue
        shown = " ".join(
            f"`{name.removeprefix('torch.').removeprefix('Tensor.')}`" for name in sorted(names)
        )
        rows.append([f"[{row}]({up}{row}.md)", shown or "no function of torch"])
    return table(["implementation", "calls of torch"], rows)


def reference(_: str, up: str) -> str:
    """The documentation of every implementation, by chapter, for mkdocstrings to fill in; and its code, a link away."""
    parts, shown = [], set(sources.names())
    for chapter in CHAPTERS:
        modules = sorted((ROOT / "impl" / chapter).glob("[!_]*.py"))
        if modules:
            parts.append(f"## {chapter}")
        for path in modules:
            parts.append(f"::: impl.{chapter}.{path.stem}")
            name = path.relative_to(ROOT).as_posix()
            if name in shown:
                parts.append(sources.link(name, 1))
    return "\n\n".join(parts)


def notebook(path: str, up: str) -> str:
    """A notebook of text, with its cells as they are, in their order."""
    from docs.literate.notebook import read  # jupytext: other pages do without

    parts = []
    for cell in read(ROOT / path).cells:
        text = cell.source
        if cell.cell_type == "code":
            parts.append(f"```python\n{text}\n```")
        elif not text.startswith("# "):  # the page has its own title
            parts.append(text)
    return "\n\n".join(parts)


def shared_names(_: str, up: str) -> str:
    """One name in our code, and what several papers write for it."""
    papers = {key: read_paper(key).symbols for key in paper_keys()}
    names = sorted({name for symbols in papers.values() for name in symbols})
    rows = []
    for name in names:
        found = {key: symbols[name] for key, symbols in papers.items() if name in symbols}
        if len({entry.latex for entry in found.values()}) > 1:
            written = [
                f"[{key}](#{anchor(key, name)}) ${entry.latex}$" for key, entry in found.items()
            ]
            rows.append([f"`{name}`", ", ".join(written)])
    return table(["in our code", "in the papers"], rows)


RULES = {
    "lesson-map": lesson_map,
    "notebook": notebook,
    "rebuild": rebuild,
    "reference": reference,
    "shared-names": shared_names,
    "uses": uses,
}
