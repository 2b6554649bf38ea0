"""Which events a log group still keeps."""

from __future__ import annotations

from tatami.services.logs.errors import invalid_parameter

ALLOWED_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
DAY_MS = 86_400_000


def check_days(days: int) -> None:
    """Raise AwsError unless `days` is one of the values that the PutRetentionPolicy reference lists."""
    if days not in ALLOWED_DAYS:
        raise invalid_parameter(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(map(str, ALLOWED_DAYS))}]"
        )


def oldest_kept_ms(retention_days: int | None, now_ms: int) -> int:
    """Events before this time are gone; 0 when they are kept for ever."""
    return 0 if retention_days is None else max(0, now_ms - retention_days * DAY_MS)
