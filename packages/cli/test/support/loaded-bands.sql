-- Rows with their keys, as `pg_dump --data-only --inserts` writes them, and nothing that sets a sequence: what a team
-- has after it loaded an export of rows alone.
SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

INSERT INTO public.band VALUES (1, 'The Shared Lanes');
INSERT INTO public.band VALUES (2, 'Lost Commit');
INSERT INTO public.band VALUES (7, 'Savepoint');

INSERT INTO public.concert OVERRIDING SYSTEM VALUE VALUES (1, 7, '2026-05-01');
INSERT INTO public.concert OVERRIDING SYSTEM VALUE VALUES (2, 1, '2026-06-12');
