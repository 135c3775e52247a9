import type { Pooler } from '../driver/client-options.ts'
import type { Statement } from '../driver/exchange.ts'
import { setLocally } from '../sql/set-locally.ts'
import type { IsolationLevel } from './queryable.ts'

interface Kind {
  readonly isolation: IsolationLevel | undefined
  readonly readOnly: boolean
}

/** The session's own, in ms. */
interface SessionLimits {
  readonly statementTimeoutMs: number
  readonly lockTimeoutMs: number
}

/**
 * Within this much of the session's own statement_timeout, a shorter one is not worth a statement in BEGIN's message.
 */
const timeoutSlackMs = 1000

/** The server's limit is for a client that has gone; while it is there its own error comes first, with the name. */
const deadlineSlackMs = 100

/**
 * BEGIN, and the time left until `deadline` (performance.now()) as the server's own limits where it is the shorter;
 * sent in one message.
 */
export function beginStatements(
  kind: Kind,
  deadline: number,
  { statementTimeoutMs, lockTimeoutMs }: SessionLimits,
  pooler: Pooler | undefined,
): readonly Statement[] {
  const begin = beginOf(kind)
  const left = Math.max(1, Math.ceil(deadline - performance.now())) + deadlineSlackMs
  const isCut = (limitMs: number): boolean => left <= limitMs - Math.min(timeoutSlackMs, limitMs / 2)
  const limits: string[] = []
  if (isCut(statementTimeoutMs)) limits.push('statement_timeout')
  if (isCut(lockTimeoutMs)) limits.push('lock_timeout')
  if (pooler) {
    const cut = Object.fromEntries(limits.map((limit) => [limit, String(left)]))
    return [begin, setLocally(Object.entries({ ...pooler.settings, ...cut }))]
  }
  if (limits.length === 0) return [begin]
  const calls = limits.map((limit) => `set_config('${limit}', $1, true)`)
  return [begin, { text: `select ${calls.join(', ')}`, values: [String(left)] }]
}

function beginOf({ isolation, readOnly }: Kind): Statement {
  const level = isolation === undefined ? '' : ` isolation level ${isolation}`
  return { text: `begin${level}${readOnly ? ' read only' : ''}`, values: [] }
}
