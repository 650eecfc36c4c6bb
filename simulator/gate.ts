/** A frozen portal takes connections and answers none; what waited goes on when it thaws. */
export interface Gate { freeze: () => void, thaw: () => void, passed: () => Promise<void> }

export function createGate (): Gate {
  let frozen: { wait: Promise<void>, open: () => void } | undefined
  return {
    freeze: () => {
      if (frozen !== undefined) return
      const { promise, resolve } = Promise.withResolvers<void>()
      frozen = { wait: promise, open: resolve }
    },
    thaw: () => {
      frozen?.open()
      frozen = undefined
    },
    passed: async () => { while (frozen !== undefined) await frozen.wait }
  }
}
