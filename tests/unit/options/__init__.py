"""Every command with each option at a value that is not its default: the data of ``test_every_option``.

Words hold places: {g} a gallery of pictures with patches, {other} another one, {picture}, {picture2}, {folder},
{more} (another), {table}, {id}, {out} a path without a suffix that is the test's own.
"""

from __future__ import annotations

from typing import Final

from options.asking import ASKING
from options.auditing import AUDITING
from options.curating import CURATING
from options.filling import FILLING
from options.keeping import KEEPING
from options.measuring import MEASURING
from options.recorded import RECORDED
from options.row import Command, Shown, Told
from options.running import RUNNING
from options.verbs import GOES_ON, VERBS

__all__ = ["COMMANDS", "GOES_ON", "VERBS", "Shown", "Told"]

COMMANDS: Final[dict[str, Command]] = {
    **FILLING,
    **ASKING,
    **MEASURING,
    **AUDITING,
    **RUNNING,
    **KEEPING,
    **RECORDED,
    **CURATING,
}
