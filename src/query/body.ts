import { z } from 'zod'
import { isDealId } from '../domain/shared/ids.ts'
import { badRequest } from './problem.ts'

const MOST_DEALS = 1000
const LONGEST_DETAIL = 500

const portal = z.string('a text').regex(/^[a-z0-9][a-z0-9_-]{0,40}$/, 'the name of a portal: lower-case letters, digits, - and _')
const dealId = z.union([z.int(), z.string()], 'the id of a deal: a positive whole number').transform(String).refine(isDealId, 'the id of a deal: a positive whole number')
const deal = z.strictObject({ portal, deal_id: dealId }).transform(({ portal: name, deal_id: id }) => ({ portal: name, dealId: id }))
const deals = z.array(deal).min(1, 'at least one deal').max(MOST_DEALS, `at most ${MOST_DEALS} deals`)
const reason = z.string().regex(/^[a-z][a-z0-9_]{0,60}$/, 'the code of a reason, such as stage_unmapped')
const dryRun = z.boolean().default(false)
const fieldName = z.string().regex(/^[A-Z][A-Z0-9_]{0,99}$/, 'the name of a field in capitals, such as STAGE_ID')

/** The bodies of operators' orders; how much an edit may hold is a rule of the domain. */
export const BODIES = {
  release: z.strictObject({ all: z.literal(true).optional(), reason: reason.optional(), portal: portal.optional(), deals: deals.optional(), cursor: z.string().max(1000).optional(), dry_run: dryRun }).superRefine((body, context) => {
    const ways = [body.all, body.reason, body.deals].filter(way => way !== undefined).length
    if (ways !== 1) context.addIssue({ code: 'custom', message: 'say which deals by exactly one of all, reason and deals' })
    if (body.deals !== undefined && (body.portal !== undefined || body.cursor !== undefined)) context.addIssue({ code: 'custom', message: 'portal and cursor go with all or reason, not with deals' })
  }),
  named: z.strictObject({ deals, dry_run: dryRun }),
  edit: z.strictObject({ portal, deal_id: dealId, set: z.record(fieldName, z.string('a text; an empty one clears the field')), dry_run: dryRun })
}

/** Reads a body, or throws 400 with a sentence that names what is wrong and where. */
export function readBody<S extends z.ZodType> (schema: S, body: unknown): z.output<S> {
  const read = schema.safeParse(body)
  if (read.success) return read.data
  const mistakes = read.error.issues.slice(0, 5).map(({ path, message }) => path.length === 0 ? message : `${path.join('.')}: ${message}`)
  throw badRequest(`The body is not as described in /openapi.json: ${mistakes.join('; ')}`.slice(0, LONGEST_DETAIL))
}
