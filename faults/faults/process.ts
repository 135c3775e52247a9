import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { admin, type Fault, felt, type Scene } from '../scene.ts'
import { type Entry, kinds } from '../workload.ts'

const leftPatienceMs = 5000

interface Worker {
  readonly service: string
  readonly entries: ReadonlyMap<string, Entry>
  readonly ended: Promise<void>
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void
}

/** A second process with clients of its own, which says what it begins before it begins it. */
function startWorker({ proxy, service: outer, contestantName, random }: Scene, what: string): Worker {
  const service = `${outer}-${what}`
  const file = join(import.meta.dirname, '..', 'worker.ts')
  const args = [contestantName, proxy.url, service, String(random.below(1_000_000))]
  const child = spawn(process.execPath, ['--conditions=plinth-dev', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const entries = new Map<string, Entry>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const entry: unknown = JSON.parse(line)
    if (isEntry(entry)) entries.set(entry.id, entry)
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return { service, entries, ended, signal: (name) => void child.kill(name) }
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && 'kind' in value && kinds.some((kind) => kind === value.kind)
}

async function untilBusy({ entries }: Worker): Promise<void> {
  for (let left = 1000; left > 0 && entries.size < 30; left--) await sleep(10)
}

/** Numbers of clients in this process are below it. */
const firstOfWorker = 1000

/** What a dead process had begun is in the books as unknown. */
function takeOver(scene: Scene, { entries }: Worker): void {
  for (const entry of entries.values()) {
    const isOpen = entry.ending === 'open'
    const known = isOpen ? ({ ending: 'unknown', code: 'killed' } as const) : {}
    scene.log.push({ ...entry, ...known, client: firstOfWorker + entry.client })
  }
}

async function expectNoConnection(scene: Scene, service: string): Promise<void> {
  const find = `select pid from pg_stat_activity where application_name = '${service}'`
  for (let left = leftPatienceMs / 50; left > 0; left--) {
    if ((await admin(scene, find)).length === 0) return
    await sleep(50)
  }
  scene.wrong.push(`connections of ${service} are left ${leftPatienceMs} ms after its end`)
}

function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

export const processFaults: readonly Fault[] = [
  {
    name: 'worker killed with SIGKILL',
    run: async (scene) => {
      const worker = startWorker(scene, 'killed')
      await untilBusy(worker)
      worker.signal('SIGKILL')
      await worker.ended
      takeOver(scene, worker)
      await expectNoConnection(scene, worker.service)
      return worker.entries.size
    },
  },
  {
    name: 'worker frozen',
    run: async (scene) => {
      const worker = startWorker(scene, 'frozen')
      await untilBusy(worker)
      const before = worker.entries.size
      worker.signal('SIGSTOP')
      // Past idle_in_transaction_session_timeout: the server has ended what the worker held.
      await sleep(3000)
      worker.signal('SIGCONT')
      await sleep(1500)
      worker.signal('SIGTERM')
      await worker.ended
      takeOver(scene, worker)
      await expectNoConnection(scene, worker.service)
      return worker.entries.size - before
    },
  },
  {
    name: 'event loop blocked',
    run: async (scene) => {
      const from = performance.now()
      for (let time = 0; time < 3; time++) {
        block(700)
        await sleep(200)
      }
      return felt(scene, from, 600)
    },
  },
  {
    // Date alone jumps: what measures a deadline must be the monotonic clock, which no administrator can set.
    name: 'clock set an hour on and back',
    run: async ({ log }) => {
      const now = Date.now
      const from = log.length
      try {
        for (const jumpMs of [3_600_000, -3_600_000]) {
          Date.now = () => now() + jumpMs
          await sleep(700)
        }
      } finally {
        Date.now = now
      }
      // Each of these had one of the two jumps around it.
      return log.length - from
    },
  },
]
