-- Copies of users by their e-mail address, for what is imported in their name
-- depends: users-copy-0001

-- migrate: apply

CREATE INDEX authors_by_email ON authors (lower(email));

-- migrate: rollback

DROP INDEX authors_by_email;
