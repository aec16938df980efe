-- All sessions of a user end at once, however many there are; housekeeping finishes the rows in small bites
-- depends: 0005-accounts

-- migrate: apply

-- Building the indexes holds up sign-ins for about a second for each million sessions.
CREATE INDEX unrevoked_sessions_by_user ON sessions (user_id, created_at DESC, id DESC) WHERE revoked_at IS NULL;
CREATE INDEX sessions_by_start ON sessions (created_at DESC, id);

CREATE TABLE session_cutoffs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL,
    began_by timestamptz NOT NULL,
    spared uuid,
    because text NOT NULL
);

COMMENT ON TABLE session_cutoffs IS
    'sessions of a user that began by a moment are over, but for one that is spared; a row goes when theirs say so too';

CREATE INDEX session_cutoffs_by_user ON session_cutoffs (user_id);

-- A user has at most a hundred sessions. Of those who have more, the newest hundred stay.
INSERT INTO session_cutoffs (user_id, began_by, because)
SELECT crowd.user_id, oldest.created_at, 'too_many'
FROM (
    SELECT user_id FROM sessions WHERE revoked_at IS NULL AND now() < least(ends_at, idle_ends_at)
    GROUP BY user_id HAVING count(*) > 100
) AS crowd
CROSS JOIN LATERAL (
    SELECT created_at FROM sessions
    WHERE user_id = crowd.user_id AND revoked_at IS NULL AND now() < least(ends_at, idle_ends_at)
    ORDER BY created_at DESC, id DESC OFFSET 100 LIMIT 1
) AS oldest;

-- migrate: rollback

-- The release before knows of no cutoffs: what they ended must say so itself.
UPDATE sessions SET revoked_at = now(), revoked_because = cutoff.because FROM session_cutoffs AS cutoff
WHERE cutoff.user_id = sessions.user_id AND sessions.created_at <= cutoff.began_by
    AND sessions.id IS DISTINCT FROM cutoff.spared AND revoked_at IS NULL;

DROP TABLE session_cutoffs;
DROP INDEX sessions_by_start;
DROP INDEX unrevoked_sessions_by_user;
