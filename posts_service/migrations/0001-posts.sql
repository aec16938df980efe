-- Posts, what is known of their authors, and answers kept for repeated requests
-- depends:

-- migrate: apply

CREATE TABLE authors (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL
);

COMMENT ON TABLE authors IS 'a copy of what the auth service says of its users';

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

COMMENT ON COLUMN posts.author_id IS 'of the auth service; not a foreign key, for an author may be known only later';

CREATE INDEX posts_by_author ON posts (author_id, id DESC);
CREATE INDEX posts_published_by_author ON posts (author_id, id DESC) WHERE published;
CREATE INDEX posts_published ON posts (id DESC) WHERE published;

CREATE TABLE idempotency_keys (
    author_id bigint NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    post_id bigint NOT NULL,
    etag text NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (author_id, key)
);

COMMENT ON COLUMN idempotency_keys.fingerprint IS 'SHA-256 of the request body that the key was first sent with';

CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);

-- migrate: rollback

DROP TABLE idempotency_keys;
DROP TABLE posts;
DROP TABLE authors;
