import { catalogueMethods } from './catalogue.ts'
import type { PortalSettings } from './config.ts'
import { dealContactMethods } from './deal-contacts.ts'
import { duplicateMethods } from './duplicates.ts'
import { itemMethods } from './items.ts'
import { oldMethods } from './old-family.ts'
import type { Methods } from './params.ts'
import { productRowMethods } from './product-rows.ts'
import { stageHistoryMethods } from './stage-history.ts'
import type { Store } from './store.ts'
import { userFieldMethods } from './userfields.ts'
import { userMethods } from './users.ts'

/** Every method that reads or writes the data of a portal, by its name in lower case. */
export function familyMethods (settings: PortalSettings, store: Store): Methods {
  return {
    ...itemMethods(settings, store), ...oldMethods(settings, store), ...productRowMethods(settings, store), ...dealContactMethods(settings, store), ...stageHistoryMethods(settings, store),
    ...duplicateMethods(settings, store), ...userFieldMethods(settings), ...userMethods(settings), ...catalogueMethods(settings)
  }
}
