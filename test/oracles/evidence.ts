import type { Evidence, LogDump, LoggedOutcome, LoggedSignal, Tables } from '../rig/evidence.ts'

/** A run of one deal, `acme:1`, in which all is well; a test plants one anomaly in it. */
export function goodEvidence (): Evidence {
  return {
    target: 'main', refusing: [], troubles: [], bounds: { changeMs: 1000, deletionMs: 2000 }, calls: [], loopLagMs: 5, strangers: [{ what: 'a wrong token', dealId: '99', at: 1, status: 401 }], wireMs: 1000, spoolBytes: 0, journal: [],
    sourceSaves: [{ portal: 'acme', dealId: '1', at: 1, version: 1, isDeletion: false, isMapped: true }],
    targetSaves: [{ origin: 'acme:1', at: 2, version: 1, isClosed: false }],
    sourceDeals: new Map([['acme', [{ ID: 1, TITLE: 'Pumps', STAGE_ID: 'C1:NEW', OPPORTUNITY: 5, CURRENCY_ID: 'RUB', UF_CRM_CONTRACT: 'v1', CONTACT_IDS: [7], CONTACT_ID: 7, COMPANY_ID: 8 }]]]),
    targetDeals: [{ ID: 500, ORIGIN_ID: 'acme:1', TITLE: 'Pumps', STAGE_ID: 'NEW', OPPORTUNITY: '5.00', CURRENCY_ID: 'RUB', UF_CRM_ESB_CONTRACT: 'v1', CONTACT_IDS: [70], CONTACT_ID: 70, COMPANY_ID: 80 }],
    sourceRecords: new Map([['acme', { contact: [{ ID: 7, ...ann() }], company: [{ ID: 8, TITLE: 'Works v1', FM: [] }] }]]), recordSaves: [{ kind: 'contact', origin: 'acme:7', at: 2, version: 1 }],
    targetRecords: { contact: [{ ID: 70, ...ours(7), ...ann() }], company: [{ ID: 80, ...ours(8), TITLE: 'Works v1', FM: [] }] },
    log: goodLog(), tables: goodTables(), metrics: ['signals', 'applied'].map(what => `dealbridge_signals{portal="acme",what="${what}"} 1`).join('\n'), samples: [{ process: 'ingest-1', at: 1, rssMb: 100, descriptors: 40 }]
  }
}

function ann (): Readonly<Record<string, unknown>> {
  return { NAME: 'Ann', LAST_NAME: 'Smith v1', FM: [{ typeId: 'PHONE', value: '+7 900' }] }
}

function ours (id: number): Readonly<Record<string, string>> {
  return { ORIGINATOR_ID: 'dealbridge', ORIGIN_ID: `acme:${id}` }
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
    partition: 3, offset: 0n, portal: 'acme', dealId: '1', type: 'TransferSucceeded', attemptId: 'a', attemptNo: 1, occurredAt: 2, epoch: 1, coveredOffset: 0n, coveredCount: 1,
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
