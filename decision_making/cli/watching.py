"""What is shown while something is played: in place on a terminal, one line after the other elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live


class Watched:
    """Shown from `with` on to its end; `live` is None where there is no terminal, or nothing is to move on it."""

    def __init__(self, pause: float, moving: bool = True) -> None:
        self.pause = pause  # seconds after each thing shown
        self.console = Console(highlight=False)
        self.live = Live(console=self.console, auto_refresh=False) if moving and sys.stdout.isatty() else None

    def __enter__(self) -> Self:
        if self.live is not None:
            self.live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.__exit__(kind, error, where)

    def put(self, *lines: RenderableType) -> None:
        """These lines in place of those before, or below them."""
        if self.live is not None:
            self.live.update(Group(*lines), refresh=True)
        else:
            self.console.print(*lines, sep="\n")
        time.sleep(self.pause)
