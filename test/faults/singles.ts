import { clockEnvironment, clockFile } from '../rig/fake-clock.ts'
import type { How, PlannedFault } from '../rig/nemesis.ts'
import type { Chance } from '../support/chance.ts'

/** A fault that is played by itself, in a round of its own: for how long people work, what is done, and to whom it is restarted for. */
export interface Single { readonly name: string, readonly forMs: number, readonly plan: readonly PlannedFault[], readonly environments?: ReadonlyMap<string, Readonly<Record<string, string>>> }

const DISPATCHERS = ['dispatcher-1', 'dispatcher-2'] as const

const at = (ms: number, fault: string, target: string, more: { forMs: number, how: How }): PlannedFault => ({ at: ms, fault, target, ...more })

/** The faults that chance does not bring, or not for long enough. `clock`: the library that lies about the time, and the rig's folder. */
export function singles (chance: Chance, options: { edges: readonly string[], clock: { readonly library: string, readonly dir: string } | null }): Single[] {
  return [
    { name: 'the owner stands still', forMs: 100_000, plan: [at(5000, 'owner frozen for 90 s', 'dispatcher', { forMs: 90_000, how: { kind: 'freeze-owner' } })] },
    { name: 'the broker is stopped in order', forMs: 18_000, plan: [at(4000, 'broker stopped in order', 'kafka-1', { forMs: 5000, how: { kind: 'stop-part' } })] },
    { name: 'edges are cut one by one', forMs: 30_000, plan: oneByOne(chance, options.edges) },
    {
      name: 'Redis is emptied', forMs: 18_000,
      // The last time a dispatcher starts on the empty one.
      plan: [...[3000, 6000, 9000].map(ms => at(ms, 'FLUSHALL', 'redis', { forMs: 0, how: { kind: 'flush' } })), ...DISPATCHERS.map(name => at(8900, 'SIGKILL', name, { forMs: 300, how: { kind: 'kill' } }))]
    },
    { name: 'all sessions of PostgreSQL are ended', forMs: 18_000, plan: [3000, 5000, 5200, 9000].map(ms => at(ms, 'all sessions ended', 'postgres', { forMs: 0, how: { kind: 'end-sessions' } })) },
    ...options.clock === null ? [] : clocks(options.clock)
  ]
}

/** All edges go within 10 s, and come back within the next 10 in another order. */
function oneByOne (chance: Chance, edges: readonly string[]): PlannedFault[] {
  const back = shuffled(chance, edges)
  return shuffled(chance, edges).map((name, i) => {
    const [goes, comes] = [i, back.indexOf(name)].map(place => Math.round(place * 10_000 / edges.length)) as [number, number]
    return at(3000 + goes, 'edge cut in its turn', name, { forMs: 10_000 + comes - goes, how: { kind: 'edge', mode: { kind: 'refuse' } } })
  })
}

/** An ingest is two hours ahead and then behind; then each dispatcher in its turn while the other is off the other way. */
function clocks ({ library, dir }: { library: string, dir: string }): Single[] {
  const jump = (ms: number, name: string, hours: number): PlannedFault => at(ms, `clock ${hours < 0 ? '−' : '+'}${Math.abs(hours)} h`, name, { forMs: 6000, how: { kind: 'clock', hours } })
  const withClock = (names: readonly string[]): NonNullable<Single['environments']> => new Map(names.map(name => [name, clockEnvironment(library, clockFile(dir, name))]))
  return [
    { name: 'the clock of an ingest jumps', forMs: 20_000, environments: withClock(['ingest-1']), plan: [jump(4000, 'ingest-1', 2), jump(12_000, 'ingest-1', -2)] },
    { name: 'the clocks of the dispatchers jump', forMs: 24_000, environments: withClock(DISPATCHERS), plan: DISPATCHERS.flatMap((name, i) => [jump(5000, name, i === 0 ? 2 : -2), jump(14_000, name, i === 0 ? -2 : 2)]) }
  ]
}

function shuffled<T> (chance: Chance, items: readonly T[]): T[] {
  return items.map(item => ({ item, place: chance.next() })).toSorted((a, b) => a.place - b.place).map(({ item }) => item)
}
