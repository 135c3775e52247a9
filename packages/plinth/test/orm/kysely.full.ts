import { acceptOrm } from './acceptance.ts'
import { acceptUnderFaults } from './acceptance-faults.ts'
import { open } from './adapters/kysely.ts'
import { setScene } from './scene.ts'

const scene = await setScene('Kysely', open)
acceptOrm(scene)
acceptUnderFaults(scene, './adapters/kysely.ts')
