import type { Record_, Saved } from '../../simulator/store.ts'
import { isMapped } from '../oracles/i04-last-state.ts'
import type { RecordSave, SourceSave, TargetSave } from './evidence.ts'
import { TARGET } from './names.ts'

const DEAL = 2
const KINDS = { 3: 'contact', 4: 'company' } as const

/** The ledger of every save in every portal, whoever made it, in order. */
export interface SaveWatch {
  readonly onSave: (portal: string, saved: Saved) => void
  readonly sourceSaves: () => readonly SourceSave[]
  readonly targetSaves: () => readonly TargetSave[]
  /** Of contacts and companies in the target. */
  readonly recordSaves: () => readonly RecordSave[]
}

/** The driver's version of a deal travels in a field that the mapping carries: `v12` in the source's contract number and the target's. */
export function watchSaves (): SaveWatch {
  const sourceSaves: SourceSave[] = []
  const targetSaves: TargetSave[] = []
  const recordSaves: RecordSave[] = []
  return {
    sourceSaves: () => sourceSaves,
    targetSaves: () => targetSaves,
    recordSaves: () => recordSaves,
    onSave (portal, { type, id, record, kind }) {
      const at = Date.now()
      if (type !== DEAL) {
        if (portal === TARGET && kind !== 'deleted') recordSaves.push({ kind: KINDS[type], origin: textOf(record['ORIGIN_ID']), at, version: recordVersion(record) })
        return
      }
      if (portal !== TARGET) sourceSaves.push({ portal, dealId: String(id), at, version: versionOf(record['UF_CRM_CONTRACT']), isDeletion: kind === 'deleted', isMapped: isMapped(record) })
      else if (kind !== 'deleted') targetSaves.push({ origin: textOf(record['ORIGIN_ID']), at, version: versionOf(record['UF_CRM_ESB_CONTRACT']), isClosed: textOf(record['STAGE_ID']) === 'LOSE' })
    }
  }
}

function versionOf (value: Record_[string]): number {
  return Number(/^v(\d+)$/.exec(textOf(value))?.[1] ?? 0)
}

function textOf (value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The driver's version of a contact or a company, which travels in its name: `Smith v3`, `Works acme 7 v3`; 0 for a stranger. */
export function recordVersion (record: Readonly<Record<string, unknown>>): number {
  const name = record['LAST_NAME'] ?? record['TITLE']
  return Number(/ v(\d+)$/.exec(typeof name === 'string' ? name : '')?.[1] ?? 0)
}
