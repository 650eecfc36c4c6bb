import type { PortalConfig } from './config.ts'
import { startSimulator } from './simulator.ts'
import type { Simulator } from './simulator.ts'

type Portal = ReturnType<Simulator['portal']>
/** What ends with the caller: a test's context. */
export interface Holder { after (end: () => unknown): void }
/** A portal's answer to one call; `result` and `error` as they came. */
export interface Said { readonly status: number, readonly result: unknown, readonly error: unknown, readonly body: Readonly<Record<string, unknown>> }
/** Asks one method of the portal, over HTTP with JSON. */
export type Ask = (method: string, params?: object) => Promise<Said>
/** Asks a method whose answer must be `{"item": {…}}` and gives the item. */
export type AskItem = (method: string, params?: object) => Promise<Record<string, unknown>>

/** One portal of its own for a test, with a clock that stands still when `now` is given; it ends with the test. */
export async function testPortal (t: Holder, config: Partial<PortalConfig> = {}, now?: () => number): Promise<{ portal: Portal, ask: Ask, askItem: AskItem }> {
  const simulator = await startSimulator({ portals: [{ name: 'p', limits: { burst: 1000 }, ...config }] }, now === undefined ? {} : { now })
  t.after(() => simulator.stop())
  const portal = simulator.portal('p')
  const ask: Ask = async (method, params = {}) => {
    const response = await fetch(`${portal.restUrl}${method}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(params) })
    const body = await response.json() as Record<string, unknown>
    return { status: response.status, result: body['result'], error: body['error'], body }
  }
  const askItem: AskItem = async (method, params) => {
    const said = await ask(method, { entityTypeId: 2, useOriginalUfNames: 'Y', ...params })
    if (said.error !== undefined) throw new Error(`${method}: ${JSON.stringify(said.body)}`)
    return (said.result as { item: Record<string, unknown> }).item
  }
  return { portal, ask, askItem }
}

/** The members of an object with these names alone, to compare a part of an answer. */
export const only = (from: unknown, ...names: string[]): Record<string, unknown> => Object.fromEntries(names.map(name => [name, (from as Record<string, unknown>)[name]]))
