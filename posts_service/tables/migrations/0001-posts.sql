-- Posts, their authors, and the answers that a repeated request gets again
-- depends:

-- migrate: apply

CREATE TABLE authors (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    as_of timestamptz NOT NULL
);

COMMENT ON TABLE authors IS 'copies of the auth service''s users, made when one writes or is asked for';
COMMENT ON COLUMN authors.as_of IS 'when the auth service said so: an older word never replaces a newer one';

-- No foreign key to authors: a post is shown, without its author, even before the author is known here.
-- Every write and every hot read names the author, so that the table can be partitioned by author_id.
CREATE TABLE posts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author_id bigint NOT NULL,
    title text NOT NULL,
    content text NOT NULL,
    published boolean NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN posts.version IS 'grows by one with each change; part of the entity tag';

CREATE INDEX posts_by_author ON posts (author_id, id DESC);
CREATE INDEX published_posts_by_author ON posts (author_id, id DESC) WHERE published;
CREATE INDEX published_posts ON posts (id DESC) WHERE published;

CREATE TABLE idempotency_keys (
    author_id bigint NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (author_id, key)
);

COMMENT ON COLUMN idempotency_keys.fingerprint IS 'SHA-256 of what was asked for';

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- migrate: rollback

DROP TABLE idempotency_keys;
DROP TABLE posts;
DROP TABLE authors;
