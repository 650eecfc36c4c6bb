import type { Evidence, Finding } from '../rig/evidence.ts'
import { answeredWebhooks } from './i01-answered-webhooks.ts'
import { oneTargetDeal } from './i03-one-target-deal.ts'
import { lastState } from './i04-last-state.ts'
import { neverBack, neverBackInTheLog } from './i05-never-back.ts'
import { oneLine } from './i06-one-line.ts'
import { conservation } from './i07-conservation.ts'
import { nothingDropped } from './i08-nothing-dropped.ts'
import { readModel } from './i10-read-model.ts'
import { budget } from './i12-budget.ts'
import { formerOwner } from './i19-former-owner.ts'
import { bounded } from './i22-bounded.ts'

/** Asks every oracle that needs the evidence alone. */
export function askAll (evidence: Evidence): Finding[] {
  return [answeredWebhooks, oneTargetDeal, lastState, neverBack, neverBackInTheLog, oneLine, conservation, nothingDropped, readModel, budget, formerOwner, bounded].flatMap(ask => ask(evidence))
}
