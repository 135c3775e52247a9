import { acceptOrm } from './acceptance.ts'
import { acceptUnderFaults } from './acceptance-faults.ts'
import { open } from './adapters/knex.ts'
import { setScene } from './scene.ts'

const scene = await setScene('Knex', open)
acceptOrm(scene)
acceptUnderFaults(scene, './adapters/knex.ts')
