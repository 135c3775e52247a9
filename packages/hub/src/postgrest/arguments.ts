import type { Json, Row } from 'plinth'
import type { CatalogFunction, FunctionArgument } from 'plinth/operation'
import { notImplemented } from './refusals.ts'
import { ambiguousFunction, unknownFunction } from './unknown-names.ts'

/** The overload that takes exactly these names, its defaults aside. */
export function chooseFunction(
  candidates: readonly CatalogFunction[],
  schema: string,
  name: string,
  given: readonly string[],
): CatalogFunction {
  const fitting = candidates.filter((candidate) => isFitting(candidate, given))
  const [chosen] = fitting
  if (chosen === undefined) throw unknownFunction(schema, name, given)
  if (fitting.length > 1) throw ambiguousFunction(fitting)
  return chosen
}

function isFitting({ args }: CatalogFunction, given: readonly string[]): boolean {
  const isNamed = args.every((arg) => arg.name !== '' || arg.hasDefault)
  const isComplete = args.every((arg) => arg.hasDefault || arg.isVariadic || given.includes(arg.name))
  return isNamed && isComplete && given.every((name) => name !== '' && args.some((arg) => arg.name === name))
}

const JSON_OID = 114
const JSONB = 3802

/**
 * Arguments as the text PostgreSQL reads each by its declared type. A list is JSON for a json argument and an array for
 * any other, which only the catalog can tell apart.
 */
export function argumentTexts(chosen: CatalogFunction, given: Row): Row {
  if (chosen.args.some((arg) => arg.isVariadic)) throw notImplemented('Functions with a variadic argument')
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      argumentText(
        chosen.args.find((arg) => arg.name === name),
        value,
      ),
    ]),
  )
}

function argumentText(argument: FunctionArgument | undefined, value: Json): Json {
  const isJson = argument?.oid === JSON_OID || argument?.oid === JSONB
  if (value === null) return null
  if (isJson) return JSON.stringify(value)
  // The compiler writes a list as an array; an object, or a number kept as its source, is its JSON text.
  return Array.isArray(value) || typeof value === 'string' ? value : JSON.stringify(value)
}
