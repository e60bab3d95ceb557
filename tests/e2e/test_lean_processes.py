"""What the processes load."""

import json
import subprocess
import sys

_HEAVY = ("polars", "pyarrow", "deltalake", "numpy")


def test_a_process_that_receives_calls_loads_nothing_that_only_readers_of_the_log_need() -> None:
    shown = f"import json, sys, calltrail.http_server; print(json.dumps([m for m in {_HEAVY} if m in sys.modules]))"
    printed = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == []
