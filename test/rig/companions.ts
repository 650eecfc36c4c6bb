import type { Chance } from '../support/chance.ts'
import { SOURCES } from './names.ts'
import type { RigSystem } from './system.ts'
import { recordVersion } from './watch.ts'

const [CONTACT, COMPANY, PERSON] = [3, 4, 1] as const
// Few enough that deals share them, many enough that no two deals always do.
const NEWEST = 8
// How often somebody new is made instead of one of the newest.
const NEW = 0.25

/** The contacts and companies that deals of the source portals name. No two share a telephone, an address or a title: each has a copy of its own. */
export interface Companions {
  /** What a deal names: nobody, a company, one or two contacts of which the first is the primary one, or both. */
  choose (portal: string): { readonly CONTACT_IDS: readonly number[], readonly CONTACT_ID: number, readonly COMPANY_ID: number }
  /** Changes one of the newest: name, telephone, address or title. Does nothing where there is none yet. */
  change (portal: string): void
}

export function createCompanions (system: RigSystem, chance: Chance): Companions {
  const storeOf = (portal: string): ReturnType<RigSystem['simulator']['portal']>['store'] => system.simulator.portal(portal).store
  const newest = (portal: string, type: 3 | 4): number[] => [...storeOf(portal).all(type).keys()].slice(-NEWEST)

  function add (portal: string, type: 3 | 4): number {
    const store = storeOf(portal)
    const number = store.all(type).size + 1
    return store.add(type, { ...namesOf(portal, { type, number, version: 1 }), FM: valuesOf(portal, { type, number, version: 1 }) }, PERSON)
  }

  function one (portal: string, type: 3 | 4): number {
    const known = newest(portal, type)
    return known.length === 0 || chance.isTrue(NEW) ? add(portal, type) : chance.pick(known)
  }

  return {
    choose (portal) {
      const contacts = chance.isTrue(0.6) ? [one(portal, CONTACT), ...chance.isTrue(0.3) ? [one(portal, CONTACT)] : []] : []
      return { CONTACT_IDS: [...new Set(contacts)], CONTACT_ID: contacts[0] ?? 0, COMPANY_ID: chance.isTrue(0.5) ? one(portal, COMPANY) : 0 }
    },
    change (portal) {
      const type = chance.isTrue(0.6) ? CONTACT : COMPANY
      const known = newest(portal, type)
      if (known.length === 0) return
      const id = chance.pick(known)
      const before = storeOf(portal).get(type, id)
      const now = { type, number: [...storeOf(portal).all(type).keys()].indexOf(id) + 1, version: recordVersion(before) + 1 }
      const standing = before['FM'] as readonly { readonly id: number, readonly typeId: string }[]
      const values = valuesOf(portal, now)
      storeOf(portal).update(type, id, { ...namesOf(portal, now), FM: Object.fromEntries(standing.flatMap((each) => { const value = values.find(one => one.typeId === each.typeId); return value === undefined ? [] : [[each.id, value]] })) }, PERSON)
    }
  }
}

interface Named { readonly type: 3 | 4, readonly number: number, readonly version: number }

function namesOf (portal: string, { type, number, version }: Named): Record<string, string> {
  return type === CONTACT ? { NAME: `Ann ${number}`, LAST_NAME: `Smith v${version}` } : { TITLE: `Works ${portal} ${number} v${version}` }
}

function valuesOf (portal: string, { type, number, version }: Named): { typeId: string, valueType: string, value: string }[] {
  const place = `${type}${SOURCES.findIndex(name => name === portal)}`
  return [
    { typeId: 'PHONE', valueType: 'WORK', value: `+7 9${place}${String(version % 100).padStart(2, '0')} ${String(number).padStart(5, '0')}` },
    { typeId: 'EMAIL', valueType: 'WORK', value: `${type === CONTACT ? 'ann' : 'works'}${number}.v${version}@${portal}.example` }
  ]
}
