import { invalidOperation } from '../operation/invalid-operation.ts'
import type { Relation } from '../operation/operation.ts'
import { relation } from './fields.ts'

/**
 * Types of pg_catalog: without a schema, `null::"path"` is PostgreSQL's path and not the row type of a table "path".
 */
const builtIn: ReadonlySet<string> = new Set(
  (
    'aclitem any anyarray anyelement bit bool box bpchar bytea char cid cidr circle cstring date ' +
    'datemultirange daterange float4 float8 inet int2 int2vector int4 int4multirange int4range int8 ' +
    'int8multirange int8range internal interval json jsonb jsonpath line lseg macaddr macaddr8 money name ' +
    'numeric nummultirange numrange oid oidvector path point polygon record refcursor text tid time timestamp ' +
    'timestamptz timetz trigger tsmultirange tsquery tsrange tstzmultirange tstzrange tsvector unknown uuid ' +
    'varbit varchar void xid xid8 xml'
  ).split(' '),
)

/** The name of a table's row type, which is the table's own name. */
export function rowType(target: Relation): string {
  if (target.schema === undefined && builtIn.has(target.name))
    throw invalidOperation(
      `The table ${JSON.stringify(target.name)} has the name of a type of PostgreSQL and needs its schema for writes.`,
      `table({ schema: 'public', name: ${JSON.stringify(target.name)} })`,
    )
  return relation(target)
}
