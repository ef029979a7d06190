"""What the sections of the settings check their values with."""

from __future__ import annotations

from imagine_hub.errors import SettingsError


def in_range(key: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside its range.

    Raises
    ------
    SettingsError
        It is outside.
    """
    if not low <= value <= high:
        raise SettingsError(f"{key} is {value}, but must be from {low} to {high}.")


def one_of(key: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a word that is not known.

    Raises
    ------
    SettingsError
        It is not; the nearest one is named.
    """
    if value not in known:
        raise SettingsError.unknown(key, value, known, "the settings")
