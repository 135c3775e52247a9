import type { CatalogFunction, CatalogRelation, Relationship } from 'plinth/operation'
import { Refusal } from '../refusal.ts'
import type { Given } from './given.ts'
import { nearestName } from './nearest-name.ts'

/**
 * A name that the catalog does not hold, said as PostgREST and PostgreSQL say it. A hint names only what is in the catalog
 * that the caller may know.
 */

/** Of names that stand for themselves, a hint tells only one that is nearly the same. */
const nearlySame = 0.75
const mostlyAlike = 0.6
/** Of what belongs to something known, the most like will do. */
const somewhatLike = 0.33

type Hint = { readonly hint?: string }

function hinted(name: string | undefined, tell: (name: string) => string): Hint {
  return name === undefined ? {} : { hint: `Perhaps you meant ${tell(name)}` }
}

/** `known`: the relations of that schema. */
export function unknownRelation(schema: string, name: string, known: Iterable<string> = []): Refusal {
  const nearest = nearestName(name, [...known], nearlySame)
  return new Refusal(404, 'PGRST205', `Could not find the table '${schema}.${name}' in the schema cache`, {
    ...hinted(nearest, (one) => `the table '${schema}.${one}'`),
    code: 'UndefinedObject',
    sqlstate: '42P01',
    isUnknownName: true,
  })
}

/** In select, filter, order, returning and conflict target: PostgreSQL's own error, made before it is asked. */
export function unknownColumn(of: Pick<CatalogRelation, 'name'> & Partial<CatalogRelation>, name: string): Refusal {
  const nearest = nearestName(name, [...(of.columns?.keys() ?? [])], mostlyAlike)
  return new Refusal(400, '42703', `column ${of.name}.${name} does not exist`, {
    ...hinted(nearest, (one) => `to reference the column "${of.name}.${one}".`),
    code: 'UndefinedObject',
    sqlstate: '42703',
    isUnknownName: true,
  })
}

/** `known`: relationships of ours, by the name of what they lead to. */
export function unknownRelationship(
  { name, schema }: { readonly name: string; readonly schema: string },
  { target, hint }: { readonly target: string; readonly hint: string | undefined },
  known: readonly string[] = [],
): Refusal {
  // That it is there, but not as the hint has it, is no news.
  const nearest = known.includes(target) ? undefined : nearestName(target, known, somewhatLike)
  const by = hint === undefined ? '' : `' using the hint '${hint}`
  const message = `Could not find a relationship between '${name}' and '${target}' in the schema cache`
  return new Refusal(400, 'PGRST200', message, {
    details:
      `Searched for a foreign key relationship between '${name}' and '${target}${by}' in the schema '${schema}', ` +
      'but no matches were found.',
    ...hinted(nearest, (one) => `'${one}' instead of '${target}'.`),
    code: 'UndefinedObject',
    isUnknownName: true,
  })
}

export function ambiguousRelationship(ours: CatalogRelation, target: string, found: readonly Relationship[]): Refusal {
  const choices = found.map((one) => `'${one.to.name}!${hintFor(one)}'`).join(', ')
  const message = `Could not embed because more than one relationship was found for '${ours.name}' and '${target}'`
  return new Refusal(300, 'PGRST201', message, {
    details: found.map((one) => described(ours, one)),
    hint:
      `Try changing '${target}' to one of the following: ${choices}. ` +
      "Find the desired relationship in the 'details' key.",
    code: 'InvalidOperation',
  })
}

function hintFor({ join, names }: Relationship): string {
  return join.kind === 'through' ? join.relation.name : (names[0] ?? '')
}

function described(ours: CatalogRelation, { to, cardinality, join, names }: Relationship): Record<string, string> {
  const columns = (list: readonly string[]): string => `(${list.join(', ')})`
  const from = (pairs: readonly (readonly [string, string])[], at: 0 | 1): string => columns(pairs.map((p) => p[at]))
  const [near = '', far = ''] = names
  const relationship =
    join.kind === 'through'
      ? `${join.relation.name} using ${near}${from(join.on, 1)} and ${far}${from(join.to, 0)}`
      : join.kind === 'columns'
        ? `${near} using ${ours.name}${from(join.on, 0)} and ${to.name}${from(join.on, 1)}`
        : join.function.name
  return {
    cardinality: cardinality.replaceAll(' ', '-'),
    embedding: `${ours.name} with ${to.name}`,
    relationship,
  }
}

/** PostgreSQL's own error for two tables of one name. */
export function repeatedEmbed(name: string, embed: string): Refusal {
  return new Refusal(400, '42712', `table name "${embed}" specified more than once`, {
    hint: `Give each '${embed}' embedded in '${name}' an alias of its own.`,
    code: 'InvalidOperation',
    sqlstate: '42712',
  })
}

/** Only a row with at most one of the embed has its place in an order by it. */
export function notOrdered(name: string, embed: string): Refusal {
  return new Refusal(400, 'PGRST118', `A related order on '${embed}' is not possible`, {
    details: `'${name}' and '${embed}' do not form a many-to-one or one-to-one relationship`,
    code: 'InvalidOperation',
  })
}

/** PostgreSQL's own error for a path that goes on behind a text, made before it is asked. */
export function pathBehindText(arrow: string): Refusal {
  return new Refusal(404, '42883', `operator does not exist: text ${arrow} unknown`, {
    hint: 'No operator matches the given name and argument types. You might need to add explicit type casts.',
    code: 'InvalidOperation',
    sqlstate: '42883',
  })
}

export function malformedArray(text: string): Refusal {
  return new Refusal(400, '22P02', `malformed array literal: "${text.slice(0, 200)}"`, {
    code: 'InvalidValue',
    sqlstate: '22P02',
  })
}

/** A type that is not in the closed list of casts is not there for a caller. */
export function unknownType(name: string): Refusal {
  return new Refusal(400, '42704', `type "${name}" does not exist`, { code: 'UndefinedObject', sqlstate: '42704' })
}

/** In a row to write or in `columns`. */
export function unknownWriteColumn(relation: CatalogRelation, name: string): Refusal {
  const message = `Could not find the '${name}' column of '${relation.name}' in the schema cache`
  return new Refusal(400, 'PGRST204', message, { code: 'UndefinedObject', sqlstate: '42703', isUnknownName: true })
}

/** Functions of one schema that can be called, by name. */
type KnownFunctions = ReadonlyMap<string, readonly CatalogFunction[]>

export function unknownFunction(
  schema: string,
  name: string,
  { names, body }: Given,
  known: KnownFunctions = new Map(),
): Refusal {
  const isWhole = body === 'text' || body === 'xml' || body === 'bytes'
  // PostgREST tells none of what could take a whole body.
  const nearest = isWhole ? undefined : nearestFunction(name, names, known)
  const suffix = isWhole ? '' : names.length === 0 ? ' without parameters' : `(${listed(names)})`
  return new Refusal(404, 'PGRST202', `Could not find the function ${schema}.${name}${suffix} in the schema cache`, {
    details:
      `Searched for the function ${schema}.${name} ${listedArguments(names, body)}, ` +
      'but no matches were found in the schema cache.',
    ...hinted(nearest, (one) => `to call the function ${schema}.${one}`),
    code: 'UndefinedObject',
    sqlstate: '42883',
    isUnknownName: true,
  })
}

function nearestFunction(name: string, given: readonly string[], known: KnownFunctions): string | undefined {
  const overloads = known.get(name)
  if (overloads === undefined) return nearestName(name, [...known.keys()], nearlySame)
  if (given.length > mostListed) return undefined
  const lists = overloads.map(({ args }) => argumentList(args.map((argument) => argument.name)))
  const nearest = nearestName(argumentList(given), lists, somewhatLike)
  return nearest && name + nearest
}

const argumentList = (names: readonly string[]): string => `(${names.toSorted().join(', ')})`

/** No function has more arguments, and a body may name a hundred thousand. */
const mostListed = 100

function listed(names: readonly string[]): string {
  const [shown, others] = [names.slice(0, mostListed), names.length - mostListed]
  return others > 0 ? `${shown.join(', ')} and ${others} more` : shown.join(', ')
}

function listedArguments(names: readonly string[], body: Given['body']): string {
  const single = 'with a single unnamed'
  if (body === 'text' || body === 'xml') return `${single} ${body} parameter`
  if (body === 'bytes') return `${single} bytea parameter`
  const named =
    names.length === 0 ? 'without parameters' : `with parameter${names.length > 1 ? 's' : ''} ${listed(names)}`
  return body === 'json' ? `${named} or ${single} json/jsonb parameter` : named
}

export function ambiguousFunction(candidates: readonly CatalogFunction[]): Refusal {
  const listed = candidates.map(
    (one) => `${one.schema}.${one.name}(${one.args.map((arg) => `${arg.name} => ${arg.type}`).join(', ')})`,
  )
  return new Refusal(300, 'PGRST203', `Could not choose the best candidate function between: ${listed.join(', ')}`, {
    hint: 'Try renaming the parameters or the function itself in the database so function overloading can be resolved',
    code: 'InvalidOperation',
  })
}
