-- Deletions of users by their age, for what is purged of the feed of user changes
-- depends: 0018-operators-and-purges

-- migrate: apply

-- A deleted user's last change holds an id and a time, and goes after a long while. Who has not read it by then has to
-- read the feed from its beginning. On its own: while an index is made, nobody writes to the table.
CREATE INDEX IF NOT EXISTS user_deletions_by_time ON user_changes (happened_at) WHERE kind = 'deleted';

-- migrate: rollback

DROP INDEX user_deletions_by_time;
