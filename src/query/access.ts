import { createHash, timingSafeEqual } from 'node:crypto'
import { forbidden, notFound, unauthorized } from './problem.ts'

export type Role = 'analyst' | 'operator' | 'partner'

type Headers = Readonly<Record<string, string | string[] | undefined>>

export interface QueryKey { readonly name: string, readonly key: string, readonly role: Role, readonly portal?: string | undefined }

/** Who asks. `portal` is the only one this caller may see, null for all. */
export interface Caller { readonly name: string, readonly role: Role, readonly portal: string | null }

const everyone: readonly Role[] = ['analyst', 'operator', 'partner']

/** Who may ask what. A route that has no row here stops the start; `public` needs no key and shows no data. */
export const ROLES: Readonly<Record<string, readonly Role[] | 'public'>> = {
  '/': 'public',
  '/openapi.json': 'public',
  '/v1/summary': everyone,
  '/v1/events': everyone,
  '/v1/deals': everyone,
  '/v1/deals/:portal/:id': everyone,
  '/v1/deals/:portal/:id/timeline': everyone,
  '/v1/transfers': everyone,
  '/v1/attention': everyone,
  '/v1/funnel': everyone,
  '/v1/portals/:name/hours': everyone,
  '/v1/parked/release': ['operator'],
  '/v1/parked/skip': ['operator'],
  '/v1/parked/hold': ['operator'],
  '/v1/parked/edit': ['operator']
}

/**
 * Finds the caller by key. Keys are compared as hashes in constant time and all of them every time, so that the time
 * says nothing. Throws 401, or 403 when the role has no business at `route`. Null for public routes.
 */
export function createAccess (keys: readonly QueryKey[]): (route: string, headers: Headers) => Caller | null {
  const known = keys.map(key => ({ key, hash: sha256(key.key) }))
  return (route, headers) => {
    const roles = ROLES[route]
    if (roles === undefined) throw notFound('There is no such address; /openapi.json lists them all.')
    if (roles === 'public') return null
    const given = sha256(keyOf(headers))
    let found: QueryKey | undefined
    for (const one of known) if (timingSafeEqual(one.hash, given)) found = one.key
    if (found === undefined) throw unauthorized()
    if (!roles.includes(found.role)) throw forbidden()
    // A partner key without a portal sees the portal named '', which does not exist: nothing.
    return { name: found.name, role: found.role, portal: found.role === 'partner' ? found.portal ?? '' : null }
  }
}

/** The portal to read: the caller's own, or the one asked for. Another's portal answers like one that does not exist. */
export function scoped (caller: Caller, asked: string | undefined): string | undefined {
  if (caller.portal === null) return asked
  if (asked !== undefined && asked !== caller.portal) throw notFound(`There is no portal named ${asked}.`)
  return caller.portal
}

function keyOf (headers: Headers): string {
  const own = headers['x-api-key']
  if (typeof own === 'string') return own
  const bearer = headers.authorization
  return /^Bearer +(.+)$/i.exec(typeof bearer === 'string' ? bearer : '')?.[1] ?? ''
}

function sha256 (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
