import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const beside = fileURLToPath(new URL('../../../../../shared/data/chinook.sql', import.meta.url))

/**
 * The file of the Chinook sample database (github.com/lerocha/chinook-database, with snake_case names): the one that
 * PLINTH_TEST_CHINOOK names, else shared/data/chinook.sql beside the checkout.
 */
export const chinookFile: string | undefined = findChinook()

/** Those of Chinook, or where it is not here rows of our own in the same tables. */
export const musicShop: { readonly file: string; readonly rows: number } =
  chinookFile === undefined
    ? { file: fileURLToPath(new URL('music-shop.sql', import.meta.url)), rows: 6_873 }
    : { file: chinookFile, rows: 15_607 }

/** For `skip` of a test: why it cannot run. */
export const withoutChinook: string | false =
  chinookFile === undefined && 'needs the Chinook sample database: PLINTH_TEST_CHINOOK names its file'

function findChinook(): string | undefined {
  const named = process.env['PLINTH_TEST_CHINOOK']
  // A file that was named and is not there fails its tests.
  if (named !== undefined) return resolve(named)
  return existsSync(beside) ? beside : undefined
}
