"""The connection to a Ray cluster. Whatever goes wrong in it is a ClusterError of one line."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from lookalike.cluster.address import RUNNING
from lookalike.errors import ClusterError, ClusterGoneError, MissingExtraError, UsageError

Given = TypeVar("Given")
_TRIES: Final = 3  # to connect
_RETURNS: Final = 180.0  # seconds in which whoever watches over the head has started it again
_PAUSE: Final = 2.0  # seconds between tries to connect again

# Ray reports its use to its makers, prints what befalls its processes among what a command prints, and starts a cluster
# of this machine where it is asked anything once the one that it was connected to is gone.
_SILENT: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "GRPC_VERBOSITY": "ERROR",
    "RAY_ENABLE_AUTO_CONNECT": "0",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster. cpus, gpus: how many it gives."""

    identity: str
    address: str
    cpus: int
    gpus: int


class ClusterConnection:
    """The calls that are needed of Ray; a context manager that ends what it began. Raises ClusterError,
    MissingExtraError, and UsageError where this process is connected to another cluster.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        if "ray" not in sys.modules:  # it reads them once
            os.environ.update({name: os.environ.get(name, value) for name, value in _SILENT.items()})
        try:
            import ray
        except ImportError:
            raise MissingExtraError(f"encoding on {address}", "ray") from None
        self._ray, self._own = ray, not ray.is_initialized()
        if self._own:
            self._connect()
        elif address != RUNNING:
            raise UsageError(f"this process is connected to a Ray cluster already; say on={RUNNING!r} to use that one")

    def _connect(self) -> None:
        logging.getLogger("ray").setLevel(logging.CRITICAL)  # what goes wrong is raised
        try:
            self._init()
        except ImportError:
            raise MissingExtraError(f"encoding on {self.address}", "ray") from None
        except Exception as error:  # Ray's own, gRPC's, and plain ones
            raise ClusterError(
                f"{self.address} gave no answer ({type(error).__name__}); start the cluster (ray start), with the same "
                "versions of Python and Ray as here, and with this user's token (RAY_AUTH_TOKEN) where it asks for one"
            ) from None

    def _init(self) -> None:
        """Connect, and again where the head could not start the process that serves its clients: Ray gives it half a
        minute, and it may hang where the head forks while it talks.
        """
        where = "auto" if self.address == RUNNING else self.address
        for left in reversed(range(_TRIES)):
            try:
                self._ray.init(where, log_to_driver=False, logging_level="CRITICAL")
            except ConnectionAbortedError:
                if not left:
                    raise
            else:
                return

    def connect_again(self, gone: ClusterGoneError) -> None:
        """Wait for a cluster that is gone, and connect to it once its head was started again. Raises ``gone`` where
        this process is a part of the cluster, which Ray ends with its head; ClusterGoneError where it stays away.
        """
        if not self._own or self.address == RUNNING:
            raise gone
        end = time.monotonic() + _RETURNS
        while True:
            try:
                self._ray.shutdown()
                self._init()
            except Exception as error:  # as in ``_connect``
                if time.monotonic() > end:
                    raise self._gone(error, f" and did not come back within {_RETURNS:.0f} s") from None
                time.sleep(_PAUSE)
            else:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            with suppress(ClusterError):
                self.call(self._ray.shutdown)

    def nodes(self) -> list[Node]:
        """The nodes that are there now and give processors."""
        found = []
        for each in self.call(self._ray.nodes):
            gives = each["Resources"]
            node = Node(each["NodeID"], each["NodeManagerAddress"], int(gives.get("CPU", 0)), int(gives.get("GPU", 0)))
            found += [node] if each["Alive"] and node.cpus else []
        return found

    def actor(self, made: type[Any], node: Node, given: Any) -> Any:
        """An actor on a node, with its share of the node's processors, whose number is its last argument, and a GPU
        where there are some.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        cpus = max(1, node.cpus // max(1, node.gpus))
        there = NodeAffinitySchedulingStrategy(node.identity, soft=False)
        options: Mapping[str, Any] = {"num_cpus": cpus, "num_gpus": min(1, node.gpus), "scheduling_strategy": there}
        remote = self._ray.remote(**options, max_concurrency=made.AT_ONCE, max_restarts=0)(made)
        return self.call(remote.remote, given, cpus)

    def put(self, value: Any) -> Any:
        """Keep a value, which goes to each node once."""
        return self.call(self._ray.put, value)

    def call(self, called: Callable[..., Given], *given: Any, **named: Any) -> Given:
        """What a call of Ray's gives. Raises ClusterGoneError."""
        try:
            return called(*given, **named)
        except Exception as error:
            raise self._gone(error) from None

    def ask(self, actor: Any, method: str, *given: Any, **named: Any) -> Any:
        """By what the result of an actor's method will be known."""
        return self.call(lambda: getattr(actor, method).remote(*given, **named))  # the method is looked up there, too

    def wait(self, refs: Sequence[Any], seconds: float) -> list[Any]:
        """Those that are there; at most so long is waited for the first one."""
        if not refs:
            time.sleep(seconds)
            return []
        ready, rest = self.call(self._ray.wait, refs, timeout=seconds)
        more = self.call(self._ray.wait, rest, num_returns=len(rest), timeout=0)[0] if ready and rest else []
        return [*ready, *more]

    def get(self, ref: Any) -> Any:
        """What a method of an actor gave; None where the actor, or its node, has ended. Raises ClusterError."""
        known = self._ray.exceptions
        try:
            return self._ray.get(ref)
        except known.RayTaskError as error:
            raise ClusterError(
                f"a worker of {self.address} failed ({type(error.cause).__name__}); this is a bug: please report it"
            ) from None
        except known.RayError:
            return None
        except Exception as error:
            raise self._gone(error) from None

    def kill(self, actor: Any) -> None:
        """End an actor, whatever it does."""
        self.call(self._ray.kill, actor)

    def _gone(self, error: Exception, waited: str = "") -> ClusterGoneError:
        return ClusterGoneError(
            f"the cluster {self.address} is gone ({type(error).__name__}){waited}; what was stored stays, and the same "
            "command goes on from there"
        )
