-- Comments on posts
-- depends:

-- migrate: apply

CREATE TABLE comments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_id bigint NOT NULL,
    author_id bigint NOT NULL,
    content text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX comments_by_post ON comments (post_id, id DESC);
CREATE INDEX comments_by_author ON comments (author_id);

-- migrate: rollback

DROP TABLE comments;
