-- A database, owned by a role of its own that can open no other. Run once for each service, on a new server: by
-- deploy/postgres/first_start.sh in the container, by stack/postgres.py in the embedded server, where an empty line ends
-- a statement. The role's name, which is the database's, and its password are filled in there. Who may connect at all is
-- said, once more, in pg_hba.conf beside this file.

CREATE ROLE :"role" LOGIN PASSWORD :'password';

CREATE DATABASE :"role" OWNER :"role";

REVOKE ALL ON DATABASE :"role", postgres, template1 FROM PUBLIC;
