import type { Owner } from './virtual-time.ts'

/** A step that an owner is about to take and that waits until the play lets it. */
export interface Gate { readonly owner: Owner, readonly label: string, readonly open: () => void }

/**
 * Every place at which a process awaits something of the outside stands behind a gate, before and after: what happens
 * between two gates happens at once, and all that others do can come in between. A crash leaves its gates shut for ever.
 */
export interface Gates {
  /** Waits to be let through. */
  pass (owner: Owner, label: string): Promise<void>
  /** Runs real work of the outside (a statement, an append) between two gates. */
  around<T> (owner: Owner, label: string, work: () => Promise<T>): Promise<T>
  /** Runs real work without a gate; the play goes on only when it has ended. */
  real<T> (work: () => Promise<T>): Promise<T>
  waiting (): readonly Gate[]
  open (gate: Gate): void
  /** Resolves when nothing moves any more without the play. */
  still (): Promise<void>
}

export function createGates (): Gates {
  const waiting: Gate[] = []
  let running = 0

  async function real<T> (work: () => Promise<T>): Promise<T> {
    running += 1
    try {
      return await work()
    } finally {
      running -= 1
    }
  }

  function pass (owner: Owner, label: string): Promise<void> {
    return new Promise((resolve) => { waiting.push({ owner, label, open: resolve }) })
  }

  return {
    pass,
    real,
    async around (owner, label, work) {
      await pass(owner, label)
      const result = await real(work).then(value => ({ value }), (error: unknown) => ({ error }))
      await pass(owner, `${label}: answer`)
      if ('error' in result) throw result.error
      return result.value
    },
    waiting: () => waiting.filter(gate => !gate.owner.dead),
    open (gate) {
      waiting.splice(waiting.indexOf(gate), 1)
      gate.open()
    },
    async still () {
      for (let quiet = 0; quiet < 4; quiet += 1) {
        await new Promise(resolve => setImmediate(resolve))
        if (running > 0) quiet = -1
      }
    }
  }
}
