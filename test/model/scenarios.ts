import type { Scenario } from './facts.ts'

/** The scenarios of the transfer's model, with two deals each. Bounds say how often each fault may happen, at any moment. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'changes', values: 'ABABA', linked: true, processes: 1, faults: { loss: 1, dup: 1 } },
  { name: 'no-sweep', values: 'ABCD', linked: true, processes: 1, noSweep: true, faults: { crash: 1, lost: 1 } },
  { name: 'burst', values: 'ABCABC', linked: true, processes: 1, faults: { loss: 1, unread: 1 } },
  { name: 'lag', values: 'ABCD', linked: true, processes: 1, faults: { lag: 8, dup: 6, cut: 1 } },
  { name: 'lag-error', values: 'ABCD', linked: true, processes: 1, faults: { lag: 8, errDone: 5 } },
  { name: 'create', values: 'ABCD', processes: 1, faults: { lost: 1, drop: 1, cut: 1, err: 1, half: 1 } },
  { name: 'update', values: 'ABABA', linked: true, processes: 1, faults: { lost: 1, drop: 1, cut: 1, err: 1, half: 1 } },
  { name: 'error-create', values: 'ABCD', processes: 1, faults: { errDone: 2, err: 1, loss: 1 } },
  { name: 'error-update', values: 'ABABA', linked: true, processes: 1, faults: { errDone: 2, err: 1, loss: 1 } },
  { name: 'crash-create', values: 'ABCD', processes: 1, faults: { crash: 2 } },
  { name: 'crash-update', values: 'ABABA', linked: true, processes: 1, faults: { crash: 2 } },
  { name: 'park', values: 'AXBX', processes: 1, faults: { crash: 1 } },
  { name: 'takeover-create', values: 'ABCD', processes: 2, faults: { freeze: 2, cut: 1 } },
  { name: 'takeover-update', values: 'ABABA', linked: true, processes: 2, faults: { freeze: 2 } },
  { name: 'takeover-twice', values: 'ABCD', linked: true, processes: 2, faults: { freeze: 2, lost: 1, crash: 1 } },
  { name: 'person-park', values: 'ABCD', processes: 1, missing: 'park', faults: { person: 1, crash: 1, cut: 1 } },
  { name: 'person-recreate', values: 'ABCD', processes: 1, missing: 'recreate', faults: { person: 1, crash: 1, cut: 1 } },
  { name: 'everything', values: 'ABACBAC', processes: 2, faults: { lost: 1, drop: 1, cut: 1, errDone: 1, err: 1, half: 1, lag: 1, loss: 1, dup: 1, crash: 1, freeze: 1, unread: 1 } }
]
