-- Lists of posts are read as the JSON that clients get
-- depends: 0002-following-users

-- migrate: apply

-- Each is one expression, which PostgreSQL puts in the place of the call: none may name a parameter twice.
-- What they write is what the service writes for one post alone, byte for byte; a test compares.

CREATE FUNCTION json_time(moment timestamptz) RETURNS text STABLE PARALLEL SAFE
RETURN replace(to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000', '');

CREATE FUNCTION json_author(name text, email text) RETURNS text STABLE PARALLEL SAFE
RETURN '{"email":' || to_json(email) || ',"name":' || to_json(name) || '}';

CREATE FUNCTION json_post(
    id bigint,
    title text,
    content text,
    published boolean,
    author_id bigint,
    created_at timestamptz,
    updated_at timestamptz,
    author text
) RETURNS text STABLE PARALLEL SAFE
RETURN '{"id":' || id || ',"title":' || to_json(title) || ',"content":' || to_json(content)
    || ',"published":' || published || ',"authorId":' || author_id
    || ',"createdAt":"' || json_time(created_at) || '","updatedAt":"' || json_time(updated_at)
    || '","author":' || coalesce(author, 'null') || '}';

-- migrate: rollback

DROP FUNCTION json_post(bigint, text, text, boolean, bigint, timestamptz, timestamptz, text);
DROP FUNCTION json_author(text, text);
DROP FUNCTION json_time(timestamptz);
