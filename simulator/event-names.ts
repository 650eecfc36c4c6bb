import type { EntityType } from './field-table.ts'

export type SaveKind = 'added' | 'updated' | 'moved' | 'deleted'
const ends: Record<SaveKind, string> = { added: 'ADD', updated: 'UPDATE', moved: 'MOVETOCATEGORY', deleted: 'DELETE' }
const starts: Record<EntityType, string> = { 2: 'ONCRMDEAL', 3: 'ONCRMCONTACT', 4: 'ONCRMCOMPANY' }

/** The event of a save. */
export const eventOf = (type: EntityType, kind: SaveKind): string => starts[type] + ends[kind]

/** Events that only apps can have; a webhook of the interface does not offer them. */
export const APP_ONLY: readonly string[] = ['ONCRMDEALMOVETOCATEGORY', 'ONAPPINSTALL', 'ONAPPUPDATE', 'ONAPPUNINSTALL', 'ONAPPTEST', 'ONOFFLINEEVENT']

/** What `event.bind` takes. */
export const BINDABLE: readonly string[] = [
  ...([2, 3, 4] as const).flatMap(type => (['added', 'updated', 'deleted'] as const).map(kind => eventOf(type, kind))),
  ...['RECURRINGADD', 'RECURRINGUPDATE', 'RECURRINGDELETE', 'RECURRINGEXPOSE', 'USERFIELDADD', 'USERFIELDUPDATE', 'USERFIELDDELETE', 'USERFIELDSETENUMVALUES'].map(end => `ONCRMDEAL${end}`),
  ...APP_ONLY
]
