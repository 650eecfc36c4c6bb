/** A webhook as a portal's queue sends it: once, without any data of the deal; a second one is byte for byte the same. Gives whether it was answered 200. */
export async function sendOnce (ingest: string, portal: string, dealId: number): Promise<boolean> {
  const form = new URLSearchParams({
    event: 'ONCRMDEALADD', 'data[FIELDS][ID]': String(dealId), ts: '1800000000',
    'auth[domain]': `${portal}.bitrix24.ru`, 'auth[application_token]': `token-${portal}`
  })
  try {
    const response = await fetch(`${ingest}/webhook/bitrix24/signal-${portal}`, { method: 'POST', body: form, signal: AbortSignal.timeout(10_000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

/** Runs `job` over `items`, at most `width` at a time, in order. */
export async function inParallel<T> (items: readonly T[], width: number, job: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await job(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
