import { setTimeout as sleep } from 'node:timers/promises'
import { check, checkResolved } from './checker.ts'
import type { Contestant } from './contestant.ts'
import { connectionsLeft, readFinal } from './final.ts'
import { seededRandom } from './random.ts'
import { admin, type Fault, type Scene, type Stage } from './scene.ts'
import { type Entry, type Mood, reset, runEntry, startWorkload } from './workload.ts'

export interface Bounds {
  /** After a fault is mended, each of some fresh callers has had a success. */
  readonly recoveryMs: number
  /** The latest end of any call: its own limits, the grace of a COMMIT, and the machine's noise. */
  readonly latestMs: number
}

export interface RoundResult {
  readonly fault: string
  readonly hits: number
  readonly log: readonly Entry[]
  /** Undefined when not everybody was working again in ten times the bound. */
  readonly recoveryMs: number | undefined
  readonly wrong: readonly string[]
}

const warmCalls = 40
const warmLimitMs = 10_000
const callers = 8

/** Clients at work, one fault, its mending, and then the books. */
export async function runRound(stage: Stage, fault: Fault, number: number, bounds: Bounds): Promise<RoundResult> {
  const random = seededRandom(stage.seed + number * 1000)
  const service = `faults-${stage.contestantName}-${number}`
  const contestant = stage.open({ url: stage.proxy.url, service })
  const workload = startWorkload(contestant, random, `r${number}`)
  const { log, mood } = workload
  const wrong: string[] = []
  // Live, so that a failover during the fault is seen afterwards.
  const scene: Scene = Object.assign(stage, { service, random, log, mood, wrong })
  await untilWarm(log)
  const hits = await fault.run(scene)
  const recoveryMs = await recover(contestant, log, mood, `p${number}`, bounds)
  await workload.stop(bounds.latestMs)
  const isClosed = await Promise.race([close(contestant), sleep(bounds.latestMs, false, { ref: false })])
  if (!isClosed) wrong.push('close() never ended')
  wrong.push(...(await connectionsLeft(stage, service)))
  wrong.push(...check(log, await readFinal(stage), bounds.latestMs))
  if (recoveryMs === undefined || recoveryMs > bounds.recoveryMs) {
    wrong.push(`not everybody was working again within ${bounds.recoveryMs} ms (${recoveryMs ?? 'never'})`)
  }
  if (hits === 0) wrong.push('nobody felt the fault')
  if (fault.isResolvable) wrong.push(...checkResolved(log))
  await admin(
    stage,
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = '${service}'`,
  )
  await admin(stage, reset)
  return { fault: fault.name, hits, log, recoveryMs, wrong }
}

async function close(contestant: Contestant): Promise<boolean> {
  await contestant[Symbol.asyncDispose]()
  return true
}

async function untilWarm(log: readonly Entry[]): Promise<void> {
  const deadline = performance.now() + warmLimitMs
  while (log.filter(({ ending }) => ending === 'ok').length < warmCalls && performance.now() < deadline) await sleep(10)
}

/** How long until each of some fresh callers has had a success. */
async function recover(
  contestant: Contestant,
  log: Entry[],
  mood: Mood,
  label: string,
  { recoveryMs }: Bounds,
): Promise<number | undefined> {
  const from = performance.now()
  const isOver = (): boolean => performance.now() - from > recoveryMs * 10
  const caller = async (number: number): Promise<boolean> => {
    for (let call = 1; !isOver(); call++) {
      const entry: Entry = {
        client: 100 + number,
        id: `${label}-${number}-${call}`,
        kind: 'insert',
        beganAt: performance.now(),
        ending: 'open',
        ms: 0,
        code: '',
        runs: 0,
      }
      log.push(entry)
      await runEntry(contestant, entry, mood)
      if (entry.ending === 'ok') return true
      await sleep(20)
    }
    return false
  }
  const all = Promise.all(Array.from({ length: callers }, (_, number) => caller(number)))
  const worked = await Promise.race([all, sleep(recoveryMs * 10, undefined, { ref: false })])
  return worked?.every(Boolean) ? performance.now() - from : undefined
}
