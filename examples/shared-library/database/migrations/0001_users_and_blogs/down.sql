-- Drops constraint blogs_user_id_users_id_fkey of blogs.
ALTER TABLE "blogs" DROP CONSTRAINT "blogs_user_id_users_id_fkey";

-- Drops constraint sessions_user_id_users_id_fkey of sessions.
ALTER TABLE "sessions" DROP CONSTRAINT "sessions_user_id_users_id_fkey";

-- Deletes the rows of blogs.
DROP TABLE "blogs";

-- Deletes the rows of sessions.
DROP TABLE "sessions";

-- Deletes the rows of users.
DROP TABLE "users";
