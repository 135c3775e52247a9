import { acceptOrm } from './acceptance.ts'
import { acceptUnderFaults } from './acceptance-faults.ts'
import { open } from './adapters/prisma.ts'
import { setScene } from './scene.ts'

const scene = await setScene('Prisma', open)
acceptOrm(scene)
acceptUnderFaults(scene, './adapters/prisma.ts')
