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

/** The outputs, and embeds that are only asked about. */
export function withEmbeds(outputs: Outputs, embeds: readonly Embed[]): Outputs {
  return outputs === 'all' || embeds.length === 0 ? outputs : [...outputs, ...embeds]
}

/** Such an embed only decides which rows there are. So does one that holds only embeds that read nothing. */
export function readsNothing({ columns }: Embed): boolean {
  return columns !== 'all' && columns.every((output) => isEmbed(output) && readsNothing(output))
}

/** What an operation reads or gives back. */
export function outputsOf(operation: Operation): Outputs {
  switch (operation.kind) {
    case 'select':
    case 'count':
    case 'call':
      return operation.columns ?? 'all'
    default:
      return operation.returning ?? 'all'
  }
}
