import type { Output, Outputs } from './operation.ts'

export function isColumn(output: Exclude<Outputs, 'all'>[number]): output is Output {
  return 'column' in output
}
