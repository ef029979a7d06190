"""What is counted, watched and written down."""

from __future__ import annotations

from dataclasses import dataclass

from imagine_hub.settings.limits import in_range, one_of


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Figures of use for the operator and the funder."""

    enabled: bool = True
    sample_s: int = 60
    staff: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    smallest_group: int = 5
    keep_months: int = 36
    port: int = 0

    def __post_init__(self) -> None:
        in_range("usage.sample_s", self.sample_s, 1, 3600)
        in_range("usage.smallest_group", self.smallest_group, 1, 1000)
        in_range("usage.keep_months", self.keep_months, 1, 1200)
        in_range("usage.port", self.port, 0, 65535)


@dataclass(frozen=True, kw_only=True)
class Health:
    """The account with which the hub tries itself: imagine-hub health."""

    user: str = ""
    use_case: str = "zooscan"
    timeout_s: int = 300

    def __post_init__(self) -> None:
        in_range("health.timeout_s", self.timeout_s, 10, 3600)


@dataclass(frozen=True, kw_only=True)
class Log:
    """What is written down."""

    level: str = "INFO"

    def __post_init__(self) -> None:
        one_of("log.level", self.level, ("DEBUG", "INFO", "WARNING", "ERROR"))
