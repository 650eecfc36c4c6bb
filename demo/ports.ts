import { createHash } from 'node:crypto'
import net from 'node:net'

// What the parts and the processes of the demo use of its 100 ports.
const USED = [0, 1, 2, 3, 4, 5, 60, 61, 62, 64, 65, 66, 70, 71, 72, 73]

const [FIRST, COUNT, EACH] = [19_000, 120, 100]

/**
 * The first of 100 ports, of which those that the demo uses are free now. Each checkout, told by its folder, begins to look at
 * a place of its own: two that start at the same moment would both find the same ports free.
 */
export async function freeBase (folder: string): Promise<number> {
  const start = createHash('sha256').update(folder).digest().readUInt32BE() % COUNT
  for (let i = 0; i < COUNT; i += 1) {
    const base = FIRST + EACH * ((start + i) % COUNT)
    const free = await Promise.all(USED.map(offset => isFree(base + offset)))
    if (free.every(Boolean)) return base
  }
  throw new Error(`no free ports were found between ${FIRST} and ${FIRST + EACH * COUNT}; stop something, or give --port-base`)
}

function isFree (port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
