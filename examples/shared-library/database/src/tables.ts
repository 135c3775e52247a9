import { table } from 'plinth'
import * as entities from './entities.ts'

// Operations on the entities: `await tx.run(users.insert({ … }))`.

export const users = table(entities.users)
export const sessions = table(entities.sessions)
export const blogs = table(entities.blogs)
