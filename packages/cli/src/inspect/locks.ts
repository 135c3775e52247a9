import type { Database } from 'plinth'
import { blockedSessions, type LockingSession } from 'plinth/inspect'
import type { Report } from '../command-line/command.ts'
import { withoutSecrets } from '../terminal/secrets.ts'
import { duration } from '../terminal/table.ts'
import { dim, oneLine } from '../terminal/text.ts'

/** Finds something (exit code 3) when anybody waits. */
export async function locksReport(database: Database): Promise<Report> {
  const found = await blockedSessions(database)
  const sessions = found.map((one) => ({ ...one, query: withoutSecrets(one.query) }))
  const text = sessions.length === 0 ? 'Nobody waits for a lock.' : tree(sessions)
  return { data: sessions, text, hasFindings: sessions.length > 0 }
}

/** Who waits stands below whom it waits for. One that waits for several stands below each. */
function tree(sessions: readonly LockingSession[]): string {
  const roots = sessions.filter(({ blockedBy }) => blockedBy.length === 0)
  // In a circle each waits for another, until PostgreSQL ends one of them (deadlock_timeout, a second).
  const tops = roots.length === 0 ? sessions.slice(0, 1) : roots
  return tops.map((session) => branch(session, sessions, [])).join('\n')
}

function branch(session: LockingSession, all: readonly LockingSession[], above: readonly number[]): string {
  const indent = '  '.repeat(above.length)
  const arrow = above.length === 0 ? '' : '└ '
  const below = `${indent}${above.length === 0 ? '' : '  '}`
  const own = `${indent}${arrow}${oneLine(describe(session))}\n${below}${dim(statement(session))}`
  if (above.includes(session.pid)) return `${indent}${arrow}${session.pid}, in a circle`
  const waiting = all.filter(({ blockedBy }) => blockedBy.includes(session.pid))
  return [own, ...waiting.map((one) => branch(one, all, [...above, session.pid]))].join('\n')
}

function describe({ pid, user, application, state, transactionMs, waitsFor }: LockingSession): string {
  const who = pid === 0 ? 'a prepared transaction' : `${pid} ${application === '' ? user : `${application} (${user})`}`
  if (waitsFor === undefined) return `${who}, ${state}, in its transaction for ${duration(transactionMs)}`
  return `${who} waits for ${duration(waitsFor.ms)} for ${waitsFor.mode} on ${waitsFor.on}`
}

const longest = 100

function statement({ query }: LockingSession): string {
  const text = oneLine(query.replaceAll(/\s+/g, ' ').trim())
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text
}
