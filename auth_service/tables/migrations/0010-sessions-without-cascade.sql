-- A user's deletion no longer deletes their sessions by a cascade
-- depends: 0009-repeated-refresh-tokens

-- migrate: apply

-- A cascade would delete any number of sessions, each with any number of refresh tokens, in one statement. A session
-- without its user is not live, and housekeeping deletes it.
-- By itself, and locked in the order of sign-ins, which would else meet it in a deadlock.
LOCK TABLE users, sessions IN ACCESS EXCLUSIVE MODE;
ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey;

-- migrate: rollback

DELETE FROM sessions WHERE NOT EXISTS (SELECT FROM users WHERE users.id = sessions.user_id);
ALTER TABLE sessions ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
