import type { Embed, Operation, Output, Outputs } from './operation.ts'

export type AnyOutput = Exclude<Outputs, 'all'>[number]

export function isColumn(output: AnyOutput): output is Output {
  return 'column' in output
}

export function isEmbed(output: AnyOutput): output is Embed {
  return 'embed' in output
}

export function embedsOf(outputs: Outputs): readonly Embed[] {
  return outputs === 'all' ? [] : outputs.filter(isEmbed)
}

/** What an operation reads or gives back. */
export function outputsOf(operation: Operation): Outputs {
  if (operation.kind === 'count') return 'all'
  return (operation.kind === 'select' || operation.kind === 'call' ? operation.columns : operation.returning) ?? 'all'
}
