-- How often callers tried, for the guessing limits
-- depends: 0001-users-and-sessions

-- migrate: apply

CREATE TABLE attempts (
    key bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    recent integer NOT NULL DEFAULT 0,
    in_a_row integer NOT NULL DEFAULT 0,
    last_at timestamptz NOT NULL DEFAULT now(),
    since timestamptz NOT NULL DEFAULT now(),
    is_known boolean NOT NULL DEFAULT false,
    is_refusal_noted boolean NOT NULL DEFAULT false,
    forget_at timestamptz NOT NULL DEFAULT now() + interval '1 day'
);

COMMENT ON COLUMN attempts.key IS 'a keyed hash of what is counted: no address and no e-mail stands here in the clear';
COMMENT ON COLUMN attempts.is_known IS 'the account was signed in to from this address';
COMMENT ON COLUMN attempts.is_refusal_noted IS 'there is an audit line for a refusal since the last counted try';

CREATE INDEX attempts_by_end ON attempts (forget_at);

-- migrate: rollback

DROP TABLE attempts;
