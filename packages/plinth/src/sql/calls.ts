import { type ArrayItem, arrayText } from '../operation/array-text.ts'
import type { Call, Json } from '../operation/operation.ts'
import { invalid } from './closed-lists.ts'
import type { Context } from './context.ts'
import { relation } from './fields.ts'
import { quoteName } from './sql.ts'

/** Named notation, so that a default can be left out and the order of arguments does not matter. */
export function invocation({ target, args, variadic, types = {} }: Call, { bind }: Context): string {
  const given = Object.entries(args).map(([name, value]) => {
    const type = Object.hasOwn(types, name) ? types[name] : undefined
    const text = `${bind(argumentText(value))}${type === undefined ? '' : `::${type}`}`
    // The only argument of a function that has no name for it.
    const named = name === '' ? text : `${quoteName(name)} => ${text}`
    return name === variadic ? `variadic ${named}` : named
  })
  if (Object.hasOwn(args, '') && given.length > 1) throw invalid('An argument without a name must be the only one.')
  return `${relation(target)}(${given.join(', ')})`
}

/** A list is a PostgreSQL array, an object is JSON. A list for a json argument must come as its JSON text. */
function argumentText(value: Json): string | null {
  if (value === null || typeof value === 'string') return value
  if (Array.isArray(value)) return arrayText(value.map(arrayItem))
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function arrayItem(value: Json): ArrayItem {
  return Array.isArray(value) ? value.map(arrayItem) : argumentText(value)
}
