"""The terminal: ``imagine …``. Thin: every command calls one verb of the workflow."""

from __future__ import annotations

import os
import sys

import click

from imagine_kernels.cli import convert, desktop, jobs, models, projects, quality, samples, serving, usage, verbs
from imagine_kernels.errors import Cancelled, ImagineError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imagine-kernels", prog_name="imagine")
def imagine() -> None:
    """From pictures of the sea to quantities with units and errors."""


for command in (
    samples.list_command,
    samples.sample,
    samples.check,
    verbs.train,
    verbs.evaluate,
    verbs.identify,
    verbs.measure,
    verbs.report,
    convert.convert,
    serving.serve,
    serving.deepaas,
    jobs.jobs,
    projects.projects,
    models.models,
    usage.usage,
    desktop.napari,
):
    imagine.add_command(command)
for command in (quality.blind, quality.agreement, quality.consensus):
    projects.projects.add_command(command)


def main() -> None:
    """Run the command line: exit code 1 and one sentence for a user's error, 2 for wrong usage."""
    os.environ.setdefault("IMAGINE_ORIGIN", "terminal")
    try:
        imagine(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (Cancelled, KeyboardInterrupt, click.Abort):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except ImagineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
