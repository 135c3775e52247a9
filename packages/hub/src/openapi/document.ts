import { type Catalog, type CatalogRelation, workInSlices } from 'plinth/operation'
import { isCallable } from '../postgrest/arguments.ts'
import { functionPath } from './function-path.ts'
import type { Shown, ShownRelation } from './privileges.ts'
import { componentName, relationPath, rowSchema, told } from './relation-path.ts'
import type { ValueSchema } from './value-schema.ts'

export interface DocumentOptions {
  /** Where callers reach the hub. Absent: where they got the document. */
  readonly url: string | undefined
  /** Whether it says that a token is sent. */
  readonly hasSecurity: boolean
}

/**
 * The OpenAPI 3.1 document of one schema, as JSON. With thousands of tables it is megabytes, so it is made in slices
 * between which requests are answered.
 */
export async function writeDocument(
  catalog: Catalog,
  schema: string,
  shown: Shown,
  options: DocumentOptions,
): Promise<string> {
  const betweenSteps = workInSlices()
  const [paths, schemas]: [string[], string[]] = [[], []]
  const described = new Set<string>()
  for (const [name, relation] of catalog.relations.get(schema) ?? []) {
    await betweenSteps()
    const rights = shown.relation(name) ?? nothing
    const path = relationPath(relation, rights)
    if (path === undefined) continue
    paths.push(member(`/${encodeURIComponent(name)}`, path))
    schemas.push(member(componentName(name), rowSchema(relation, rights)))
    described.add(name)
  }
  for (const [name, all] of catalog.functions.get(schema) ?? []) {
    await betweenSteps()
    const overloads = all.filter((one) => isCallable(one) && shown.function(one))
    const isDescribed = (relation: string): boolean => described.has(relation)
    if (overloads.length > 0)
      paths.push(member(`/rpc/${encodeURIComponent(name)}`, functionPath(overloads, isDescribed)))
  }
  return assemble(head(catalog, schema, options), paths, schemas, options)
}

const nothing: ShownRelation = { select: new Set(), insert: new Set(), update: new Set(), delete: false }

/** Everything there is. */
export function showAll(catalog: Catalog, schema: string): Shown {
  const relations = catalog.relations.get(schema)
  const all = ({ columns }: CatalogRelation): ShownRelation => {
    const names = new Set(columns.keys())
    return { select: names, insert: names, update: names, delete: true }
  }
  return {
    relation: (name) => {
      const relation = relations?.get(name)
      return relation && all(relation)
    },
    function: () => true,
  }
}

function head(catalog: Catalog, schema: string, { url }: DocumentOptions): ValueSchema {
  const { summary: title = schema, description } = told(catalog.comments.get(schema))
  const info = { title, version: '1', ...(description === undefined ? {} : { description }) }
  return { openapi: '3.1.0', info, servers: [{ url: url ?? '/' }] }
}

/** The large parts are JSON already. */
function assemble(
  start: ValueSchema,
  paths: readonly string[],
  schemas: readonly string[],
  { hasSecurity }: DocumentOptions,
): string {
  const others = [
    member('parameters', parameters),
    member('responses', responses),
    ...(hasSecurity ? [member('securitySchemes', { token: bearer })] : []),
  ]
  const members = [
    ...Object.entries(start).map(([key, value]) => member(key, value)),
    `"paths":{${paths.join()}}`,
    `"components":{"schemas":{${[...schemas, member(failureName, failureSchema)].join()}},${others.join()}}`,
    ...(hasSecurity ? [member('security', [{ token: [] }])] : []),
  ]
  return `{${members.join()}}`
}

function member(key: string, value: unknown): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`
}

const bearer = { type: 'http', scheme: 'bearer', description: 'A JSON Web Token, or the key of a service.' }

const text = { type: 'string' }
const count = { type: 'integer', minimum: 0 }

const parameters: ValueSchema = {
  select: {
    name: 'select',
    in: 'query',
    schema: text,
    description: 'Columns, and relations to embed: id,author(name).',
  },
  order: { name: 'order', in: 'query', schema: text, description: 'Such as name.asc,id.desc.nullslast.' },
  limit: { name: 'limit', in: 'query', schema: count },
  offset: { name: 'offset', in: 'query', schema: count },
  columns: {
    name: 'columns',
    in: 'query',
    schema: text,
    description: 'The columns to write; others in the body are left out.',
  },
  onConflict: {
    name: 'on_conflict',
    in: 'query',
    schema: text,
    description: 'Columns of the unique key that an upsert goes by.',
  },
  prefer: { name: 'Prefer', in: 'header', schema: text, description: 'Such as count=exact, return=representation.' },
  range: { name: 'Range', in: 'header', schema: text, description: 'Rows by position, such as 0-9.' },
}

/** No table has this name here: the dots of a table's come in pairs. */
const failureName = 'hub.failure'

const failureSchema: ValueSchema = {
  type: 'object',
  required: ['code', 'message', 'details', 'hint'],
  properties: {
    code: text,
    message: text,
    details: { type: ['string', 'object', 'array', 'null'] },
    hint: { type: ['string', 'null'] },
  },
}

const responses: ValueSchema = {
  failure: {
    description: 'The request was refused.',
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${failureName}` } } },
  },
}
