import { createHash } from 'node:crypto'
import { readFile, realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import { PlinthError } from 'plinth'

/** What a development database is filled with at its first start. */
export interface Content {
  /** Of the folder inside the data folder, and of the keys beside it. */
  readonly name: string
  /** As people know it; `the sample` or a path. */
  readonly source: string
  readonly script: string
  /** Run behind the script, in the same transaction. */
  readonly grants: string
  /** Of the script: a changed file is not the content of the database any more. */
  readonly sha256: string
  /** Service names; each acts as the role of its name. */
  readonly services: readonly string[]
}

export async function sampleContent(): Promise<Content> {
  const script = await readFile(new URL('./sample.sql', import.meta.url), 'utf8')
  const services = ['backend', 'server']
  return { name: 'sample', source: 'the sample', script, grants: '', sha256: hash(script), services }
}

export async function fileContent(path: string): Promise<Content> {
  const script = await readScriptFile(path)
  // Two files of one name are two databases; a file that was moved is a new one.
  const place = hash(await realpath(path)).slice(0, 8)
  const name = `${basename(path, '.sql').replaceAll(/[^\w-]+/g, '-')}-${place}`
  return { name, source: path, script, grants: grantsOfLoaded, sha256: hash(script), services: ['app'] }
}

async function readScriptFile(path: string): Promise<string> {
  try {
    const bytes = await readFile(path)
    if (bytes.subarray(0, 5).toString('latin1') === 'PGDMP') {
      throw new PlinthError('InvalidStatement', `${path} is a dump in pg_dump's custom format, not plain SQL.`, {
        hint: 'Make it with pg_dump --format=plain.',
      })
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    if (cause instanceof TypeError) {
      throw new PlinthError('InvalidStatement', `${path} is not UTF-8 text.`, { cause })
    }
    if (!(cause instanceof Error) || !('syscall' in cause)) throw cause
    throw new PlinthError('InvalidOption', `${path} cannot be read: ${cause.message}.`, { cause })
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The tables of a file belong to nobody in particular: one role may use them all. */
const grantsOfLoaded = `
do $$
declare
  space name;
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'plinth_hub') then
    create role plinth_hub login noinherit;
  end if;
  if not exists (select from pg_catalog.pg_roles where rolname = 'app') then
    create role app;
  end if;
  grant app to plinth_hub;
  for space in
    select nspname from pg_catalog.pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'plinth')
  loop
    execute format('grant usage on schema %I to app', space);
    execute format('grant select, insert, update, delete on all tables in schema %I to app', space);
    execute format('grant usage on all sequences in schema %I to app', space);
  end loop;
end $$`
