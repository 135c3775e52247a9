CREATE TABLE "users" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	"first_name" varchar(100) NOT NULL,
	"last_name" varchar(100) NOT NULL,
	"email" varchar(254) NOT NULL UNIQUE,
	"password_hash" text NOT NULL,
	"welcomed_at" timestamptz,
	"created_at" timestamptz DEFAULT now() NOT NULL,
	CONSTRAINT "users_email_is_lower_case" CHECK ("email" = lower("email"))
);
CREATE TABLE "sessions" (
	"token_hash" text PRIMARY KEY,
	"user_id" bigint NOT NULL REFERENCES "users" ON DELETE CASCADE,
	"expires_at" timestamptz NOT NULL,
	"created_at" timestamptz DEFAULT now() NOT NULL
);
CREATE TABLE "blogs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	"title" varchar(120) NOT NULL,
	"body" text NOT NULL,
	"author" bigint NOT NULL REFERENCES "users",
	"created_at" timestamptz DEFAULT now() NOT NULL,
	"updated_at" timestamptz DEFAULT now() NOT NULL
);
CREATE INDEX "sessions_user_id_idx" ON "sessions" ("user_id");
CREATE INDEX "sessions_expires_at_idx" ON "sessions" ("expires_at");
CREATE INDEX "blogs_author_idx" ON "blogs" ("author");
