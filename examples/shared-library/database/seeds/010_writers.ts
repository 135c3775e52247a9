import { defineSeed } from 'plinth/migrate'
import { blogs, users } from '../src/tables.ts'

// Both log in with "correct horse", whose hash this is.
const passwordHash = 'scrypt:16384:8:5:5X1TaQVnetWjuuignr7S/g==:TCiovd14FLiF+ij0kUK/HnzEAd4pSjExpLMpzm2cyKk='

export default defineSeed(
  async (tx) => {
    const [grace, edsger] = await tx.run(
      users.insertMany([
        { username: 'grace', email: 'grace@example.com', passwordHash },
        { username: 'edsger', email: 'edsger@example.com', passwordHash },
      ]),
    )
    if (!grace || !edsger) return
    await tx.run(
      blogs.insertMany([
        {
          userId: grace.id,
          author: grace.username,
          title: 'The first bug',
          description: 'A moth, found in relay 70 of panel F.',
        },
        {
          userId: edsger.id,
          author: edsger.username,
          title: 'On structure',
          description: 'The art of programming is the art of organizing complexity.',
        },
      ]),
    )
  },
  { environments: ['development', 'test'] },
)
