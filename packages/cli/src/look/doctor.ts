import { existsSync } from 'node:fs'
import { examine, type Finding } from 'plinth/inspect'
import type { Report } from '../command-line/command.ts'
import type { Connected } from '../command-line/connection.ts'
import { driftFinding, migrationFinding } from './migration-findings.ts'
import { placeOf } from '../terminal/secrets.ts'
import { bold, columns, dim } from '../terminal/text.ts'

const marks: Readonly<Record<Finding['status'], string>> = { ok: 'ok', note: 'note', warn: 'WARN', fail: 'FAIL' }

export async function doctorReport({ database, url, config }: Connected, withDrift: boolean): Promise<Report> {
  const { max } = config.pool ?? {}
  const folder = config.migrations ?? 'migrations'
  const checks = [
    ...(await examine(database, max === undefined ? {} : { poolMax: max })),
    config.migrations === undefined && !existsSync(folder)
      ? noMigrations(folder)
      : await migrationFinding(database, folder),
    ...(withDrift ? [await driftFinding(database, folder)] : []),
  ]
  const name = placeOf(url)
  const hasFindings = checks.some(({ status }) => status === 'warn' || status === 'fail')
  return { data: { database: name, checks }, text: page(name, checks), hasFindings }
}

/** Of a project that has none, or of another folder than its own. */
function noMigrations(folder: string): Finding {
  return { name: 'migrations', status: 'note', found: `no folder ${folder} where this was started` }
}

function page(name: string, checks: readonly Finding[]): string {
  const lines = columns(checks.map((check) => [marks[check.status], check.name, check.found])).split('\n')
  const advised = lines.flatMap((line, i) => {
    const advice = checks[i]?.advice
    return advice === undefined ? [line] : [line, dim(`         ${advice}`)]
  })
  return `${bold(name)}\n${advised.join('\n')}`
}
