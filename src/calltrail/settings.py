"""Settings, each from the environment as `CALLTRAIL_<NAME>` or from its default. Nothing else reads the environment."""

import os
from pathlib import Path

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_MIB = 1024 * 1024
_PREFIX = "CALLTRAIL_"


class Settings(BaseSettings):
    """Every limit and place of a Calltrail. `data` also comes from the commands' `--data`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    data: Path = Field(
        default=Path("calltrail-data"), description="Folder of the journal, the archive, the registry and the exports."
    )
    public_url: str | None = Field(
        default=None, description="Scheme and host that links begin with; default: as the caller reached us."
    )
    largest_body_bytes: PositiveInt = Field(
        default=64 * _MIB,
        description="A longer request body is refused with 413; a longer upstream answer is an error.",
    )
    kept_body_bytes: PositiveInt = Field(
        default=16 * _MIB, description="Bodies are cut to this in the log, and the cut is flagged with the full size."
    )
    bodies_in_flight_bytes: PositiveInt = Field(
        default=1024 * _MIB, description="Bodies held in memory together; further calls wait until there is room."
    )
    transaction_window_hours: PositiveFloat = Field(
        default=24, description="How long the transactionId of a completed call is remembered, from its start."
    )
    journal_busy_timeout_s: PositiveFloat = Field(
        default=2, description="How long a write waits for another process before the call is refused with 503."
    )
    archive_after_s: NonNegativeFloat = Field(
        default=300, description="How long a final call waits in the journal; later ones move along with it."
    )
    archive_batch_bytes: PositiveInt = Field(
        default=64 * _MIB,
        description="Plain text that moves at a time; when as much is waiting, it moves before its time.",
    )
    keep_days: PositiveInt | None = Field(
        default=None,
        description="Age in whole days at which calls are removed from the archive; default: never. "
        "`keep_days` of an API method goes before.",
    )
    keep_bodies_days: PositiveInt | None = Field(
        default=None,
        description="Age in whole days at which calls in the archive lose their bodies; default: never. "
        "`keep_bodies_days` of an API method goes before.",
    )
    bare_links: bool = Field(
        default=True,
        description="Whether links let a visitor in without sign-in when their owner holds the permission.",
    )
    link_expiry_s: PositiveInt = Field(default=24 * 3600, description="How long a download link is good for.")
    exports_at_a_time: PositiveInt = Field(
        default=2, description="Export jobs that run at once; more wait in the queue."
    )
    export_batch_bytes: PositiveInt = Field(
        default=4 * _MIB, description="Plain text that an export reads, formats and writes at a time."
    )
    export_shards_at_a_time: PositiveInt | None = Field(
        default=None,
        description="Parts that a worker makes at once, of all its exports; default: the processors it may use.",
    )
    export_lease_s: PositiveFloat = Field(
        default=15, description="After this without a sign of life of its worker, an export is taken up by another."
    )
    export_attempts: PositiveInt = Field(default=10, description="An export whose workers died this often is given up.")
    export_kept_days: PositiveFloat = Field(default=7, description="Age at which the files of an export are deleted.")
    look_bytes: PositiveInt = Field(
        default=128 * _MIB,
        description="Memory of a receiving process for what it knows of files of the archive, so that pages come fast.",
    )
    worker_interval_s: PositiveFloat = Field(default=0.25, description="How often an idle worker looks for work.")
    stop_timeout_s: PositiveInt = Field(
        default=10,
        description="How long a polite stop waits for calls that run, and then for steps of async calls.",
    )

    @property
    def journal_path(self) -> Path:
        return self.data / "journal.db"

    @property
    def archive_folder(self) -> Path:
        return self.data / "archive"

    @property
    def registry_path(self) -> Path:
        return self.data / "registry.db"

    @property
    def run_folder(self) -> Path:
        """Signs of life of the processes that share the data folder."""
        return self.data / "run"

    @property
    def signing_key_path(self) -> Path:
        """Of links and sessions."""
        return self.data / "signing.key"

    def described(self) -> list[dict[str, str]]:
        """Each setting: its variable, its value, where that comes from, and what it means."""
        return [
            {
                "variable": f"{_PREFIX}{name.upper()}",
                "value": str(getattr(self, name)),
                "source": self._source(name),
                "meaning": field.description or "",
            }
            for name, field in type(self).model_fields.items()
        ]

    def _source(self, name: str) -> str:
        if f"{_PREFIX}{name.upper()}" in os.environ:
            return "environment"
        return "command line" if name in self.model_fields_set else "default"


class OwnerPassword(BaseSettings):
    """Read by `calltrail init` only, and never shown."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX)

    owner_password: SecretStr | None = None
