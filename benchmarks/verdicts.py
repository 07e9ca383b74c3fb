"""What a benchmark found of what was promised."""

from __future__ import annotations


class Verdicts:
    """Collects one line a promise."""

    def __init__(self) -> None:
        self._lines: list[tuple[bool, str]] = []

    def at_most(self, what: str, found: float, most: float) -> None:
        """``found`` must not be larger than ``most``."""
        self._lines.append((found <= most, f"{found:.3g} {what} (at most {most:g})"))

    def at_least(self, what: str, found: float, least: float) -> None:
        """``found`` must not be smaller than ``least``."""
        self._lines.append((found >= least, f"{found:.4g} {what} (at least {least:g})"))

    def not_measured(self, what: str) -> None:
        """Nothing is known; which is no success."""
        self._lines.append((False, f"not measured: {what}"))

    def report(self) -> int:
        """Print all of them; the exit status, 1 where one is broken."""
        print()
        for kept, text in self._lines:
            print(f"{'OK' if kept else 'BROKEN':<7} {text}")
        return 0 if all(kept for kept, _ in self._lines) else 1
