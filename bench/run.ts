// Compares ways to do the same work on one PostgreSQL. It asserts that answers are right, never that they are fast.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbedded } from 'plinth/embedded'
import { createTestDatabase } from 'plinth/testing'
import type { Suite } from './contestant.ts'
import { describeEnvironment } from './environment.ts'
import { hasPostGraphile } from './http/servers.ts'
import { growthSuite, httpSuite } from './http/suite.ts'
import { type Options, readOptions } from './options.ts'
import { type Summary, tableOf } from './report.ts'
import { runSuite } from './rounds.ts'
import { manyTablesSql, readingSql, type Roles, sampleSql } from './sample.ts'
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

Medians of ${given.rounds} rounds of ${given.roundMs} ms; ± is half the span between rounds. The ratio is that of op/s
to the first line in the same round. CPU is what one operation took of the contestant's process, PostgreSQL's not in it:
over HTTP a server's alone, otherwise this process with its load generator.
`)
  const roles = { login: `bench_${process.pid}_login`, service: `bench_${process.pid}_service` }
  const summaries: Summary[] = []
  const report = (title: string, part: readonly Summary[]): void => {
    summaries.push(...part)
    console.log(`${tableOf(title, part)}\n`)
  }
  try {
    await using database = await createTestDatabase({ server: { url: serverUrl }, script: sampleSql(roles) })
    const run = (suite: Suite): Promise<void> => runSuite(suite, given, report)
    if (given.suites.includes('sql')) await run(sqlSuite(database.url))
    if (given.suites.includes('transactions'))
      for (const roundTripMs of [0, 2]) await run(transactionSuite(database.url, roundTripMs))
    if (given.suites.includes('hub')) await runHub(serverUrl, database.url, roles, run)
  } finally {
    await dropRoles(serverUrl, roles)
  }
  if (given.jsonFile === undefined) return
  const json = JSON.stringify({ environment, rounds: given.rounds, roundMs: given.roundMs, cells: summaries }, rounded)
  await writeFile(given.jsonFile, `${json}\n`)
  console.log(`Every round as JSON: ${given.jsonFile}`)
}

async function runHub(
  serverUrl: string,
  url: string,
  roles: Roles,
  run: (suite: Suite) => Promise<void>,
): Promise<void> {
  const copy = { server: { url: serverUrl }, template: new URL(url).pathname.slice(1) }
  await using reading = await createTestDatabase({ ...copy, script: readingSql })
  await using large = await createTestDatabase({ ...copy, script: manyTablesSql })
  const databases = {
    login: asUser(url, roles.login),
    service: asUser(url, roles.service),
    role: roles.service,
    readingLogin: asUser(reading.url, roles.login),
    largeLogin: asUser(large.url, roles.login),
  }
  if (!hasPostGraphile) console.log('PostGraphile 5 is not run: npm ci --prefix bench/peers brings it.\n')
  await run(httpSuite(databases))
  await run(growthSuite(databases))
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
