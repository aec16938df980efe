"""All experiments, in the order in which they are run."""

from tests.faults import beside, clients, database, floods, freezing, killing, network, rolling, soak, starting, tokens
from tests.faults.experiments import Experiment

EXPERIMENTS = (
    Experiment(killing.kill_services, may_break=True, is_short=True),
    Experiment(killing.kill_backend),
    Experiment(freezing.freeze_service),
    Experiment(database.stop_postgres, is_short=True),
    Experiment(database.restart_postgres),
    Experiment(database.freeze_postgres),
    Experiment(beside.slow_postgres),
    Experiment(database.lock_table),
    Experiment(database.fill_connections),
    Experiment(network.unplug_posts),
    Experiment(starting.start_with_bad_secrets, is_seamless=True),
    Experiment(floods.flood_sign_in, is_repeated=True),
    Experiment(floods.overload, is_repeated=True),
    Experiment(tokens.refresh_at_once, is_seamless=True),
    Experiment(tokens.write_at_once, is_seamless=True, is_short=True),
    Experiment(clients.keep_silent, is_seamless=True, is_repeated=True),
    Experiment(clients.dribble_heads, is_seamless=True, is_repeated=True),
    Experiment(clients.dribble_bodies, is_seamless=True, is_repeated=True),
    Experiment(clients.send_too_much, is_seamless=True),
    Experiment(clients.reset_at_random, is_seamless=True),
    Experiment(beside.advance_clock),
    Experiment(beside.set_clock_back),
    Experiment(beside.block_log, may_break=True),
    Experiment(soak.soak, is_seamless=True),
    Experiment(rolling.restart_all, is_seamless=True, has_replicas=True, is_short=True),
    Experiment(tokens.rotate_secret, is_seamless=True, has_replicas=True),
    Experiment(starting.reload_bad_rules, is_seamless=True, has_replicas=True),
    Experiment(rolling.upgrade_posts, is_seamless=True, has_replicas=True),
)
