// What observations cost, by who listens: node_modules/.bin/node --conditions=plinth-dev bench/telemetry.ts
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, BatchSpanProcessor, InMemorySpanExporter } from '@opentelemetry/sdk-trace-base'
import { pino } from 'pino'
import { createDatabase, type Database, logObservations } from 'plinth'
import { startEmbedded } from 'plinth/embedded'
import { openTelemetryObservations } from 'plinth/otel'
import { prometheusObservations } from 'plinth/prometheus'
import { Registry } from 'prom-client'
import { statementStart, watchStatement } from '../packages/plinth/src/observe/watch.ts'
import type { Work } from './contestant.ts'
import { measure, median, turned } from './measure.ts'

const rounds = 15
const roundMs = 300
const callers = 16

context.setGlobalContextManager(new AsyncLocalStorageContextManager())

interface Listener {
  readonly name: string
  /** Returns how to stop. */
  readonly start: () => () => void
}

const listeners: readonly Listener[] = [
  { name: 'nobody', start: () => () => undefined },
  { name: 'log at info', start: () => logObservations(pino({ level: 'info' }, { write: () => undefined })) },
  { name: 'Prometheus', start: () => prometheusObservations(new Registry()) },
  { name: 'OpenTelemetry, every span exported', start: traceToMemory },
]

/** The real span processor and an exporter that costs nothing but memory, emptied after each round. */
function traceToMemory(): () => void {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] })
  const stop = openTelemetryObservations({ tracer: provider.getTracer('bench') })
  return () => {
    stop()
    exporter.reset()
    void provider.shutdown()
  }
}

async function compare(title: string, work: Work): Promise<void> {
  const cpu = new Map(listeners.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round <= rounds; round++) {
    for (const { name, start } of turned(listeners, round)) {
      const stop = start()
      const { cpuMicroseconds } = await measure(work, callers, roundMs)
      stop()
      // Round 0 warms up.
      if (round > 0) cpu.get(name)?.push(cpuMicroseconds)
    }
  }
  console.log(`\n${title}: CPU of this process, µs each, median of ${rounds} rounds of ${roundMs} ms`)
  for (const [name, samples] of cpu) console.log(`  ${name.padEnd(36)}${median(samples).toFixed(1)}`)
}

/** What each statement pays for the question whether anybody listens. */
function timeGuard(): void {
  const answer = Promise.resolve({ rowCount: 1 })
  const database = { service: 'bench', host: 'localhost', port: 5432, database: 'bench' }
  const repeat = (times: number): number => {
    const from = performance.now()
    for (let i = 0; i < times; i++) void watchStatement(answer, statementStart(), database, 'select 1')
    return ((performance.now() - from) * 1e6) / times
  }
  repeat(1e6)
  console.log(`With no listener a statement pays ${median([1, 2, 3, 4, 5].map(() => repeat(1e7))).toFixed(1)} ns`)
}

async function benchmark(db: Database): Promise<void> {
  await db.query('create table users (id int primary key, name text)')
  await db.query("insert into users select i, 'name' || i from generate_series(1, 1000) as i")
  const read = 'select * from users where id = $1'
  await compare('A transaction of one read', (n) => db.transaction((tx) => tx.query(read, [(n % 1000) + 1])))
  await compare('A single statement', (n) => db.query(read, [(n % 1000) + 1]))
}

timeGuard()
const folder = await mkdtemp(join(tmpdir(), 'plinth-bench-'))
try {
  await using server = await startEmbedded({ dataDir: join(folder, 'server') })
  await using db = createDatabase({ url: server.url })
  await benchmark(db)
} finally {
  await rm(folder, { recursive: true, force: true })
}
