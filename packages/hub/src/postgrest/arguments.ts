import type { Call, Json, Row } from 'plinth'
import { type Catalog, type CatalogFunction, findFunctions, type FunctionArgument } from 'plinth/operation'
import type { ContentType } from './content-type.ts'
import type { Given } from './given.ts'
import { ambiguousFunction, unknownFunction } from './unknown-names.ts'

/**
 * The overload that takes exactly these names, its defaults aside; if there is none, the one whose only argument has no
 * name and takes the body as it is.
 */
export function chooseFunction(catalog: Catalog, schema: string, name: string, given: Given): CatalogFunction {
  const callable = findFunctions(catalog, name, schema).filter(isCallable)
  const named = callable.filter((candidate) => takesNames(candidate, given))
  const fitting = named.length > 0 ? named : callable.filter((candidate) => takesBody(candidate, given))
  const [chosen] = fitting
  if (chosen === undefined) throw unknownFunction(schema, name, given, callableIn(catalog, schema))
  if (fitting.length > 1) throw ambiguousFunction(fitting)
  return chosen
}

function callableIn({ functions }: Catalog, schema: string): ReadonlyMap<string, readonly CatalogFunction[]> {
  const named = [...(functions.get(schema) ?? [])].map(
    ([name, overloads]) => [name, overloads.filter(isCallable)] as const,
  )
  return new Map(named.filter(([, overloads]) => overloads.length > 0))
}

/** Nobody can give an argument that has no name, but the only one of a type that a whole body can be. */
export function isCallable({ args }: CatalogFunction): boolean {
  const [only, ...others] = args.filter(({ name }) => name === '')
  if (only === undefined) return true
  return others.length === 0 && args.length === 1 && Object.values(bodyTypes).some((types) => types.includes(only.type))
}

function takesNames({ args }: CatalogFunction, { names, body }: Given): boolean {
  const isWhole = body === 'text' || body === 'xml' || body === 'bytes'
  if (args.length === 0) return names.length === 0 && !isWhole
  const isComplete = args.every((argument) => argument.hasDefault || names.includes(argument.name))
  return isComplete && names.every((name) => args.some((argument) => argument.name === name))
}

const bodyTypes: Readonly<Record<ContentType, readonly string[]>> = {
  json: ['json', 'jsonb'],
  text: ['text'],
  xml: ['xml'],
  bytes: ['bytea'],
  csv: [],
  form: [],
}

function takesBody({ args }: CatalogFunction, { body }: Given): boolean {
  const [only, ...others] = args
  if (only === undefined || others.length > 0 || body === undefined) return false
  return only.name === '' && bodyTypes[body].includes(only.type)
}

type Arguments = Pick<Call, 'args' | 'types' | 'variadic'>

/** Each argument as the text PostgreSQL reads by its declared type, from a JSON object. */
export function argumentsOfJson(chosen: CatalogFunction, given: Row): Arguments {
  const args = chosen.args.filter(({ name }) => Object.hasOwn(given, name))
  return {
    args: Object.fromEntries(
      args.map((argument) => [argument.name, argumentValue(argument, given[argument.name] ?? null)]),
    ),
    ...declared(args),
  }
}

/** From a URL or a form, where all is text; of a variadic argument every value counts, of another the last. */
export function argumentsOfText(chosen: CatalogFunction, given: readonly (readonly [string, string])[]): Arguments {
  const args = chosen.args.filter(({ name }) => given.some(([one]) => one === name))
  const values = args.map(({ name, isVariadic }) => {
    const texts = given.filter(([one]) => one === name).map(([, text]) => text)
    return [name, isVariadic ? texts : (texts.at(-1) ?? null)] as const
  })
  return { args: Object.fromEntries(values), ...declared(args) }
}

/** The body as the one argument without a name. */
export function argumentOfBody({ args }: CatalogFunction, text: string): Arguments {
  return { args: { '': text }, ...declared(args) }
}

function declared(args: readonly FunctionArgument[]): Omit<Arguments, 'args'> {
  const variadic = args.find(({ isVariadic }) => isVariadic)
  return {
    types: Object.fromEntries(args.map(({ name, type }) => [name, type])),
    ...(variadic && { variadic: variadic.name }),
  }
}

/** A list is JSON for a json argument and an array for any other, which only the catalog can tell apart. */
function argumentValue({ type, isVariadic }: FunctionArgument, value: Json): Json {
  if (value === null) return null
  if (type === 'json' || type === 'jsonb') return JSON.stringify(value)
  return isVariadic && !Array.isArray(value) ? [value] : value
}
