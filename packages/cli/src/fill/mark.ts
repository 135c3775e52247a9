import { type Database, installSchema } from 'plinth'
import { markEnvironment } from 'plinth/migrate'
import type { Report } from '../command-line/command.ts'
import { readEnvironment } from './environment.ts'

export async function markReport(database: Database, text: string): Promise<Report> {
  const environment = readEnvironment('the environment', text)
  await installSchema(database)
  await markEnvironment(database, environment)
  return { data: { environment }, text: `The database is marked: ${environment}.` }
}
