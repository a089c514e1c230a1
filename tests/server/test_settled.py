"""What a service has loaded is left alone by the garbage collector, and nothing else is."""

from __future__ import annotations

from started import ran

SETTLED = """
import gc, weakref
from lookalike.server.running import settle

class Node:
    pass

loaded = [Node() for _ in range(1000)]
settle()
assert gc.get_freeze_count() > 1000
assert not any(isinstance(one, Node) for one in gc.get_objects()), "the collector looks through what was loaded"

gone = weakref.ref(loaded[0])
del loaded[0]
assert gone() is None, "what was loaded is kept though nobody has it"

cycle = Node()
cycle.own, gone = cycle, weakref.ref(cycle)
del cycle
gc.collect()
assert gone() is None, "what came later is not looked through"
"""


def test_the_collector_leaves_alone_what_was_loaded_and_that_alone() -> None:
    done = ran("-c", SETTLED)
    assert done.returncode == 0, done.stderr
