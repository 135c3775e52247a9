import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import pg from 'pg'

const packages = {
  plinth: '../packages/plinth/package.json',
  pg: '../node_modules/pg/package.json',
  'drizzle-orm': '../node_modules/drizzle-orm/package.json',
  kysely: '../node_modules/kysely/package.json',
  fastify: '../node_modules/fastify/package.json',
  postgraphile: 'peers/node_modules/postgraphile/package.json',
} as const

/** Everything without which a figure means nothing to somebody else. */
export async function describeEnvironment(url: string): Promise<Readonly<Record<string, string>>> {
  const versions = await Promise.all(
    Object.entries(packages).map(
      async ([name, path]) => [name, await versionIn(new URL(path, import.meta.url))] as const,
    ),
  )
  return {
    date: new Date().toISOString().slice(0, 10),
    CPUs: `${availableParallelism()} (${cpus()[0]?.model.trim() ?? 'unknown'})`,
    node: process.versions.node,
    ...(await serverSettings(url)),
    ...Object.fromEntries(versions),
  }
}

async function serverSettings(url: string): Promise<Readonly<Record<string, string>>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string; setting: string }>(
      `select case name when 'server_version' then 'PostgreSQL' else name end as name, setting from pg_settings
       where name in ('server_version', 'fsync', 'synchronous_commit')
       order by name <> 'server_version', name`,
    )
    return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
  } finally {
    await client.end()
  }
}

async function versionIn(file: URL): Promise<string> {
  if (!existsSync(file)) return 'not installed'
  const manifest: unknown = JSON.parse(await readFile(file, 'utf8'))
  const isManifest = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return isManifest ? String(manifest.version) : 'unknown'
}
