"""The grid is complete, its columns import only what they may, and nothing unsafe is in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from derivations.rows import CHAPTERS, ROOT, ROWS, UnknownRow, find_row

COLUMNS = ("derivations/{}.py", "impl/{}.py", "experiments/{}.py", "docs/{}.md")
OURS = ("benchmarks", "derivations", "docs", "experiments", "impl", "tests")
PYTHON = sorted(path for name in OURS for path in (ROOT / name).rglob("*.py"))
PYTHON = [path for path in PYTHON if "node_modules" not in path.parts]

MAY_IMPORT = {  # besides the standard library and itself
    "derivations": {"mpmath", "numpy", "rich", "scipy", "symengine", "sympy", "tyro", "yaml"},
    "impl": {"torch", "halide", "llvmlite", "numba"},  # see impl/rules.py: which, and where
    "experiments": {
        *(
            "cycler",
            "derivations",
            "distributed",
            "impl",
            "matplotlib",
            "mlxtend",
            "numba",
            "numpy",
            "pandas",
            "rich",
        ),
        *("scipy", "sklearn", "threadpoolctl", "torch", "tyro"),
    },
}
UNSAFE_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
UNSAFE_NAMES = {"__import__", "eval", "exec", "parse_expr", "parse_latex"}  # called by name
UNSAFE_METHODS = {"os.system", "torch.load", "yaml.load", "yaml.unsafe_load"}
VAGUE = {"base", "common", "core", "helpers", "utils"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """All modules that a file imports, anywhere in it; relative ones start with a dot."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def unsafe(path: Path) -> Iterator[str]:
    """What could run code out of data, and its line."""
    for name in imports(path):
        if name.split(".")[0] in UNSAFE_MODULES:
            yield f"import {name}"
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        last = name.rpartition(".")[2]
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        text = bool(node.args) and isinstance(node.args[0], ast.Constant | ast.JoinedStr)
        if (
            name in UNSAFE_NAMES | UNSAFE_METHODS
            or last in UNSAFE_NAMES - {"eval", "exec"}  # a method may have these names
            or (last == "sympify" and given.get("strict") != "True")  # strict refuses text
            or (last == "S" and text and isinstance(getattr(node.args[0], "value", ""), str))
            or given.get("shell", "False") != "False"
            or (last == "load" and given.get("allow_pickle", "False") != "False")
        ):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_all_its_files(row: str) -> None:
    chapter, idea = row.split("/")
    files = [*(column.format(row) for column in COLUMNS), f"tests/{chapter}/test_{idea}.py"]
    missing = [name for name in files if not (ROOT / name).is_file()]
    assert not missing, f"{row} lacks {missing}"
    assert chapter in CHAPTERS, f"{row}: the chapters are {CHAPTERS}"


def test_no_stub_is_left() -> None:
    """What `make row` wrote says FILL IN until somebody did."""
    files = list((ROOT / "papers").glob("*.md"))
    files += [p for top in OURS for chapter in CHAPTERS for p in (ROOT / top / chapter).glob("*.*")]
    left = [
        f"{relative(path)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "FILL IN" in line
    ]
    assert not left, "\n".join(["stubs that nobody has filled:", *left])


@pytest.mark.parametrize(
    ("name", "line"), [("README.md", "`{}`"), ("CHANGELOG.md", "`{}`"), ("mkdocs.yml", " {}.md")]
)
def test_every_row_has_a_line_for_readers(name: str, line: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8").replace("[", " ")
    missing = [row for row in ROWS if line.format(row) not in text]
    assert not missing, f"{name} has no line for {missing}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_its_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert links
    gone = [to for to in links if not to.startswith("https://") and not (ROOT / to).exists()]
    assert gone == []


def test_the_readmes_example_says_what_comes_out() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    *lines, last = example.strip().splitlines()
    code, _, said = last.partition("  # ")
    script = "\n".join([*lines, f"print({code})"])
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert said.startswith(f"{done.stdout.strip()}:"), done.stderr


@pytest.mark.parametrize("column", ["experiments/*/[!_]*.py", "docs/*/[!_]*.md"])
def test_every_file_of_a_chapter_is_a_row(column: str) -> None:
    top = ROOT / column.split("/")[0]
    files = {path.relative_to(top).with_suffix("").as_posix() for path in ROOT.glob(column)}
    files = {name for name in files if name.startswith(CHAPTERS) and not name.endswith("/index")}
    assert files <= set(ROWS), f"no derivation for {sorted(files - set(ROWS))}"


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_a_column_imports_only_what_it_may(path: Path) -> None:
    column = path.relative_to(ROOT).parts[0]
    found = {name.split(".")[0] for name in imports(path)}
    assert "" not in found, "relative imports hide where a name comes from"
    if column in MAY_IMPORT:
        extra = found - MAY_IMPORT[column] - {column} - set(sys.stdlib_module_names)
        assert not extra, f"{column} may not import {sorted(extra)}"
    elif column == "docs":
        assert not found & {"tests", "benchmarks"}


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_nothing_runs_code_out_of_data(path: Path) -> None:
    assert list(unsafe(path)) == []


@pytest.mark.parametrize(
    "code",
    [
        *("import pickle", "from joblib import load", "eval('1')", "exec(x)", "yaml.load(x)"),
        *("sp.sympify('x')", "sympify(x)", "sp.S('x')", "parse_expr(x)", "torch.load(p)"),
        *("run('ls', shell=True)", "np.load(p, allow_pickle=True)", "os.system('ls')"),
    ],
)
def test_what_is_unsafe_is_found(tmp_path: Path, code: str) -> None:
    (tmp_path / "bad.py").write_text(code, encoding="utf-8")
    assert list(unsafe(tmp_path / "bad.py"))


def test_what_is_safe_is_not_found(tmp_path: Path) -> None:
    lines = ["model.eval()", "yaml.safe_load(x)", "sp.S(1)", "sp.sympify(x, strict=True)"]
    (tmp_path / "good.py").write_text("\n".join(lines), encoding="utf-8")
    assert list(unsafe(tmp_path / "good.py")) == []


def test_no_module_has_a_vague_name() -> None:
    assert [path for path in PYTHON if VAGUE & set(path.with_suffix("").parts[-3:])] == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    place = re.compile(r"(?<![\w.~])/(?:home|mnt|opt|root|tmp|Users|work)/\w")
    kinds = {"", ".cff", ".css", ".js", ".json", ".md", ".mjs", ".py", ".toml", ".txt", ".yml"}
    folders = [ROOT / name for name in (*OURS, "papers", ".ci")]
    files = [path for path in ROOT.iterdir() if path.is_file()]
    files += [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    found = [
        f"{relative(path)}: {match.group()}"
        for path in files
        if path.suffix in kinds and "node_modules" not in path.parts
        for match in place.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_derivations_do_without_torch_and_pictures() -> None:
    """Their import would take longer than the verification of a row."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "derivations", "--list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.split() == list(ROWS)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "matplotlib", "pandas"}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_found_by_its_name(row: str) -> None:
    assert find_row(row) == row


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("init/kaming", "unknown row 'init/kaming'; did you mean init/kaiming"),
        ("kaiming", "did you mean init/kaiming"),
        ("derivations/init/kaiming.py", "did you mean init/kaiming"),
        ("../../etc/passwd", "unknown row '../../etc/passwd'"),
        ("init/../init/kaiming", "unknown row"),
        ("", "unknown row ''; there are "),
        ("x" * 1_000_000, "…'"),
        ("a\nb", r"unknown row 'a\nb'"),
    ],
)
def test_an_unknown_row_names_the_nearest_in_one_line(name: str, message: str) -> None:
    with pytest.raises(UnknownRow) as error:
        find_row(name)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
