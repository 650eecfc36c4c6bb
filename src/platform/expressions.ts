import jsonata from 'jsonata'

/** A compiled expression: gives the value, or throws with a plain sentence. */
export type Expression = (input: Readonly<Record<string, unknown>>) => Promise<unknown>

const FORBIDDEN = ['$now', '$millis', '$random', '$eval']
const LIMIT_MS = 100
// The name under which jsonata 2 looks for a hook of every evaluation step.
const ENTRY = Symbol.for('jsonata.__evaluate_entry')

/**
 * Compiles a computed field (JSONata over deal, portal, now). Throws on a syntax error and on a function whose
 * answer changes by itself: a decision must come out the same whenever it is made again.
 */
export function compileExpression (text: string): Expression {
  const used = FORBIDDEN.find(name => text.includes(`${name}(`))
  if (used !== undefined) throw new Error(`${used}() is not allowed; the moment of the transfer is the input "now"`)
  const compiled = jsonata(text)
  return async (input) => {
    const started = performance.now()
    // The callback runs at every step of the evaluation, so an endless expression ends here.
    compiled.assign(ENTRY as unknown as string, () => { if (performance.now() - started > LIMIT_MS) throw new Error('the expression took longer than 100 ms') })
    const value: unknown = await compiled.evaluate(input)
    return value
  }
}
