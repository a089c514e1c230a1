"""A protocol's options as options of the command, from the protocol's own declaration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click
from click.core import ParameterSource

from lookalike.cli.output import numbers, words
from lookalike.evaluation.protocols.protocol import PRECISION, OptionInfo, options_of, protocol_named

_PROTOCOL: Final = "--protocol"  # its key in the context
_OPTIONS: Final = "options of the protocol"


class ProtocolCommand(click.Command):
    """A command with the options of the protocol that ``--protocol`` names, in its help too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the protocol first, since it determines the other options."""
        ctx.meta[_PROTOCOL] = _named(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            own = [each.flag for each in _own(ctx)]
            raise click.UsageError(
                f"the protocol {ctx.meta[_PROTOCOL]!r} has no option {error.option_name}; its own: {', '.join(own)}",
                ctx,
            ) from None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's parameters, with the protocol's before the last ones."""
        made = ctx.meta.setdefault(_OPTIONS, [_option(each) for each in _own(ctx)])
        *first, help_option = super().get_params(ctx)
        return [*first[:2], *made, *first[2:], help_option]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help of the command, and of the protocol."""
        super().format_help_text(ctx, formatter)
        protocol = protocol_named(ctx.meta[_PROTOCOL])
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(f"Options of the protocol {protocol.name}: {protocol.title} ({protocol.source}).")


def _named(args: Sequence[str]) -> str:
    """The protocol in the arguments, the last if there are several."""
    for i in range(len(args) - 1, -1, -1):
        if args[i].startswith(f"{_PROTOCOL}="):
            return args[i].partition("=")[2]
        if args[i] == _PROTOCOL and i + 1 < len(args):
            return args[i + 1]
    return PRECISION


def _own(ctx: click.Context) -> tuple[OptionInfo, ...]:
    return options_of(protocol_named(ctx.meta.get(_PROTOCOL, PRECISION)))


def _option(info: OptionInfo) -> click.Option:
    if info.of is bool:
        return click.Option([f"{info.flag}/--no-{info.flag[2:]}", info.name], default=info.default, help=info.help)
    flags = [info.flag, "-k"] if info.name == "k" else [info.flag]
    default, listed = info.default, info.several and info.of is int
    return click.Option(
        [*flags, info.name],
        type=_type(info),
        multiple=info.several and not listed,
        callback=numbers if listed else words if info.listed else None,
        metavar=info.metavar or None,
        help=info.help,
        default=(",".join(map(str, default)) or None) if listed else default,
        show_default=default not in (None, "", ()),
    )


def _type(info: OptionInfo) -> Any:
    if info.choices:
        return click.Choice(list(info.choices))
    return str if info.several else info.of


def given_options(ctx: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """Those of the protocol's options that were given."""
    names = [each.name for each in _own(ctx)]
    return {name: values[name] for name in names if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT}
