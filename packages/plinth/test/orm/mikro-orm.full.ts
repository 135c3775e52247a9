import { acceptOrm } from './acceptance.ts'
import { acceptUnderFaults } from './acceptance-faults.ts'
import { open } from './adapters/mikro-orm.ts'
import { setScene } from './scene.ts'

const scene = await setScene('MikroORM', open)
acceptOrm(scene)
acceptUnderFaults(scene, './adapters/mikro-orm.ts')
