import type { Evidence, LogDump, LoggedOutcome, LoggedSignal, Tables } from '../rig/evidence.ts'

/** A run of one deal, `acme:1`, in which all is well; a test plants one anomaly in it. */
export function goodEvidence (): Evidence {
  return {
    target: 'main', refusing: [], wireMs: 1000, spoolBytes: 0, journal: [],
    sourceSaves: [{ portal: 'acme', dealId: '1', at: 1, version: 1, isDeletion: false, isMapped: true }],
    targetSaves: [{ origin: 'acme:1', at: 2, version: 1, isClosed: false }],
    sourceDeals: new Map([['acme', [{ ID: 1, TITLE: 'Pumps', STAGE_ID: 'C1:NEW', OPPORTUNITY: 5, CURRENCY_ID: 'RUB', UF_CRM_CONTRACT: 'v1' }]]]),
    targetDeals: [{ ID: 500, ORIGIN_ID: 'acme:1', TITLE: 'Pumps', STAGE_ID: 'NEW', OPPORTUNITY: '5.00', CURRENCY_ID: 'RUB', UF_CRM_ESB_CONTRACT: 'v1' }],
    log: goodLog(), tables: goodTables(), samples: [{ process: 'ingest-1', at: 1, rssMb: 100, descriptors: 40 }]
  }
}

/** One signal and its success. */
export function goodLog (): LogDump {
  return { signals: [signal({})], outcomes: [outcome({})], ends: new Map([['deal-signals/3', 1n]]), quarantined: 0 }
}

export function signal (more: Partial<LoggedSignal>): LoggedSignal {
  return { partition: 3, offset: 0n, portal: 'acme', dealId: '1', channel: 'webhook', payloadHash: 'h', receivedAt: 1, ...more }
}

export function outcome (more: Partial<LoggedOutcome>): LoggedOutcome {
  return {
    partition: 3, offset: 0n, portal: 'acme', dealId: '1', type: 'TransferSucceeded', attemptId: 'a', attemptNo: 1, epoch: 1, coveredOffset: 0n, coveredCount: 1,
    action: 'created', targetDealId: '500', title: 'Pumps', stage: 'C1:NEW', snapshot: '{}', sourceModifiedAt: 1000, ...more
  }
}

/** The tables that belong to `goodLog`. */
export function goodTables (): Tables {
  return {
    work: [{ portal: 'acme', deal_id: '1', status: 'idle', last_offset: 0n, signal_count: 1, covered_count: 1, link: '500', reason: null }],
    deals: [{ portal: 'acme', deal_id: '1', signals_seen: 1n, open: 0n, applied: 1n, unchanged: 0n, superseded: 0n, skipped: 0n, parked: 0n, state: 'landed', target_deal_id: '500', title: 'Pumps', stage: 'C1:NEW', reason: null }],
    attention: [], checkpoints: [{ reader: 'dispatcher', topic: 'deal-signals', partition: 3, next_offset: 1n }]
  }
}
