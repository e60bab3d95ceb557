"""What every ExportFiles must do."""

from pathlib import Path

import pytest

from calltrail.services.ports import ExportFiles
from calltrail.stores.files import LocalExportFiles

PART = "part-0001.csv"


def publish(files: ExportFiles, job_id: int, name: str, *pieces: bytes) -> None:
    writer = files.create(job_id, name)
    for piece in pieces:
        writer.write(piece)
    writer.publish()


def read(files: ExportFiles, job_id: int, name: str) -> bytes | None:
    stored = files.open(job_id, name)
    if stored is None:
        return None
    with stored.content:
        data = stored.content.read()
    assert stored.size_bytes == len(data)
    return data


def test_a_published_file_holds_what_was_written(export_files: ExportFiles) -> None:
    publish(export_files, 7, PART, b"a;b\r\n", b"", b"\x00\xff")
    assert read(export_files, 7, PART) == b"a;b\r\n\x00\xff"
    assert read(export_files, 8, PART) is None
    assert read(export_files, 7, "part-0002.csv") is None


def test_an_open_file_can_be_sought(export_files: ExportFiles) -> None:
    publish(export_files, 7, PART, b"0123456789")
    stored = export_files.open(7, PART)
    assert stored is not None
    with stored.content:
        stored.content.seek(4)
        assert stored.content.read(3) == b"456"


def test_a_file_is_not_there_until_it_is_published(export_files: ExportFiles) -> None:
    writer = export_files.create(7, PART)
    writer.write(b"half")
    assert read(export_files, 7, PART) is None
    writer.publish()
    assert read(export_files, 7, PART) == b"half"


def test_a_discarded_file_never_was(export_files: ExportFiles) -> None:
    writer = export_files.create(7, PART)
    writer.write(b"half")
    writer.discard()
    assert read(export_files, 7, PART) is None


def test_discarding_after_publishing_undoes_nothing(export_files: ExportFiles) -> None:
    writer = export_files.create(7, PART)
    writer.write(b"whole")
    writer.publish()
    writer.discard()
    assert read(export_files, 7, PART) == b"whole"


def test_publishing_again_replaces_the_file_and_spares_who_is_reading_it(export_files: ExportFiles) -> None:
    publish(export_files, 7, PART, b"first")
    reading = export_files.open(7, PART)
    assert reading is not None
    publish(export_files, 7, PART, b"second")
    with reading.content:
        assert reading.content.read() == b"first"
    assert read(export_files, 7, PART) == b"second"


def test_two_writers_of_one_name_never_mix(export_files: ExportFiles) -> None:
    paused = export_files.create(7, PART)
    paused.write(b"old, ")
    publish(export_files, 7, PART, b"new")
    paused.write(b"and late")
    assert read(export_files, 7, PART) == b"new"
    paused.discard()
    assert read(export_files, 7, PART) == b"new"


def test_deleting_a_job_takes_all_its_files_and_no_others(export_files: ExportFiles) -> None:
    publish(export_files, 7, PART, b"7")
    publish(export_files, 7, "manifest.json", b"{}")
    publish(export_files, 77, PART, b"77")
    export_files.delete(7)
    export_files.delete(7)
    assert read(export_files, 7, PART) is None
    assert read(export_files, 7, "manifest.json") is None
    assert read(export_files, 77, PART) == b"77"


def test_a_file_in_the_making_does_not_outlive_its_deleted_job(export_files: ExportFiles) -> None:
    writer = export_files.create(7, PART)
    writer.write(b"late")
    export_files.delete(7)
    with pytest.raises(FileNotFoundError):
        writer.publish()
    writer.discard()
    assert read(export_files, 7, PART) is None


@pytest.mark.parametrize("name", ["", ".", "..", ".part", "../part", "a/b", "a\\b", "/etc/passwd", "a\0b", "a\n"])
def test_names_that_could_lead_elsewhere_or_hide_are_refused(export_files: ExportFiles, name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        export_files.create(7, name)
    assert export_files.open(7, name) is None


def test_on_disk_a_job_has_a_folder_and_a_file_in_the_making_a_hidden_name(tmp_path: Path) -> None:
    files = LocalExportFiles(tmp_path)
    writer = files.create(7, PART)
    (hidden,) = (tmp_path / "exports" / "7").iterdir()
    assert hidden.name.startswith(".")
    assert files.open(7, hidden.name) is None
    writer.publish()
    assert [path.name for path in (tmp_path / "exports" / "7").iterdir()] == [PART]


def test_deleting_removes_hidden_files_from_disk_too(tmp_path: Path) -> None:
    files = LocalExportFiles(tmp_path)
    writer = files.create(7, PART)
    files.delete(7)
    assert list((tmp_path / "exports").iterdir()) == []
    writer.discard()
