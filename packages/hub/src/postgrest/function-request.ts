import type { Row } from 'plinth'
import { type Catalog, type CatalogFunction, findFunctions } from 'plinth/operation'
import { argumentTexts, chooseFunction } from './arguments.ts'
import type { Asked } from './asked.ts'
import { allowedRows, type Envelope, refuseOnWrite } from './envelope.ts'
import { isObject, parseJson } from './json.ts'
import { checkContentType } from './media-type.ts'
import { reservedValues } from './parameters.ts'
import { invalidBody, methodNotForFunction, notImplemented, unparsable } from './refusals.ts'
import { spendNode } from './scanner.ts'

/** A call of `/rpc/name`: named arguments in a JSON object (POST), or as parameters (GET, read-only). */
export function readFunctionRequest(envelope: Envelope, name: string, catalog: Catalog): Asked {
  const { schema } = envelope
  const given = readArguments(envelope)
  const chosen = chooseFunction(findFunctions(catalog, name, schema), schema, name, Object.keys(given))
  const { isSet, kind } = chosen.returns
  return {
    operation: {
      kind: 'call',
      target: { schema, name },
      args: callArguments(envelope, chosen, given),
      result: resultOf(chosen),
    },
    form: {
      ...envelope.form,
      verb: 'call',
      ...(isSet ? allowedRows(envelope) : {}),
      isSet,
      isScalar: kind === 'scalar',
      body: kind === 'void' ? 'none' : 'full',
    },
  }
}

function resultOf({ returns }: CatalogFunction): 'none' | 'rows' | 'value' | 'row' {
  if (returns.kind === 'void') return 'none'
  if (returns.isSet) return 'rows'
  return returns.kind === 'scalar' ? 'value' : 'row'
}

function readArguments(envelope: Envelope): Row {
  const { request, target } = envelope
  const given = reservedValues(target.parameters)
  refuseOnWrite(Object.fromEntries(given), ['order', 'limit', 'offset', 'columns', 'on_conflict'], 'a function')
  if ((given.get('select') ?? '*') !== '*') throw notImplemented('select on a function')
  const others = target.parameters.filter((parameter) => !given.has(parameter.name))
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return argumentsOfUrl(others, envelope)
    case 'POST':
      if (others.length > 0) throw notImplemented('Filters on the result of a function')
      return argumentsOfBody(envelope)
    default:
      throw methodNotForFunction(request.method)
  }
}

function argumentsOfUrl(parameters: Envelope['target']['parameters'], { budget }: Envelope): Row {
  const args = new Map<string, string>()
  for (const { name, value } of parameters) {
    spendNode(budget)
    if (args.has(name)) throw unparsable(`argument (${name})`, 0, 'unexpected second value')
    args.set(name, value)
  }
  return Object.fromEntries(args)
}

function argumentsOfBody({ request, limits }: Envelope): Row {
  if (request.body.length === 0) return {}
  checkContentType(request.headers.get('content-type'))
  const body = parseJson(request.body, limits)
  if (!isObject(body)) throw invalidBody('Empty or invalid json', 'Send the arguments as one object.')
  return body
}

/** In a URL an argument already is the text PostgreSQL reads, also for a json one. */
function callArguments({ request }: Envelope, chosen: CatalogFunction, given: Row): Row {
  if (request.method === 'POST') return argumentTexts(chosen, given)
  if (chosen.args.some((arg) => arg.isVariadic)) throw notImplemented('Functions with a variadic argument')
  return given
}
