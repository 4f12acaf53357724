"""What kind of cluster the double plays: its version, its quirks, its limits. Tests change it while it runs."""

import re
from dataclasses import asdict, dataclass, field, fields


@dataclass
class Settings:
    """Seconds are virtual. A limit of None follows the version."""

    version: str = "4.0.5"
    shared_data: bool = False
    deletes_after_upserts: bool = False
    multi_4_0_early: bool = False
    publish_delay: float = 0.0
    stuck_publish: bool = False
    insert_wait: float = 300.0
    label_keep_num: int = 1000
    label_keep_second: int = 259200
    max_running_txn: int | None = None
    max_versions: int = 1000
    compaction: bool = True
    fast_schema_evolution: bool = True
    alter_job_seconds: float = 0.0
    error_codes: str | None = None
    heartbeat_abort_seconds: float = 15.0
    loss_unnoticed_seconds: float = 0.0
    prepared_timeout: int = 86400
    load_timeout: int = 600
    empty_load_as_error: bool = True
    primary_key_limit: int = 128
    json_batch_limit: int = 100 * 1024 * 1024
    max_load_bytes: int = 102400 * 1024 * 1024
    disk_full: bool = False
    read_only: bool = False
    expect_required: bool = True
    slow_fe: float = 0.0
    replies: str = "full"
    record_commits: bool = False
    one_op_per_key: bool = False
    advertise: dict = field(default_factory=dict)

    @property
    def release(self) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3])

    def at_least(self, *release: int) -> bool:
        return self.release >= release

    @property
    def running_limit(self) -> int:
        if self.max_running_txn is not None:
            return self.max_running_txn
        return 1000 if self.at_least(3, 1) else 100

    @property
    def new_error_codes(self) -> bool:
        return self.error_codes == "new" if self.error_codes else self.at_least(4, 0)

    @property
    def header_limit(self) -> int:
        return 32768 if self.at_least(3, 1) else 8192

    @property
    def label_commit_waits(self) -> int:
        """Seconds for which a commit without `timeout` waits for its publish."""
        return 20

    def change(self, wanted: dict) -> None:
        known = {entry.name: entry.type for entry in fields(self)}
        for name, value in wanted.items():
            if name not in known:
                raise ValueError(f"no setting is called {name}; there are {', '.join(sorted(known))}")
            setattr(self, name, value)

    def state(self) -> dict:
        return asdict(self)
