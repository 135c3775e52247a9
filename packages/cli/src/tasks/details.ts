import type { Database } from 'plinth'
import { showTask } from 'plinth/services'
import type { Report } from '../command-line/command.ts'
import { columns } from '../terminal/text.ts'
import { hideSecrets } from './list.ts'

export async function taskDetails(database: Database, id: string): Promise<Report> {
  const found = await showTask(database, id)
  const task = { ...found, error: hideSecrets(found.error) }
  const { name, group, key, state, attempt, createdAt, runAt, startedAt, endedAt, worker, error, input } = task
  const at = (label: string, time: Date | null): string[][] => (time === null ? [] : [[label, time.toISOString()]])
  const rows = [
    ['Task', `${task.id} ${name}`],
    ...(group === '' ? [] : [['Group', group]]),
    ...(key === null ? [] : [['Key', key]]),
    ['State', state],
    ['Attempts', String(attempt)],
    ...at('Asked for', createdAt),
    ...(state === 'waiting' ? at('Runs at', runAt) : []),
    ...at('Started', startedAt),
    ...at('Ended', endedAt),
    ...(worker === null
      ? []
      : [['Worker', `${worker.id} of ${worker.service}, alive until ${worker.leaseUntil.toISOString()}`]]),
    ...(error === null ? [] : [['Last error', `${error.code}: ${error.message}`]]),
    ['Input', JSON.stringify(input)],
  ]
  return { data: task, text: columns(rows) }
}
