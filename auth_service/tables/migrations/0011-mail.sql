-- Proven addresses, accounts without a password, codes sent by mail, and letters that wait to be sent
-- depends: 0010-sessions-without-cascade

-- migrate: apply

ALTER TABLE users ADD COLUMN email_verified_at timestamptz, ALTER COLUMN password_hash DROP NOT NULL;

COMMENT ON COLUMN users.email_verified_at IS 'when somebody proved that they read what is sent to the address';
COMMENT ON COLUMN users.password_hash IS 'null: there is none, until one is set by way of the e-mail address';

CREATE TABLE codes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purpose text NOT NULL,
    user_id bigint,
    address_mac bytea NOT NULL,
    code_mac bytea NOT NULL,
    flow_mac bytea,
    facts jsonb NOT NULL DEFAULT '{}',
    tries_left smallint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

COMMENT ON TABLE codes IS 'what a letter asks somebody to type or to press, as keyed hashes: nothing here opens anything';
COMMENT ON COLUMN codes.user_id IS 'null: nobody has the address, and the letter said so';
COMMENT ON COLUMN codes.flow_mac IS 'the browser that asked; null for a link, which any browser may open';
COMMENT ON COLUMN codes.facts IS 'what is done once the code is used: the new address, who signs up';
COMMENT ON COLUMN codes.used_at IS 'when it was used, or ended by a newer one';

CREATE INDEX codes_by_flow ON codes (flow_mac, purpose, id) WHERE flow_mac IS NOT NULL;
CREATE INDEX codes_by_code ON codes (code_mac);
CREATE INDEX codes_by_address ON codes (address_mac) WHERE used_at IS NULL;
CREATE INDEX codes_by_user ON codes (user_id) WHERE used_at IS NULL;
CREATE INDEX codes_by_end ON codes (expires_at);

CREATE TABLE letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    user_id bigint,
    address text NOT NULL,
    language text NOT NULL,
    facts jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    tries smallint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    can_wait boolean NOT NULL DEFAULT false,
    answer text
);

COMMENT ON TABLE letters IS 'what waits to be sent; a row goes once it is sent, or can''t be';
COMMENT ON COLUMN letters.due_at IS 'when it is next tried; whoever sends it moves this on first, so no other does';
COMMENT ON COLUMN letters.expires_at IS 'when it is of no more use';
COMMENT ON COLUMN letters.can_wait IS 'false: somebody sits there and waits for it, so it goes before all others';
COMMENT ON COLUMN letters.answer IS 'what the server said when it was last tried';

CREATE INDEX letters_by_due ON letters (can_wait, due_at);
CREATE INDEX letters_by_end ON letters (expires_at);

-- migrate: rollback

DROP TABLE letters;
DROP TABLE codes;
COMMENT ON COLUMN users.password_hash IS NULL;
UPDATE users SET password_hash = 'none' WHERE password_hash IS NULL;
ALTER TABLE users DROP COLUMN email_verified_at, ALTER COLUMN password_hash SET NOT NULL;
