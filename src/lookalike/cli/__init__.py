"""The command line: parse, call the verb, print. Every command is a module of this package, imported when used."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import Final

import click

from lookalike.errors import LookalikeError
from lookalike.text import one_line

_COMMANDS: Final = {
    "index": "Read images and make them findable.",
    "pull": "Bring what is new in a PACS into a gallery.",
    "search": "Find the records that look most like a query.",
    "adapt": "Train an adapter on the labels: a new space to search in.",
    "tune": "Tune the encoder's network to a gallery: a new encoder, if it is better.",
    "evaluate": "Measure precision at k, with intervals and a leakage audit.",
    "classify": "Which labels a picture bears, and the neighbours that say so.",
    "audit": "What could mislead a score: confounds, copies, wrong metadata.",
    "draft": "For research: a report after those of a picture's neighbours.",
    "send": "File an answer in the PACS: similar cases, or where it is alike.",
    "map": "Lay the records out in a plane, as a page or a picture.",
    "records": "Label records, look at and undo what was labelled.",
    "readings": "Readers label apart from each other; agreement, adjudication.",
    "decisions": "Decide of what audits have found; undo.",
    "cohort": "Records by a filter or a search, saved by name, and split.",
    "gallery": "Keep house in a gallery: files that lie elsewhere now.",
    "receive": "Receive what a PACS or a modality sends by C-STORE.",
    "jobs": "What a service has done: jobs with times, results and logs.",
    "serve": "Search, label and adapt in the browser; the HTTP service.",
    "mcp": "Let programs that speak the Model Context Protocol ask.",
    "config": "lookalike.toml: what is wrong with it, what a service would do.",
    "keys": "Who may ask the service: add, list and remove keys.",
    "erase": "Remove a patient everywhere, with a proof for the file.",
    "audit-log": "Who did what: verify that nothing is missing, export.",
    "encoders": "The encoders there are; bring, check and export their weights.",
    "benchmark": "Compare encoders on public collections, or indexes over sizes.",
    "demo": "The whole job on synthetic radiographs, or on your folder.",
    "doctor": "What works here, what is missing, is a gallery sound?",
}

_CONFIGURED: Final = ("config", "serve")
"""Commands that read the configuration themselves."""

_AS_IT_WAS: Final = "The gallery is as it was. Run the same command again."
_KEPT: Final = {
    **dict.fromkeys(["search", "evaluate", "classify", "draft", "audit", "doctor"], _AS_IT_WAS),
    "map": "No map was made. Run the same command again.",
    "adapt": "No space was made or replaced: that happens once an adapter is trained. Run the same command again.",
    "tune": "No encoder was made: that happens once it is trained and judged. Run the same command again.",
    "benchmark": "What was run to its end is kept in the cache and not run again. Run the same command again.",
}
"""What is said on Ctrl-C of what a command leaves; of those not named here ``_FINISHED``."""
_FINISHED: Final = "What was done is kept. Run the same command again to finish."


class _Commands(click.Group):
    """A group that imports commands on demand; its help needs only their first lines."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"lookalike.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LookalikeError as error:
            raise click.ClickException(one_line(str(error))) from None
        except KeyboardInterrupt:
            click.echo(f"\nInterrupted. {_KEPT.get(ctx.invoked_subcommand or '', _FINISHED)}", err=True)
            ctx.exit(130)  # 128 + SIGINT, as shells expect
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except MemoryError:
            raise click.ClickException("out of memory; index fewer files at a time or free memory") from None
        except OSError as error:
            what = one_line(f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}")
            raise click.ClickException(f"{what}; check the path, the permissions and the disk's space") from None
        except Exception as error:
            if os.environ.get("LOOKALIKE_DEBUG"):
                raise
            what = f"unexpected {type(error).__name__}; this is a bug"
            raise click.ClickException(f"{what}: run again with LOOKALIKE_DEBUG=1 and report what it prints") from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lookalike")
@click.option("--device", metavar="auto|cpu|cuda", help="What encoders run on [default: auto].")
@click.option("--runtime", metavar="auto|torch|onnxruntime|openvino", help="What runs them [default: each its own].")
@click.option("--config", metavar="FILE", help="lookalike.toml [default: in the folder of keys].")
@click.pass_context
def main(context: click.Context, device: str | None, runtime: str | None, config: str | None) -> None:
    """Find the medical images that look alike.

    Research software, not a medical device.

    \b
    Example:
      lookalike index scans/ --gallery chest --labels labels.csv
      lookalike search query.dcm --gallery chest -k 5 --figure hits.png
    """
    # Processes that are started here see them, too.
    os.environ.update({} if device is None else {"LOOKALIKE_DEVICE": device})
    os.environ.update({} if runtime is None else {"LOOKALIKE_RUNTIME": runtime})
    os.environ.update({} if config is None else {"LOOKALIKE_CONFIG_FILE": os.path.abspath(config)})  # noqa: PTH100
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for names that this terminal cannot display
    if context.invoked_subcommand not in _CONFIGURED:
        _heed_config()


def _heed_config() -> None:
    """What the file says to all commands. Raises UsageError."""
    from lookalike.configuration.resolve import heed_config

    heed_config()
