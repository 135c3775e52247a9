import type { Database } from 'plinth'
import { listTasks, type TaskRow, type TaskState } from 'plinth/services'
import type { Report } from '../command-line/command.ts'
import { UsageError } from '../command-line/usage-error.ts'
import { withoutSecrets } from '../terminal/secrets.ts'
import { duration, table } from '../terminal/table.ts'

const states: readonly TaskState[] = ['waiting', 'ready', 'running', 'done', 'dead']

export interface ListAsked {
  readonly name: string | undefined
  readonly limit: number | undefined
}

export async function taskList(
  database: Database,
  asked: ListAsked & { readonly states: readonly string[] | undefined },
): Promise<Report> {
  const found = await list(database, asked, asked.states?.map(readState))
  if (found.length === 0) return { data: found, text: 'There is no such task.' }
  const rows = found.map((task) => [
    task.id,
    task.name,
    task.group,
    task.state,
    String(task.attempt),
    when(task),
    cause(task),
  ])
  return { data: found, text: table(['Id', 'Task', 'Group', 'State', 'Attempt', 'When', 'Last error'], rows) }
}

export async function deadList(database: Database, asked: ListAsked): Promise<Report> {
  const found = await list(database, asked, ['dead'])
  if (found.length === 0) return { data: found, text: 'There are no dead letters.' }
  const rows = found.map((task) => [task.id, task.name, task.group, String(task.attempt), when(task), cause(task)])
  const text = table(['Id', 'Task', 'Group', 'Attempts', 'Died', 'Why'], rows)
  return { data: found, text, hasFindings: true }
}

async function list(
  database: Database,
  { name, limit = 50 }: ListAsked,
  wanted: readonly TaskState[] | undefined,
): Promise<readonly TaskRow[]> {
  const asked = { limit, ...(name === undefined ? {} : { name }), ...(wanted && { states: wanted }) }
  return (await listTasks(database, asked)).map((task) => ({ ...task, error: hideSecrets(task.error) }))
}

/** What a task threw can hold the address or the statement that it failed with. */
export function hideSecrets(error: TaskRow['error']): TaskRow['error'] {
  return error && { ...error, message: withoutSecrets(error.message) }
}

function readState(text: string): TaskState {
  const found = states.find((one) => one === text)
  if (found !== undefined) return found
  throw new UsageError(`--state has ${text}; the states are ${states.join(', ')}`)
}

function when({ state, runAt, startedAt, endedAt }: TaskRow): string {
  if (state === 'waiting') return `in ${duration(Math.max(runAt.getTime() - Date.now(), 0))}`
  const at = (state === 'running' ? startedAt : endedAt) ?? runAt
  return `${duration(Math.max(Date.now() - at.getTime(), 0))} ago`
}

function cause({ error }: TaskRow): string {
  return error === null ? '' : `${error.code}: ${error.message}`
}
