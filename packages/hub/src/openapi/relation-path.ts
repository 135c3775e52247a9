import type { CatalogColumn, CatalogRelation } from 'plinth/operation'
import { isReserved } from '../query/parameters.ts'
import type { TableOperation } from '../stage/allow-options.ts'
import { isPermitted } from '../stage/allow.ts'
import type { ShownRelation } from './privileges.ts'
import { columnSchema, type ValueSchema } from './value-schema.ts'

/** A key of `components` holds letters, digits, `_`, `-` and dots; every other character becomes its code in dots. */
export function componentName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/gu, (character) => `.${character.codePointAt(0)?.toString(16) ?? ''}.`)
}

export function reference(name: string): ValueSchema {
  return { $ref: `#/components/schemas/${componentName(name)}` }
}

/** The first line of a comment is a summary, the lines behind it describe. */
export function told(comment: string | undefined): { readonly summary?: string; readonly description?: string } {
  if (comment === undefined) return {}
  const [summary = '', ...lines] = comment.split('\n')
  const description = lines.join('\n').trim()
  return { summary, ...(description === '' ? {} : { description }) }
}

/** A row as it is read and written, of the columns that the caller may use in any way. */
export function rowSchema(relation: CatalogRelation, shown: ShownRelation): ValueSchema {
  const { select, insert, update } = shown
  const columns = columnsOf(relation, new Set([...select, ...insert, ...update]))
  return {
    type: 'object',
    ...(relation.comment === undefined ? {} : { description: relation.comment }),
    properties: Object.fromEntries(columns.map((column) => [column.name, columnSchema(column, relation)])),
  }
}

function columnsOf({ columns }: CatalogRelation, names: ReadonlySet<string>): CatalogColumn[] {
  return [...columns.values()].filter(({ name }) => names.has(name))
}

/** The operations on a relation; undefined when the caller may do nothing with it. */
export function relationPath(relation: CatalogRelation, shown: ShownRelation): ValueSchema | undefined {
  const { accepts, name } = relation
  const may = (operation: TableOperation): boolean => isPermitted(relation, operation)
  const filters = filtersOf(relation, shown)
  const about = { tags: [name], ...told(relation.comment) }
  const path = {
    ...(shown.select.size > 0 && may('select') && { get: { ...about, ...readOf(name, filters) } }),
    ...(shown.insert.size > 0 &&
      accepts.insert &&
      may('insert') && { post: { ...about, ...insertOf(relation, shown) } }),
    ...(shown.update.size > 0 &&
      accepts.update &&
      may('update') && { patch: { ...about, ...updateOf(name, filters) } }),
    ...(shown.delete && accepts.delete && may('delete') && { delete: { ...about, ...writeOf(filters) } }),
  }
  return Object.keys(path).length > 0 ? path : undefined
}

function filtersOf(relation: CatalogRelation, { select }: ShownRelation): ValueSchema[] {
  return columnsOf(relation, select)
    .filter(({ name }) => !isReserved(name))
    .map(({ name }) => ({ name, in: 'query', schema: { type: 'string' }, examples: { filter: { value: 'eq.1' } } }))
}

const parameter = (name: string): ValueSchema => ({ $ref: `#/components/parameters/${name}` })
const failure: ValueSchema = { $ref: '#/components/responses/failure' }

function readOf(name: string, filters: readonly ValueSchema[]): ValueSchema {
  const content = { 'application/json': { schema: { type: 'array', items: reference(name) } } }
  return {
    parameters: [...['select', 'order', 'limit', 'offset', 'prefer', 'range'].map(parameter), ...filters],
    responses: {
      200: { description: 'The rows.', content },
      206: { description: 'A part of the rows; Content-Range says which.', content },
      default: failure,
    },
  }
}

/** What a read may leave out, an insert may need. */
function insertOf(relation: CatalogRelation, { insert }: ShownRelation): ValueSchema {
  const required = columnsOf(relation, insert)
    .filter(({ isNullable, hasDefault, isGenerated }) => !isNullable && !hasDefault && !isGenerated)
    .map(({ name }) => name)
  const row = reference(relation.name)
  const one = required.length > 0 ? { allOf: [row, { required }] } : row
  return {
    parameters: ['select', 'columns', 'onConflict', 'prefer'].map(parameter),
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { anyOf: [one, { type: 'array', items: one }] } } },
    },
    responses: { 201: { description: 'The rows were made.' }, default: failure },
  }
}

function updateOf(name: string, filters: readonly ValueSchema[]): ValueSchema {
  const content = { 'application/json': { schema: reference(name) } }
  return { requestBody: { required: true, content }, ...writeOf(filters) }
}

function writeOf(filters: readonly ValueSchema[]): ValueSchema {
  return {
    parameters: [...['select', 'prefer'].map(parameter), ...filters],
    responses: {
      200: { description: 'Done; the rows, when they were preferred.' },
      204: { description: 'Done.' },
      default: failure,
    },
  }
}
