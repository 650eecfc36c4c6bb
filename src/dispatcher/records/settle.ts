import type { Logger } from '../../platform/logger.ts'
import type { Pool } from '../../platform/postgres.ts'
import type { Settler } from '../settle.ts'
import { markSuspect } from '../sql/settle.ts'
import { markRecordsUnknown, settleRecords, suspectRecord, wakeDeals } from '../sql/record.ts'
import type { RecordSettlement } from '../sql/record.ts'
import type { DispatcherTelemetry } from '../telemetry.ts'
import type { RecordResult } from './record.ts'

/** Brings what became of records into their rows. */
export interface RecordSettler {
  /** Settles rows, or marks them unknown, and repeats until it succeeds or the service stops. */
  settle (results: readonly RecordResult[]): Promise<void>
  /** Makes the deals due that wait for unknown records of the target. */
  wake (): Promise<void>
}

/** An answered write whose row is gone makes the record and the deal that asked for it suspect (rule `zombieTells`). */
export function createRecordSettler (deps: { target: string, pool: Pool, logger: Logger, telemetry: DispatcherTelemetry, settler: Settler }): RecordSettler {
  const { target, pool, logger, telemetry, settler } = deps

  async function suspect (result: RecordResult, tries: number): Promise<void> {
    const { claim, deal } = result.job
    if (tries === 1) telemetry.zombies.inc()
    logger.log(tries === 1 ? 'error' : 'warning', 'record_attempt_gone', { portal: claim.portal, kind: claim.kind, attempt_id: claim.attemptId, tries })
    await settler.insist('suspect_record', async () => { await suspectRecord(pool, claim); await markSuspect(pool, deal) })
  }

  return {
    async settle (results) {
      const unknown = results.flatMap(({ kind, job }) => kind === 'unknown' ? [job] : [])
      if (unknown.length > 0) await settler.insist('mark_records_unknown', () => markRecordsUnknown(pool, unknown))
      const ends = results.flatMap((result) => { const settlement = settlementOf(result); return settlement === null ? [] : [{ result, settlement }] })
      if (ends.length === 0) return
      let stood: ReadonlySet<string> | undefined
      let tries = 0
      await settler.insist('settle_records', async () => { tries += 1; stood = await settleRecords(pool, ends.map(end => end.settlement)) })
      const settled = stood
      if (settled === undefined) return
      for (const { result } of ends) if (!settled.has(result.job.claim.attemptId) && result.kind === 'ready' && result.written) await suspect(result, tries)
    },
    wake: () => settler.insist('wake_deals', () => wakeDeals(pool, target))
  }
}

/** How a row is left; null when it is not: the record is looked up later, written next, or somebody else's. */
function settlementOf (result: RecordResult): RecordSettlement | null {
  const { job: { claim, need, write } } = result
  const sent = write !== null
  switch (result.kind) {
    case 'unknown': case 'next': case 'lost': return null
    case 'ready': return { claim, link: result.link, adopted: result.adopted, hash: result.hash, version: result.adopted ? null : need.version }
    case 'again': return { claim, link: result.link, adopted: false, hash: null, version: null }
    // Nothing was sent, so what stood still stands.
    case 'held': return { claim, link: claim.link, adopted: claim.adopted, hash: claim.writtenHash, version: null }
    case 'failed': return { claim, link: claim.link, adopted: claim.adopted, hash: sent && result.failure.class !== 'unsent' ? null : claim.writtenHash, version: null }
    // An error answer, too, may hide an effect.
    case 'refused': return { claim, link: claim.link, adopted: claim.adopted, hash: sent ? null : claim.writtenHash, version: null }
  }
}
