import { defineSeed } from 'plinth/migrate'
import { blogs, users } from '../src/tables.ts'

// Both log in with "correct horse", whose hash this is.
const passwordHash = 'scrypt:16384:8:5:5X1TaQVnetWjuuignr7S/g==:TCiovd14FLiF+ij0kUK/HnzEAd4pSjExpLMpzm2cyKk='

export default defineSeed(
  async (tx) => {
    const [grace, edsger] = await tx.run(
      users.insertMany([
        { firstName: 'Grace', lastName: 'Hopper', email: 'grace@example.com', passwordHash },
        { firstName: 'Edsger', lastName: 'Dijkstra', email: 'edsger@example.com', passwordHash },
      ]),
    )
    if (!grace || !edsger) return
    await tx.run(
      blogs.insertMany([
        { author: grace.id, title: 'The first bug', body: 'A moth, found in relay 70 of panel F.' },
        {
          author: edsger.id,
          title: 'On structure',
          body: 'The art of programming is the art of organizing complexity.',
        },
      ]),
    )
  },
  { environments: ['development', 'test'] },
)
