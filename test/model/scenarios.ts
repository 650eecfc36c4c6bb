import type { Scenario } from './play.ts'

/** The scenarios of the transfer's model, with two deals each. Bounds say how often each fault may happen, at any moment. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'changes', values: 'ABA', linked: true, processes: 1, faults: { loss: 1, dup: 1 } },
  { name: 'no-sweep', values: 'ABC', linked: true, processes: 1, noSweep: true, faults: { crash: 1, lost: 1 } },
  { name: 'burst', values: 'ABCA', linked: true, processes: 1, faults: { loss: 1, unread: 1 } },
  { name: 'lag', values: 'ABC', linked: true, processes: 1, faults: { lag: 2, cut: 1 } },
  { name: 'lag-error', values: 'ABC', linked: true, processes: 1, faults: { lag: 2, errDone: 1 } },
  { name: 'create', values: 'AB', processes: 1, faults: { lost: 1, drop: 1, cut: 1, err: 1, half: 1 } },
  { name: 'update', values: 'ABA', linked: true, processes: 1, faults: { lost: 1, drop: 1, cut: 1, err: 1, half: 1 } },
  { name: 'error-create', values: 'AB', processes: 1, faults: { errDone: 2, err: 1, loss: 1 } },
  { name: 'error-update', values: 'ABA', linked: true, processes: 1, faults: { errDone: 2, err: 1, loss: 1 } },
  { name: 'crash-create', values: 'AB', processes: 1, faults: { crash: 2 } },
  { name: 'crash-update', values: 'ABA', linked: true, processes: 1, faults: { crash: 2 } },
  { name: 'park', values: 'AXB', processes: 1, faults: { crash: 1 } },
  { name: 'takeover-create', values: 'AB', processes: 2, faults: { freeze: 2, cut: 1 } },
  { name: 'takeover-update', values: 'ABA', linked: true, processes: 2, faults: { freeze: 2 } },
  { name: 'takeover-twice', values: 'AB', linked: true, processes: 2, faults: { freeze: 2, lost: 1, crash: 1 } },
  { name: 'person-park', values: 'AB', processes: 1, missing: 'park', faults: { person: 1, crash: 1, cut: 1 } },
  { name: 'person-recreate', values: 'AB', processes: 1, missing: 'recreate', faults: { person: 1, crash: 1, cut: 1 } },
  { name: 'everything', values: 'ABACB', processes: 2, faults: { lost: 1, drop: 1, cut: 1, errDone: 1, err: 1, half: 1, lag: 1, loss: 1, dup: 1, crash: 1, freeze: 1, unread: 1 } }
]
