import { installSchema } from 'plinth'
import { markEnvironment, refuseProduction } from 'plinth/migrate'
import type { Asked } from '../command-line/asked.ts'
import type { Report } from '../command-line/command.ts'
import type { Connected } from '../command-line/connection.ts'
import { type ForceName, guardOptions } from '../command-line/force.ts'
import { readEnvironment } from './environment.ts'

/** A mark as development or test lets every later reset pass, so it is guarded as a reset is. */
export async function markReport({ database, url }: Connected, asked: Asked<ForceName>): Promise<Report> {
  const environment = readEnvironment('the environment', asked.args[0] ?? '')
  if (environment !== 'production')
    await refuseProduction(database, { ...guardOptions(asked, url), action: `mark it as ${environment}` })
  await installSchema(database)
  await markEnvironment(database, environment)
  return { data: { environment }, text: `The database is marked: ${environment}.` }
}
