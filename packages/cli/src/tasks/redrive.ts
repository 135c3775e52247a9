import type { Database } from 'plinth'
import { type Redrive, redriveTasks } from 'plinth/services'
import type { Report } from '../command-line/command.ts'
import { UsageError } from '../command-line/usage-error.ts'
import { count } from '../terminal/text.ts'

export interface RedriveAsked {
  readonly id: string | undefined
  readonly name: string | undefined
  readonly isAll: boolean
}

export async function redrive(database: Database, asked: RedriveAsked): Promise<Report> {
  const redriven = await redriveTasks(database, readWhich(asked))
  const text = redriven === 0 ? 'There was no dead letter.' : `${count(redriven)} run again.`
  return { data: { redriven }, text }
}

/** Exactly one of the three: "all" must not be what is left out by mistake. */
function readWhich({ id, name, isAll }: RedriveAsked): Redrive {
  const given: Redrive[] = [
    ...(id === undefined ? [] : [{ id }]),
    ...(name === undefined ? [] : [{ name }]),
    ...(isAll ? (['all'] as const) : []),
  ]
  const [one, another] = given
  if (one !== undefined && another === undefined) return one
  throw new UsageError('say which: an id, --name, or --all')
}
