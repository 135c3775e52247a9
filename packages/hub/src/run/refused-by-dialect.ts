import { type Operation, type Outputs, PlinthError } from 'plinth'
import type { Dialect } from '../dialect.ts'
import { aggregatesRefused } from '../postgrest/refusals.ts'

/** Throws for an operation of `/-/run` that the settings of the hub do not allow, as REST does where it reads one. */
export function refuseByDialect(operation: Operation, { hasAggregates, maxRows = Infinity }: Dialect): void {
  if (!hasAggregates && isAggregated(outputsOf(operation))) throw aggregatesRefused()
  const { result } = operation
  // A page that is cut short looks like the last one.
  if (typeof result === 'object' && result.size >= maxRows)
    throw new PlinthError(
      'InvalidOperation',
      `A page of ${result.size} rows is too large: ask for fewer than ${maxRows}.`,
    )
}

function outputsOf(operation: Operation): Outputs {
  if (operation.kind === 'count') return []
  return (operation.kind === 'select' || operation.kind === 'call' ? operation.columns : operation.returning) ?? []
}

function isAggregated(outputs: Outputs): boolean {
  if (outputs === 'all') return false
  return outputs.some((output) => {
    if ('embed' in output) return isAggregated(output.columns)
    return 'count' in output || output.aggregate !== undefined
  })
}
