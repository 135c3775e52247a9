import { type Catalog, findRelation } from 'plinth/operation'
import type { HubRequest } from '../exchange.ts'
import type { Asked } from './asked.ts'
import { openEnvelope, type Settings } from './envelope.ts'
import { readFunctionRequest } from './function-request.ts'
import { invalidPath, noRootDocument } from './refusals.ts'
import { readTableRequest } from './table-request.ts'
import { unknownRelation } from './unknown-names.ts'

/** URL and headers of a request → the operation it asks for. Names of tables and functions come from the catalog. */
export function readRequest(request: HubRequest, catalog: Catalog, settings: Settings): Asked {
  const envelope = openEnvelope(request, catalog.schemas, settings)
  const [first, second, ...others] = envelope.target.path
  if (first === undefined) throw noRootDocument()
  if (first === 'rpc' && second !== undefined && others.length === 0)
    return readFunctionRequest(envelope, second, catalog)
  if (second !== undefined) throw invalidPath()
  const relation = findRelation(catalog, first, envelope.schema)
  if (relation === undefined) throw unknownRelation(envelope.schema, first)
  return readTableRequest(envelope, relation, catalog)
}
