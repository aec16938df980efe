-- Posts of another system: which were imported, and who wrote them
-- depends: 0007-public-authors

-- migrate: apply

CREATE TABLE imported_posts (
    key text PRIMARY KEY,
    imported_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE imported_posts IS 'stays when the post is deleted: importing again does not bring it back';
COMMENT ON COLUMN imported_posts.key IS 'what the other system calls the post';

-- migrate: rollback

DROP TABLE imported_posts;
