ALTER TABLE "blogs" DROP CONSTRAINT "blogs_author_users_id_fkey";

ALTER TABLE "sessions" DROP CONSTRAINT "sessions_user_id_users_id_fkey";

-- Deletes the rows of blogs.
DROP TABLE "blogs";

-- Deletes the rows of sessions.
DROP TABLE "sessions";

-- Deletes the rows of users.
DROP TABLE "users";
