-- squawk-ignore changing-column-type
ALTER TABLE "blogs" ALTER COLUMN "title" SET DATA TYPE varchar(200);
