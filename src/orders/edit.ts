import { writtenBy } from '../domain/mapping/mapping.ts'
import { mistakesOfEdit } from '../domain/signal/edit.ts'
import type { Edit, EditedFields } from '../domain/signal/edit.ts'
import type { DealName } from '../domain/signal/ordering.ts'
import type { Config } from '../platform/config.ts'
import { AppError } from '../platform/errors.ts'
import type { Queryable } from '../platform/postgres.ts'
import { readStandings } from '../sweep/sql/standing.ts'

/** What is wrong with the fields of an edit for a deal of this portal, by its route's mapping; one plain sentence per mistake. */
export function mistakesFor (routes: Config['routes'], portal: string, fields: EditedFields): string[] {
  const mapping = routes.get(portal)?.mapping
  return mapping === undefined ? [`no route takes the deals of ${portal}`] : mistakesOfEdit(fields, writtenBy(mapping, Object.keys(mapping.computed)))
}

/** The edit for the state in which the deal was parked. Throws `order_refused` for a deal that nobody could read yet: it has no such state. */
export async function editFor (db: Queryable, { portal, dealId }: DealName, fields: EditedFields): Promise<Edit> {
  const of = (await readStandings(db, portal, [dealId])).get(dealId)?.ended?.hash ?? ''
  if (of === '') throw new AppError('order_refused', `an edit of ${portal}:${dealId} is not possible, nobody could read it yet; release it first`)
  return { fields, of }
}
