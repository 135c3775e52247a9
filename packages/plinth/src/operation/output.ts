import type { Embed, Operation, Output, Outputs } from './operation.ts'

type AnyOutput = Exclude<Outputs, 'all'>[number]

export function isColumn(output: AnyOutput): output is Output {
  return 'column' in output
}

export function isEmbed(output: AnyOutput): output is Embed {
  return 'embed' in output
}

/** What an operation reads or gives back. */
export function outputsOf(operation: Operation): Outputs {
  if (operation.kind === 'count') return 'all'
  return (operation.kind === 'select' || operation.kind === 'call' ? operation.columns : operation.returning) ?? 'all'
}
