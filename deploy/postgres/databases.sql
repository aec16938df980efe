-- Two databases, each owned by a role of its own that can open no other. Run once, on a new server: by
-- deploy/postgres/first_start.sh in the container, by stack/postgres.py in the embedded server. The passwords are
-- filled in there. Who may connect at all is said, once more, in pg_hba.conf beside this file.

CREATE ROLE auth LOGIN PASSWORD :'auth_password';

CREATE ROLE posts LOGIN PASSWORD :'posts_password';

CREATE DATABASE auth OWNER auth;

CREATE DATABASE posts OWNER posts;

REVOKE ALL ON DATABASE auth, posts, postgres, template1 FROM PUBLIC;
