"""The measurements, run with sizes so small that they tell nothing, so that they cannot rot."""

import io
import json
from pathlib import Path

import polars as pl
import pytest
from bench.bodies import SCHEMA
from bench.calls import make_calls, make_request_bodies
from bench.results import Screen, write_json
from bench.run import OUT, measure
from bench.sizes import Sizes
from rich.console import Console

from calltrail.domain.call_ids import window_of_call_id
from calltrail.formats.frames import LOG_SCHEMA

TINY = Sizes(
    rounds=1,
    load_seconds=0.1,
    latency_seconds=0.1,
    calls_a_second=100,
    raw_rows=20,
    exports=(50,),
    archived=300,
    rounds_of_all=1,
    archiving_seconds=0.1,
    looked_through=60,
    pages=15,
    archived_files=("CSV.gz",),
    files=("CSV.gz",),
    peers=("polars",),
)


@pytest.fixture(scope="module")
def calls() -> pl.DataFrame:
    return pl.concat(make_calls(25_000))


def test_made_up_calls_look_like_a_log(calls: pl.DataFrame) -> None:
    assert calls.schema == pl.Schema(LOG_SCHEMA)
    assert calls["started_at"].is_sorted()
    assert calls["id"].n_unique() == calls.height
    for call_id, started_at in calls.select("id", "started_at").head(100).rows():
        since, till = window_of_call_id(call_id) or (started_at, started_at)
        assert since <= started_at < till
    for column in ("request_body", "response_body"):
        for body in calls[column].head(1000):
            json.loads(body)


def test_made_up_calls_have_realistic_sizes_and_spread(calls: pl.DataFrame) -> None:
    total_bytes = sum(calls[column].str.len_bytes().sum() for column, kind in LOG_SCHEMA.items() if kind == pl.String())
    assert 2500 < total_bytes / calls.height < 3500
    assert calls["request_body"].str.len_bytes().is_between(300, 23_000).all()
    assert 0.02 < calls["has_errors"].mean() < 0.04  # type: ignore[operator]
    assert calls["method_system_name"].value_counts(sort=True)["count"][0] > calls.height / 10


def test_made_up_calls_are_the_same_for_the_same_seed() -> None:
    assert pl.concat(make_calls(500, seed=7)).equals(pl.concat(make_calls(500, seed=7)))


def test_bodies_for_load_have_the_size_that_was_asked_for() -> None:
    for body in make_request_bodies(50, about_bytes=1200):
        assert 1100 <= len(body) <= 1300
        assert set(SCHEMA["required"]) <= set(json.loads(body))


@pytest.mark.timeout(400)
def test_every_measurement_runs_and_leaves_nothing_behind(tmp_path: Path) -> None:
    output = io.StringIO()
    screen = Screen(Console(file=output, width=200))
    before = set(OUT.glob("*"))
    results = measure(TINY, screen)
    screen.show(results)
    write_json(tmp_path / "results.json", results, "a test")
    written = json.loads((tmp_path / "results.json").read_bytes())
    assert len(written["results"]) == len(results) > 12
    assert all(result.ours for result in results)
    assert "added at p99" in output.getvalue()
    assert set(OUT.glob("*")) == before
