import { type LintFinding, lintMigrations, type Migration } from 'plinth/migrate'
import type { Report } from '../command-line/command.ts'
import { bold, dim, shortPath } from '../terminal/text.ts'

/** `plinth migrate lint`. */
export async function lint(migrations: readonly Migration[], exclude: readonly string[]): Promise<Report> {
  const findings = await lintMigrations(migrations, { exclude })
  return { data: findings, text: describe(migrations.length, findings), hasFindings: findings.length > 0 }
}

function describe(count: number, findings: readonly LintFinding[]): string {
  if (findings.length === 0) return `Nothing found in ${count} migrations.`
  const blocks = findings.map(({ file, line, rule, message, advice }) =>
    [`${bold(`${shortPath(file)}:${line}`)}  ${rule}`, `  ${message}`, `  ${advice}`].join('\n'),
  )
  const meant = dim('What is meant so gets a comment above its statement: -- squawk-ignore <rule>')
  return [...blocks, meant].join('\n\n')
}
