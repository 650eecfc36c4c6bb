import type { PortalSettings } from './config.ts'
import { anyCase, asList, asMap, paged } from './params.ts'
import type { Methods, Params, Record_ } from './params.ts'
import { asText } from './text.ts'

/** `user.get` finds exact values, `user.search` parts of names; filters stand in FILTER or beside it, unknown ones are dropped. */
export function userMethods (settings: PortalSettings): Methods {
  const users = settings.users.map((user): Record_ => ({ ACTIVE: true, NAME: '', LAST_NAME: '', EMAIL: '', ...user, ID: String(user.ID) }))
  const list = (params: Params, fits: (user: Record_, name: string, wanted: unknown) => boolean): ReturnType<typeof paged> => {
    const filter = Object.entries({ ...filtersOf(params), ...filtersOf(asMap(anyCase(params)['filter'])) })
    return paged(users.filter(user => filter.every(([name, wanted]) => fits(user, name, wanted))), anyCase(params)['start'], page => page)
  }
  return {
    'user.get': params => list(params, (user, name, wanted) => name === 'FIND' || exact(user, name, wanted)),
    'user.search': params => list(params, (user, name, wanted) => {
      if (name === 'FIND') return asText(wanted).toLowerCase().split(/\s+/).every(word => ['NAME', 'LAST_NAME', 'EMAIL'].some(field => asText(user[field]).toLowerCase().includes(word)))
      return name === 'NAME' || name === 'LAST_NAME' || name === 'EMAIL' ? asText(user[name]).toLowerCase().includes(asText(wanted).toLowerCase()) : exact(user, name, wanted)
    }),
    'user.current': () => ({ result: users.find(user => user['ID'] === String(settings.user_id)) ?? users[0] })
  }
}

const KNOWN = ['ID', 'NAME', 'LAST_NAME', 'EMAIL', 'ACTIVE', 'FIND']

const filtersOf = (params: Record_): Record_ => Object.fromEntries(Object.entries(params).map(([name, value]) => [name.toUpperCase(), value] as const).filter(([name]) => KNOWN.includes(name)))

function exact (user: Record_, name: string, wanted: unknown): boolean {
  const list = (typeof wanted === 'object' && wanted !== null ? asList(wanted) : [wanted]).map(asText)
  if (name === 'ACTIVE') return list.some(value => ['Y', '1', 'true'].includes(value)) === user['ACTIVE']
  return list.some(value => value.toLowerCase() === asText(user[name]).toLowerCase())
}
