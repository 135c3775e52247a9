import { acceptOrm } from './acceptance.ts'
import { acceptUnderFaults } from './acceptance-faults.ts'
import { open } from './adapters/drizzle-045.ts'
import { setScene } from './scene.ts'

const scene = await setScene('Drizzle 0.45', open)
acceptOrm(scene)
acceptUnderFaults(scene, './adapters/drizzle-045.ts')
