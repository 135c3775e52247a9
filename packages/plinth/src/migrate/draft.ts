import type { Transaction } from '../database/queryable.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import { effectOf, isRequired, plainName, type StatementEffect, withoutNotNull } from './drizzle-statement.ts'

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
    drafted.push(...noteDropType(made, statements).map((one) => noteDrop(one, effect, statements)))
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
  return [{ text: statement, notes: effect.kind === 'add identity' ? [startsAnew] : [] }]
}

const startsAnew = 'Numbers from its START again: plinth fix-sequences sets it behind the rows that are there.'

async function changeType(
  tx: Transaction,
  statement: string,
  { table, column, change }: Effect<'type change'>,
  value: string | undefined,
): Promise<DraftedStatement[] | MissingValue> {
  const plain = `ALTER TABLE ${table} ALTER COLUMN ${column} ${change}`
  const forms = value === undefined ? [`${plain};`, statement] : [`${plain} USING (${value});`]
  const [name, type] = [plainName(table, column), change.replace('SET DATA TYPE ', '')]
  const former = { file: await fileOf(tx, table), type: await typeOf(tx, table, column) }
  const texts = await firstThatFits(tx, forms, `ALTER TABLE ${table} ALTER COLUMN ${column} DROP DEFAULT;`)
  const text = texts.at(-1)
  if (text === undefined) return { column: name, type }
  const isRewritten = (await fileOf(tx, table)) !== former.file
  const isCast = value === undefined && text !== `${plain};`
  const isSafe = value !== undefined || (!isCast && (await takesAll(tx, table, column, former.type)))
  const plainType = type.replaceAll('"', '')
  const fails = `Fails on a value of ${name} that ${isCast ? `is no ${plainType}` : `does not fit ${plainType}`}.`
  const notes = [
    ...(isSafe ? [] : [fails]),
    ...(value === undefined && changesZone(former.type, type) ? [zoneNote] : []),
    rewrites(table),
  ]
  // squawk takes each change of a type for one that rewrites.
  const last = { text, notes: isRewritten ? notes : ['squawk-ignore changing-column-type'] }
  return [...texts.slice(0, -1).map((one) => ({ text: one, notes: [] })), last]
}

const zoneNote =
  'Reads or writes each value as a time of the TimeZone of whoever runs it: give it by --using to be sure.'

/** From `timestamp`, 1114, to `timestamptz`, 1184, or back. */
function changesZone(former: string, type: string): boolean {
  const isZoned = type.endsWith('with time zone')
  return (former === '1114' && isZoned) || (former === '1184' && type.startsWith('timestamp') && !isZoned)
}

function rewrites(table: string): string {
  return `Rewrites ${plainName(table)}: nobody can read or write it meanwhile.`
}

/**
 * The statements that PostgreSQL takes, the last one of them a form; none when it takes no form. A default that it
 * cannot convert along goes first: where the entities have one, drizzle-kit sets it afterwards.
 */
async function firstThatFits(tx: Transaction, forms: readonly string[], dropDefault: string): Promise<string[]> {
  for (const form of forms) {
    const refusal = await refusalOf(tx, [form])
    if (refusal === undefined) return [form]
    const isOfDefault = refusal.server?.message.startsWith('default for column') === true
    if (isOfDefault && (await refusalOf(tx, [dropDefault, form])) === undefined) return [dropDefault, form]
  }
  return []
}

/** Runs the statements, or nothing of them, when there is no conversion from one type to the other. */
async function refusalOf(tx: Transaction, statements: readonly string[]): Promise<PlinthError | undefined> {
  try {
    await tx.savepoint(async (inner) => {
      for (const statement of statements) await inner.query(statement)
    })
    return undefined
  } catch (error) {
    // 42804 datatype_mismatch: no conversion by itself. 42846 cannot_coerce: no cast either.
    if (isPlinthError(error) && (error.sqlstate === '42804' || error.sqlstate === '42846')) return error
    throw error
  }
}

/** PostgreSQL gives a table that it rewrites another file, even one without rows. */
async function fileOf(tx: Transaction, table: string): Promise<string> {
  const { file } = await tx.one<{ file: string }>('select pg_relation_filenode($1::text::regclass)::text as file', [
    table,
  ])
  return file
}

async function typeOf(tx: Transaction, table: string, column: string): Promise<string> {
  const { type } = await tx.one<{ type: string }>(
    `select atttypid::text as type from pg_attribute
      where attrelid = $1::text::regclass and quote_ident(attname) = any($2)`,
    [table, spellings(column)],
  )
  return type
}

/** True where no value of the former type is refused by the one that the column has by now. */
async function takesAll(tx: Transaction, table: string, column: string, former: string): Promise<boolean> {
  const { takes } = await tx.one<{ takes: boolean }>(
    `select a.atttypmod = -1 and (t.typcategory = 'S' or exists (select from pg_cast
        where castsource = $3::text::oid and casttarget = a.atttypid and castcontext = 'i')) as takes
      from pg_attribute a join pg_type w on w.oid = a.atttypid
      join pg_type t on t.oid = case w.typcategory when 'A' then w.typelem else w.oid end
      where a.attrelid = $1::text::regclass and quote_ident(a.attname) = any($2)`,
    [table, spellings(column), former],
  )
  return takes
}

/** drizzle-kit quotes each name, quote_ident those that need it. */
function spellings(column: string): string[] {
  return [column, column.slice(1, -1)]
}

/** One that rows could refuse becomes NOT NULL when they have their value. */
function filledColumn(
  statement: string,
  { table, column, definition }: Effect<'new column'>,
  value: string,
): readonly string[] {
  const fill = `UPDATE ${table} SET ${column} = (${value});`
  if (!isRequired(definition)) return [statement, fill]
  const add = `ALTER TABLE ${table} ADD COLUMN ${column} ${withoutNotNull(definition)};`
  return [add, fill, `ALTER TABLE ${table} ALTER COLUMN ${column} SET NOT NULL;`]
}

async function addColumn(
  tx: Transaction,
  statement: string,
  effect: Effect<'new column'>,
  value: string | undefined,
): Promise<DraftedStatement[]> {
  const { table, column, definition } = effect
  const former = await fileOf(tx, table)
  const steps = value === undefined ? [statement] : filledColumn(statement, effect, value)
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

/** No rows are in it, so nobody is asked. One that another statement makes anew is not gone. */
function noteDrop(one: DraftedStatement, effect: StatementEffect, statements: readonly string[]): DraftedStatement {
  const gone = goneBy(effect)
  if (gone === undefined || statements.some((other) => other.includes(gone.made))) return one
  return { ...one, notes: [...one.notes, `Drops ${gone.what}.`] }
}

/** What goes, for people, and as a statement would write it that makes it. */
function goneBy(effect: StatementEffect): { readonly what: string; readonly made: string } | undefined {
  if (effect.kind === 'drop constraint') {
    const { table, constraint } = effect
    return { what: `constraint ${plainName(constraint)} of ${plainName(table)}`, made: `CONSTRAINT ${constraint} ` }
  }
  if (effect.kind !== 'drop object') return undefined
  const { type, object } = effect
  const name = type === 'INDEX' ? object.replace(/^"[^"]+"\./, '') : object
  return { what: `${type.toLowerCase()} ${plainName(object)}`, made: `${type} ${name} ` }
}

function noteDropType(made: readonly DraftedStatement[], statements: readonly string[]): DraftedStatement[] {
  return made.map((one) => {
    const name = /^DROP TYPE (.+);$/.exec(one.text)?.[1]
    const isRemade = name !== undefined && statements.some((other) => other.startsWith(`CREATE TYPE ${name} `))
    const note = 'An enum cannot lose a value: it is made anew, which fails while a row holds one that is gone.'
    return isRemade ? { ...one, notes: [...one.notes, note] } : one
  })
}
