import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { hasMarker, pidOf, readText, stop } from '../src/cli/parts/process.ts'
import type { World } from './world.ts'

// As `npm start` calls it.
const DEMO = 'demo/start.ts'

/** Takes the demo's folder for this process and gives the way to let go of it; throws a sentence when another demo of this checkout has it. */
export function takeFolder (dir: string): () => void {
  mkdirSync(dir, { recursive: true })
  const file = path.join(dir, 'demo.pid')
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      return () => { rmSync(file, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const pid = Number(readText(file))
    if (pid > 0 && hasMarker(pid, DEMO)) throw new Error(`npm start runs in this checkout already; stop it with Ctrl-C where it runs, or with: kill ${pid}`)
    rmSync(file, { force: true })
  }
}

/** Stops the portals and the service of a demo that was killed: they are known by the config file on their command line. Gives the pids. */
export async function stopLeftovers (world: Pick<World, 'dir' | 'configFile' | 'simulatorFile'>): Promise<number[]> {
  const stopped: number[] = []
  for (const marker of [world.configFile, world.simulatorFile]) {
    const program = { marker, pidFile: pidFileOf(marker), stop: 'SIGTERM' } as const
    for (let pid = pidOf(program); pid !== null; pid = pidOf(program)) {
      stopped.push(pid)
      await stop(program)
    }
  }
  return stopped
}

/** Where the pid of the program that runs with this config file stands. */
export function pidFileOf (configFile: string): string {
  return `${configFile}.pid`
}
