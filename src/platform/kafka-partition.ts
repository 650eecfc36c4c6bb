/** Partitions of a keyed topic. Never changed: another count would send a deal's next event to another line. */
export const PARTITIONS = 12

const M = 0x5bd1e995

/**
 * The partition of a key, as Java's default partitioner and kafkajs's `DefaultPartitioner` choose it (murmur2 over
 * the UTF-8 bytes), so that other clients of the topic agree. Ours, because it is asked once per append.
 */
export function partitionOf (key: string, count: number = PARTITIONS): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % count
}

function murmur2 (data: Buffer): number {
  const whole = data.length & ~3
  let h = 0x9747b28c ^ data.length
  for (let i = 0; i < whole; i += 4) {
    let k = Math.imul(data.readInt32LE(i), M)
    k = Math.imul(k ^ (k >>> 24), M)
    h = Math.imul(h, M) ^ k
  }
  const rest = data.length - whole
  if (rest === 3) h ^= (data[whole + 2] ?? 0) << 16
  if (rest >= 2) h ^= (data[whole + 1] ?? 0) << 8
  if (rest >= 1) h = Math.imul(h ^ (data[whole] ?? 0), M)
  h = Math.imul(h ^ (h >>> 13), M)
  return h ^ (h >>> 15)
}
