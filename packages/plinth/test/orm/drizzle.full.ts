import { acceptOrm } from './acceptance.ts'
import { acceptUnderFaults } from './acceptance-faults.ts'
import { open } from './adapters/drizzle.ts'
import { setScene } from './scene.ts'

const scene = await setScene('Drizzle 1.0', open)
acceptOrm(scene)
acceptUnderFaults(scene, './adapters/drizzle.ts')
