"""All experiments, in the order in which they are run."""

from faults import database, killing, rolling
from faults.experiments import Experiment

EXPERIMENTS = (
    Experiment(killing.kill_services, may_break=True, is_short=True),
    Experiment(killing.kill_backend, is_short=True),
    Experiment(database.stop_postgres, is_short=True),
    Experiment(database.restart_postgres),
    Experiment(database.freeze_postgres),
    Experiment(database.lock_table),
    Experiment(rolling.restart_all, is_seamless=True, has_replicas=True, is_short=True),
    Experiment(rolling.upgrade_posts, is_seamless=True, has_replicas=True),
)
