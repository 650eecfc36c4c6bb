import type { Evidence, Finding } from '../rig/evidence.ts'
import { answeredWebhooks } from './i01-answered-webhooks.ts'
import { landsInTime } from './i02-lands-in-time.ts'
import { oneTargetDeal, oneTargetRecord } from './i03-one-target-deal.ts'
import { boundRecords } from './i04-bound-records.ts'
import { lastState } from './i04-last-state.ts'
import { neverBack, neverBackInTheLog, neverBackRecords } from './i05-never-back.ts'
import { oneLine } from './i06-one-line.ts'
import { conservation } from './i07-conservation.ts'
import { metricsAgree } from './i07-metrics.ts'
import { nothingDropped } from './i08-nothing-dropped.ts'
import { parked } from './i09-parked.ts'
import { readModel } from './i10-read-model.ts'
import { budget } from './i12-budget.ts'
import { noStranger } from './i16-no-stranger.ts'
import { formerOwner } from './i19-former-owner.ts'
import { ingestAccepts, ingestInTime } from './i21-i23-ingest-accepts.ts'
import { bounded } from './i22-bounded.ts'

/** Asks every oracle that needs the evidence alone. */
export function askAll (evidence: Evidence): Finding[] {
  return [answeredWebhooks, landsInTime, oneTargetDeal, oneTargetRecord, lastState, boundRecords, neverBack, neverBackInTheLog, neverBackRecords, oneLine, conservation, metricsAgree, nothingDropped, parked, readModel, budget, noStranger, formerOwner, ingestAccepts, ingestInTime, bounded].flatMap(ask => ask(evidence))
}
