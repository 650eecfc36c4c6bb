import type { SimulatorConfig } from './config.ts'
import { createJournal } from './journal.ts'
import { startPortal } from './portal.ts'
import type { Portal } from './portal.ts'
import type { Saved } from './store.ts'

export interface Simulator {
  portal: (name: string) => Portal
  portals: () => Portal[]
  /** Sets the simulator's clock forward; delays and timeouts stay as they are. */
  advance: (ms: number) => void
  stop: () => Promise<void>
}

/** Starts every portal of the config, each on its own port (0: any free one). `onSave` is told of every save. */
export async function startSimulator (config: SimulatorConfig, options: { now?: () => number, onSave?: (portal: string, saved: Saved) => void } = {}): Promise<Simulator> {
  let ahead = 0
  const clock = options.now ?? Date.now
  const now = (): number => clock() + ahead
  const journal = createJournal(now, config.journal)
  const started = await Promise.all(config.portals.map((portal, i) => startPortal(portal, { now, journal, seed: (config.seed ?? 1) + i, onSave: options.onSave })))
  const byName = new Map(started.map(({ portal }) => [portal.name, portal]))
  return {
    portal: (name) => {
      const found = byName.get(name)
      if (found === undefined) throw new Error(`there is no portal ${name}`)
      return found
    },
    portals: () => [...byName.values()],
    advance: (ms) => { ahead += ms },
    stop: async () => { await Promise.all(started.map(({ stop }) => stop())) }
  }
}
