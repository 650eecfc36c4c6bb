import { spawn } from 'node:child_process'

const SIMULATOR = new URL('../../../simulator/main.ts', import.meta.url).pathname

/** Runs the simulated portals as a child process, which shares no code with the service; hands signals on and gives its exit code. */
export function simulate (config: string): Promise<number> {
  const child = spawn(process.execPath, [SIMULATOR, '--config', config], { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => child.kill(signal))
  return new Promise(resolve => child.once('exit', code => resolve(code ?? 0)))
}
