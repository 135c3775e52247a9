import type { Database } from 'plinth'
import { runningQueries } from 'plinth/inspect'
import type { Report } from '../command-line/command.ts'
import { withoutSecrets } from '../terminal/secrets.ts'
import { duration, table } from '../terminal/table.ts'

export async function queriesReport(database: Database, overMs: number): Promise<Report> {
  const running = await runningQueries(database, { overMs })
  const found = running.map((one) => ({ ...one, query: withoutSecrets(one.query) }))
  if (found.length === 0) return { data: found, text: 'Nothing runs but this question.' }
  const rows = found.map(({ pid, user, application, state, ms, transactionMs, waitsFor = '', query }) => {
    const who = application === '' ? user : `${application} (${user})`
    return [String(pid), duration(ms), duration(transactionMs), who, state, waitsFor, query]
  })
  return { data: found, text: table(['Pid', 'For', 'Transaction', 'Who', 'State', 'Waits for', 'Statement'], rows) }
}
