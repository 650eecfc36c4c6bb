import { messageOf } from '../../platform/logger.ts'
import type { Queryable } from '../../platform/postgres.ts'
import { findParkable } from '../../projections/attention/read.ts'
import type { ParkedDeal } from '../../projections/attention/read.ts'
import { pageTimeline } from '../../projections/deal-timeline/read.ts'
import type { TimelineMark, TimelineView } from '../../projections/deal-timeline/read.ts'
import type { ParkedCommand } from './arguments.ts'
import { parkedPages, whyNotParked } from '../../orders/choose.ts'
import { counted, linesOf, nextStep } from './words.ts'

const print = (line: string): void => { process.stdout.write(`${line}\n`) }
const say = (line: string): void => { process.stderr.write(`${line}\n`) }
const LATEST = 20

/** Prints parked deals; with --json all of them as `{"parked":n,"items":[…]}`. */
export async function list (db: Queryable, command: Extract<ParkedCommand, { kind: 'list' }>): Promise<number> {
  const items: ParkedDeal[] = []
  for await (const page of parkedPages(db, command)) {
    items.push(...page)
    if (!command.json) for (const deal of page) print(linesOf(deal))
  }
  if (command.json) print(JSON.stringify({ parked: items.length, items: items.map(asJson) }))
  else say(items.length === 0 ? 'No deal is parked.' : `${counted(items.length)} parked. ${nextStep(items, command.config)}`)
  return 0
}

/** Prints one parked deal and what happened to it last. */
export async function show (db: Queryable, command: Extract<ParkedCommand, { kind: 'show' }>): Promise<number> {
  const { deal: name } = command
  const [deal] = await findParkable(db, [name])
  if (deal?.state !== 'parked') {
    say(`${name.portal}:${name.dealId} is not parked: ${whyNotParked(deal?.state)}.`)
    return 1
  }
  const timeline = (await wholeTimeline(db, name)).slice(-LATEST)
  if (command.json) {
    print(JSON.stringify({ deal: asJson(deal), timeline: timeline.map(({ at, type, text, correlation_id }) => ({ at, type, text, correlation_id })) }))
    return 0
  }
  print(linesOf(deal))
  print(`  target deal: ${deal.target_deal_id ?? 'none yet'}; attempts since the previous end: ${deal.attempts}`)
  for (const { at, text } of timeline) print(`  ${at.toISOString()}  ${messageOf(text)}`)
  say(`Correct the cause, then: dealbridge parked release ${name.portal}:${name.dealId} --yes --config ${command.config}`)
  return 0
}

async function wholeTimeline (db: Queryable, deal: { portal: string, dealId: string }): Promise<TimelineView[]> {
  const rows: TimelineView[] = []
  for (let mark: TimelineMark | null = null; ;) {
    const page: TimelineView[] = await pageTimeline(db, deal, { mark, limit: 500 })
    rows.push(...page)
    const last = page.at(-1)
    if (last === undefined || page.length < 500) return rows
    mark = [last.at.toISOString(), last.topic, String(last.log_offset)]
  }
}

/** Ids become numbers, as everywhere outside, but for those that a number cannot hold. */
function asJson (deal: ParkedDeal): object {
  const id = (text: string | null): number | string | null => text === null ? null : Number.isSafeInteger(Number(text)) ? Number(text) : text
  return {
    portal: deal.portal, deal_id: id(deal.deal_id), target_deal_id: id(deal.target_deal_id), title: deal.title, stage: deal.stage,
    reason: deal.reason, explanation: deal.detail, since: deal.since, attempts: Number(deal.attempts)
  }
}
