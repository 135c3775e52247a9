import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again until the claim holds. */
export async function until(claim: string, holds: () => Promise<boolean>, deadlineMs = 30_000): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `not within ${deadlineMs} ms: ${claim}`)
    await sleep(20)
  }
}
