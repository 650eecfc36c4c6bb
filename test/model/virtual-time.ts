import { AsyncLocalStorage } from 'node:async_hooks'
import type { Pool } from '../../src/platform/postgres.ts'

/** Whose timers and steps these are; a frozen owner's timers do not fire, a dead one's never will. */
export interface Owner { readonly name: string, frozenUntil: number, dead: boolean }

/** Time that moves only when it is told to: `Date.now`, `performance.now`, `setTimeout` and the database's `now()` read it. */
export interface VirtualTime {
  nowMs (): number
  /** The moment of the next timer of an owner that is alive, or of the nearest thaw. */
  next (): number | undefined
  /** Moves to `at` and fires what is due by then, in order. */
  moveTo (at: number): Promise<void>
  /** Runs `work` so that every timer it starts, now or later, belongs to `owner`. */
  as<T> (owner: Owner | null, work: () => T): T
  /** Gives the real clocks and timers back. */
  end (): void
}

interface Timer { readonly at: number, readonly nr: number, readonly owner: Owner | null, readonly fire: () => void }

/** Where virtual time begins: in whole seconds, so that a portal's seconds begin with it. */
export const BEGIN_MS = Date.parse('2026-03-02T10:00:00Z')

const store = new AsyncLocalStorage<{ owner: Owner | null }>()

/**
 * Takes the place of the process's clocks and of timers that are started inside `as`; others stay real. `clock` is a pool of
 * its own on the database under test, which must have been prepared by `prepareDatabase`.
 */
export function startVirtualTime (clock: Pool): VirtualTime {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: Date.now, performanceNow: performance.now.bind(performance) }
  const timers = new Map<number, Timer>()
  let at = BEGIN_MS
  let numbers = 0

  function virtualSetTimeout (fire: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): unknown {
    const context = store.getStore()
    if (context === undefined) return real.setTimeout(fire, ms, ...args)
    const nr = numbers += 1
    timers.set(nr, { at: at + Math.max(1, ms), nr, owner: context.owner, fire: () => { store.run(context, fire, ...args) } })
    const handle = { ref: () => handle, unref: () => handle, hasRef: () => true, [Symbol.toPrimitive]: () => nr, nr }
    return handle
  }

  function virtualClearTimeout (handle: unknown): void {
    if (typeof handle === 'object' && handle !== null && 'nr' in handle) timers.delete(handle.nr as number)
    else real.clearTimeout(handle as NodeJS.Timeout)
  }

  globalThis.setTimeout = virtualSetTimeout as unknown as typeof setTimeout
  globalThis.clearTimeout = virtualClearTimeout
  Date.now = () => at
  performance.now = () => at - BEGIN_MS

  const fires = (timer: Timer): number => Math.max(timer.at, timer.owner?.frozenUntil ?? 0)
  const first = (): Timer | undefined => [...timers.values()].filter(timer => timer.owner?.dead !== true).sort((a, b) => fires(a) - fires(b) || a.nr - b.nr)[0]

  return {
    nowMs: () => at,
    next () {
      const timer = first()
      return timer === undefined ? undefined : fires(timer)
    },
    async moveTo (wanted) {
      await clock.query('update virtual.clock set at = to_timestamp($1 / 1000.0)', [wanted])
      at = Math.max(at, wanted)
      for (let timer = first(); timer !== undefined && fires(timer) <= at; timer = first()) {
        timers.delete(timer.nr)
        timer.fire()
      }
    },
    as: (owner, work) => store.run({ owner }, work),
    end () {
      Object.assign(globalThis, { setTimeout: real.setTimeout, clearTimeout: real.clearTimeout })
      Date.now = real.now
      performance.now = real.performanceNow
    }
  }
}

/** Puts a `now()` before the database's own: every statement of the product then reads the virtual clock, on new connections. */
export async function prepareDatabase (pool: Pool): Promise<void> {
  await pool.query(`
    create schema virtual;
    create table virtual.clock (at timestamptz not null);
    insert into virtual.clock values (to_timestamp(${BEGIN_MS} / 1000.0));
    create function virtual.now() returns timestamptz language sql stable as 'select at from virtual.clock';
    do $$ begin execute format('alter database %I set search_path = virtual, pg_catalog, public', current_database()); end $$`)
}
