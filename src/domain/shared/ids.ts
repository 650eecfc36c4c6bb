/** Name of a configured portal, as in the config's `portals[].name`. */
export type PortalName = string

/** A Bitrix24 deal id as a decimal string: ids reach 19 digits and are never numbers inside. */
export type DealId = string

/** What names one deal in the whole house: the Kafka key, the ORIGIN_ID of the target deal. */
export function dealKey (portal: PortalName, dealId: DealId): string {
  return `${portal}:${dealId}`
}

/** An id as a portal may write it: no sign, no leading zero, at most 19 digits. */
export function isDealId (text: string): boolean {
  return /^[1-9][0-9]{0,18}$/.test(text)
}

/** ORIGINATOR_ID of everything that dealbridge makes in a target portal. */
export const ORIGINATOR = 'dealbridge'
