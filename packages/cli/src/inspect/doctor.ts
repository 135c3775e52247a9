import { examine, type Finding } from 'plinth/inspect'
import type { Asked } from '../command-line/asked.ts'
import type { Report } from '../command-line/command.ts'
import type { Connected } from '../command-line/connection.ts'
import { namedFolder, namedScratch } from '../migrate/folder.ts'
import { migrationFindings } from './migration-findings.ts'
import { placeOf } from '../terminal/secrets.ts'
import { bold, columns, dim } from '../terminal/text.ts'

const marks: Readonly<Record<Finding['status'], string>> = { ok: 'ok', note: 'note', warn: 'WARN', fail: 'FAIL' }

type Names = 'migrations' | 'entities' | 'scratch' | 'no-drift'

export async function doctorReport({ database, url, config }: Connected, asked: Asked<Names>): Promise<Report> {
  const { max } = config.pool ?? {}
  const folder = namedFolder(asked, config)
  const checks = [
    ...(await examine(database, max === undefined ? {} : { poolMax: max })),
    ...(await migrationFindings(database, {
      folder,
      isNamed: asked.has('migrations') || config.migrations !== undefined,
      withDrift: !asked.has('no-drift'),
      entities: asked.text('entities') ?? config.entities,
      ...namedScratch(asked, config),
    })),
  ]
  const name = placeOf(url)
  const hasFindings = checks.some(({ status }) => status === 'warn' || status === 'fail')
  return { data: { database: name, checks }, text: page(name, checks), hasFindings }
}

function page(name: string, checks: readonly Finding[]): string {
  const lines = columns(checks.map((check) => [marks[check.status], check.name, check.found])).split('\n')
  const advised = lines.flatMap((line, i) => {
    const advice = checks[i]?.advice
    return advice === undefined ? [line] : [line, dim(`         ${advice}`)]
  })
  return `${bold(name)}\n${advised.join('\n')}`
}
