import type { CatalogFunction, FunctionArgument } from 'plinth/operation'
import { reference, told } from './relation-path.ts'
import { typeSchema, type ValueSchema } from './value-schema.ts'

/** The calls of a function: by POST, and by GET of one that writes nothing. `isDescribed` says which rows are known. */
export function functionPath(
  overloads: readonly CatalogFunction[],
  isDescribed: (relation: string) => boolean,
): ValueSchema {
  const [first] = overloads
  const about = { tags: [`rpc ${first?.name ?? ''}`], ...told(first?.comment) }
  const responses = responsesOf(overloads, isDescribed)
  const read = overloads.find(
    ({ volatility, args }) => volatility !== 'volatile' && args.every(({ name }) => name !== ''),
  )
  return {
    post: { ...about, ...bodyOf(overloads), responses },
    ...(read ? { get: { ...about, parameters: read.args.map(queryArgument), responses } } : {}),
  }
}

function bodyOf(overloads: readonly CatalogFunction[]): ValueSchema {
  const schemas = overloads.map(argumentsSchema)
  const schema = schemas.length === 1 ? schemas[0] : { anyOf: schemas }
  return { requestBody: { content: { 'application/json': { schema } } } }
}

function argumentsSchema({ args }: CatalogFunction): ValueSchema {
  const [only] = args
  if (only?.name === '') return typeSchema(only.type)
  const required = args.filter(({ hasDefault, isVariadic }) => !hasDefault && !isVariadic).map(({ name }) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(args.map(({ name, type }) => [name, typeSchema(type)])),
    ...(required.length > 0 ? { required } : {}),
  }
}

function queryArgument({ name, type, hasDefault, isVariadic }: FunctionArgument): ValueSchema {
  // In a URL each argument is PostgreSQL's own text; an array is written {1,2}.
  const schema = type.endsWith('[]') ? { type: 'string' } : typeSchema(type)
  return { name, in: 'query', required: !hasDefault && !isVariadic, schema }
}

function responsesOf(overloads: readonly CatalogFunction[], isDescribed: (relation: string) => boolean): ValueSchema {
  const results = overloads
    .filter(({ returns }) => returns.kind !== 'void')
    .map((one) => resultSchema(one, isDescribed))
  const schema = results.length === 1 ? results[0] : { anyOf: results }
  return {
    ...(results.length > 0 ? { 200: { description: 'The result.', content: { 'application/json': { schema } } } } : {}),
    ...(results.length < overloads.length ? { 204: { description: 'Done; there is no result.' } } : {}),
    default: { $ref: '#/components/responses/failure' },
  }
}

function resultSchema({ schema, returns }: CatalogFunction, isDescribed: (relation: string) => boolean): ValueSchema {
  const { relation, columns, isSet, type } = returns
  const isKnown = relation !== undefined && relation.schema === schema && isDescribed(relation.name)
  const one = isKnown ? reference(relation.name) : columns ? objectOf([...columns.values()]) : typeSchema(type)
  return isSet ? { type: 'array', items: one } : one
}

function objectOf(columns: readonly { readonly name: string; readonly type: string }[]): ValueSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(columns.map(({ name, type }) => [name, typeSchema(type)])),
  }
}
