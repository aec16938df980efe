-- Which password hashes take another time than ours: those of other systems, or with other parameters
-- depends: 0011-mail

-- migrate: apply

-- As passwords.hashing writes it today: whoever changes that there makes this index anew.
CREATE INDEX users_with_other_hashes ON users (left(password_hash, 8))
    WHERE password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%';

-- migrate: rollback

DROP INDEX users_with_other_hashes;
