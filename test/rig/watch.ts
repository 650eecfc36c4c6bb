import type { Record_, Saved } from '../../simulator/store.ts'
import { isMapped } from '../oracles/i04-last-state.ts'
import type { SourceSave, TargetSave } from './evidence.ts'
import { TARGET } from './names.ts'

const DEAL = 2

/** The ledger of every save in every portal, whoever made it, in order. */
export interface SaveWatch {
  readonly onSave: (portal: string, saved: Saved) => void
  readonly sourceSaves: () => readonly SourceSave[]
  readonly targetSaves: () => readonly TargetSave[]
}

/** The driver's version of a deal travels in a field that the mapping carries: `v12` in the source's contract number and the target's. */
export function watchSaves (): SaveWatch {
  const sourceSaves: SourceSave[] = []
  const targetSaves: TargetSave[] = []
  return {
    sourceSaves: () => sourceSaves,
    targetSaves: () => targetSaves,
    onSave (portal, { type, id, record, kind }) {
      if (type !== DEAL) return
      const at = Date.now()
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
