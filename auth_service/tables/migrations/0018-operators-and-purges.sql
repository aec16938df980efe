-- Which operator did what, in the audit; and how far the feed of user changes has been purged of deletions
-- depends: 0017-invitations

-- migrate: apply

CREATE TABLE feed_purges (
    feed text PRIMARY KEY,
    last bigint NOT NULL
);

COMMENT ON TABLE feed_purges IS 'the highest number of an entry that was deleted for its age: who has not read it reads anew';

-- The last, and nothing slow beside it: it keeps out whoever writes to the audit until the transaction ends.
ALTER TABLE audit ADD COLUMN operator text, ADD COLUMN about text;

COMMENT ON COLUMN audit.operator IS 'who gave the command; null: nobody did';
COMMENT ON COLUMN audit.about IS 'what it was about, where the event does not say it: roles, a service, an invitation; nobody''s name or address';

-- migrate: rollback

ALTER TABLE audit DROP COLUMN about, DROP COLUMN operator;
DROP TABLE feed_purges;
