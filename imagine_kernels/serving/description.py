"""What the service says of itself: Swagger 2.0 for machines, and one page to try it for people."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from imagine_kernels import __version__, catalog
from imagine_kernels.serving.service import ACCEPTED, Argument, Service

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def swagger(services: Sequence[Service], *, base_path: str = "", train: bool = True) -> dict[str, Any]:
    """The description of all paths, Swagger 2.0."""
    paths: dict[str, Any] = {
        "/": {"get": _operation("The versions of the service")},
        "/v2/models/": {"get": _operation("The use cases that are served")},
    }
    for service in services:
        at, title = f"/v2/models/{service.name}", service.workflow.declaration.title
        paths[f"{at}/"] = {"get": _operation(title)}
        paths[f"{at}/predict/"] = {
            "post": _operation(f"{title}: identify and measure", service.predict_arguments(), produces=ACCEPTED)
        }
        if train:
            uuid = {"name": "uuid", "in": "path", "type": "string", "required": True}
            paths[f"{at}/train/"] = {
                "get": _operation(f"{title}: trainings"),
                "post": _operation(f"{title}: begin a training", service.train_arguments()),
            }
            paths[f"{at}/train/{{uuid}}"] = {
                "get": {**_operation(f"{title}: one training"), "parameters": [uuid]},
                "delete": {**_operation(f"{title}: stop a training"), "parameters": [uuid]},
            }
    return {
        "swagger": "2.0",
        "info": {"title": "imagine-kernels", "version": __version__, "description": "Identify and measure, after DEEPaaS v2."},
        "basePath": base_path.rstrip("/") or "/",
        "paths": paths,
    }


def _operation(
    summary: str, arguments: Sequence[Argument] = (), produces: Sequence[str] = ("application/json",)
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "produces": list(produces),
        "responses": {"200": {"description": "OK"}, "default": {"description": "One sentence, as application/problem+json"}},
    }
    if arguments:
        operation["consumes"] = ["multipart/form-data"]
        operation["parameters"] = [_parameter(argument) for argument in arguments]
        operation["responses"]["422"] = {"description": "Arguments or data that cannot be taken"}
    return operation


def _parameter(argument: Argument) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": argument.name,
        "in": "formData",
        "description": argument.help,
        "required": False,
        "type": "file" if argument.is_file else _TYPES[argument.kind],
    }
    extra = {"default": argument.default, "minimum": argument.minimum, "maximum": argument.maximum}
    described |= {name: value for name, value in extra.items() if value is not None}
    if argument.choices:
        described["enum"] = list(argument.choices)
    return described


def page(services: Sequence[Service], *, base_path: str = "", train: bool = True) -> str:
    """One HTML page with a form per call; it loads nothing and runs no script."""
    style = catalog.style_sheet().read_text(encoding="utf-8")
    parts = []
    for service in services:
        declared, at = service.workflow.declaration, f"{base_path}/v2/models/{service.name}"
        model = service.metadata()["model"]
        used = (
            f"Model in use: {escape(model['name'])}."
            if model
            else "There is no model yet: run <code>imagine models starter</code>."
        )
        parts.append(f"<section><h2>{escape(declared.title)}</h2><p>{escape(declared.sentence)} {used}</p>")
        parts.append(_form(f"{at}/predict/", "Identify", service.predict_arguments()))
        if train:
            parts.append(_form(f"{at}/train/", "Train", service.train_arguments()))
        links = [f'<a href="{escape(at)}/">about the model</a>']
        links += [f'<a href="{escape(at)}/train/">trainings</a>'] if train else []
        parts.append(f"<p>{' · '.join(links)}</p></section>")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>imagine-kernels: the service</title><style>{style}{_STYLE}</style></head>
<body class="ik-page"><main>
<h1>imagine-kernels</h1>
<p>The paths of DEEPaaS v2. For programs: <a href="{escape(base_path)}/swagger.json">swagger.json</a>.</p>
{"".join(parts)}
</main></body></html>"""


_STYLE = """
main { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
form { border: 1px solid var(--ik-border, #ccd6dd); border-radius: 10px; padding: 1rem 1.25rem; margin: 1rem 0; }
form h3 { margin: 0 0 .75rem; }
.field { display: grid; grid-template-columns: 9rem 1fr; gap: .25rem 1rem; margin: .6rem 0; align-items: baseline; }
.field small { grid-column: 2; opacity: .8; }
input, select { font: inherit; max-width: 100%; }
button { font: inherit; padding: .45rem 1.2rem; cursor: pointer; }
@media (max-width: 36rem) { .field { grid-template-columns: 1fr; } .field small { grid-column: 1; } }
"""


def _form(action: str, title: str, arguments: Sequence[Argument]) -> str:
    fields = "".join(_field(argument, f"{action.strip('/').replace('/', '-')}-{argument.name}") for argument in arguments)
    return (
        f'<form method="post" action="{escape(action)}" enctype="multipart/form-data"><h3>{escape(title)}</h3>{fields}'
        f"<button>{escape(title)}</button></form>"
    )


def _field(argument: Argument, name: str) -> str:
    at = escape(name)
    words = f'id="{at}" name="{escape(argument.name)}" aria-describedby="{at}-help"'
    return (
        f'<div class="field"><label for="{at}">{escape(argument.name)}</label>{_input(argument, words)}'
        f'<small id="{at}-help">{escape(argument.help)}</small></div>'
    )


def _input(argument: Argument, words: str) -> str:
    if argument.is_file:
        return f'<input type="file" {words} multiple>'
    if argument.choices:
        return f"<select {words}>{''.join(f'<option>{escape(choice)}</option>' for choice in argument.choices)}</select>"
    value = "" if argument.default is None else f' value="{escape(str(argument.default))}"'
    if argument.kind in (int, float):
        bounds = "".join(
            f' {side}="{bound:g}"' for side, bound in (("min", argument.minimum), ("max", argument.maximum)) if bound is not None
        )
        return f'<input type="number" step="{1 if argument.kind is int else "any"}" {words}{value}{bounds}>'
    return f"<input {words}{value}>"
