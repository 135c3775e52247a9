// Compares ways to do the same work on one PostgreSQL. It asserts that answers are right, never that they are fast.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbedded } from 'plinth/embedded'
import { createTestDatabase } from 'plinth/testing'
import { describeEnvironment } from './environment.ts'
import { httpSuite } from './http/suite.ts'
import { type Options, readOptions } from './options.ts'
import { type Summary, tableOf } from './report.ts'
import { runSuite } from './rounds.ts'
import { type Roles, sampleSql } from './sample.ts'
import { sqlSuite } from './sql/suite.ts'
import { transactionSuite } from './sql/transactions.ts'

const options = readOptions(process.argv.slice(2))
if (options.url === undefined) await onEmbedded((url) => benchmark(url, options))
else await benchmark(options.url, options)

async function onEmbedded(work: (url: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-bench-'))
  try {
    await using server = await startEmbedded({ dataDir: join(folder, 'server') })
    await work(server.url)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function benchmark(serverUrl: string, given: Options): Promise<void> {
  const environment = await describeEnvironment(serverUrl)
  const facts = Object.entries(environment).map(([name, value]) => `${name} ${value}`)
  console.log(`${facts.join(', ')}

Medians of ${given.rounds} rounds of ${given.roundMs} ms; ± is half the span between rounds. The ratio is that of op/s to the first
line in the same round. CPU is what this process used for one operation, its load generator included, the server's not.
`)
  const roles = { login: `bench_${process.pid}_login`, service: `bench_${process.pid}_service` }
  const summaries: Summary[] = []
  const report = (title: string, part: readonly Summary[]): void => {
    summaries.push(...part)
    console.log(`${tableOf(title, part)}\n`)
  }
  try {
    await using database = await createTestDatabase({ server: { url: serverUrl }, script: sampleSql(roles) })
    await runSuite(sqlSuite(database.url), given, report)
    for (const roundTripMs of [0, 2]) await runSuite(transactionSuite(database.url, roundTripMs), given, report)
    await runSuite(httpSuite(asUser(database.url, roles.login), asUser(database.url, roles.service)), given, report)
  } finally {
    await dropRoles(serverUrl, roles)
  }
  if (given.jsonFile === undefined) return
  const json = JSON.stringify({ environment, rounds: given.rounds, roundMs: given.roundMs, cells: summaries }, rounded)
  await writeFile(given.jsonFile, `${json}\n`)
  console.log(`Every round as JSON: ${given.jsonFile}`)
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value
}

function asUser(url: string, name: string): string {
  const login = new URL(url)
  login.username = name
  login.password = 'bench'
  return login.href
}

async function dropRoles(url: string, { login, service }: Roles): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`drop role if exists ${login}, ${service}`)
  await client.end()
}
