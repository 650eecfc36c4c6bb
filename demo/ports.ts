import net from 'node:net'

// What the parts and the processes of the demo use of its 100 ports.
const USED = [0, 1, 2, 3, 4, 5, 60, 61, 62, 64, 65, 66, 70, 71, 72, 73]

/** The first of 100 ports, of which those that the demo uses are free. */
export async function freeBase (): Promise<number> {
  for (let base = 19000; base < 31000; base += 100) {
    const free = await Promise.all(USED.map(offset => isFree(base + offset)))
    if (free.every(Boolean)) return base
  }
  throw new Error('no free ports were found between 19000 and 31000; stop something, or give --port-base')
}

function isFree (port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
