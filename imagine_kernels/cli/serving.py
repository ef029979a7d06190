"""The verbs over HTTP: `imagine serve` and `imagine deepaas`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from imagine_kernels.cli.options import json_option
from imagine_kernels.cli.output import say
from imagine_kernels.errors import ImagineError

_host = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
_port = click.option("--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="0 takes a free one.")


@click.command()
@click.argument("use_cases", nargs=-1)
@_host
@_port
@click.option("--model", default=None, metavar="BUNDLE", help="The model of a single use case; the starter model without it.")
@click.option("--max-upload", type=click.IntRange(min=1), default=2048, show_default=True, metavar="MB", help="Largest upload.")
@click.option(
    "--data-folder", "folders", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder whose content callers may name by its path; repeat for more.",
)  # fmt: skip
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="A further name that the service is called by.")
@click.option("--base-path", default="", metavar="PATH", help="Put before every path, behind a reverse proxy.")
@click.option("--train/--no-train", default=True, show_default=True, help="Whether trainings can be started.")
@json_option
def serve(
    use_cases: tuple[str, ...],
    host: str,
    port: int,
    model: str | None,
    max_upload: int,
    folders: tuple[Path, ...],
    hosts: tuple[str, ...],
    base_path: str,
    train: bool,
    as_json: bool,
) -> None:
    """Answer over HTTP, on the paths of DEEPaaS v2; all use cases unless some are named. Ctrl-C ends it.

    Beyond this machine it listens only where IMAGINE_SERVE_TOKEN holds a secret, which callers then must send.
    """
    from imagine_kernels.serving.listening import run
    from imagine_kernels.serving.rest import Limits, check_listening

    if model is not None and len(use_cases) != 1:
        raise click.UsageError("--model needs the one use case that it is for.")
    if base_path and not base_path.startswith("/"):
        raise click.UsageError("--base-path begins with a slash.")
    token = os.environ.get("IMAGINE_SERVE_TOKEN") or None
    check_listening(host, token)
    limits = Limits(
        token=token, hosts=(host, *hosts), max_upload=max_upload * 10**6, folders=folders, train=train, base_path=base_path
    )

    def ready(address: str) -> None:
        say({"address": address}, as_json, f"Ready at {address}/api; Ctrl-C ends it.")

    run(use_cases, host=host, port=port, model=model, limits=limits, ready=ready)


@click.command()
@click.argument("use_cases", nargs=-1)
@_host
@_port
@json_option
def deepaas(use_cases: tuple[str, ...], host: str, port: int, as_json: bool) -> None:
    """Run DEEPaaS with these use cases as its modules; all of them unless some are named."""
    from imagine_kernels import catalog
    from imagine_kernels.serving.listening import free_port
    from imagine_kernels.serving.rest import is_loopback

    if not is_loopback(host):
        click.echo("warning: DEEPaaS asks nobody who they are: let only a proxy that does reach it.", err=True)
    try:
        from imagine_kernels.serving.deepaas import run
    except ImportError:
        raise ImagineError('DEEPaaS is not installed: run `pip install "imagine-kernels[serving]"`.') from None
    taken = free_port(host, port)
    say({"address": f"http://{host}:{taken}"}, as_json, f"DEEPaaS will answer at http://{host}:{taken}/v2/models/")
    run(use_cases or catalog.names(), host=host, port=taken)
