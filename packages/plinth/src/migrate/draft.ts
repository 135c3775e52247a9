import type { Transaction } from '../database/queryable.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import { effectOf, isRequired, plainName, type StatementEffect } from './drizzle-statement.ts'

/** Of columns, as `users.age`: the SQL expression that gives their value in rows that are there. */
export type RowValues = Readonly<Record<string, string>>

export interface DraftedStatement {
  readonly text: string
  /** What whoever runs it should know, a line each. */
  readonly notes: readonly string[]
}

/** PostgreSQL has no cast between the types, so somebody must say what becomes of the values. */
export interface MissingValue {
  readonly column: string
  /** The type it is to have. */
  readonly type: string
}

export interface Draft {
  readonly statements: readonly DraftedStatement[]
  readonly missing?: MissingValue
}

type Effect<K extends StatementEffect['kind']> = Extract<StatementEffect, { readonly kind: K }>

/**
 * Runs the statements of a migration one after the other on a scratch database, and makes of them what should stand in
 * a file: drizzle-kit casts each value, and so cuts a text off at the end of a shorter type; where PostgreSQL converts
 * by itself, it refuses such a value instead. Throws InvalidOption for a value of a column that needs none.
 */
export async function draftStatements(
  tx: Transaction,
  statements: readonly string[],
  values: RowValues,
): Promise<Draft> {
  const drafted: DraftedStatement[] = []
  const used = new Set<string>()
  for (const statement of statements) {
    const effect = effectOf(statement)
    const column = 'column' in effect ? plainName(effect.table, effect.column) : undefined
    const value = column === undefined ? undefined : values[column]
    const made = await draftOne(tx, statement, effect, value)
    if ('type' in made) return { statements: drafted, missing: made }
    if (column !== undefined && made.length > 0 && usesValue(effect)) used.add(column)
    drafted.push(...noteDropType(made, statements))
  }
  refuseStrayValues(values, used)
  return { statements: drafted }
}

function usesValue(effect: StatementEffect): boolean {
  return effect.kind === 'type change' || effect.kind === 'not null' || effect.kind === 'new column'
}

function refuseStrayValues(values: RowValues, used: ReadonlySet<string>): void {
  const stray = Object.keys(values).find((column) => !used.has(column))
  if (stray === undefined) return
  throw new PlinthError('InvalidOption', `${stray} needs no value for the rows that are there.`, {
    hint: 'Only a new column, a change of type and a new NOT NULL do. Write it as table.column.',
  })
}

async function draftOne(
  tx: Transaction,
  statement: string,
  effect: StatementEffect,
  value: string | undefined,
): Promise<readonly DraftedStatement[] | MissingValue> {
  if (effect.kind === 'type change') return changeType(tx, statement, effect, value)
  if (effect.kind === 'new column') return addColumn(tx, statement, effect, value)
  if (effect.kind === 'not null') return setNotNull(tx, statement, effect, value)
  await tx.query(statement)
  if (effect.kind === 'drop column') {
    return [{ text: statement, notes: [`Deletes the values of ${plainName(effect.table, effect.column)}.`] }]
  }
  if (effect.kind === 'drop table')
    return [{ text: statement, notes: [`Deletes the rows of ${plainName(effect.table)}.`] }]
  return [{ text: statement, notes: [] }]
}

async function changeType(
  tx: Transaction,
  statement: string,
  { table, column, change }: Effect<'type change'>,
  value: string | undefined,
): Promise<DraftedStatement[] | MissingValue> {
  const plain = `ALTER TABLE ${table} ALTER COLUMN ${column} ${change}`
  const forms = value === undefined ? [`${plain};`, statement] : [`${plain} USING (${value});`]
  const former = await fileOf(tx, table)
  const text = await firstThatFits(tx, forms)
  const type = change.replace('SET DATA TYPE ', '')
  if (text === undefined) return { column: plainName(table, column), type }
  const isCast = value === undefined && text !== `${plain};`
  // squawk takes each change of a type for one that rewrites.
  if ((await fileOf(tx, table)) === former) return [{ text, notes: ['squawk-ignore changing-column-type'] }]
  const [name, plainType] = [plainName(table, column), type.replaceAll('"', '')]
  const fails = `Fails on a value of ${name} that ${isCast ? `is no ${plainType}` : `does not fit ${plainType}`}.`
  return [{ text, notes: [fails, rewrites(table)] }]
}

function rewrites(table: string): string {
  return `Rewrites ${plainName(table)}: nobody can read or write it meanwhile.`
}

async function firstThatFits(tx: Transaction, forms: readonly string[]): Promise<string | undefined> {
  for (const form of forms) {
    try {
      await tx.savepoint((inner) => inner.query(form))
      return form
    } catch (error) {
      // 42804 datatype_mismatch: no conversion by itself. 42846 cannot_coerce: no cast either.
      if (!isPlinthError(error) || (error.sqlstate !== '42804' && error.sqlstate !== '42846')) throw error
    }
  }
  return undefined
}

/** PostgreSQL gives a table that it rewrites another file, even one without rows. */
async function fileOf(tx: Transaction, table: string): Promise<number> {
  const { file } = await tx.one<{ file: number }>('select pg_relation_filenode($1::text::regclass)::int8 as file', [
    table,
  ])
  return file
}

async function addColumn(
  tx: Transaction,
  statement: string,
  { table, column, definition }: Effect<'new column'>,
  value: string | undefined,
): Promise<DraftedStatement[]> {
  const former = await fileOf(tx, table)
  const steps =
    value === undefined
      ? [statement]
      : [
          `ALTER TABLE ${table} ADD COLUMN ${column} ${definition.replace(' NOT NULL', '')};`,
          `UPDATE ${table} SET ${column} = (${value});`,
          ...(isRequired(definition) ? [`ALTER TABLE ${table} ALTER COLUMN ${column} SET NOT NULL;`] : []),
        ]
  for (const step of steps) await tx.query(step)
  const notes = (await fileOf(tx, table)) === former ? [] : [rewrites(table)]
  if (value === undefined && isRequired(definition)) {
    const name = plainName(table, column)
    notes.push(
      `Fails while ${plainName(table)} holds rows: give ${name} a default, or say what it is in them (--using).`,
    )
  }
  return steps.map((text, i) => ({ text, notes: i === 0 ? notes : [] }))
}

async function setNotNull(
  tx: Transaction,
  statement: string,
  { table, column }: Effect<'not null'>,
  value: string | undefined,
): Promise<DraftedStatement[]> {
  const fill = value === undefined ? [] : [`UPDATE ${table} SET ${column} = (${value}) WHERE ${column} IS NULL;`]
  const steps = [...fill, statement]
  for (const step of steps) await tx.query(step)
  const notes =
    value === undefined
      ? [`Fails while ${plainName(table, column)} is null in a row; --using says what it is then.`]
      : []
  return steps.map((text, i) => ({ text, notes: i === 0 ? notes : [] }))
}

function noteDropType(made: readonly DraftedStatement[], statements: readonly string[]): DraftedStatement[] {
  return made.map((one) => {
    const name = /^DROP TYPE (.+);$/.exec(one.text)?.[1]
    const isRemade = name !== undefined && statements.some((other) => other.startsWith(`CREATE TYPE ${name} `))
    const note = 'An enum cannot lose a value: it is made anew, which fails while a row holds one that is gone.'
    return isRemade ? { ...one, notes: [...one.notes, note] } : one
  })
}
