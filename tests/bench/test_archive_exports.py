"""The measurements of the archive beside its peers, run with sizes so small that they tell nothing."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import deltalake
import polars as pl
import pytest
from bench.archive_exports import measure_archive_exports
from bench.archives import archive_bytes, archive_paths, make_archive
from bench.calls import make_calls
from bench.contestants import PEERS, LoadedPeer, Ours, Peer, stores
from bench.process_tree import peak_memory_kib, processor_s
from bench.questions import DAY, DAYS, RARE, Question
from bench.results import Screen
from rich.console import Console

from calltrail.formats.frames import LOG_SCHEMA
from tests.bench.test_bench import TINY

CALLS = 3_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With an archive in `data`, and plain rows."""
    folder = tmp_path_factory.mktemp("archive")
    (folder / "rows").mkdir()
    (folder / "stores").mkdir()
    assert make_archive(folder / "data", make_calls(CALLS, days=DAYS), folder / "rows") > 0
    return folder


def test_an_archive_and_its_plain_rows_hold_the_same_calls(folder: Path) -> None:
    expected = pl.concat(make_calls(CALLS, days=DAYS))
    assert pl.read_parquet(folder / "rows" / "*.parquet").equals(expected)
    assert pl.read_parquet(archive_paths(folder / "data")).select(*LOG_SCHEMA).sort("started_at", "id").equals(expected)
    assert len(list((folder / "rows").iterdir())) == DAYS
    assert deltalake.DeltaTable(str(folder / "data" / "archive")).count() == CALLS
    assert 100 < archive_bytes(folder / "data") / CALLS < 1000


@pytest.mark.parametrize(
    "question",
    [Question(DAY, "Parquet"), Question(RARE, "CSV")],
    ids=["a day", "rare calls"],
)
def test_everybody_answers_a_question_with_the_same_calls(folder: Path, question: Question) -> None:
    here = [peer for peer in PEERS if peer.name in {"DuckDB", "polars"}]
    with stores(here, folder / "stores", folder / "rows") as peers:
        assert {peer.name for peer in peers} == {"DuckDB", "polars"}
        for peer in peers:
            _load_once(peer)
        printed = [Ours(folder / "data", 10**9).answer(question), *(peer.answer(question) for peer in peers)]
    assert len({line["rows"] for line in printed}) == 1
    assert printed[0]["rows"] > 0
    for line in printed:
        assert line["seconds"] > 0
        assert line["bytes"] > 0
        assert line["peak_kib"] > 10_000


def test_a_peer_that_is_not_installed_is_told(tmp_path: Path) -> None:
    nobody = Peer("Nobody", "no_such_library", "none")
    screen = Screen(Console(file=io.StringIO()))
    sizes = replace(TINY, peers=("Nobody",), archived_files=())
    results = list(measure_archive_exports(tmp_path, sizes, screen, known=[nobody]))
    (told,) = [result for result in results if result.peer_name == "Nobody is not installed"]
    assert told.peer is None
    assert told.ours > 0


def test_processor_time_counts_processes_that_have_ended() -> None:
    before_s = processor_s()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    assert processor_s() >= before_s + 0.25


def test_peak_memory_counts_processes_that_still_run() -> None:
    alone_kib = peak_memory_kib()
    waiting = "import sys; held = bytes(50_000_000); print(len(held), flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == b"50000000\n"
        assert peak_memory_kib() > alone_kib + 5_000
        child.stdin.close()


def _load_once(peer: LoadedPeer) -> None:
    if not peer.store.exists():
        peer.load()
