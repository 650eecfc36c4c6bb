import { open } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'

const NAME = 'alive'

/**
 * Shows that a folder's owner lives, by a socket in it on which the owner listens: the system closes it with the process,
 * however it ends, and a frozen process keeps it. Processes of one machine see each other's, also through a shared volume.
 */
export async function showAlive (folder: string): Promise<{ end (): Promise<void> }> {
  const short = await shorten(folder)
  const server = net.createServer(socket => socket.destroy())
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(path.join(short.path, NAME), resolve) })
  server.unref()
  return {
    async end () {
      await new Promise(resolve => server.close(resolve))
      await short.close()
    }
  }
}

/** Whether the owner of `folder` lives. */
export async function isAlive (folder: string): Promise<boolean> {
  const short = await shorten(folder)
  try {
    return await new Promise<boolean>((resolve) => {
      const socket = net.connect(path.join(short.path, NAME), () => { socket.destroy(); resolve(true) })
      // Nobody listens: refused, or no socket at all. Anything else is no proof of death.
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'))
    })
  } finally {
    await short.close()
  }
}

/** A socket's path holds 107 bytes (unix(7)); through the open folder it is always short enough. */
async function shorten (folder: string): Promise<{ readonly path: string, close (): Promise<void> }> {
  if (process.platform !== 'linux') return { path: folder, close: () => Promise.resolve() }
  const handle = await open(folder, 'r')
  return { path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() }
}
