-- Fails on a value of blogs.title that does not fit varchar(120).
-- Rewrites blogs: nobody can read or write it meanwhile.
ALTER TABLE "blogs" ALTER COLUMN "title" SET DATA TYPE varchar(120);
