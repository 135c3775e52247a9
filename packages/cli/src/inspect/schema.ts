import type { Database } from 'plinth'
import { type RelationShape, relationShapes } from 'plinth/inspect'
import type { Report } from '../command-line/command.ts'
import { UsageError } from '../command-line/usage-error.ts'
import { bold, columns, dim, printable } from '../terminal/text.ts'

/** `name`: as the catalog has it, with its schema and a point before it or without. */
export async function schemaReport(database: Database, name: string | undefined): Promise<Report> {
  const found = name === undefined ? await relationShapes(database) : await named(database, name)
  return { data: found, text: found.map(describe).join('\n\n') }
}

async function named(database: Database, name: string): Promise<readonly RelationShape[]> {
  const point = name.indexOf('.')
  const whole = await relationShapes(database, name)
  const found =
    whole.length > 0 || point < 0 ? whole : await relationShapes(database, name.slice(point + 1), name.slice(0, point))
  if (found.length === 0) throw new UsageError(`there is no table ${name}; plinth tables lists them`)
  return found
}

function describe(shape: RelationShape): string {
  const rows = shape.columns.map(({ name, type, isNullable, default: value, comment }) => [
    name,
    type,
    isNullable ? '' : 'not null',
    [value === null ? '' : plainDefault(value), comment ?? ''].filter((part) => part !== '').join('   '),
  ])
  const parts = [
    ...shape.constraints.map(({ name, definition }) => [name, definition]),
    ...shape.indexes.map(({ name, definition, isValid }) => [
      name,
      `${withoutName(definition)}${isValid ? '' : ' INVALID'}`,
    ]),
  ]
  const references = shape.referencedBy.map(({ table, definition }) => [table, definition])
  return [
    `${bold(printable(`${shape.schema}.${shape.name}`))} ${dim(shape.kind)}`,
    ...(shape.comment === null ? [] : [printable(shape.comment)]),
    columns(rows),
    ...(parts.length === 0 ? [] : [`${dim('Keys, checks and indexes')}\n${columns(parts)}`]),
    ...(references.length === 0 ? [] : [`${dim('Referenced by')}\n${columns(references)}`]),
  ].join('\n')
}

function plainDefault(value: string): string {
  return value.startsWith('generated ') ? value : `default ${value}`
}

/** `CREATE INDEX name ON schema.table USING btree (…)` → `INDEX USING btree (…)`: the name stands before it. */
function withoutName(definition: string): string {
  return definition.replace(/^CREATE (UNIQUE )?INDEX .*? USING/, (_, unique = '') => `${unique}INDEX USING`)
}
