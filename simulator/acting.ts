/** Who saves: a person, a robot, or a REST request (then with its caller and its command). */
export interface Actor {
  readonly by: 'person' | 'robot' | 'rest'
  readonly userId: number
  readonly request?: string
  readonly command?: string
  /** `client_id` of the app that writes. */
  readonly client?: string
  /** `auth_connector` of the write: offline events of the same client and connector leave it out. */
  readonly connector?: string
  /** No event tells of these saves. */
  readonly silent?: boolean
}

/** Whose saves the store makes now. Saves are synchronous, so one variable tells it. */
export interface Acting { as: <T>(actor: Actor, act: () => T) => T, current: () => Actor }

export function createActing (userId: number): Acting {
  const nobody: Actor = { by: 'person', userId }
  let actor = nobody
  return {
    as: (next, act) => {
      const before = actor
      actor = next
      try {
        return act()
      } finally {
        actor = before
      }
    },
    current: () => actor
  }
}
