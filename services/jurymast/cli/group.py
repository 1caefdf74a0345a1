"""All commands: each failure that Jurymast names itself is one line on standard error."""

from __future__ import annotations

import os
import sys

import click

from jurymast.cli.commands.dead import dead
from jurymast.cli.commands.guard import guard
from jurymast.cli.commands.health import certificate, health
from jurymast.cli.commands.intent import intent
from jurymast.cli.commands.keys import keys
from jurymast.cli.commands.streams import streams
from jurymast.cli.commands.tail import tail
from jurymast.cli.commands.verify import verify
from jurymast.cli.mesh import commands as mesh
from jurymast.errors import JurymastError

FAILED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jurymast", prog_name="jurymast")
def cli() -> None:
    """Keeps an application's money and matches alive when its chain goes down."""


for command in (
    mesh.up,
    mesh.down,
    mesh.status,
    mesh.logs,
    mesh.kill,
    streams,
    dead,
    tail,
    keys,
    health,
    certificate,
    verify,
    guard,
    intent,
):
    cli.add_command(command)


def run() -> int:
    """The exit code."""
    try:
        code: int | None = cli.main(prog_name="jurymast", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        help_of = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "jurymast"
        return _failed(f"{error.format_message()} (see `{help_of} --help`)", error.exit_code)
    except JurymastError as error:
        return _failed(str(error), FAILED)
    except click.Abort:
        raise KeyboardInterrupt from None
    except BrokenPipeError:  # Whoever read our output has seen enough; the flush at exit must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code or 0


def _failed(why: str, code: int) -> int:
    print(f"jurymast: {why}", file=sys.stderr)
    return code
