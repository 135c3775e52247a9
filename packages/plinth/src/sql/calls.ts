import { type ArrayItem, arrayText } from '../operation/array-text.ts'
import { invalidOperation } from '../operation/invalid-operation.ts'
import type { Call, Json } from '../operation/operation.ts'
import type { Context, Source } from './context.ts'
import { namedSource, relation } from './fields.ts'
import type { Bind } from './parameters.ts'
import { quoteName } from './sql.ts'

/**
 * The rows of a function under its own name: a single value is then a column of that name. Under another alias the name
 * would be no column, and PostgreSQL would call a function of that name with the value: any that it finds.
 */
export function calledRows(operation: Call, context: Context): Source {
  return namedSource(invocation(operation, context), quoteName(operation.target.name))
}

/** Named notation, so that a default can be left out and the order of arguments does not matter. */
export function invocation({ target, args, variadic, types = {} }: Call, { bind }: Context): string {
  const given = Object.entries(args).map(([name, value]) => {
    const type = Object.hasOwn(types, name) ? types[name] : undefined
    const text = argument(value, type, bind)
    // The only argument of a function that has no name for it.
    const named = name === '' ? text : `${quoteName(name)} => ${text}`
    return name === variadic ? `variadic ${named}` : named
  })
  if (Object.hasOwn(args, '') && given.length > 1)
    throw invalidOperation('An argument without a name must be the only one.')
  return `${relation(target)}(${given.join(', ')})`
}

function argument(value: Json, type: string | undefined, bind: Bind): string {
  if (type === undefined) return bind(argumentText(value))
  // A row in JSON: PostgreSQL alone knows the types of its columns.
  if (isObject(value)) return populated('record', type, value, bind)
  if (Array.isArray(value) && value.some(isObject) && type.endsWith('[]'))
    return `array(select r from ${populated('recordset', type.slice(0, -2), value, bind)} as r)`
  return `${bind(argumentText(value))}::${type}`
}

function populated(what: 'record' | 'recordset', type: string, value: Json, bind: Bind): string {
  return `json_populate_${what}(null::${type}, ${bind(JSON.stringify(value))}::json)`
}

function isObject(value: Json): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
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
