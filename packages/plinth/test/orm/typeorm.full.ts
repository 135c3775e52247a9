import { acceptOrm } from './acceptance.ts'
import { acceptUnderFaults } from './acceptance-faults.ts'
import { open } from './adapters/typeorm.ts'
import { setScene } from './scene.ts'

const scene = await setScene('TypeORM', open)
acceptOrm(scene)
acceptUnderFaults(scene, './adapters/typeorm.ts')
