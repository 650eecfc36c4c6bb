import type { Command } from '../../src/bitrix24/batch.ts'
import type { BatchAnswer, CallOptions } from '../../src/bitrix24/client.ts'
import type { Fate } from '../../src/bitrix24/response.ts'
import type { Failure } from '../../src/domain/transfer/failure.ts'
import { PORTAL, keyOf } from './facts.ts'
import type { Facts } from './facts.ts'
import { LATE_MS, NO_ANSWER } from './process.ts'
import { goesForwards } from './properties.ts'
import { isWrite, originsOf } from './target.ts'
import type { Owner } from './virtual-time.ts'

/** A request that was written on its socket and has not met its fate yet. `answer` is null when nobody hears it any more. */
export interface Request {
  readonly owner: Owner
  readonly commands: ReadonlyMap<string, Command>
  /** The attempts that stood at the write, by origin. */
  readonly attempts: ReadonlyMap<string, string>
  /** The effect, if there is one, comes by then. */
  readonly dueBy: number
  answer: ((answer: BatchAnswer) => void) | null
}

/** The connection to the target portal: where P1, P3 and P5 are judged. */
export interface Wire {
  readonly requests: readonly Request[]
  write (owner: Owner, commands: ReadonlyMap<string, Command>, options: CallOptions): Promise<BatchAnswer>
  /** One request meets its fate; `mustEnd`: it is due. What comes after a cut is an effect without an answer, or nothing. */
  meetFate (request: Request, mustEnd: boolean): void
}

const REFUSED: Failure = { class: 'throttled', code: 'OPERATION_TIME_LIMIT', detail: 'The method has no time left.', waitMs: 50 }
const FAULTS = ['lost', 'drop', 'cut', 'errDone', 'err', 'half'] as const

const wordsOf = (command: Command): string => `${command.method} ${originsOf(command).join(' ')} ${(command.params['fields'] as { title?: string } | undefined)?.title ?? ''}`

export const hasWrite = ({ commands }: Pick<Request, 'commands'>): boolean => [...commands.values()].some(isWrite)

export function createWire (facts: Facts): Wire {
  const { stage, time, gates, chance, say, breaks } = facts
  const requests: Request[] = []

  async function write (owner: Owner, commands: ReadonlyMap<string, Command>, options: CallOptions): Promise<BatchAnswer> {
    const attempts = new Map<string, string>()
    await gates.real(async () => {
      const { rows } = await stage.admin.query<{ epoch: bigint }>('select epoch from dispatch.lease where target = \'main\'')
      if (hasWrite({ commands }) && Number(options.headers?.['x-dealbridge-epoch']) !== Number(rows[0]?.epoch)) breaks('P5 a former owner writes')
      const work = await stage.admin.query<{ deal_id: string, attempt_id: string | null }>('select deal_id, attempt_id from dispatch.work')
      for (const { deal_id: id, attempt_id: attempt } of work.rows) if (attempt !== null) attempts.set(keyOf(id), attempt)
    })
    say(`${owner.name} has written ${[...commands.values()].map(wordsOf).join(', ')}`)
    return await new Promise((answer) => { requests.push({ owner, commands, attempts, dueBy: time.nowMs() + LATE_MS, answer }) })
  }

  function carryOut (request: Request, commands: Iterable<[string, Command]> = request.commands): BatchAnswer {
    const fates = new Map<string, Fate>()
    for (const [key, command] of commands) fates.set(key, apply(facts, request, command))
    return { kind: 'ok', fate: key => fates.get(key) ?? { kind: 'none' }, portalNow: time.nowMs() }
  }

  function meetFate (request: Request, mustEnd: boolean): void {
    const isCut = request.answer === null
    const possible = FAULTS.filter(fault => facts.has(fault) && !isCut && !(fault === 'cut' && mustEnd))
    const fault = possible.length > 0 && hasWrite(request) && chance.isTrue(0.5) ? chance.pick(possible) : null
    if (fault !== null) facts.take(fault)
    say(`the request of ${request.owner.name}: ${fault ?? (isCut ? 'late effect or none' : 'effect and answer')}`)
    const answer = request.answer ?? ((): void => undefined)
    if (fault === 'cut') request.answer = null
    else requests.splice(requests.indexOf(request), 1)
    if (isCut && chance.isTrue(0.5)) return
    const takesEffect = fault === null || fault === 'lost' || fault === 'errDone' || fault === 'half'
    const done = takesEffect ? carryOut(request, fault === 'half' ? [...request.commands].slice(0, Math.ceil(request.commands.size / 2)) : request.commands) : null
    if (fault === 'errDone' || fault === 'err') answer({ kind: 'failed', failure: REFUSED })
    else answer(done === null || fault === 'lost' ? { kind: 'failed', failure: NO_ANSWER } : done)
  }

  return { requests, write, meetFate }
}

function apply ({ target, source, applied, breaks }: Facts, request: Request, command: Command): Fate {
  const [origin = ''] = originsOf(command)
  if (command.method === 'crm.item.add' && target.copyOf(origin) !== undefined) breaks(`P1 a second target deal of ${origin}`)
  const fate = target.apply(command)
  if (!isWrite(command) || fate.kind !== 'ok') return fate
  const attempt = request.attempts.get(origin)
  if (attempt !== undefined) applied.add(attempt)
  const copy = target.copyOf(origin)
  if (copy !== undefined && !goesForwards(source.deals.get(origin.slice(PORTAL.length + 1)) ?? [], copy.words)) breaks(`P3 ${origin} goes back in the target: ${copy.words.join(', ')}`)
  return fate
}
