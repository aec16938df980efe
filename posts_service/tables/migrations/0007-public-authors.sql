-- What is public names an author and does not give their e-mail address
-- depends: 0006-epochs

-- migrate: apply

-- A function beside json_author, which the release before goes on calling during an upgrade.

CREATE FUNCTION json_public_author(name text) RETURNS text STABLE PARALLEL SAFE
RETURN '{"name":' || to_json(name) || '}';

-- migrate: rollback

DROP FUNCTION json_public_author(text);
