"""Directives that build the reference from the code: commands, settings, errors, modules, columns.

Each writes Markdown and lets Sphinx read it, so that a command or a setting cannot be documented other than it is.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

ROOT = Path(__file__).resolve().parents[2]


class Built(Directive):
    """A directive whose content is made by `lines`."""

    optional_arguments = 1
    has_content = False

    def lines(self) -> Iterator[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        holder = nodes.section(document=self.state.document)
        self.state.nested_parse(
            StringList(list(self.lines()), source="built from the code"), self.content_offset, holder, match_titles=True
        )
        return list(holder.children)


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield from ("```{list-table}", ":header-rows: 1", ":class: ik-settings", "")
    for row in (header, *rows):
        for i, cell in enumerate(row):
            yield f"{'* -' if i == 0 else '  -'} {' '.join(cell.split()) or '–'}"
    yield from ("```", "")


class UseCaseSettings(Built):
    """``{imagine-settings} zooscan``"""

    def lines(self) -> Iterator[str]:
        from imagine_kernels import catalog

        settings = catalog.get(self.arguments[0]).settings
        yield from table(
            ("setting", "default", "unit", "what it is"),
            [
                (
                    f"`{item.name}`",
                    "from the data" if item.default is None else f"`{item.default}`",
                    item.unit or "–",
                    f"{item.help} {bounds(item)}",
                )
                for item in settings
            ],
        )


def bounds(setting: Any) -> str:
    if setting.minimum is None or setting.maximum is None:
        return ""
    low, high = (f"{value:,.9f}".rstrip("0").rstrip(".").replace(",", " ") for value in (setting.minimum, setting.maximum))
    return f"From {low} to {high}."


class UseCaseFacts(Built):
    """``{imagine-use-case} zooscan``: the sentence of its card, what it reads and writes."""

    def lines(self) -> Iterator[str]:
        from imagine_kernels import catalog

        declared = catalog.get(self.arguments[0])
        yield from (declared.sentence, "")
        facts = {
            "name": f"`{declared.name}`",
            "identifies": f"{declared.unit_noun}s",
            "reads": "; ".join(declared.reads),
            "writes": "; ".join(["CSV", *(f"`{name}`" for name in (*declared.exports, *declared.products))]),
        }
        yield from table(("fact", "value"), list(facts.items()))


class UseCaseList(Built):
    """``{imagine-use-cases}``"""

    def lines(self) -> Iterator[str]:
        from imagine_kernels import catalog

        declared = [catalog.get(name) for name in catalog.names()]
        yield from table(
            ("name", "title", "what it does"), [(f"``{case.name}``", case.title, case.sentence) for case in declared]
        )


class ExchangeFormats(Built):
    """``{imagine-formats}``: what each exchange format of annotations holds, by the declarations that its writer keeps to."""

    def lines(self) -> Iterator[str]:
        from imagine_kernels.formats.interchange import FORMATS

        rows = {name: each.holds.row() for name, each in FORMATS.items()}
        head = next(iter(rows.values()))
        for title, columns in (
            ("Where things are", ("media", "shapes", "rings", "empty files")),
            ("What they are called", ("labels", "parents", "confidence", "annotator", "time", "status", "of labels")),
            ("What else is said", ("tracks", "attributes", "of files")),
        ):
            yield from (f"## {title}", "")
            assert set(columns) <= set(head)
            yield from table(
                ("format", *columns), [(f"`{name}`", *(row[column] for column in columns)) for name, row in rows.items()]
            )


class HubSettings(Built):
    """``{hub-settings}``: every key of hub/settings.toml with the comment above it."""

    def lines(self) -> Iterator[str]:
        text = (ROOT / "hub" / "settings.toml").read_text(encoding="utf-8")
        for section, (intro, rows) in hub_settings(text).items():
            yield from (f"## `{section}`", "", markdown(intro), "")
            if not rows:
                continue
            yield from table(
                ("key", "default", "what it is"), [(f"`{key}`", f"`{value}`", markdown(comment)) for key, value, comment in rows]
            )


def hub_settings(text: str) -> dict[str, tuple[str, list[tuple[str, str, str]]]]:
    """By section the comment above it and (key, default as written, comment), read from the commented TOML file."""
    tomllib.loads(text)
    found: dict[str, tuple[str, list[tuple[str, str, str]]]] = {}
    rows: list[tuple[str, str, str]] = []
    comment, fresh = "", True
    for line in text.splitlines():
        if match := re.fullmatch(r"\[\[?\w+\]\]?", line.strip()):
            rows = []
            # Of sections that are repeated the first has the comments.
            found.setdefault(match[0], ("" if fresh else comment, rows))
            comment, fresh = "", True
        elif line.startswith("#"):
            comment = f"{'' if fresh else comment + ' '}{line.lstrip('# ')}"
            fresh = False
        elif match := re.match(r"(\w+)\s*=\s*(.*)", line):
            rows.append((match[1], match[2], comment))
            fresh = True
        else:
            fresh = True
            # A section without keys of its own is described by the comment below it.
            if found and not rows and comment and not found[last := next(reversed(found))][0]:
                found[last] = (comment, found[last][1])
            comment = ""
    return found


def markdown(text: str) -> str:
    return re.sub(r'"[^"]*"', lambda quoted: f"`{quoted[0]}`", text).replace("*", r"\*")


class CommandLine(Built):
    """``{imagine-cli}``: every command with its help, arguments and options."""

    def lines(self) -> Iterator[str]:
        from imagine_kernels.cli import imagine

        yield from described(imagine, click.Context(imagine, info_name="imagine"))


def described(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            if member is not None and not member.hidden:
                yield from described(member, click.Context(member, info_name=name, parent=context))
        return
    pieces = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    required = [
        f"{option.opts[0]} {option.make_metavar(context)}" for option in command.params if is_option(option) and option.required
    ]
    yield from (f"## `{context.command_path}`", "", " ".join((command.help or "").split()), "", "```text")
    yield from (" ".join([context.command_path, *pieces, *required]) + " [OPTIONS]", "```", "")
    rows = []
    for option in (parameter for parameter in command.get_params(context) if is_option(parameter)):
        record = option.get_help_record(context)
        if record is not None:
            rows.append((f"`{record[0]}`", record[1].replace("*", r"\*")))
    yield from table(("option", "what it does"), rows)


def is_option(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option)


class Errors(Built):
    """``{imagine-errors}``: every error with its parent and meaning."""

    def lines(self) -> Iterator[str]:
        from imagine_kernels import errors

        rows = []
        for name, value in vars(errors).items():
            if inspect.isclass(value) and issubclass(value, errors.ImagineError):
                rows.append((f"``{name}``", f"``{value.__base__.__name__}``", (inspect.getdoc(value) or "").splitlines()[0]))  # type: ignore[union-attr]
        yield from table(("error", "kind of", "when"), rows)


class Environment(Built):
    """``{imagine-environment}``: the table in the head of imagine_kernels/settings.py."""

    def lines(self) -> Iterator[str]:
        from imagine_kernels import settings

        yield from table(("variable", "what", "default"), environment_variables(settings.__doc__ or ""))


def environment_variables(text: str) -> list[tuple[str, ...]]:
    """The rows of that table: name, what it is for, default."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.startswith("IMAGINE_")]
    return [(f"`{row[0]}`", row[1], row[-1]) for row in rows]


class Tables(Built):
    """``{imagine-tables} zooscan``: the columns that `measure` gives on the bundled labels, from the code itself."""

    def lines(self) -> Iterator[str]:
        from imagine_kernels.reports.tables import title

        for name, columns in measured_columns(self.arguments[0]).items():
            yield from (f"### `{name}.csv`", "")
            yield from table(("column", "what, unit"), [(f"`{column}`", title(column)) for column in columns])


def measured_columns(name: str) -> dict[str, list[str]]:
    """Table → columns, intervals left out, of the bundled sample."""
    import tempfile

    import numpy as np

    import imagine_kernels as ik
    from imagine_kernels.records import Confusion, Predictions

    workflow = ik.use_case(name)
    with tempfile.TemporaryDirectory() as folder:
        # Objects that nobody has named are no part of the truth.
        sample = workflow.open(workflow.declaration.make_sample(Path(folder) / "sample", 0)).labelled
    classes = sample.labels
    column = {label: i for i, label in enumerate(classes)}
    probabilities = np.eye(len(classes), dtype=np.float32)[[column[label] for label in sample.objects["label"]]]
    predictions = Predictions.of(sample.objects["object_id"].tolist(), classes, probabilities)
    confusion = Confusion(classes=classes, counts=np.eye(len(classes), dtype=np.int64) * 50)
    # Columns do not depend on how often is drawn.
    few = {"n_draws": 100} if "n_draws" in {each.name for each in workflow.declaration.settings} else {}
    values = {**workflow.declaration.read_settings(few)}
    measured = workflow.declaration.measure(sample, predictions, confusion, values)
    return {
        table_name: [str(each) for each in table.columns if "_low" not in each and "_high" not in each]
        for table_name, table in measured.tables.items()
    }


def public_modules() -> list[str]:
    """Dotted names of the modules of the library, without private ones and the steps of a database, which only run inside one."""
    package = ROOT / "imagine_kernels"
    found = []
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        if {"node_modules", "migrations"} & set(parts) or any(part.startswith("_") and part != "__init__" for part in parts):
            continue
        found.append(".".join(part for part in parts if part != "__init__"))
    return found


def write_module_pages(app: Any) -> None:
    """A page per public module and a list of them, before Sphinx looks for pages; only what has changed is written."""
    import imagine_kernels

    folder = Path(app.srcdir) / "reference" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    names = public_modules()
    pages = {name: module_page(name) for name in names}
    rows = [f"   * - :doc:`{name} <{name}>`\n     - {first_line(name)}" for name in names]
    table_of_all = "\n".join([".. list-table::", "   :widths: 40 60", "", *rows])
    toctree = "\n".join([".. toctree::", "   :hidden:", "", *(f"   {name}" for name in names)])
    head = f"Modules\n=======\n\nVersion {imagine_kernels.__version__}. Names that begin with an underscore are private.\n"
    pages["modules"] = "\n".join([head, toctree, "", table_of_all, ""])
    for old in folder.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        target = folder / f"{name}.rst"
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def module_page(name: str) -> str:
    title = name.replace("_", r"\_")
    return f"{title}\n{'=' * len(title)}\n\n.. automodule:: {name}\n   :members:\n"


def first_line(name: str) -> str:
    import ast

    base = ROOT.joinpath(*name.split("."))
    # A folder of data may lie beside a module of its name.
    file = base / "__init__.py" if (base / "__init__.py").is_file() else base.with_suffix(".py")
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split())


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", write_module_pages)
    app.add_directive("imagine-settings", UseCaseSettings)
    app.add_directive("imagine-use-case", UseCaseFacts)
    app.add_directive("imagine-use-cases", UseCaseList)
    app.add_directive("imagine-formats", ExchangeFormats)
    app.add_directive("hub-settings", HubSettings)
    app.add_directive("imagine-cli", CommandLine)
    app.add_directive("imagine-errors", Errors)
    app.add_directive("imagine-environment", Environment)
    app.add_directive("imagine-tables", Tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
