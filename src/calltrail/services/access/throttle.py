"""Slowing down those who keep trying."""

import math
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from threading import Lock

_TOLD_APART_CHARS = 256


class Throttle:
    """Lets each subject try `limit` times in any `window_s` seconds; any number of threads may use it.

    Memory is bounded: subjects are told apart by their first characters, and beyond `most_subjects` the one that tried
    longest ago is forgotten.
    """

    def __init__(self, *, limit: int, window_s: float, most_subjects: int) -> None:
        self._limit = limit
        self._window = timedelta(seconds=window_s)
        self._most_subjects = most_subjects
        self._tries: OrderedDict[str, deque[datetime]] = OrderedDict()
        """The last `limit` tries of each subject, oldest first."""
        self._lock = Lock()

    def seconds_to_wait(self, subject: str, now: datetime) -> int:
        """0 when the subject may try now, and then it counts as a try; otherwise how long until it may."""
        with self._lock:
            tries = self._tries.setdefault(subject[:_TOLD_APART_CHARS], deque(maxlen=self._limit))
            if len(tries) == self._limit and now < tries[0] + self._window:
                return math.ceil((tries[0] + self._window - now).total_seconds())
            tries.append(now)
            self._tries.move_to_end(subject[:_TOLD_APART_CHARS])
            if len(self._tries) > self._most_subjects:
                self._tries.popitem(last=False)
            return 0

    def forget(self, subject: str) -> None:
        """Begin anew, as if it had never tried."""
        with self._lock:
            self._tries.pop(subject[:_TOLD_APART_CHARS], None)
