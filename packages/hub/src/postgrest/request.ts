import { type Catalog, type CatalogRelation, findFunctions, findRelation } from 'plinth/operation'
import type { HubRequest, Reply } from '../http/exchange.ts'
import type { Asked } from './asked.ts'
import { type Envelope, openEnvelope, type Settings } from './envelope.ts'
import { readFunctionRequest } from './function-request.ts'
import { functionMethods, optionsReply, relationMethods, rootMethods } from './options.ts'
import { invalidPath, noRootDocument } from './refusals.ts'
import { readTableRequest } from './table-request.ts'
import { unknownFunction, unknownRelation } from './unknown-names.ts'

/**
 * URL and headers of a request → the operation it asks for, or what OPTIONS answers. Names of tables and functions
 * come from the catalog.
 */
export function readRequest(request: HubRequest, catalog: Catalog, settings: Settings): Asked | Reply {
  const envelope = openEnvelope(request, catalog.schemas, settings)
  const isOptions = request.method === 'OPTIONS'
  const [first, second, ...others] = envelope.target.path
  if (first === undefined) return isOptions ? optionsReply(rootMethods, settings.dialect) : readRoot(envelope, catalog)
  if (first === 'rpc' && second !== undefined && others.length === 0)
    return isOptions ? describeFunction(envelope, second, catalog) : readFunctionRequest(envelope, second, catalog)
  if (second !== undefined) throw invalidPath()
  const relation = relationOf(envelope, first, catalog)
  return isOptions
    ? optionsReply(relationMethods(relation), settings.dialect)
    : readTableRequest(envelope, relation, catalog)
}

function readRoot(envelope: Envelope, catalog: Catalog): Asked {
  const { rootFunction, openApi } = envelope.dialect
  if (openApi === 'disabled' || rootFunction === undefined) throw noRootDocument()
  const { schema = envelope.schema, name } = rootFunction
  return readFunctionRequest({ ...envelope, schema }, name, catalog)
}

function relationOf({ schema }: Envelope, name: string, catalog: Catalog): CatalogRelation {
  const relation = findRelation(catalog, name, schema)
  if (relation === undefined) throw unknownRelation(schema, name, catalog.relations.get(schema)?.keys())
  return relation
}

/** Overloads may differ; the first, with the fewest arguments, speaks for them. */
function describeFunction({ schema, dialect }: Envelope, name: string, catalog: Catalog): Reply {
  const [first] = findFunctions(catalog, name, schema)
  if (first === undefined) throw unknownFunction(schema, name, { names: [] })
  return optionsReply(functionMethods(first), dialect)
}
